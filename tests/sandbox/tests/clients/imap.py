"""imaplib against the sandbox: signing in, folders, reading, searching, changing, deleting."""
import imaplib
import os
import ssl

from scram import Scram

context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
password = os.environ["PASSWORD"]


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


plain = imaplib.IMAP4("localhost", int(os.environ["IMAP_PORT"]))
assert "LOGINDISABLED" in plain.capabilities and "STARTTLS" in plain.capabilities
try:
    plain.login("bob", password)
    raise SystemExit("LOGIN without TLS was accepted")
except imaplib.IMAP4.error as error:
    assert "PRIVACYREQUIRED" in str(error), error
ok(plain.starttls(context))
assert "AUTH=SCRAM-SHA-256" in plain.capabilities and "STARTTLS" not in plain.capabilities
try:
    plain.login("bob", "wrong")
    raise SystemExit("a wrong password was accepted")
except imaplib.IMAP4.error as error:
    assert "AUTHENTICATIONFAILED" in str(error), error
ok(plain.authenticate("PLAIN", lambda _: b"\0bob\0" + password.encode()))
plain.logout()

scram = imaplib.IMAP4_SSL("localhost", int(os.environ["IMAPS_PORT"]), ssl_context=context)
try:
    scram.authenticate("SCRAM-SHA-256", Scram("alice", "wrong"))
    raise SystemExit("a wrong password was accepted")
except imaplib.IMAP4.error as error:
    assert "AUTHENTICATIONFAILED" in str(error), error
ok(scram.authenticate("SCRAM-SHA-256", Scram("alice", password)))
scram.logout()

imap = imaplib.IMAP4_SSL("localhost", int(os.environ["IMAPS_PORT"]), ssl_context=context)
try:
    imap.authenticate("XOAUTH2", lambda c: b"user=alice\x01auth=Bearer no\x01\x01" if not c else b"")
    raise SystemExit("a wrong token was accepted")
except imaplib.IMAP4.error as error:
    assert "AUTHENTICATIONFAILED" in str(error), error
ok(imap.authenticate("XOAUTH2", lambda _: b"user=alice\x01auth=Bearer t0ken\x01\x01"))

ok(imap.capability())
assert imap.xatom("ID", "NIL")[0] == "OK"
assert ok(imap.namespace()) == [b'(("" "/")) NIL NIL']
listed = ok(imap.list())
assert b'(\\HasNoChildren \\Junk) "/" "Junk"' in listed and len(listed) == 5, listed
assert ok(imap.list('""', "J%")) == [b'(\\HasNoChildren \\Junk) "/" "Junk"']
assert len(ok(imap.lsub())) == 5
ok(imap.create("Work/2026"))
ok(imap.rename("Work/2026", '"Work stuff"'))
ok(imap.subscribe('"Work stuff"'))
assert imap.create("inbox")[0] == "NO"
assert imap.select("Nothing")[0] == "NO"

for number in range(1, 5):
    raw = f"Subject: number {number}\r\nFrom: a@b\r\nTo: alice@sandbox.test\r\n\r\nBody {number}\r\n"
    done = ok(imap.append("INBOX", r"(\Flagged)" if number == 2 else None, imaplib.Time2Internaldate(86400 * number), raw.encode()))
    assert b"APPENDUID" in done[0], done
assert imap.append("Nothing", None, None, b"x\r\n")[0] == "NO"
assert ok(imap.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)")) == [b'"INBOX" (MESSAGES 4 UNSEEN 4 UIDNEXT 5)']

assert ok(imap.select("INBOX")) == [b"4"]
assert imap.response("UIDNEXT")[1] == [b"5"] and imap.response("UIDVALIDITY")[1][0].isdigit()
assert imap.response("RECENT")[1] == [b"4"]
assert ok(imap.search(None, "ALL")) == [b"1 2 3 4"]
assert ok(imap.search("UTF-8", "SUBJECT", '"number 3"')) == [b"3"]
assert ok(imap.uid("SEARCH", None, "HEADER Subject number NOT FLAGGED")) == [b"1 3 4"]
assert ok(imap.search(None, "SINCE 3-Jan-1970 BEFORE 5-Jan-1970")) == [b"2 3"]
assert ok(imap.search(None, "OR (SUBJECT 1) 4")) == [b"1 4"]

fetched = ok(imap.fetch("2", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
assert fetched[0][1] == b"Subject: number 2\r\n\r\n", fetched
assert b"UID 2" in fetched[0][0] and b'INTERNALDATE " 3-Jan-1970' in fetched[0][0], fetched
envelope = ok(imap.fetch("1", "(ENVELOPE BODYSTRUCTURE)"))[0]
assert b'"number 1" ((NIL NIL "a" "b"))' in envelope and b'BODYSTRUCTURE ("text" "plain"' in envelope, envelope
assert ok(imap.search(None, "SEEN")) == [b""]
whole = ok(imap.uid("FETCH", "3", "(RFC822)"))
assert whole[0][1].endswith(b"\r\n\r\nBody 3\r\n"), whole
assert ok(imap.search(None, "SEEN")) == [b"3"]
assert ok(imap.fetch("1", "(BODY.PEEK[TEXT]<1.3>)"))[0][1] == b"ody"

assert b"\\Deleted" in ok(imap.store("1", "+FLAGS", r"(\Deleted)"))[0]
assert ok(imap.store("4", "+FLAGS.SILENT", r"(\Deleted)")) == [None]
copied = ok(imap.copy("2:3", '"Work stuff"'))
assert b"COPYUID" in copied[0] and b" 2:3 1:2]" in copied[0], copied
assert imap.copy("2", "Nothing")[0] == "NO"
ok(imap.uid("EXPUNGE", "4"))
assert imap.response("EXPUNGE")[1] == [b"4"]
assert ok(imap.expunge()) == [b"1"]
assert ok(imap.uid("SEARCH", None, "ALL")) == [b"2 3"]
ok(imap.uid("MOVE", "2", "Trash"))
assert imap.response("COPYUID")[1][-1].endswith(b" 2 1")
assert ok(imap.uid("SEARCH", None, "ALL")) == [b"3"]
ok(imap.unselect())
assert ok(imap.select("Trash", readonly=True)) == [b"1"]
assert imap.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
ok(imap.close())
ok(imap.select('"Work stuff"'))
ok(imap.store("1:*", "FLAGS", r"(\Deleted $Label)"))
assert ok(imap.search(None, "KEYWORD $Label")) == [b"1 2"]
ok(imap.close())
assert ok(imap.status('"Work stuff"', "(MESSAGES)")) == [b'"Work stuff" (MESSAGES 0)']
ok(imap.delete('"Work stuff"'))
assert imap.delete("INBOX")[0] == "NO"
assert imap.logout()[0] == "BYE"
print("ok")
