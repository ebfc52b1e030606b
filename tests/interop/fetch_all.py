"""Fetches all messages with poplib, deletes them in two steps, and checks each time by a new login.

Arguments: pop3|stls|pop3s HOST PORT USER PASSWORD CA-FILE FOLDER
"""
import poplib
import ssl
import sys

way, host, port, user, password, ca, folder = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)


def login():
    if way == "pop3s":
        pop = poplib.POP3_SSL(host, int(port), context=context, timeout=60)
    else:
        pop = poplib.POP3(host, int(port), timeout=60)
    assert pop.getwelcome().startswith(b"+OK"), pop.getwelcome()
    if way == "stls":
        assert "STLS" in pop.capa()
        pop.stls(context=context)
        assert "STLS" not in pop.capa()
    pop.user(user)
    pop.pass_(password)
    return pop


def uidls(pop):
    return [row.split(b" ", 1)[1] for row in pop.uidl()[1]]


pop = login()
count, octets = pop.stat()
sizes = [int(row.split(b" ")[1]) for row in pop.list()[1]]
assert len(sizes) == count == 7, (count, sizes)
assert sum(sizes) == octets, (sizes, octets)
first = uidls(pop)
assert len(set(first)) == count, first
for number in range(1, count + 1):
    _, lines, _ = pop.retr(number)
    message = b"".join(line + b"\r\n" for line in lines)
    assert len(message) == sizes[number - 1], (number, len(message), sizes[number - 1])
    with open(f"{folder}/{number}.eml", "wb") as file:
        file.write(message)
    # RFC 1939: the header, the empty line, and so many lines
    _, top, _ = pop.top(number, 3)
    end = lines.index(b"")
    assert top == lines[: end + 1 + 3], number
pop.dele(1)
pop.rset()
pop.dele(3)
pop.quit()

pop = login()
assert uidls(pop) == first[:2] + first[3:], "the third is gone, the others are as they were"
for number in range(1, pop.stat()[0] + 1):
    pop.dele(number)
pop.quit()

pop = login()
assert pop.stat() == (0, 0), pop.stat()
assert pop.list()[1] == [] and pop.uidl()[1] == []
pop.quit()
