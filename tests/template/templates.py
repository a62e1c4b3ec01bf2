"""The templates as the rules see them: what SAM makes of template.yaml, and those of infra/, as parsed JSON."""

import copy
import json
import logging
import os
import pathlib
import re

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

os.environ["AWS_DEFAULT_REGION"] = "us-east-1"  # SAM and its linter want to know one; nothing is called there
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["SAM_CLI_TELEMETRY"] = "0"
logging.getLogger("samtranslator").setLevel(logging.ERROR)  # no line for each translation

ROOT = pathlib.Path(__file__).resolve().parents[2]


def source_text():
    return (ROOT / "template.yaml").read_text()


def load():
    """By file name without `.yaml`: 'template' (translated), 'ledger', 'signing-key', …"""
    templates = {path.stem: yaml_parse(path.read_text()) for path in sorted((ROOT / "infra").glob("*.yaml"))}
    templates["template"] = yaml_parse(source_text())
    templates = {name: translate(one) if "Transform" in one else one for name, one in templates.items()}
    # Through JSON, so that nothing is shared between two places of a template, or left of YAML's own types.
    return json.loads(json.dumps(templates))


def translate(template, parameters=None):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"  # what `sam package` puts there
    return Translator({}, Parser()).translate(template, parameters or {})


def resources(templates, resource_type):
    """Each resource of a type, in any template."""
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == resource_type:
                yield resource


def the_one(templates, resource_type):
    found = list(resources(templates, resource_type))
    assert len(found) == 1, f"{len(found)} resources of type {resource_type}"
    return found[0]


def policies(templates):
    """(where, document) for each policy in any template, whatever it is a policy of."""

    def walk(node, where):
        if isinstance(node, dict):
            if "Statement" in node and "Version" in node:
                yield where, node | {"Statement": statements(node)}
            for key, value in node.items():
                yield from walk(value, f"{where}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                yield from walk(value, f"{where}/{index}")

    for name, template in templates.items():
        yield from walk(template["Resources"], name)


def statements(document):
    """The statements of a policy, conditional ones included."""
    found = []
    for one in document["Statement"]:
        _, then, otherwise = one["Fn::If"] if "Fn::If" in one else (None, one, {"Ref": "AWS::NoValue"})
        found += [branch for branch in (then, otherwise) if branch != {"Ref": "AWS::NoValue"}]
    return found


def is_true(name):
    """The condition that a parameter is true, which `sam deploy` sends as True if it stands in the file without quotes."""
    return {"Fn::Or": [{"Fn::Equals": [{"Ref": name}, word]} for word in ("true", "True")]}


def as_list(value):
    return value if isinstance(value, list) else [value]


def actions(statement):
    return set(as_list(statement.get("Action", [])))


def statement(document, sid):
    found = [s for s in document["Statement"] if s.get("Sid") == sid]
    assert len(found) == 1, f"no statement {sid}"
    return found[0]


SAMPLE_ARNS = {  # what an expression stands for, where a checker looks at its form
    "SigningKeyArn": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    "SignerRoleArn": "arn:aws:iam::123456789012:role/function",
    "AdministratorArns": "arn:aws:iam::123456789012:role/administrator",
    "WriterRoleArns": "arn:aws:iam::123456789012:role/function",
    "Bucket.Arn": "arn:aws:s3:::bucket",
    "PageTopicArn": "arn:aws:sns:us-east-1:123456789012:page",
    "NoticeTopicArn": "arn:aws:sns:us-east-1:123456789012:notice",
    "Function.Arn": "arn:aws:lambda:us-east-1:123456789012:function:function",
    "UpgradeRole.Arn": "arn:aws:iam::123456789012:role/upgrade",
    "Provider": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    "OidcProviderArn": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    "LedgerStreamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/ledger/stream/label",
    "Pages": "arn:aws:sns:us-east-1:123456789012:pages",
    "PagesArn": "arn:aws:sns:us-east-1:123456789012:pages",
    "Notices": "arn:aws:sns:us-east-1:123456789012:notices",
    "NoticesArn": "arn:aws:sns:us-east-1:123456789012:notices",
    "Bucket.Arn": "arn:aws:s3:::bucket",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
}


def with_samples(node):
    """A template's part with each expression replaced by a value that it could have."""
    if isinstance(node, list):
        return [with_samples(item) for item in node]
    if not isinstance(node, dict):
        return node
    match node:
        case {"Ref": name}:
            return SAMPLE_ARNS.get(name, name.lower())
        case {"Fn::GetAtt": path}:
            name = ".".join(as_list(path))
            return SAMPLE_ARNS.get(name, name.lower())
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: with_samples({"Ref": found[1]}), text)
        case {"Fn::If": [_, then, _]}:
            return with_samples(then)
    return {key: with_samples(value) for key, value in node.items()}


# A table of faults consists of changes to the parsed templates. A path begins at a template's resources.


def _parent(templates, path):
    template, *keys, last = path
    node = templates[template]["Resources"]
    for key in keys:
        node = node[key]
    return node, last


def put(*path_and_value):
    *path, value = path_and_value

    def change(templates):
        node, last = _parent(templates, path)
        node[last] = value

    return change


def drop(*path):
    def change(templates):
        node, last = _parent(templates, path)
        del node[last]

    return change


def append(*path_and_item):
    *path, item = path_and_item

    def change(templates):
        node, last = _parent(templates, path)
        node[last] = as_list(node[last]) + [item]

    return change


def changed(templates, change):
    """A copy with the change, which must have changed something."""
    copied = copy.deepcopy(templates)
    change(copied)
    assert copied != templates, "the fault changes nothing"
    return copied
