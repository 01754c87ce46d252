#!/usr/bin/env python3
"""What really happened, from the logs of the servers that mail.sh started.

    books.py messages DIR          one JSON object per message that Postfix took, in the order of arrival
    books.py refusals DIR USER     how many sign-ins of USER Dovecot refused (Postfix asks Dovecot too)
    books.py sign-ins DIR USER     how many of them succeeded

A message: queue_id, message_id, user (who had signed in; null for a bounce), sender, recipient, accepted (Unix time, out of
the queue id: the first RCPT TO), outcome (queued, sent, deferred, bounced, expired: the newest), saved (Unix time of
Dovecot's `saved mail`, null), folder, bounce (the queue id of the notification that it caused, null).
"""
import json
import re
import sys

DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

QUEUE_ID = r"([0-9BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz]{12,}): "
CLIENT = re.compile(r"postfix/smtpd\[\d+\]: " + QUEUE_ID + r"client=.*?(?:sasl_username=([^,\s]+))?$")
MESSAGE_ID = re.compile(r"postfix/cleanup\[\d+\]: " + QUEUE_ID + r"(?:resent-)?message-id=(.*)$")
TAKEN = re.compile(r"postfix/qmgr\[\d+\]: " + QUEUE_ID + r"from=<([^>]*)>, size=")
EXPIRED = re.compile(r"postfix/qmgr\[\d+\]: " + QUEUE_ID + r"from=<[^>]*>, status=(?:force-)?expired")
DONE = re.compile(r"postfix/\w+\[\d+\]: " + QUEUE_ID + r"to=<([^>]*)>.* status=(sent|deferred|bounced)(?: \(250 2\.0\.0 <[^>]*> (\S+) Saved\))?")
NOTICE = re.compile(r"postfix/bounce\[\d+\]: " + QUEUE_ID + r"sender non-delivery notification: (\w+)")
SAVED = re.compile(r"^([\d.]+) lmtp\(([^)]+)\)<\d+><([^>]+)>: .*msgid=(.*?): saved mail to (.*)$")


def queue_time(queue_id):
    """A long queue id: base 52: seconds in six digits, microseconds in four, then `z` and the inode."""
    def number(digits):
        value = 0
        for digit in digits:
            value = value * 52 + DIGITS.index(digit)
        return value

    return number(queue_id[:6]) + number(queue_id[6:10]) / 1e6


def lines(path):
    try:
        with open(path, errors="replace") as file:
            yield from (line.rstrip("\n") for line in file)
    except FileNotFoundError:
        return


def messages(directory):
    saved = {}
    for line in lines(directory + "/log/dovecot.log"):
        if m := SAVED.search(line):
            saved[m[3], m[2]] = (float(m[1]), m[5].strip("'"))
    found, clients, ids = {}, {}, {}
    for line in lines(directory + "/log/postfix.log"):
        if m := CLIENT.search(line):
            clients[m[1]] = m[2]
        elif m := MESSAGE_ID.search(line):
            ids[m[1]] = m[2]
        elif m := TAKEN.search(line):
            # Said again whenever it becomes active again.
            found.setdefault(m[1], {
                "queue_id": m[1], "message_id": ids.get(m[1], ""), "user": clients.get(m[1]), "sender": m[2],
                "recipient": None, "accepted": queue_time(m[1]), "outcome": "queued", "saved": None, "folder": None, "bounce": None,
            })
        elif (m := EXPIRED.search(line)) and m[1] in found:
            found[m[1]]["outcome"] = "expired"
        elif (m := DONE.search(line)) and m[1] in found:
            one = found[m[1]]
            one["recipient"], one["outcome"] = m[2], m[3]
            at = saved.get((m[4], m[2].split("@")[0]))
            if at:
                one["saved"], one["folder"] = at
        elif (m := NOTICE.search(line)) and m[1] in found:
            found[m[1]]["bounce"] = m[2]
    return sorted(found.values(), key=lambda one: one["accepted"])


def refusals(directory, user):
    # auth: Info: passwd-file(u0001,127.0.0.1,<session>): Password mismatch     (or the mechanism's name: scram-sha-256; oauth2)
    said = re.compile(r"auth: Info: [\w-]+\(" + re.escape(user) + r"(?:@[^,)]*)?,[^)]*\): "
                      r"(?:Password mismatch|unknown user|oauth2 failed|.*[Ii]nvalid credentials)", re.I)
    return sum(1 for line in lines(directory + "/log/dovecot.log") if said.search(line))


def sign_ins(directory, user):
    named = re.escape(user)
    dovecot = re.compile(r"(?:imap|pop3)-login: Info: Login: user=<" + named + ">")
    # Postfix names the user of a sign-in that succeeded only when a message follows.
    postfix = re.compile(r"postfix/smtpd\[\d+\]: \w+: client=.* sasl_username=" + named + "$")
    return sum(1 for line in lines(directory + "/log/dovecot.log") if dovecot.search(line)) + sum(
        1 for line in lines(directory + "/log/postfix.log") if postfix.search(line))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["messages", directory]:
            for one in messages(directory):
                print(json.dumps(one))
        case ["refusals", directory, user]:
            print(refusals(directory, user))
        case ["sign-ins", directory, user]:
            print(sign_ins(directory, user))
        case _:
            sys.exit(__doc__)
