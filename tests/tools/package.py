#!/usr/bin/env python3
"""Packages what `make build` built, as `sam deploy` does first, into moto's S3; and looks at what it put there."""

import io
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import boto3
from moto.server import ThreadedMotoServer
from samcli.yamlhelper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = ROOT / ".aws-sam/build"
BUCKET = "artifacts"

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
environment = {
    **os.environ,
    "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SAM_CLI_TELEMETRY": "0",
}
os.environ.update(environment)
s3 = boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL_S3"])
s3.create_bucket(Bucket=BUCKET)


def fetch(url):
    """The object that a packaged template names, as s3://bucket/key or as https://s3.amazonaws.com/bucket/key."""
    bucket, key = url.split("://", 1)[1].split("/", 1) if url.startswith("s3:") else url.split("/", 3)[3].split("/", 1)
    assert bucket == BUCKET, url
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


with tempfile.NamedTemporaryFile(suffix=".yaml") as packaged:
    sam = [sys.executable, "-m", "samcli", "package", "--template-file", str(BUILT / "template.yaml")]
    sam += ["--s3-bucket", BUCKET, "--output-template-file", packaged.name]
    ended = subprocess.run(sam, env=environment, capture_output=True, text=True, cwd=ROOT)
    if ended.returncode:
        sys.exit(f"sam package failed:\n{ended.stdout}{ended.stderr}")
    resources = yaml_parse(pathlib.Path(packaged.name).read_text())["Resources"]

code = zipfile.ZipFile(io.BytesIO(fetch(resources["Function"]["Properties"]["CodeUri"])))
assert code.namelist() == ["bootstrap"], code.namelist()
bootstrap = code.getinfo("bootstrap")
assert code.read("bootstrap") == (BUILT / "Function/bootstrap").read_bytes()
assert bootstrap.external_attr >> 16 & 0o111, "bootstrap is not executable"
auditor = yaml_parse(fetch(resources["AuditorStack"]["Properties"]["TemplateURL"]).decode())
auditor = zipfile.ZipFile(io.BytesIO(fetch(auditor["Resources"]["Function"]["Properties"]["CodeUri"])))
assert auditor.read("bootstrap") == (BUILT / "AuditorStack/Function/bootstrap").read_bytes() != code.read("bootstrap")
nested = [r["Properties"]["TemplateURL"] for r in resources.values() if r["Type"] == "AWS::CloudFormation::Stack"]
for url in nested:
    assert yaml_parse(fetch(url).decode())["Resources"], url
audits = auditor.getinfo("bootstrap")
print(f"packaged: bootstrap, {bootstrap.file_size} bytes, {bootstrap.compress_size} in the zip; {len(nested)} nested templates")
print(f"packaged: the auditor's bootstrap, {audits.file_size} bytes, {audits.compress_size} in the zip")
server.stop()
