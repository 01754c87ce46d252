"""smtplib and imaplib in front of DavMail, with the sandbox's Exchange side behind it: a message goes round."""
import imaplib
import os
import smtplib
from email.message import EmailMessage

password = os.environ["PASSWORD"]


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


mail = EmailMessage()
mail["From"] = "alice@sandbox.test"
mail["To"] = "bob@sandbox.test"
mail["Subject"] = "goes round"
mail["X-Own"] = "7"
mail.set_content("hello there")
with smtplib.SMTP("127.0.0.1", int(os.environ["DAVMAIL_SMTP_PORT"]), timeout=60) as smtp:
    smtp.login("alice", password)
    assert smtp.send_message(mail) == {}
    # In a copy without a header's trace.
    assert smtp.sendmail("alice@sandbox.test", ["bob@sandbox.test"], "Subject: in secret\r\n\r\nx\r\n") == {}

imap = imaplib.IMAP4("127.0.0.1", int(os.environ["DAVMAIL_IMAP_PORT"]), timeout=60)
try:
    imap.login("bob", "wrong")
    raise SystemExit("a wrong password was accepted")
except imaplib.IMAP4.error:
    pass
ok(imap.login("bob", password))
listed = b"\n".join(ok(imap.list()))
for folder in (b'"INBOX"', b'(\\Junk \\HasNoChildren) "/" "Junk"', b'(\\Sent \\HasNoChildren) "/" "Sent"'):
    assert folder in listed, listed
assert ok(imap.select("INBOX")) == [b"2"]
fetched = ok(imap.fetch("1", "(UID FLAGS BODY.PEEK[])"))
assert b"UID 1 " in fetched[0][0] and b"\r\nX-Own: 7\r\n" in fetched[0][1] and fetched[0][1].rstrip().endswith(b"hello there"), fetched
assert ok(imap.uid("SEARCH", None, "SUBJECT round")) == [b"1"]
assert b"\\Seen" in ok(imap.store("1", "+FLAGS", r"(\Seen \Flagged)"))[0]
assert ok(imap.search(None, "UNSEEN")) == [b"2"]
ok(imap.uid("COPY", "1", "Trash"))
ok(imap.store("1", "+FLAGS", r"(\Deleted)"))
assert ok(imap.expunge()) == [b"1"]
assert ok(imap.select("INBOX")) == [b"1"]
ok(imap.append("Drafts", r"(\Seen)", None, b"Subject: written here\r\n\r\nText\r\n"))
assert ok(imap.select("Drafts")) == [b"1"]
imap.logout()
print("ok")
