"""The log that a deployment names: both functions are told the same, slips are refused, and Sigstore's files have room."""

import json
import re

from expressions import Stack
from log_variables import variables_of_the_log
from templates import ROOT, drop, put

LAMBDAS_ROOM = 4096  # bytes, of all variables of a function together
LONGEST_PARAMETER = 4096  # bytes; CloudFormation's
BYTES_OF_A_SHARD = 500  # in both files
PUBLIC_V1 = "https://rekor.sigstore.dev"
ROOT_JSON, CONFIG_JSON = '{"tlogs": []}', '{"rekorTlogUrls": []}'
REFUSED = [  # parameters that no function could start with
    {"RekorUrl": "https://rekor.example"},
    {"RekorUrl": "https://rekor.example", "RekorApiVersion": "2"},
    {"RekorApiVersion": "2"},
    {"RekorApiVersion": "2", "RekorPublicKeys": "log.example+1+AZ"},
    {"SigningConfig": CONFIG_JSON},
]
ACCEPTED = [
    {},
    {"RekorApiVersion": "1"},
    {"RekorUrl": "https://rekor.example", "RekorPublicKeys": "-----BEGIN PUBLIC KEY-----"},
    {"RekorUrl": "https://rekor.example", "RekorApiVersion": "2", "RekorPublicKeys": "rekor.example+1+AZ"},
    {"RekorUrl": "https://rekor.example", "RekorApiVersion": "2", "TrustedRoot": ROOT_JSON},
    {"SigningConfig": CONFIG_JSON, "TrustedRoot": ROOT_JSON},
    {"SigningConfig": CONFIG_JSON, "TrustedRoot": ROOT_JSON, "RekorApiVersion": "2"},
]
# What a deployment with a domain, an edge, and four keys adds.
FURTHER = {"PublicHost": "registry.example.com", "EdgeSecrets": "x" * 65, "TrustedKeys": "k" * 2 * 178}
ARN = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def _variables(t, template):
    return t[template]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]


def _parameter_of(variable):
    return "".join(word.capitalize() for word in variable.split("_"))


def _stack(t, template, values):
    made = dict.fromkeys(("SigningKeyStack.Outputs.Arn", "LedgerStack.Outputs.TableName", "Bucket", "Ledger"), ARN)
    needed = {"SigningKey": ARN, "PageTopicArn": ARN, "NoticeTopicArn": ARN, "Counters.Outputs.TableName": ARN}
    return Stack(t[template], made | needed | values)


def _fails(t, template, values):
    """Names of the rules that these parameters break."""
    stack = _stack(t, template, values)
    for name, rule in t[template]["Rules"].items():
        if name in ("RevisionIsGiven", "SomeKeyCounts"):
            continue
        if stack._holds(rule["RuleCondition"]) and not all(stack._holds(a["Assert"]) for a in rule["Assertions"]):
            yield name


def _shortened(file):
    """A file of Sigstore's, without what the runbook's command leaves out."""
    page = (ROOT / "docs/runbook.md").read_text()
    (left_out,) = re.findall(rf"jq -c 'del\(([^)]+)\)' {re.escape(file)}", page)
    # Of the two signing configs, the longer one.
    copy = file.replace("signing_config.", "signing_config_rekor_v2.")
    whole = json.loads((ROOT / "tests/data/sigstore-root" / copy).read_text())
    for name in left_out.split(","):
        del whole[name.strip().removeprefix(".")]
    return json.dumps(whole, separators=(",", ":"))


def function_and_auditor_are_told_the_same(t):
    passed = t["template"]["Resources"]["AuditorStack"]["Properties"]["Parameters"]
    for variable in variables_of_the_log():
        parameter = _parameter_of(variable)
        assert passed[parameter] == {"Ref": parameter}, parameter
        for template in ("template", "auditor"):
            if variable != "REKOR_URL":
                assert _variables(t, template)[variable] == {"Ref": parameter}, (template, variable)
            mine, other = (t[name]["Parameters"][parameter] for name in ("template", "auditor"))
            assert mine == other, parameter
            assert variable == "REKOR_URL" or mine["Default"] == "", parameter


def a_signing_config_names_the_log_alone(t):
    for template in ("template", "auditor"):
        url = _variables(t, template)["REKOR_URL"]
        assert _stack(t, template, {}).value(url) == PUBLIC_V1
        assert _stack(t, template, {"RekorUrl": "https://rekor.example"}).value(url) == "https://rekor.example"
        assert _stack(t, template, {"SigningConfig": CONFIG_JSON}).value(url) == ""


def slips_are_refused_before_anything_is_made(t):
    for template in ("template", "auditor"):
        for values in REFUSED:
            assert list(_fails(t, template, values)), (template, values)
        for values in ACCEPTED:
            assert not list(_fails(t, template, values)), (template, values)


def sigstores_files_have_room(t):
    """Of the size that they have now, and with two shards more."""
    files = {"TrustedRoot": _shortened("trusted_root.json"), "SigningConfig": _shortened("signing_config.v0.2.json")}
    for name, text in files.items():
        assert len(text.encode()) <= LONGEST_PARAMETER, name
        assert re.fullmatch(t["template"]["Parameters"][name]["AllowedPattern"], text), name
    values = files | FURTHER | {"EarlierLogs": PUBLIC_V1}
    for template in ("template", "auditor"):
        stack = _stack(t, template, values)
        variables = {name: str(stack.value(node)) for name, node in _variables(t, template).items()}
        taken = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
        assert taken <= LAMBDAS_ROOM - 2 * BYTES_OF_A_SHARD, (template, taken)


def _parameter(template, name, key, value):
    def change(t):
        t[template]["Parameters"][name][key] = value

    return change


def _no_rule(template, name):
    def change(t):
        del t[template]["Rules"][name]

    return change


def _refuses_all(t):
    t["template"]["Rules"]["AnotherLogHasKeys"]["RuleCondition"] = {"Fn::Equals": ["", ""]}


_VARIABLES = ("template", "Function", "Properties", "Environment", "Variables")
_AUDITORS = ("auditor", *_VARIABLES[1:])
FAULTS = [
    (function_and_auditor_are_told_the_same, drop("template", "AuditorStack", "Properties", "Parameters", "EarlierLogs")),
    (function_and_auditor_are_told_the_same, put(*_AUDITORS, "TRUSTED_ROOT", "")),
    (function_and_auditor_are_told_the_same, put(*_VARIABLES, "TIMESTAMP_URL", {"Ref": "RekorTilesUrl"})),
    (function_and_auditor_are_told_the_same, _parameter("auditor", "RekorApiVersion", "AllowedValues", ["1"])),
    (function_and_auditor_are_told_the_same, _parameter("template", "TimestampUrl", "Default", "none")),
    (a_signing_config_names_the_log_alone, put(*_VARIABLES, "REKOR_URL", {"Ref": "RekorUrl"})),
    (a_signing_config_names_the_log_alone, put(*_AUDITORS, "REKOR_URL", "Fn::If", 2, PUBLIC_V1)),
    (slips_are_refused_before_anything_is_made, _no_rule("template", "AnotherLogHasKeys")),
    (slips_are_refused_before_anything_is_made, _no_rule("auditor", "Version2IsAnotherLog")),
    (slips_are_refused_before_anything_is_made, _no_rule("template", "ASigningConfigHasATrustedRoot")),
    (slips_are_refused_before_anything_is_made, _refuses_all),
    (sigstores_files_have_room, put(*_VARIABLES, "FURTHER", "x" * 2048)),
    (sigstores_files_have_room, _parameter("template", "TrustedRoot", "AllowedPattern", "/.*")),
]
