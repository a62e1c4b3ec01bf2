"""The role that upgrades from GitHub: one repository's, one deployment's, with what an upgrade needs and no more."""

import re

from handlers import deployed, permissions
from templates import actions, append, as_list, drop, put, resources

TRUSTED = {"token.actions.githubusercontent.com:aud", "token.actions.githubusercontent.com:sub"}
# What an upgrade does to each type of resource that a deployment has.
CHANGES = {
    "AWS::ApiGatewayV2::Api": ("read", "update"),
    "AWS::ApiGatewayV2::Stage": ("read", "update"),
    "AWS::CloudFormation::Stack": ("read", "update"),
    "AWS::CloudWatch::Alarm": ("create", "read", "update", "delete"),
    "AWS::CloudWatch::Dashboard": ("read", "update"),
    "AWS::CodeDeploy::DeploymentGroup": ("read", "update"),
    "AWS::Lambda::Alias": ("read", "update"),
    "AWS::Lambda::Function": ("read", "update"),
    "AWS::Lambda::Permission": ("create", "read", "delete"),
    "AWS::Lambda::Version": ("create", "read"),  # the one before stays
    "AWS::Logs::LogGroup": ("read", "update"),
    "AWS::Logs::MetricFilter": ("create", "read", "update", "delete"),
    "AWS::SNS::Topic": ("read",),
}
LEFT_TO_PEOPLE = {
    *("AWS::ApiGatewayV2::ApiMapping", "AWS::ApiGatewayV2::DomainName", "AWS::CertificateManager::Certificate"),
    *("AWS::CodeDeploy::Application", "AWS::Lambda::EventInvokeConfig"),
    *("AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::IAM::RolePolicy", "AWS::KMS::Alias", "AWS::KMS::Key"),
    *("AWS::Budgets::Budget", "AWS::CloudTrail::Trail", "AWS::Events::Rule", "AWS::Pipes::Pipe"),
    *("AWS::Route53::RecordSet", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
    *("AWS::SNS::Subscription", "AWS::SNS::TopicPolicy"),
}
# What a handler lists for these types, and an upgrade of this deployment does not do.
WITHHELD = {
    "kms:describekey": "the function's environment is encrypted under a key of AWS's",
    "logs:deleteresourcepolicy": "would concern other log groups",
}
# Beside what the schemas list: the API's log of requests, tags, and what older handlers asked for.
ADDED = {
    *("logs:createlogdelivery", "logs:deletelogdelivery", "logs:getlogdelivery", "logs:listlogdeliveries"),
    *("logs:updatelogdelivery", "lambda:getfunctionconfiguration", "lambda:listtags"),
}
OF_AWS = {  # names that are AWS's, or of which none is known beforehand
    "transform/Serverless-2016-10-31": ("UseTheSamTransform",),
    "*": ("CodeSigning",),
    "CodeDeployDefault.Lambda*": ("Rollouts",),
}
TAKE_NO_RESOURCE = {"LogDelivery", "StopRelease"}


def _policies(t):
    resources_of = t["deploy-role"]["Resources"].items()
    return {n: r["Properties"]["PolicyDocument"] for n, r in resources_of if r["Type"] == "AWS::IAM::RolePolicy"}


def _upgrade(t):
    return _policies(t)["UpgradePolicy"]["Statement"]


def _of(t, action):
    (found,) = (s for s in _upgrade(t) if action in actions(s))
    return found


def belongs_to_one_environment_of_one_repository(t):
    (trust,) = t["deploy-role"]["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity" and trust["Condition"].keys() == {"StringEquals"}
    assert trust["Condition"]["StringEquals"].keys() == TRUSTED
    sub = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert sub == {"Fn::Sub": "repo:${Repository}:environment:${Environment}"}


def touches_neither_key_nor_ledger(t):
    for name, document in _policies(t).items():
        for s in document["Statement"]:
            assert s["Effect"] == "Allow" and not any(a.startswith(("kms:", "dynamodb:")) for a in actions(s)), name


def of_iam_it_only_hands_over_named_roles(t):
    for name, document in _policies(t).items():
        for s in document["Statement"]:
            iam = {a for a in actions(s) if a.startswith("iam:")}
            assert iam <= {"iam:PassRole"}, name
            if iam:
                assert s["Condition"]["StringEquals"].keys() == {"iam:PassedToService"}, name
    for role in resources({"deploy-role": t["deploy-role"]}, "AWS::IAM::Role"):
        assert not role["Properties"].keys() & {"ManagedPolicyArns", "Policies"}


def hands_over_no_other_role(t):
    """A change set without a role takes that of the last deployment, which may be the administrative one."""
    (asking,) = (s for s in _policies(t)["DeployPolicy"]["Statement"] if s["Sid"] == "AskForAChange")
    assert asking["Condition"] == {"ArnEquals": {"cloudformation:RoleArn": {"Fn::GetAtt": ["UpgradeRole", "Arn"]}}}
    for s in _policies(t)["DeployPolicy"]["Statement"]:
        changing = {"cloudformation:CreateChangeSet", "cloudformation:CreateStack", "cloudformation:UpdateStack"}
        assert not actions(s) & changing or s["Sid"] in ("AskForAChange", "UseTheSamTransform"), s["Sid"]


def every_type_is_upgraded_or_left_to_people(t):
    types = {resource["Type"] for _, _, resource in deployed(t)}
    assert types == CHANGES.keys() | LEFT_TO_PEOPLE, types ^ (CHANGES.keys() | LEFT_TO_PEOPLE)


def may_do_what_an_upgrade_needs_and_nothing_more(t):
    needed = set().union(*(permissions(each, *what) for each, what in CHANGES.items()))
    needed = needed - WITHHELD.keys() | ADDED
    granted = {a.lower() for s in _upgrade(t) for a in actions(s) if s["Sid"] != "UseTheSamTransform"}
    assert granted == needed, f"lacks {sorted(needed - granted)}, has more in {sorted(granted - needed)}"


def names_match_no_other_deployment(t):
    """The stack's name, a hyphen and the capital of a logical id; or a whole name; or an id."""
    assert t["deploy-role"]["Parameters"]["StackName"]["AllowedPattern"] == "[a-z][a-z0-9-]{0,29}"
    for name, document in _policies(t).items():
        for s in document["Statement"]:
            for resource in as_list(s["Resource"]):
                if s["Sid"] in TAKE_NO_RESOURCE:
                    assert resource == "*", s["Sid"]
                    continue
                named = resource.get("Fn::Sub", "")
                last = re.split(r"[:]", named)[-1]
                ours = (
                    resource == {"Fn::GetAtt": ["UpgradeRole", "Arn"]}
                    or re.search(r"[:/]\$\{StackName\}(-[A-Z]\w+-\*(/\*)?|/\*|-[a-z-]+|-\$\{AWS::Region\})?$", named)
                    or last.startswith("/apis/${ApiId}")
                    or last in OF_AWS and s["Sid"] in OF_AWS[last]
                )
                assert ours, (name, s["Sid"], named)


def lets_in_the_api_alone(t):
    adds = _of(t, "lambda:AddPermission")
    assert adds["Condition"] == {"StringEquals": {"lambda:Principal": "apigateway.amazonaws.com"}}


def deletes_no_api(t):
    for resource in _of(t, "apigateway:DELETE")["Resource"]:
        assert re.search(r"/apis/\$\{ApiId\}/stages/\*/\w+settings(/\*)?$", resource["Fn::Sub"])


def alarms_are_named_one_by_one(t):
    """A pattern would match those of a deployment whose name begins as this one's."""
    named = {
        r["Properties"]["AlarmName"]["Fn::Sub"].replace("${Name}", "alarm:${StackName}")
        for _, _, r in deployed(t)
        if r["Type"] == "AWS::CloudWatch::Alarm" and "AlarmName" in r["Properties"]
    }
    granted = {r["Fn::Sub"].split("${AWS::AccountId}:")[1] for r in _of(t, "cloudwatch:PutMetricAlarm")["Resource"]}
    assert named | {"alarm:${StackName}-Release-*"} == granted, sorted(granted ^ named)


def may_update_each_nested_stack(t):
    nested = {n for n, r in t["template"]["Resources"].items() if r["Type"] == "AWS::CloudFormation::Stack"}
    granted = {re.search(r"-(\w+)-\*/\*$", r["Fn::Sub"])[1] for r in _of(t, "cloudformation:UpdateStack")["Resource"]}
    assert nested == granted, sorted(nested ^ granted)


def artifacts_lie_under_the_deployments_name(t):
    for document in _policies(t).values():
        for s in document["Statement"]:
            if any(a.startswith("s3:") for a in actions(s)):
                assert s["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::${ArtifactBucket}/${StackName}/*"}


_TRUST = ("deploy-role", "DeployRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition")
_DEPLOY = ("deploy-role", "DeployPolicy", "Properties", "PolicyDocument", "Statement")
_UPGRADE = ("deploy-role", "UpgradePolicy", "Properties", "PolicyDocument", "Statement")
_STACKS, _FUNCTION, _LETS_IN, _HANDS_OVER, _API, _ALARMS = 0, 3, 5, 6, 11, 15
_LAMBDA = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
FAULTS = [
    (
        belongs_to_one_environment_of_one_repository,
        put(*_TRUST, {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:*"}}),
    ),
    (
        belongs_to_one_environment_of_one_repository,
        drop(*_TRUST, "StringEquals", "token.actions.githubusercontent.com:aud"),
    ),
    (
        belongs_to_one_environment_of_one_repository,
        put(
            *_TRUST, "StringEquals", "token.actions.githubusercontent.com:sub",
            {"Fn::Sub": "repo:${Repository}:pull_request"},
        ),
    ),
    (touches_neither_key_nor_ledger, append(*_UPGRADE, _FUNCTION, "Action", "kms:PutKeyPolicy")),
    (touches_neither_key_nor_ledger, append(*_UPGRADE, _FUNCTION, "Action", "dynamodb:DeleteResourcePolicy")),
    (of_iam_it_only_hands_over_named_roles, append(*_UPGRADE, _HANDS_OVER, "Action", "iam:PutRolePolicy")),
    (
        of_iam_it_only_hands_over_named_roles,
        drop(*_UPGRADE, _HANDS_OVER, "Condition", "StringEquals", "iam:PassedToService"),
    ),
    (
        of_iam_it_only_hands_over_named_roles,
        put(
            "deploy-role", "UpgradeRole", "Properties", "ManagedPolicyArns",
            ["arn:aws:iam::aws:policy/PowerUserAccess"],
        ),
    ),
    (hands_over_no_other_role, drop(*_DEPLOY, 0, "Condition")),
    (hands_over_no_other_role, append(*_DEPLOY, 1, "Action", "cloudformation:CreateChangeSet")),
    (hands_over_no_other_role, append(*_DEPLOY, 1, "Action", "cloudformation:UpdateStack")),
    (
        every_type_is_upgraded_or_left_to_people,
        put("monitoring", "Queue", {"Type": "AWS::SQS::Queue", "Properties": {}}),
    ),
    (may_do_what_an_upgrade_needs_and_nothing_more, append(*_UPGRADE, _FUNCTION, "Action", "lambda:DeleteFunction")),
    (may_do_what_an_upgrade_needs_and_nothing_more, put(*_UPGRADE, _ALARMS, "Action", ["cloudwatch:PutMetricAlarm"])),
    (names_match_no_other_deployment, put(*_UPGRADE, _FUNCTION, "Resource", {"Fn::Sub": _LAMBDA + "${StackName}-*"})),
    (names_match_no_other_deployment, put(*_UPGRADE, _FUNCTION, "Resource", {"Fn::Sub": _LAMBDA + "*"})),
    (
        names_match_no_other_deployment,
        put(*_UPGRADE, _API, "Resource", {"Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}::/apis/*"}),
    ),
    (lets_in_the_api_alone, drop(*_UPGRADE, _LETS_IN, "Condition")),
    (
        deletes_no_api,
        append(
            *_UPGRADE, _API + 1, "Resource",
            {"Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}::/apis/${ApiId}"},
        ),
    ),
    (
        alarms_are_named_one_by_one,
        put(
            "moves", "Another",
            {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": {"Fn::Sub": "${Name}-other"}}},
        ),
    ),
    (may_update_each_nested_stack, drop("template", "Monitoring")),
    (
        artifacts_lie_under_the_deployments_name,
        put(*_UPGRADE, 2, "Resource", {"Fn::Sub": "arn:${AWS::Partition}:s3:::${ArtifactBucket}/*"}),
    ),
]
