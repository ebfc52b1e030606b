"""Writes the large sample message to standard output.

It is never stored: `samples.rs` of the binary and this script make the same octets.
"""

import sys

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LINES = 69_000
HEADER = (
    "From: Restante <restante@localhost>\r\n"
    "To: demo@localhost\r\n"
    "Subject: A message of 5 MB\r\n"
    "Date: Mon, 23 Nov 2026 09:06:00 +0000\r\n"
    "Message-ID: <large@samples.localhost>\r\n"
    "\r\n"
)


def large() -> bytes:
    """The message."""
    lines = [HEADER]
    state = 1
    for number in range(LINES):
        # The generator of ANSI C's rand(), of which the upper bits are used.
        state = (state * 1_103_515_245 + 12_345) % 2**31
        turn = (state >> 16) % 64
        dot = "." if number % 100 == 0 else ""
        lines.append(f"{dot}{number:06d} {ALPHABET[turn:]}{ALPHABET[:turn]}\r\n")
    return "".join(lines).encode("ascii")


if __name__ == "__main__":
    sys.stdout.buffer.write(large())
