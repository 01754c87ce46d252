"""poplib against the sandbox: STLS and TLS, listing, reading, deleting."""
import base64
import os
import poplib
import ssl

from scram import Scram

context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
password = os.environ["PASSWORD"]

pop = poplib.POP3("localhost", int(os.environ["POP3_PORT"]))
assert "STLS" in pop.capa() and "USER" not in pop.capa()
try:
    pop.user("bob")
    raise SystemExit("USER without TLS was accepted")
except poplib.error_proto:
    pass
pop.stls(context)
capabilities = pop.capa()
assert "STLS" not in capabilities and "SCRAM-SHA-256" in capabilities["SASL"], capabilities
for name in "TOP UIDL PIPELINING RESP-CODES USER".split():
    assert name in capabilities, name
pop.user("bob")
try:
    pop.pass_("wrong")
    raise SystemExit("a wrong password was accepted")
except poplib.error_proto as error:
    assert b"[AUTH]" in error.args[0], error
pop.user("bob@sandbox.test")
pop.pass_(password)
count, size = pop.stat()
assert count == 2, count
_, lines, _ = pop.retr(1)
assert b"Subject: one" in lines and lines[-2:] == [b".dot", b"end"], lines
_, lines, _ = pop.top(2, 1)
assert lines == [b"Subject: two", b"", b"a"], lines
_, sizes, _ = pop.list()
assert sum(int(line.split()[1]) for line in sizes) == size
first = pop.uidl(1).split()[2]
_, ids, _ = pop.uidl()
assert ids[0].split()[1] == first and len(set(ids)) == 2
pop.dele(1)
for wrong in (lambda: pop.retr(1), lambda: pop.retr(3), lambda: pop.dele(0), lambda: pop.uidl(1)):
    try:
        wrong()
        raise SystemExit("a message that is not there was found")
    except poplib.error_proto:
        pass
pop.rset()
assert pop.stat()[0] == 2
pop.dele(1)
pop.quit()

pop = poplib.POP3_SSL("localhost", int(os.environ["POP3S_PORT"]), context=context)
pop.user("bob")
pop.pass_(password)
_, ids, _ = pop.uidl()
assert len(ids) == 1 and ids[0].split()[1] != first, ids
pop.noop()
pop.quit()

def authenticate(mechanism, answers):
    """AUTH, which poplib itself has not; the last line of the exchange."""
    session = poplib.POP3_SSL("localhost", int(os.environ["POP3S_PORT"]), context=context)
    session._putline(f"AUTH {mechanism}".encode())
    line, _ = session._getline()
    while line.startswith(b"+ "):
        answer = answers(base64.b64decode(line[2:]))
        session._putline(base64.b64encode(answer.encode()))
        line, _ = session._getline()
    session.quit()
    return line


names = iter(["bob", password])
for mechanism, answers in [
    ("PLAIN", lambda _: f"\0bob\0{password}"),
    ("LOGIN", lambda _: next(names)),
    ("SCRAM-SHA-256", Scram("bob", password)),
    ("XOAUTH2", lambda _: "user=alice\x01auth=Bearer t0ken\x01\x01"),
    ("OAUTHBEARER", lambda _: "n,a=alice,\x01auth=Bearer t0ken\x01\x01"),
]:
    line = authenticate(mechanism, answers)
    assert line.startswith(b"+OK"), (mechanism, line)
tries = iter(["n,a=alice,\x01auth=Bearer no\x01\x01", "\x01"])
assert authenticate("OAUTHBEARER", lambda _: next(tries)).startswith(b"-ERR [AUTH]")
assert authenticate("SCRAM-SHA-256", Scram("bob", "wrong")).startswith(b"-ERR [AUTH]")
print("ok")
