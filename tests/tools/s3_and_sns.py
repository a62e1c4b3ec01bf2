"""A stand-in for AWS S3 and SNS on a free port of 127.0.0.1: moto's, with a versioned bucket named `audit` and two topics.

Each message that is published is printed as a line of JSON. moto 5.2.5 answers a GET of a deleted object without the
header `x-amz-delete-marker`, which is corrected.
"""

import json

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.exceptions import MissingKey
from moto.s3.models import FakeDeleteMarker, s3_backends
from moto.s3.responses import S3Response
from moto.sns.models import Topic, sns_backends

import moto_server

REGION = "us-east-1"
BUCKET = "audit"


def correct_moto():
    get_object = S3Response.get_object

    def get_object_or_delete_marker(self):
        try:
            return get_object(self)
        except MissingKey:
            newest = self.backend.get_bucket(self.bucket_name).keys.get(self.parse_key_name())
            if not isinstance(newest, FakeDeleteMarker):
                raise
            body = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            return 404, {"x-amz-delete-marker": "true", "content-type": "application/xml"}, body

    S3Response.get_object = get_object_or_delete_marker


def print_messages():
    publish = Topic.publish

    def publish_and_print(self, message, subject=None, *args, **kwargs):
        print(json.dumps({"topic": self.name, "subject": subject, "message": message}), flush=True)
        return publish(self, message, subject, *args, **kwargs)

    Topic.publish = publish_and_print


def main():
    correct_moto()
    print_messages()
    s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    s3.create_bucket(BUCKET, REGION)
    s3.put_bucket_versioning(BUCKET, "Enabled")
    for topic in ("page", "notice"):
        sns_backends[DEFAULT_ACCOUNT_ID][REGION].create_topic(topic)
    server = moto_server.server()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
