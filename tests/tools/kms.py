"""A stand-in for AWS KMS on 127.0.0.1: moto's server with the faults corrected that would let a wrong signature pass.

What moto 5.2.5 gets wrong, and where:

- `MessageType=DIGEST` is ignored and the digest hashed again, in Sign and in Verify, so that moto agrees with itself
  and only the public key shows it (moto/kms/responses.py `sign` and `verify` read the parameter and drop it;
  moto/kms/utils.py `ECDSAPrivateKey.sign` and `.verify` always hash). Corrected for ECDSA keys only.
- A digest of any length is taken. AWS refuses a wrong one with ValidationException.
- A disabled key signs, and so does one that waits for its deletion (moto/kms/models.py `KmsBackend.sign`).
  AWS answers DisabledException and KMSInvalidStateException.
- GetPublicKey says the key's id where AWS says its ARN, and leaves out `KeySpec` (moto/kms/responses.py
  `get_public_key`).

`kms.py --self-test` proves the corrections with the `cryptography` package against GetPublicKey's answer;
`kms.py --self-test --plain` runs the same against moto as it is, and fails.
"""

import argparse
import hashlib
import json
import os
import sys
import threading

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import ValidationException
from moto.kms.models import KmsBackend, kms_backends
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey

import moto_server

ACCOUNT = "123456789012"  # moto's account for any credentials
HASHES = {"ECDSA_SHA_256": hashes.SHA256(), "ECDSA_SHA_384": hashes.SHA384(), "ECDSA_SHA_512": hashes.SHA512()}


class Digest(bytes):
    """A message that is a digest already. It travels through moto's code as the bytes that it is."""


def correct_moto():
    get_param = KmsResponse._get_param
    backend_sign = KmsBackend.sign
    get_public_key = KmsResponse.get_public_key
    key_sign, key_verify = ECDSAPrivateKey.sign, ECDSAPrivateKey.verify

    def get_param_marking_digests(self, name, *args, **kwargs):
        value = get_param(self, name, *args, **kwargs)
        if name == "Message" and value and get_param(self, "MessageType") == "DIGEST":
            return Digest(value.encode() if isinstance(value, str) else value)
        return value

    def sign_if_usable(self, key_id, message, signing_algorithm):
        key = self.describe_key(key_id)
        if key.key_state == "Disabled":
            raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return backend_sign(self, key_id, message, signing_algorithm)

    def get_public_key_like_aws(self):
        answer = json.loads(get_public_key(self))
        key = self.kms_backend.describe_key(answer["KeyId"])
        return json.dumps(answer | {"KeyId": key.arn, "KeySpec": key.key_spec})

    def prehashed(digest, algorithm):
        if len(digest) != HASHES[algorithm].digest_size:
            raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.")
        return ec.ECDSA(utils.Prehashed(HASHES[algorithm]))

    def sign(self, message, signing_algorithm):
        if not isinstance(message, Digest):
            return key_sign(self, message, signing_algorithm)
        return self.private_key.sign(message, prehashed(message, signing_algorithm))

    def verify(self, message, signature, signing_algorithm):
        if not isinstance(message, Digest):
            return key_verify(self, message, signature, signing_algorithm)
        try:
            self.private_key.public_key().verify(signature, message, prehashed(message, signing_algorithm))
            return True
        except InvalidSignature:
            return False

    KmsResponse.get_public_key = get_public_key_like_aws
    KmsResponse._get_param = get_param_marking_digests
    KmsBackend.sign = sign_if_usable
    ECDSAPrivateKey.sign, ECDSAPrivateKey.verify = sign, verify


def create_key(region, alias):
    backend = kms_backends[ACCOUNT][region]
    key = backend.create_key(None, "SIGN_VERIFY", "ECC_NIST_P256", "tlogistry's signing key", None)
    backend.create_alias(key.id, alias)


def self_test(endpoint, region, alias):
    """Checks each correction over the wire, as a client sees it. Returns what does not hold."""
    import boto3
    from botocore.exceptions import ClientError

    kms = boto3.client(
        "kms", endpoint_url=endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
    )
    message = b"what was signed"
    digest = hashlib.sha256(message).digest()
    faults = []

    def sign(message, message_type):
        arguments = dict(KeyId=alias, Message=message, MessageType=message_type, SigningAlgorithm="ECDSA_SHA_256")
        return kms.sign(**arguments)["Signature"]

    def check(what, holds):
        print(("holds: " if holds else "FAILS: ") + what, file=sys.stderr)
        if not holds:
            faults.append(what)

    def refused_with(code, call):
        try:
            call()
        except ClientError as error:
            return error.response["Error"]["Code"] == code
        return False

    answer = kms.get_public_key(KeyId=alias)
    check(
        "GetPublicKey names the key's ARN and its spec",
        answer["KeyId"].startswith("arn:aws:kms:") and answer.get("KeySpec") == "ECC_NIST_P256",
    )
    public_key = serialization.load_der_public_key(answer["PublicKey"])

    def verifies(signature):
        try:
            public_key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            return True
        except InvalidSignature:
            return False

    by_digest = sign(digest, "DIGEST")
    check("a signature over a message verifies with GetPublicKey's key", verifies(sign(message, "RAW")))
    check("a signature over a digest verifies with GetPublicKey's key", verifies(by_digest))
    answer = kms.verify(
        KeyId=alias, Message=message, MessageType="RAW", Signature=by_digest, SigningAlgorithm="ECDSA_SHA_256"
    )
    check("Verify of the message accepts the signature over its digest", answer["SignatureValid"])
    for length in (31, 33, 64):
        check(
            f"a digest of {length} bytes is refused",
            refused_with("ValidationException", lambda: sign(bytes(length), "DIGEST")),
        )
    key_id = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key_id)
    check("a disabled key does not sign", refused_with("DisabledException", lambda: sign(digest, "DIGEST")))
    kms.enable_key(KeyId=key_id)
    check("an enabled key signs again", verifies(sign(digest, "DIGEST")))
    kms.schedule_key_deletion(KeyId=key_id)
    check(
        "a key that waits for its deletion does not sign",
        refused_with("KMSInvalidStateException", lambda: sign(digest, "DIGEST")),
    )
    return faults


def exit_with_stdin():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description="A stand-in for AWS KMS with one signing key.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--region", default="us-east-1", help="where the key is (default: %(default)s)")
    parser.add_argument("--alias", default="alias/tlogistry", help="of the key (default: %(default)s)")
    parser.add_argument("--exit-with-stdin", action="store_true", help="exit when standard input closes")
    parser.add_argument("--self-test", action="store_true", help="check the corrections and exit")
    parser.add_argument("--plain", action="store_true", help="leave moto's faults as they are")
    options = parser.parse_args()

    if not options.plain:
        correct_moto()
    create_key(options.region, options.alias)
    server = moto_server.server(options.port)
    endpoint = f"http://127.0.0.1:{server.server_port}"

    if options.self_test:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.exit(1 if self_test(endpoint, options.region, options.alias) else 0)
    if options.exit_with_stdin:
        threading.Thread(target=exit_with_stdin, daemon=True).start()
    print(f"listening on {endpoint}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
