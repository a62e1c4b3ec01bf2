"""What `infra/deploy` refuses before it builds: slips in parameters.yaml, and options that last for one run."""

import pathlib
import shutil
import subprocess

PATIENCE = 30  # seconds
# Stands in for the SAM CLI, and leaves behind that it was called.
STUB = "#!/bin/sh\nmkdir -p .aws-sam/build && echo built >.aws-sam/build/x && echo >sam.reached\n"
EXAMPLE = (pathlib.Path(__file__).resolve().parents[2] / "parameters.example.yaml").read_text()
_ROLE = ["--role-arn", "arn:aws:iam::123456789012:role/x"]
_USUAL = "SigningKey: new\nLedger: new\n"
_ODD_BUT_RIGHT = """---
"SigningKey": new # a comment: with a colon
'Ledger': new
KeyAdministratorArns:
- arn:aws:iam::123456789012:role/x
# Nothing: of this
TrustedKeys: |
  -----BEGIN PUBLIC KEY-----
  Proc-Type: 4
  -----END PUBLIC KEY-----
AllowedRegistries:
  [docker.io,
   ghcr.io]
AlarmEmail:
"""
_NOT_IN = "(docs/runbook.md)"
DEPLOYED_OR_NOT = [  # parameters.yaml, the options, and what is said against it
    (_USUAL, _ROLE, None),
    (_ODD_BUT_RIGHT, _ROLE, None),
    (EXAMPLE, _ROLE, None),
    (_USUAL, [], f"name the role that CloudFormation acts as: --role-arn {_NOT_IN}"),
    (_USUAL, [*_ROLE, "--guided"], f"parameters stand in parameters.yaml, and not in --guided {_NOT_IN}"),
    (_USUAL, [*_ROLE, "-g"], f"parameters stand in parameters.yaml, and not in -g {_NOT_IN}"),
    (
        _USUAL, [*_ROLE, "--parameter-overrides", "Ledger=x"],
        f"parameters stand in parameters.yaml, and not in --parameter-overrides {_NOT_IN}",
    ),
    (
        _USUAL, ["--parameter-overrides=Ledger=x", *_ROLE],
        f"parameters stand in parameters.yaml, and not in --parameter-overrides {_NOT_IN}",
    ),
    (
        _USUAL + "Trustedkeys: x\nKeyAdministratorArn: y\n", _ROLE,
        "parameters.yaml has names that template.yaml does not know: KeyAdministratorArn, Trustedkeys",
    ),
    (_USUAL + "ledger: table\n", _ROLE, "parameters.yaml has names that template.yaml does not know: ledger"),
    (_USUAL + "TrustedKeys: x\nLedger: table\n", _ROLE, "parameters.yaml has more than once: Ledger"),
]


def faults(checkout, environment):
    """What it takes and should not, or the other way around. The checkout is then as it was."""
    stub = checkout / ".tools/bin/sam"
    stub.parent.mkdir()
    stub.write_text(STUB)
    stub.chmod(0o755)
    environment = environment | {"PATH": f"{stub.parent}:{environment['PATH']}"}
    file, reached = checkout / "parameters.yaml", checkout / "sam.reached"
    found = []
    for text, options, says in DEPLOYED_OR_NOT:
        file.write_text(text)
        reached.unlink(missing_ok=True)
        ended = subprocess.run(
            ["infra/deploy", *options], cwd=checkout, env=environment, capture_output=True, text=True, timeout=PATIENCE,
        )
        saw = (ended.returncode, reached.exists(), ended.stderr)
        should = (2, False, f"infra/deploy: {says}\n") if says else (0, True, "")
        if saw != should:
            found.append(f"infra/deploy {options} with {text!r}: {saw}, and should be {should}")
    for left in (file, reached):
        left.unlink(missing_ok=True)
    shutil.rmtree(stub.parent)
    shutil.rmtree(checkout / ".aws-sam", ignore_errors=True)
    return found
