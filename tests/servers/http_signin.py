#!/usr/bin/env python3
"""An HTTP server that asks for a sign-in, on a port of its own choice on 127.0.0.1; who accepts it is not ours.

    http_signin.py ntlm USERS [OPTION…]            NTLM, accepted by the pyspnego of tests/python.txt;
                                                   USERS has lines of DOMAIN:USER:PASSWORD
    http_signin.py negotiate KEYTAB [OPTION…]      Kerberos within SPNEGO, accepted by MIT's GSS-API (Debian's python3-gssapi)

    --tls CERTIFICATE KEY                          HTTPS, with these PEM files
    --body FILE                                    what a signed in client gets, in its name's stead
    --binding ignore|require                       Extended Protection: not looked at (the default), or each sign-in must be
                                                   bound to this server's certificate

Writes `up: PORT`, then a line for each sign-in that came to an end; ends when its standard input does.

A connection is signed in, not a request. The answer to a signed in client is 200 with its name; 401 tells in X-Refused why.
"""
import sys

# token.py lies beside this file, and is not the one of Python's own library.
del sys.path[0]

import argparse
import base64
import hashlib
import http.server
import os
import pathlib
import ssl
import subprocess
import threading

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
# What tests/run fills with tests/python.txt.
PYTHON = pathlib.Path(os.environ.get("MAILPROBE_PYTHON") or CACHE / "mailprobe/python") / "bin/python"
SYSTEM_PYTHON = "/usr/bin/python3"


def become(python):
    """The same program by another interpreter, one that has the library."""
    if not os.access(python, os.X_OK):
        sys.exit(f"{python} is missing: tests/run installs it")
    if os.environ.get("HTTP_SIGNIN_BY") != str(python):
        os.environ["HTTP_SIGNIN_BY"] = str(python)
        os.execv(python, [str(python), *sys.argv])


def end_point(certificate):
    """RFC 5929, by the `cryptography` that came with pyspnego; where there is none, by what openssl says."""
    der = ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())
    try:
        from cryptography import x509
        name = x509.load_der_x509_certificate(der).signature_hash_algorithm.name
    except ImportError:
        said = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"], check=True, stdout=subprocess.PIPE, text=True)
        name = next(h for h in ("sha512", "sha384", "sha256", "sha1") if h in said.stdout.lower())
    digest = hashlib.new({"md5": "sha256", "sha1": "sha256"}.get(name, name), der).digest()
    return b"tls-server-end-point:" + digest


def ntlm_acceptor(options):
    import spnego
    from spnego.channel_bindings import GssChannelBindings
    os.environ["NTLM_USER_FILE"] = options.users
    bindings = None
    if options.binding == "require":
        # Given any, pyspnego refuses an answer without them.
        bindings = GssChannelBindings(application_data=end_point(options.tls[0]))

    class Acceptor:
        scheme = "NTLM"

        def __init__(self):
            self.context = spnego.server(protocol="ntlm", channel_bindings=bindings)

        def step(self, token):
            """The next token; None when there is none. Then `name` is who signed in."""
            out = self.context.step(token)
            self.name = self.context.client_principal if self.context.complete else None
            return out

    return Acceptor


def negotiate_acceptor(options):
    import gssapi
    os.environ["KRB5_KTNAME"] = options.keytab
    bindings = None
    if options.binding == "require":
        bindings = gssapi.raw.ChannelBindings(application_data=end_point(options.tls[0]))
    # RFC 4121 errata, MIT krb5 1.19: both sides had bindings, and the same.
    channel_bound = 0x800

    class Acceptor:
        scheme = "Negotiate"

        def __init__(self):
            self.context = gssapi.SecurityContext(usage="accept", channel_bindings=bindings)

        def step(self, token):
            self.name = None
            out = self.context.step(token)
            if self.context.complete:
                if bindings is not None and not int(self.context.actual_flags) & channel_bound:
                    raise ValueError("the client sent no channel binding")
                self.name = str(self.context.initiator_name)
            return out

    return Acceptor


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One of these serves one connection.
    acceptor = None
    name = None

    def do(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == self.server.acceptor.scheme.lower() and token:
            self.name = None
            self.sign_in(token)
        elif self.name is None:
            self.answer(401, "", {"WWW-Authenticate": self.server.acceptor.scheme})
        else:
            self.answer(200, self.server.body or self.name)

    do_GET = do_POST = do_HEAD = do

    def sign_in(self, token):
        scheme = self.server.acceptor.scheme
        try:
            if self.acceptor is None:
                self.acceptor = self.server.acceptor()
            out = self.acceptor.step(base64.b64decode(token, validate=True))
        # Whatever went wrong, it is no sign-in.
        except Exception as error:
            self.acceptor = None
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"refused: {why}", flush=True)
            return self.answer(401, "", {"WWW-Authenticate": scheme, "X-Refused": why})
        with_token = {"WWW-Authenticate": f"{scheme} {base64.b64encode(out).decode()}"} if out else {}
        if self.acceptor.name is None:
            return self.answer(401, "", with_token or {"WWW-Authenticate": scheme})
        self.name, self.acceptor = self.acceptor.name, None
        print(f"accepted: {self.name}", flush=True)
        self.answer(200, self.server.body or self.name, with_token)

    def answer(self, status, body, headers={}):
        body = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    tls = None

    def finish_request(self, request, address):
        # In the connection's own thread: a client that does not shake hands holds nobody.
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, address)

    def handle_error(self, request, address):
        print(f"gone: {sys.exc_info()[1]!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, what in ("ntlm", "users"), ("negotiate", "keytab"):
        of = verbs.add_parser(verb)
        of.add_argument(what)
        of.add_argument("--tls", nargs=2)
        of.add_argument("--body", type=pathlib.Path)
        of.add_argument("--binding", choices=("ignore", "require"), default="ignore")
    options = parser.parse_args()
    if options.binding == "require" and not options.tls:
        parser.error("--binding require needs --tls")
    if options.verb == "ntlm":
        become(PYTHON)
        acceptor = ntlm_acceptor(options)
    else:
        become(SYSTEM_PYTHON)
        acceptor = negotiate_acceptor(options)
    server = Server(("127.0.0.1", 0), Handler)
    server.acceptor = acceptor
    server.body = options.body and options.body.read_text()
    if options.tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*options.tls)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"up: {server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
