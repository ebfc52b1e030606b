"""Runs a program on a terminal of its own and answers each of its prompts with the next line;
one that ends in Ctrl-C has no line end.

Arguments: LINES PROGRAM ARGUMENT... Shows what stood on the terminal, exits with its status.
"""
import os
import pty
import sys

lines = sys.argv[1].split("\n")
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    try:
        octets = os.read(terminal, 1024)
    except OSError:
        break  # the program has ended
    if not octets:
        break
    shown += octets
    # A prompt ends in a colon and a space, without a line end.
    if shown.endswith(b": ") and lines:
        line = lines.pop(0).encode()
        os.write(terminal, line if line.endswith(b"\x03") else line + b"\n")
os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
