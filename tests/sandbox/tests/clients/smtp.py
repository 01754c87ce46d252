"""smtplib against the sandbox: STARTTLS and TLS, every mechanism it has, refusals."""
import os
import smtplib
import ssl
from email.message import EmailMessage

from scram import Scram

context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
password = os.environ["PASSWORD"]


def message(subject):
    mail = EmailMessage()
    mail["From"] = "alice@sandbox.test"
    mail["To"] = "bob@sandbox.test"
    mail["Subject"] = subject
    mail.set_content("first line\n.a line that begins with a dot\n..two dots\n.\nlast line")
    return mail


with smtplib.SMTP("localhost", int(os.environ["SUBMISSION_PORT"])) as smtp:
    smtp.ehlo()
    assert smtp.has_extn("starttls") and not smtp.has_extn("auth")
    assert smtp.mail("alice@sandbox.test") == (530, b"5.7.0 Must issue a STARTTLS command first")
    code, text = smtp.docmd("AUTH", "PLAIN AGFsaWNlAHg=")
    assert (code, text[:6]) == (538, b"5.7.11"), (code, text)
    smtp.starttls(context=context)
    smtp.ehlo()
    for extension in "size pipelining 8bitmime smtputf8 chunking dsn enhancedstatuscodes".split():
        assert smtp.has_extn(extension), extension
    assert smtp.esmtp_features["size"] == "10485760"
    assert not smtp.has_extn("starttls")
    assert smtp.mail("alice@sandbox.test") == (530, b"5.7.0 Authentication required")
    try:
        smtp.login("alice", "wrong")
        raise SystemExit("a wrong password was accepted")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535 and error.smtp_error.startswith(b"5.7.8"), error
    smtp.login("alice@sandbox.test", password)
    assert smtp.send_message(message("over STARTTLS")) == {}
    refused = smtp.sendmail(
        "alice@sandbox.test", ["bob@sandbox.test", "nobody@sandbox.test", "x@example.org"], message("partly").as_string()
    )
    assert refused["nobody@sandbox.test"][0] == 550 and refused["nobody@sandbox.test"][1].startswith(b"5.1.1")
    assert refused["x@example.org"][1].startswith(b"5.7.1"), refused
    assert smtp.mail("alice@sandbox.test", ["size=10485761"])[0] == 552
    assert smtp.mail("alice@sandbox.test", ["frob=1"])[0] == 555
    assert smtp.docmd("FROB")[0] == 500
    assert smtp.verify("bob")[0] == 252

for mechanism in ("plain", "login"):
    with smtplib.SMTP_SSL("localhost", int(os.environ["SUBMISSIONS_PORT"]), context=context) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = "alice", password
        code, _ = smtp.auth(mechanism, getattr(smtp, "auth_" + mechanism), initial_response_ok=mechanism == "plain")
        assert code == 235
        assert smtp.send_message(message("over TLS by " + mechanism)) == {}

with smtplib.SMTP_SSL("localhost", int(os.environ["SUBMISSIONS_PORT"]), context=context) as smtp:
    smtp.ehlo()
    assert smtp.auth("SCRAM-SHA-256", Scram("alice", password))[0] == 235

with smtplib.SMTP_SSL("localhost", int(os.environ["SUBMISSIONS_PORT"]), context=context) as smtp:
    smtp.ehlo()
    good = lambda _=None: "user=alice@sandbox.test\x01auth=Bearer t0ken\x01\x01"
    assert smtp.auth("XOAUTH2", good)[0] == 235

with smtplib.SMTP_SSL("localhost", int(os.environ["SUBMISSIONS_PORT"]), context=context) as smtp:
    smtp.ehlo()
    code, _ = smtp.docmd("AUTH", "XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB4AQE=")
    assert code == 334
    code, text = smtp.docmd("")
    assert (code, text[:5]) == (535, b"5.7.8")

with smtplib.SMTP_SSL("localhost", int(os.environ["SUBMISSIONS_PORT"]), context=context) as smtp:
    smtp.ehlo()
    bearer = lambda _=None: "n,a=alice@sandbox.test,\x01host=localhost\x01auth=Bearer t0ken\x01\x01"
    assert smtp.auth("OAUTHBEARER", bearer)[0] == 235
    # A message in chunks, all commands in one go.
    body = b"Subject: in chunks\r\n\r\none\r\n"
    smtp.send(
        b"MAIL FROM:<alice@sandbox.test>\r\nRCPT TO:<bob+tag@sandbox.test>\r\n"
        + b"BDAT %d\r\n" % len(body) + body + b"BDAT 5 LAST\r\ntwo\r\nNOOP\r\n"
    )
    replies = [smtp.getreply()[0] for _ in range(5)]
    assert replies == [250] * 5, replies
print("ok")
