"""Runs the runbook's commands, in the order of the page, through the SAM CLI and the AWS CLI against stand-ins.

The function is a placeholder. What is compared is what CloudFormation is sent, and what each stack has then: nothing
that one deployment set is forgotten by a later one, whoever makes it. `check.py --faults` plays pages and files with a
fault each, which must be found.
"""

import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from cryptography.hazmat.primitives import serialization
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

import cloudformation
import page
import refused

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECTIONS = [
    *("Deploy", "A domain of your own", "Something in front", "Upgrade", "Rotate the key", "Sign the code"),
    *("What each alarm means", "Audit", "Leave"),
]
DEPLOYED_AGAIN = ["Rotate the key", "Leave"]  # no deployment that changes nothing follows them on the page
NOT_RUN = {  # by a word of the block
    "schedule-key-deletion": "leaves nothing, after which nothing can be compared",
    "delete-resource-policy": "the same",
    "update-alias": "nothing is deployed that could be called",
    "--signing-profiles": "AWS Signer has no stand-in",
    "A tag has moved": "is a message, and no command",
    "list-object-versions": "the auditor has written nothing",
    "aws lambda invoke": "nothing is deployed that could be called",
    "tlogistry-cli": "it is not built here",
}
DEPLOYS = "infra/deploy "
STACK = "tlogistry"
PATIENCE = 120  # seconds for one command
# What git and cargo are asked for here: nothing to pull, and a placeholder for each program.
STUBS = {
    "git": '[ "$*" = pull ]',
    "cargo": """case $1 in
metadata) printf '{"target_directory": "%s/target", "packages": []}' "$PWD" ;;
lambda)
    while [ "$1" != --bin ]; do shift; done
    mkdir -p "target/lambda/$2"
    cp "${PLACEHOLDER:?}" "target/lambda/$2/bootstrap" ;;
*) exit 2 ;;
esac""",
    "cargo-lambda": "exit 2",
}


