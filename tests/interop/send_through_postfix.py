"""Sends each file to a Postfix, then waits until its queue is empty.

Arguments: PORT CONFIGURATION FILE...
"""
import json
import smtplib
import subprocess
import sys
import time

port, configuration = sys.argv[1:3]
deadline = time.monotonic() + 60


def until(what, attempt):
    """Another program's readiness can only be asked for, again and again."""
    while True:
        result = attempt()
        if result is not None:
            return result
        if time.monotonic() > deadline:
            sys.exit(f"{what} took more than a minute")
        time.sleep(0.05)


def connect():
    try:
        return smtplib.SMTP("127.0.0.1", int(port))
    except OSError:
        return None


def queue_is_empty():
    shown = subprocess.run(
        ["/usr/sbin/postqueue", "-c", configuration, "-j"], capture_output=True, check=True
    )
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    refused = [row for row in rows if row["queue_name"] == "deferred"]
    if refused:
        sys.exit(f"deferred: {refused}")
    return None if rows else True


client = until("the start of Postfix", connect)
client.ehlo()
for name in sys.argv[3:]:
    with open(name, "rb") as file:
        message = file.read()
    assert client.mail("bob@example.com", ["BODY=8BITMIME"])[0] == 250
    assert client.rcpt("demo@localhost")[0] == 250
    code, text = client.data(message)
    assert code == 250, (code, text)
client.quit()
until("the delivery", queue_is_empty)
