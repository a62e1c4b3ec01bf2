"""A stand-in for AWS S3 on a free port of 127.0.0.1: moto's, with one bucket named `registry`.

It takes pre-signed URLs that were tampered with or have expired, so it shows where clients are sent and no more.
"""

import logging

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket("registry", "us-east-1")
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