class Run:
    """A checkout of the operator's, and an account."""

    def __init__(self, folder, text):
        self.folder, self.text = pathlib.Path(folder), text
        self.checkout = self.folder / "checkout"
        self.failures = []
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout.split("\0")
        for name in tracked:
            if name and not name.startswith(("tests/", "benches/", "fuzz/", "src/")) and (ROOT / name).is_file():
                target = self.checkout / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        # As tests/tools/install.sh leaves it behind: `sam build` must not follow what is not its own.
        (self.checkout / ".tools").mkdir()
        (self.checkout / ".tools/dangling").symlink_to("nowhere")
        (self.folder / "bin").mkdir()
        for name, body in STUBS.items():
            stub = self.folder / "bin" / name
            stub.write_text(f"#!/bin/sh\n{body}\n")
            stub.chmod(0o755)
        self.placeholder("first")
        self.start_account()

    def placeholder(self, content):
        (self.folder / "placeholder").write_text(content)

    def start_account(self):
        makers = {
            "AWS::ApiGatewayV2::Api": lambda _: "a1b2c3d4e5",
            "AWS::KMS::Key": self.make_key,
            "AWS::S3::Bucket": self.make_bucket,
            "AWS::SNS::Topic": lambda name: f"arn:aws:sns:{cloudformation.REGION}:{cloudformation.ACCOUNT}:{name}",
        }
        self.cloudformation = cloudformation.CloudFormation(self.read_object, makers)
        application = cloudformation.application(self.cloudformation, DomainDispatcherApplication(create_backend_app))
        self.server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.environment = {
            "PATH": f"{self.folder / 'bin'}:{ROOT / '.tools/bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PLACEHOLDER": str(self.folder / "placeholder"),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": cloudformation.REGION,
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.1",
        }
        client = dict(
            endpoint_url=endpoint, region_name=cloudformation.REGION,
            aws_access_key_id="test", aws_secret_access_key="test",
        )
        self.s3, self.kms = boto3.client("s3", **client), boto3.client("kms", **client)

    def read_object(self, url):
        bucket, key = url.split("/", 3)[3].split("/", 1)  # https://<host>/<bucket>/<key>
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def make_bucket(self, name):
        self.s3.create_bucket(Bucket=name.lower())
        return name.lower()

    def make_key(self, _name):
        return self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]

    def public_key(self, arn):
        key = serialization.load_der_public_key(self.kms.get_public_key(KeyId=arn)["PublicKey"])
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def value(self, name):
        """What a placeholder of the page stands for: an output that one stack has."""
        given = {
            "owner/name": "owner/name",
            "secret": SECRET,
            "CertificateInUsEastOne": "arn:aws:acm:us-east-1:123456789012:certificate/1",
            "NewKeyArn": self.output("tlogistry-key-2", "Arn"),
            "BucketName": self.output("tlogistry-auditor", "BucketName"),
        }
        if name in given:
            return given[name]
        if name == "FunctionRoleName":
            return self.value("FunctionRoleArn").split("role/")[1]
        found = {s.outputs[name] for s in self.cloudformation.stacks.values() if name in s.outputs}
        if len(found) != 1:
            raise AssertionError(f"<{name}> stands for {sorted(found) or 'nothing'}")
        return found.pop()

    def output(self, stack, name):
        stacks = (s for s in self.cloudformation.stacks.values() if s.name == stack)
        return next((s.outputs[name] for s in stacks if name in s.outputs), None)

    def shell(self, script):
        """The lines that it printed, or fails."""
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.checkout, env=self.environment,
            input="y\n" * 3, capture_output=True, text=True, timeout=PATIENCE,
        )
        if ended.returncode:
            reasons = [reason for s in self.cloudformation.stacks.values() for _, reason, _ in s.events if reason]
            said = f"{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
            raise AssertionError(f"$ {script}\nexit {ended.returncode}, {reasons}\n{said}")
        return ended.stdout

    # What must hold

    def deployments(self):
        return [d for d in self.cloudformation.deployments if d.stack == STACK]

    def expect(self, holds, what):
        if not holds:
            self.failures.append(what)

    def play(self):
        """The page from top to bottom. After some sections, a person deploys again and changes nothing."""
        expected = iter(self.expected())
        section = None
        for heading, block in [*page.blocks(self.text), (None, "")]:
            if heading != section and section in DEPLOYED_AGAIN:
                self.deploy_again(section)
            section = heading
            if any(word in block for word in NOT_RUN):
                continue
            if heading not in SECTIONS:
                self.expect(DEPLOYS not in block and "sam deploy" not in block, f"{heading}: not run here: {block}")
            elif heading == "Audit" and block.startswith("Name: "):
                (self.checkout / "auditor-parameters.yaml").write_text(block)
                (self.checkout / "tags.txt").write_text("index.docker.io/library/alpine:3.16.0\n")
            elif page.is_of_the_parameters(block):
                file = self.checkout / "parameters.yaml"
                file.write_text(page.edited(file.read_text(), page.filled(block, self.value)))
            else:
                self.command(heading, block, expected)
            if self.failures:
                return  # what follows would fail for it
        self.expect(next(expected, None) is None, "the page deploys less often than is expected")

    def command(self, heading, block, expected):
        before = len(self.deployments())
        # One by one, so that a line can use what the one before it made.
        for line in block.replace("\\\n", " ").splitlines():
            try:
                self.shell(page.filled(line, self.value))
            except AssertionError as error:
                self.failures.append(f"{heading}: {error}")
                return
            for deployment in self.deployments()[before:]:
                self.compare(heading, deployment, next(expected, None))
            before = len(self.deployments())

    def compare(self, heading, deployment, expected):
        if expected is None:
            self.failures.append(f"{heading}: one deployment more than is expected")
            return
        role, changes = expected()
        self.parameters |= changes
        self.expect(deployment.role == role, f"{heading}: deployed as {deployment.role}, not as {role}")
        before = self.deployments()[:-1]
        if before and before[-1].effective != deployment.effective:
            self.expect(before[-1].version != deployment.version, f"{heading}: the function has no version of its own")
        for name in (self.parameters.keys() | deployment.effective.keys()) - {"Revision"}:
            has, should = deployment.effective.get(name), self.parameters.get(name)
            self.expect(has == should, f"{heading}: {name} is {has!r}, and should be {should!r}")
        if role == self.output("tlogistry-pipeline", "UpgradeRoleArn"):
            sent = {name for name, value in deployment.sent.items() if value is not None}
            self.expect(sent <= SENT_BY_THE_PIPELINE, f"{heading}: the pipeline sends {sorted(sent)}")

    def deploy_again(self, section):
        before = self.deployments()[-1]
        try:
            self.shell(f"infra/deploy --role-arn {self.output('tlogistry-administration', 'AdministrationRoleArn')}")
        except AssertionError as error:
            self.failures.append(f"deployed again after {section}: {error}")
        after = self.deployments()[-1]
        for name, value in before.effective.items():
            has = after.effective.get(name)
            self.expect(has == value, f"deployed again after {section}: {name} is {has!r}, and was {value!r}")

    def expected(self):
        """For each deployment of the page, in its order: the role that it hands over, and the changed parameters."""
        admin = lambda: self.output("tlogistry-administration", "AdministrationRoleArn")
        upgrade = lambda: self.output("tlogistry-pipeline", "UpgradeRoleArn")
        declared = cloudformation.yaml_parse((self.checkout / "template.yaml").read_text())["Parameters"]
        self.parameters = {name: str(p["Default"]) for name, p in declared.items() if "Default" in p}
        old, new = (lambda: self.public_key(self.first_key)), (lambda: self.public_key(self.value("NewKeyArn")))

        def first():
            self.first_key, self.table = self.value("SigningKeyArn"), self.value("LedgerTable")
            self.stream = self.value("LedgerStreamArn")
            return admin(), {
                "SigningKey": "new", "Ledger": "new",
                "AlarmEmail": "you@example.com", "KeyAdministratorArns": admin(),
            }

        return [
            first,
            lambda: (admin(), {"DomainName": "registry.example.com", "HostedZoneId": "Z0123456789ABC"}),
            lambda: (
                admin(),
                {"PublicHost": "registry.example.com", "EdgeSecrets": SECRET, "DisableExecuteApiEndpoint": "True"},
            ),
            lambda: (admin(), {}),
            lambda: (upgrade(), {}),
            lambda: (admin(), {"TrustedKeys": old() + new()}),
            lambda: (admin(), {"SigningKey": self.value("NewKeyArn")}),
            lambda: (
                admin(), {"SigningKey": "new", "Ledger": self.table, "ExistingLedgerStreamArn": self.stream},
            ),
        ]

    def check_what_is_left(self):
        kept = self.cloudformation.kept
        for what in (self.first_key, self.table):
            self.expect(what in kept, f"{what} does not stay")
        stack = self.cloudformation.find(STACK)
        self.expect(stack.protected, "the stack that came back is not protected from its deletion")
        self.expect(stack.outputs["LedgerTable"] == self.table, "the stack that came back has another ledger")
        for name in ("tlogistry-edge", "tlogistry-code-signing", "tlogistry-watch-iam", "tlogistry-auditor"):
            self.expect(self.cloudformation.find(name).outputs, f"{name} was not made")


