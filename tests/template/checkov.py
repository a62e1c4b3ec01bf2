"""Runs checkov on what SAM makes of template.yaml and on infra/, offline and without policies from elsewhere.

A finding fails unless checkov.yaml names it with a reason, and so does a name there without its finding. A second run,
on templates with all of the faults below, shows that each is found.
"""

import concurrent.futures
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import yaml
from templates import ROOT, append, changed, drop, load, put

ACCEPTED = ROOT / "tests/template/checkov.yaml"
POLICY_CHECKS = {f"CKV_AWS_{number}" for number in (107, 108, 109, 110, 111)}  # each policy gets them if it can be read

_ACLS = ("auditor", "Bucket", "Properties", "PublicAccessBlockConfiguration", "BlockPublicAcls")
_VERSIONS = ("trail", "Bucket", "Properties", "VersioningConfiguration", "Status")
_KEY_USERS = ("signing-key", "Key", "Properties", "KeyPolicy", "Statement", 0, "Principal")
_TLS = ("edge", "Distribution", "Properties", "DistributionConfig", "ViewerCertificate", "MinimumProtocolVersion")
_TRUST = ("template", "FunctionRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Principal")
_LOG_POLICY = ("permissions", "WriteLog", "Properties", "PolicyDocument", "Statement")
_STATE_POLICY = ("auditor", "KeepState", "Properties", "PolicyDocument", "Statement")
_ANYTHING = {"Effect": "Allow", "Action": ["iam:PutRolePolicy", "s3:GetObject"], "Resource": "*"}
_SKIP = {"checkov": {"skip": [{"id": "CKV_AWS_28", "comment": "hidden in the template"}]}}
_KEY_ID = "AKIA" + "IOSFODNN7EXBMPLE"  # in two, so that nothing takes this file for a leak

FAULTS = [  # each with what checkov finds after it, and not before
    (put(*_ACLS, False), [("CKV_AWS_53", "auditor/Bucket")]),
    (put(*_VERSIONS, "Suspended"), [("CKV_AWS_21", "trail/Bucket")]),
    (put("trail", "Trail", "Properties", "EnableLogFileValidation", False), [("CKV_AWS_36", "trail/Trail")]),
    (drop("ledger", "Table", "Properties", "PointInTimeRecoverySpecification"), [("CKV_AWS_28", "ledger/Table")]),
    (put(*_KEY_USERS, "*"), [("CKV_AWS_33", "signing-key/Key")]),
    (put(*_TLS, "TLSv1"), [("CKV_AWS_174", "edge/Distribution")]),
    (drop("access-log", "LogGroup", "Properties", "RetentionInDays"), [("CKV_AWS_66", "access-log/LogGroup")]),
    (put(*_TRUST, {"AWS": "*"}), [("CKV_AWS_60", "template/FunctionRole")]),
    (
        append(*_LOG_POLICY, _ANYTHING),
        [("CKV_AWS_108", "permissions/WriteLog"), ("CKV_AWS_109", "permissions/WriteLog")],
    ),
    (put("topics", "Notices", "Properties", "DisplayName", _KEY_ID), [("CKV_SECRET_2", "topics")]),
]
HIDDEN = [  # changes that keep checkov from looking, each with what this program says of them
    (
        put(*_STATE_POLICY, 0, {"Fn::If": ["HasLedger", _ANYTHING, {"Ref": "AWS::NoValue"}]}),
        ["the policy auditor/KeepState is not understood"],
    ),
    (put("counters", "Table", "Metadata", _SKIP), ["CKV_AWS_28 counters/Table is skipped"]),
    (put("budget", "Budget", "Properties", "none"), ["budget.json cannot be parsed", "resources that are not seen: 1"]),
]
MENDED = [  # a change after which a finding of checkov.yaml no longer occurs
    (put("topics", "Pages", "Properties", "KmsMasterKeyId", "alias/topics"), [("CKV_AWS_26", "topics/Pages")]),
]


def accepted():
    """The findings of checkov.yaml, as (check, where)."""
    found = []
    for entry in yaml.safe_load(ACCEPTED.read_text()):
        assert set(entry) == {"check", "asks", "resources", "reason"} and entry["reason"].strip(), entry
        found += [(entry["check"], resource) for resource in entry["resources"]]
    assert len(found) == len(set(found)), f"{ACCEPTED.name} has a finding twice"
    return set(found)


