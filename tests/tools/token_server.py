"""A token server for registries of the tests (https://distribution.github.io/distribution/spec/auth/token/).

`token_server.py FOLDER` listens on a free port of 127.0.0.1 and writes the certificate of its key to FOLDER/tokens.pem,
which a registry names as `rootcertbundle`. Anyone gets a token to pull; who comes as `pusher` gets what was asked for.
"""

import base64
import datetime
import http.server
import json
import pathlib
import secrets
import sys
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

ISSUER = "tokens of the tests"
LIFETIME = 300  # seconds

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.datetime.now(datetime.UTC)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(KEY.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(NOW - datetime.timedelta(hours=1))
    .not_valid_after(NOW + datetime.timedelta(days=1))
    .add_extension(x509.BasicConstraints(True, None), True)
    .sign(KEY, hashes.SHA256())
)


def encoded(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(service, scopes, may_push):
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":")
        allowed = [action for action in actions.split(",") if may_push or action == "pull"]
        access.append({"type": kind, "name": name, "actions": allowed})
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "",
        "aud": service,
        "exp": now + LIFETIME,
        "nbf": now - 10,
        "iat": now,
        "jti": secrets.token_hex(8),
        "access": access,
    }
    der = CERTIFICATE.public_bytes(serialization.Encoding.DER)
    header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
    signed = f"{encoded(header)}.{encoded(claims)}"
    r, s = decode_dss_signature(KEY.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        pusher = "Basic " + base64.b64encode(b"pusher:").decode()
        may_push = self.headers.get("Authorization") == pusher
        given = token(query["service"][0], query.get("scope", []), may_push)
        body = json.dumps({"token": given, "expires_in": LIFETIME}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        print("asked for", self.path, "as", self.headers.get("Authorization", "nobody"), flush=True)


def main(folder):
    pem = CERTIFICATE.public_bytes(serialization.Encoding.PEM)
    (pathlib.Path(folder) / "tokens.pem").write_bytes(pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
