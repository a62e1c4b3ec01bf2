"""Other people's checkers. Each finds what the others miss; each is shown to find a fault of its kind."""

import copy
import json
import pathlib
import subprocess
import tempfile
import warnings

from cfnlint.api import lint
from cfnlint.config import ManualArgs
from templates import ROOT, SAMPLE_ARNS, append, policies, put, source_text, with_samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pkg_resources, which parliament still uses
    import parliament


_SOURCE_FUNCTION = "Unknown condition lambda:SourceFunctionArn for action %s"
_GITHUB = "Unknown condition token.actions.githubusercontent.com:%s for action sts:AssumeRoleWithWebIdentity"
_ACCOUNT = "Account expected to be of form like 123456789012"
NOT_UNDERSTOOD = {  # what parliament says of things that are right: (where, issue, detail)
    # The transform is AWS's own, and has 'aws' where others have an account.
    ("deploy-role/DeployPolicy", "INVALID_ARN", _ACCOUNT),
    ("deploy-role/UpgradePolicy", "INVALID_ARN", _ACCOUNT),
    ("administration-role/StacksAndRoles", "INVALID_ARN", _ACCOUNT),
    # Actions that are younger than parliament's list. cfn-lint knows them.
    ("administration-role/WhoIsTold", "UNKNOWN_ACTION", "Unknown action cloudtrail:GetEventConfiguration"),
    ("administration-role/WhoIsTold", "UNKNOWN_ACTION", "Unknown action s3:GetBucketAbac"),
    ("deploy-role/UpgradePolicy", "UNKNOWN_ACTION", "Unknown action lambda:GetFunctionScalingConfig"),
    ("administration-role/FunctionAndApi", "UNKNOWN_ACTION", "Unknown action lambda:GetFunctionScalingConfig"),
    # parliament knows Cognito, Amazon, Facebook, Google and SAML, not an account's OIDC providers.
    ("deploy-role/DeployRole", "UNKNOWN_FEDERATION_SOURCE", SAMPLE_ARNS["Provider"]),
    ("deploy-role/DeployRole", "UNKNOWN_CONDITION_FOR_ACTION", _GITHUB % "aud"),
    ("deploy-role/DeployRole", "UNKNOWN_CONDITION_FOR_ACTION", _GITHUB % "sub"),
    # Lambda puts it into the credentials of its functions, for all actions.
    ("template/OnlyFromTheFunction", "UNKNOWN_CONDITION_FOR_ACTION", _SOURCE_FUNCTION % "dynamodb:PutItem"),
    ("template/OnlyFromTheFunction", "UNKNOWN_CONDITION_FOR_ACTION", _SOURCE_FUNCTION % "dynamodb:UpdateItem"),
    ("template/OnlyFromTheFunction", "UNKNOWN_CONDITION_FOR_ACTION", _SOURCE_FUNCTION % "kms:Sign"),
}


def with_parliament(templates):
    """On every policy: actions that do not exist, resources that they do not act on, conditions that they ignore."""
    for where, document in policies(templates):
        document = with_samples(document)
        of_a_resource = any("Principal" in statement for statement in document["Statement"])
        for statement in document["Statement"]:
            if of_a_resource:
                statement.setdefault("Resource", "*")  # a role's trust policy has none, which parliament cannot know
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
            if of_a_resource and finding.issue == "RESOURCE_STAR":
                continue  # in a resource's own policy, '*' is that resource
            if ("/".join(where.split("/")[:2]), finding.issue, str(finding.detail)) not in NOT_UNDERSTOOD:
                yield f"{where}: {finding.issue} {finding.detail}"


def with_cfn_lint(templates):
    """On what SAM makes of template.yaml (a wrong runtime or architecture shows only there), and on infra/."""
    for name, template in templates.items():
        template = copy.deepcopy(template)
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::CloudFormation::Stack":  # what `sam package` puts there
                resource["Properties"]["TemplateURL"] = "https://bucket.s3.amazonaws.com/template.yaml"
        for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"])):
            if "Parameter Rollout not used" not in str(match):  # SAM has put its value in place
                yield f"{name}: {match}"


def with_cfn_lint_on_the_source(text):
    for match in lint(text, config=ManualArgs(regions=["us-east-1"])):
        yield f"template.yaml: {match}"


def with_sam_validate(text, *options):
    with tempfile.TemporaryDirectory() as folder:
        template = pathlib.Path(folder, "template.yaml")
        template.write_text(text)
        command = [ROOT / ".tools/bin/sam", "validate", "--template", template, *options]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            yield result.stdout + result.stderr


def with_sam_validate_lint(text):
    return with_sam_validate(text, "--lint")


def source_with(old, new):
    """template.yaml's text, with a fault."""
    text = source_text()
    assert text.count(old) == 1, old
    return text.replace(old, new)


_CONDITIONAL_DOMAIN = source_with(
    "      StageName: $default\n",
    "      StageName: $default\n      Domain: !If [HasDomain, {DomainName: a.example}, !Ref AWS::NoValue]\n",
)
_ROWS = ("permissions", "KeepLedger", "Properties", "PolicyDocument", "Statement", 0)
_DENY = ("ledger", "Table", "Properties", "ResourcePolicy", "PolicyDocument", "Statement", 0)

_TRUST = ("template", "FunctionRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0)

ON_TEMPLATES = {
    with_parliament: [
        append(*_ROWS, "Action", "dynamodb:GetItems"),
        append(*_DENY, "Action", "dynamodb:RemoveItem"),
        put("signing-key", "Key", "Properties", "KeyPolicy", "Statement", 3, "Action", "kms:ScheduleDeletion"),
        put(*_ROWS, "Resource", "arn:aws:s3:::bucket"),
        put(*_ROWS, "Condition", {"StringEquals": {"kms:MessageType": "DIGEST"}}),
        put("signing-key", "Key", "Properties", "KeyPolicy", "Statement", 0, "Principal", {"AWS": "function"}),
        put(*_TRUST, "Action", "sts:Assume"),
    ],
    with_cfn_lint: [
        put("template", "Function", "Properties", "Runtime", "provided.al2024"),
        put("template", "Function", "Properties", "Architectures", ["arm"]),
        put("template", "Function", "Properties", "Timeout", 901),
        put("signing-key", "Key", "Properties", "KeySpec", "ECC_P256"),
        put(*_DENY, "Resource", {"Fn::GetAtt": ["Table", "Arn"]}),
    ],
}
ON_THE_SOURCE = {
    with_cfn_lint_on_the_source: [source_with("Handler: bootstrap", "Handlers: bootstrap")],
    with_sam_validate: [_CONDITIONAL_DOMAIN],
    with_sam_validate_lint: [source_with("Role: !GetAtt FunctionRole.Arn", "Role: !GetAtt Role.Arn")],
}
