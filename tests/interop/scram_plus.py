"""Logs in by SCRAM-SHA-256-PLUS with none of our code: OpenSSL makes the TLS connection and tells
its channel binding (tls-exporter), GNU SASL proves the password.

scram_plus.py PORT CA USER SECRET: prints the server's last line.
"""

import base64
import subprocess
import sys

PORT, CA, USER, SECRET = sys.argv[1:]


def start(*command):
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def say(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process, begins):
    """The next line that begins so; whatever stands before it is passed over."""
    for line in process.stdout:
        if line.startswith(begins):
            return line.rstrip("\r\n")
    sys.exit(f"{process.args[0]} ended without a line that begins with {begins}")


tls = start(
    "openssl", "s_client", "-connect", f"localhost:{PORT}", "-CAfile", CA, "-verify_return_error",
    "-tls1_3", "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32",
    "-nocommands", "-ign_eof", "-crlf",
)
exported = hear(tls, "    Keying material: ").split(": ")[1]
binding = base64.b64encode(bytes.fromhex(exported)).decode()
hear(tls, "+OK")

sasl = start(
    "gsasl", "--client", "--mechanism=SCRAM-SHA-256-PLUS", f"--authentication-id={USER}",
    f"--authorization-id={USER}", f"--password={SECRET}",
)
say(sasl, binding)
hear(sasl, "SCRAM-SHA-256-PLUS")
# The prompt for the binding has no line end.
first = hear(sasl, "Enter base64 encoded tls-exporter").split(": ")[1]
assert base64.b64decode(first).startswith(b"p=tls-exporter,"), first
say(tls, f"AUTH SCRAM-SHA-256-PLUS {first}")
say(sasl, hear(tls, "+ ")[2:])
say(tls, sasl.stdout.readline().strip())
answer = hear(tls, ("+ ", "-ERR"))
if answer.startswith("+ "):
    say(sasl, answer[2:])
    # Nothing is left to say once the server's own proof was taken for good.
    assert sasl.stdout.readline().strip() == "", "GNU SASL has more to say"
    say(tls, "")
    answer = hear(tls, ("+OK", "-ERR"))
print(answer)
sasl.kill()
tls.kill()
