"""A stand-in for AWS S3 on a free port of 127.0.0.1: moto's, with one bucket named `registry`.

It takes pre-signed URLs that were tampered with or have expired, so it shows where clients are sent and no more.
"""

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

import moto_server


def main():
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket("registry", "us-east-1")
    server = moto_server.server()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
