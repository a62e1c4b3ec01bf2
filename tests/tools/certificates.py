"""Writes into FOLDER a certificate authority's `ca.pem`, and `cert.pem` and `key.pem` for the hosts named behind it.

The certificates last for a day, which is longer than any test, and their keys are nobody else's.
"""

import datetime
import ipaddress
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)


def certificate(name, key, issuer, issuer_key, extensions):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(hours=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def subject(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def main(folder, *hosts):
    folder = pathlib.Path(folder)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = "tlogistry's tests"
    usage = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
    ca = certificate(name, authority, name, authority, [(x509.BasicConstraints(True, 0), True), (usage, True)])
    names = x509.SubjectAlternativeName([subject(host) for host in hosts])
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    cert = certificate("a server of the tests", key, name, authority, [(names, False), (server, False)])
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, content in [("ca.pem", ca), ("cert.pem", cert), ("key.pem", private)]:
        (folder / file).write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
