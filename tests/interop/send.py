"""Sends each file by smtplib, over LMTP or SMTP, or over SMTP after STARTTLS.

Arguments: lmtp|smtp|smtp+tls HOST PORT CA-FILE [--relay] SENDER RECIPIENT FILE...

With --relay the server passes mail on, so that it is not asked about recipients that it must refuse.
"""
import smtplib
import ssl
import sys

arguments = sys.argv[1:]
relay = "--relay" in arguments
if relay:
    arguments.remove("--relay")
protocol, host, port, ca, sender, recipient = arguments[:6]
client = (smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP)(host, int(port))
client.ehlo_or_helo_if_needed()
if protocol == "smtp+tls":
    assert client.starttls(context=ssl.create_default_context(cafile=ca))[0] == 220
    client.ehlo()
    assert not client.has_extn("starttls")
for extension in ("pipelining", "size", "8bitmime", "enhancedstatuscodes"):
    assert client.has_extn(extension), (extension, client.esmtp_features)
for name in arguments[6:]:
    with open(name, "rb") as file:
        message = file.read()
    # sendmail() would turn line ends; the octets are sent as they are.
    assert client.mail(sender, ["body=8bitmime", f"size={len(message)}"])[0] == 250
    assert client.rcpt(recipient)[0] == 250
    if not relay:
        # The domain is ours, the mailbox is not; the domain is not ours.
        domain = recipient.rpartition("@")[2]
        code, text = client.rcpt(f"nobody-at-all@{domain}")
        assert code == 550 and text.startswith(b"5.1.1"), (code, text)
        code, text = client.rcpt("somebody@elsewhere.example")
        assert code == 550 and text.startswith(b"5.7.1"), (code, text)
    code, text = client.data(message)
    assert code == 250, (code, text)
client.quit()
