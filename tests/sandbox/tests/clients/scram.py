"""The client's side of SCRAM-SHA-256 (RFC 7677), by the book."""
import base64
import hashlib
import hmac


class Scram:
    """Called with each challenge, the first of which is empty; returns the answers as text."""

    def __init__(self, name, password):
        self.password = password.encode()
        self.bare = f"n={name},r=fyko+d2lbbFgONRv9qkxdawL"
        self.step = 0
        self.signature = None

    def __call__(self, challenge=None):
        self.step += 1
        if self.step == 1:
            return "n,," + self.bare
        server = challenge.decode()
        if self.step == 3:
            assert server == "v=" + self.signature, server
            return ""
        fields = dict(part.split("=", 1) for part in server.split(","))
        salt, rounds = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, rounds)
        key = hmac.new(salted, b"Client Key", "sha256").digest()
        without = "c=biws,r=" + fields["r"]
        messages = ",".join([self.bare, server, without]).encode()
        sign = hmac.new(hashlib.sha256(key).digest(), messages, "sha256").digest()
        server_key = hmac.new(salted, b"Server Key", "sha256").digest()
        self.signature = base64.b64encode(hmac.new(server_key, messages, "sha256").digest()).decode()
        return without + ",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, sign))).decode()