def as_checkov_knows_them(templates):
    """A copy with each RolePolicy as a Policy of that role: checkov reads the second alone."""
    templates = copy.deepcopy(templates)
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::IAM::RolePolicy":
                resource["Type"] = "AWS::IAM::Policy"
                resource["Properties"]["Roles"] = [resource["Properties"].pop("RoleName")]
    return templates


def run(templates):
    """The reports of checkov, one for each framework."""
    with tempfile.TemporaryDirectory() as folder:
        translated = pathlib.Path(folder, "templates")
        translated.mkdir()
        for name, template in templates.items():
            (translated / f"{name}.json").write_text(json.dumps(template, indent=1))
        result = subprocess.run(
            [ROOT / ".tools/checkov/bin/checkov", "--directory", translated, "--framework", "cloudformation", "secrets"]
            + ["--skip-download", "--soft-fail", "--output", "json"],
            cwd=folder,
            env={  # no configuration of the user's, and no look for a newer version
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true",
            },
            stdout=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 0, f"checkov exited with {result.returncode}: {result.stdout}"
    reports = json.loads(result.stdout)
    return reports if isinstance(reports, list) else [reports]


def where(finding):
    """The template and the resource, as 'ledger/Table'. A secret has the template alone."""
    template = pathlib.Path(finding["file_path"]).stem
    _, of_a_type, name = finding["resource"].partition(".")
    return f"{template}/{name}" if of_a_type else template


def judge(templates):
    """The findings, as (check, where) with the check's name; how many checks passed; what was not looked at."""
    templates = as_checkov_knows_them(templates)
    findings, passed, left_out = {}, set(), []
    for report in run(templates):
        findings |= {(one["check_id"], where(one)): one["check_name"] for one in report["results"]["failed_checks"]}
        passed |= {(one["check_id"], where(one)) for one in report["results"]["passed_checks"]}
        left_out += [f"{pathlib.Path(file).name} cannot be parsed" for file in report["results"]["parsing_errors"]]
        left_out += [f"{one['check_id']} {where(one)} is skipped" for one in report["results"]["skipped_checks"]]
        seen = report["summary"]["resource_count"]
        there = sum(len(template["Resources"]) for template in templates.values())
        if report["check_type"] == "cloudformation" and seen != there:
            left_out.append(f"resources that are not seen: {there - seen}")
    for name, template in templates.items():
        for resource, body in template["Resources"].items():
            if body["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
                judged = {check for check, place in passed | set(findings) if place == f"{name}/{resource}"}
                if not POLICY_CHECKS <= judged:
                    left_out.append(f"the policy {name}/{resource} is not understood")
    return findings, len(passed), left_out


def with_faults(templates):
    for change, _ in FAULTS + HIDDEN + MENDED:
        templates = changed(templates, change)
    return templates


def failures(sound, spoilt):
    findings, _, left_out = sound
    known = accepted()
    broken = [
        *left_out,
        *(f"{check} {place}: {findings[check, place]}" for check, place in sorted(set(findings) - known)),
        *(f"{check} {place} is accepted, and does not occur" for check, place in sorted(known - set(findings))),
    ]
    yield from broken
    if broken:
        return  # the faults are changes of what is right
    found, _, said = spoilt
    for number, (_, expected) in enumerate(FAULTS, 1):
        if not set(expected) <= set(found) - known:
            yield f"fault {number} of FAULTS is not found"
    for number, (_, expected) in enumerate(HIDDEN, 1):
        if not set(expected) <= set(said):
            yield f"fault {number} of HIDDEN is not told"
    for _, expected in MENDED:
        if not set(expected) <= known - set(found):
            yield f"{expected} does not go when it is mended"


def main():
    started = time.monotonic()
    loaded = load()
    with concurrent.futures.ThreadPoolExecutor(2) as beside:
        sound, spoilt = beside.map(judge, (loaded, with_faults(loaded)))
    faults = list(failures(sound, spoilt))
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    findings, passed, _ = sound
    if not faults:
        tried = len(FAULTS + HIDDEN + MENDED)
        print(f"checkov: {passed} checks pass; {len(findings)} findings, each accepted; {tried} faults, each found")
    print(f"templates: {len(faults) or 'no'} failures, {time.monotonic() - started:.1f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