SENT_BY_THE_PIPELINE = {"Revision"}
SECRET = "0123456789abcdef" * 4


def run(text, spoil=lambda checkout: None):
    with tempfile.TemporaryDirectory() as folder:
        played = Run(folder, text)
        spoil(played.checkout)
        played.failures += refused.faults(played.checkout, played.environment)
        if not played.failures:
            played.play()
        if not played.failures:
            played.check_what_is_left()
        played.server.shutdown()
        return played


def aws_commands():
    """What the AWS CLI that pip installs would not take of the documents' commands."""
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    ended = subprocess.run(
        [ROOT / ".tools/aws/bin/python", "-B", pathlib.Path(__file__).with_name("aws_cli.py"), *documents],
        capture_output=True, text=True, timeout=PATIENCE,
    )
    print(ended.stdout, end="")
    return [] if ended.returncode == 0 else [f"{ended.stdout}{ended.stderr}"]


def replaced(text, old, new):
    assert text.count(old) == 1, old
    return text.replace(old, new)


def in_file(name, old, new):
    def spoil(checkout):
        file = checkout / name
        file.write_text(replaced(file.read_text(), old, new))

    return spoil


_REVISION = "file://.aws-sam/revision.yaml"
_SWITCH = "       infra/stack-policy lift\n       infra/deploy --role-arn <AdministrationRoleArn>\n"
FAULTS = {  # what is wrong: the page with it, and what it does to the checkout
    "the switch to the new key lasts for one run": (
        lambda text: replaced(
            replaced(text, "       SigningKey: <NewKeyArn>\n", ""),
            _SWITCH, _SWITCH.replace("Arn>\n", "Arn> --parameter-overrides SigningKey=<NewKeyArn>\n"),
        ),
        None,
    ),
    "the stack policy is not lifted": (lambda text: replaced(text, _SWITCH, _SWITCH.split("\n", 1)[1]), None),
    "a person leaves the role to CloudFormation": (
        lambda text: text,
        in_file("infra/deploy", 'sam deploy "$@"', 'set -- "${@/--role-arn*/}"; sam deploy "${@/arn:*/}"'),
    ),
    "the pipeline sends parameters": (
        lambda text: text,
        in_file("samconfig.toml", f'= "{_REVISION}"', f'= ["file://parameters.yaml", "{_REVISION}"]'),
    ),
    "a parameter that changes makes no version": (
        lambda text: text, in_file("infra/revision", "openssl dgst -sha256 -r parameters.yaml", ":"),
    ),
    "a new ledger is made where none is named": (
        lambda text: replaced(text, "    Ledger: <LedgerTable>\n", "    Ledger: new\n"), None,
    ),
    "sam build follows what is not its own": (
        lambda text: text,
        in_file("samconfig.toml", "[pipeline.global", "[default.build.parameters]\ncached = true\n\n[pipeline.global"),
    ),
    "a name with a slip is passed over": (lambda text: text, in_file("infra/deploy", "[[ -z $unknown ]]", "true")),
    "a parameter stands twice": (lambda text: text, in_file("infra/deploy", "[[ -z $twice ]]", "true")),
    "an option replaces the file for one run": (
        lambda text: text, in_file("infra/deploy", "--parameter-overrides* | ", ""),
    ),
}


def main():
    os.environ["AWS_DEFAULT_REGION"] = cloudformation.REGION  # SAM's transform wants to know one
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # no line for each translation
    started = time.monotonic()
    text = (ROOT / "docs/runbook.md").read_text()
    failures = []
    if sys.argv[1:2] == ["--faults"]:  # all, or those whose names hold the next argument
        chosen = {what: fault for what, fault in FAULTS.items() if "".join(sys.argv[2:]) in what}
        for what, (spoil_page, spoil_files) in chosen.items():
            found = run(spoil_page(text), spoil_files or (lambda checkout: None)).failures
            print(f"{what}: {found[0].splitlines()[0] if found else 'NOT FOUND'}", flush=True)
            failures += [] if found else [what]
    else:
        failures = aws_commands()
        played = run(text)
        failures += played.failures
        if not failures:
            print(f"runbook: {len(played.deployments())} deployments, each with its role and all parameters")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    print(f"runbook: {len(failures) or 'no'} failures, {time.monotonic() - started:.1f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
