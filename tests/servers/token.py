#!/usr/bin/env python3
"""Prints a token that the Dovecot of mail.sh accepts for a user (XOAUTH2, OAUTHBEARER).

    token.py USER [SECONDS]     valid for so many seconds from now (3600); a negative number: expired
"""
import base64
import hashlib
import hmac
import json
import pathlib
import sys
import time


def token(user, seconds=3600):
    key = (pathlib.Path(__file__).parent / "token.key").read_bytes()
    b64 = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=")
    now = int(time.time())
    head = {"alg": "HS256", "typ": "JWT"}
    body = {"sub": user, "iat": min(now, now + seconds) - 60, "nbf": min(now, now + seconds) - 60, "exp": now + seconds}
    signed = b".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, body))
    return (signed + b"." + b64(hmac.digest(key, signed, hashlib.sha256))).decode()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(token(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 3600))
