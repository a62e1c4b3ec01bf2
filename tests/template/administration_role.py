"""The role that people deploy with: what CloudFormation's handlers need, under one deployment's name."""

import json

from handlers import deployed, permissions
from templates import actions, append, as_list, drop, put, with_samples

# Characters, white space not counted: all of a role's own policies, and each of those that are attached to it.
INLINE_LIMIT, MANAGED_LIMIT = 10_240, 6_144
TAKE_NO_RESOURCE = {"StopRelease", "Trails", "MakeKey", "MakeCertificate", "Zones", "LogDelivery", "Subscriptions"}
# Where AWS gives the name: by account, and by nothing that is known beforehand.
NAMED_BY_AWS = {
    *("UseTheSamTransform", "Rollouts", "Key", "CodeSigning", "Api", "Domain", "Certificate"),
    *("Records", "RecordChanges"),
}


def _statements(t):
    for resource in t["administration-role"]["Resources"].values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def may_do_what_the_handlers_need(t):
    granted = {a.lower() for s in _statements(t) for a in actions(s)}
    types = {resource["Type"] for _, _, resource in deployed(t)}
    needed = set().union(*(permissions(each, "create", "read", "update", "delete") for each in types))
    assert needed <= granted, f"lacks {sorted(needed - granted)}"
    assert {"logs:createlogdelivery", "logs:listlogdeliveries", "logs:updatelogdelivery"} <= granted


def is_cloudformations_alone(t):
    (trust,) = t["administration-role"]["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}


def acts_under_the_deployments_name(t):
    for s in _statements(t):
        assert s["Effect"] == "Allow"
        for resource in as_list(s["Resource"]):
            if resource == "*":
                assert s["Sid"] in TAKE_NO_RESOURCE, s["Sid"]
            elif s["Sid"] not in NAMED_BY_AWS:
                named = resource["Fn::Sub"]
                assert "${StackName}" in named or named.endswith(":key/*") and s["Sid"] == "KeyAlias", s["Sid"]


def hands_roles_to_services_that_run_the_deployment(t):
    for s in _statements(t):
        if "iam:PassRole" in actions(s):
            services = as_list(s["Condition"]["StringEquals"]["iam:PassedToService"])
            assert services and not any("*" in service for service in services)


def does_not_sign_or_read_rows(t):
    """The key's policy and the ledger's rows are the function's; whoever deploys can change that, and it shows."""
    granted = {a for s in _statements(t) for a in actions(s)}
    assert not granted & {"kms:Sign", "kms:CreateGrant", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"}


def fits_into_a_role(t):
    inline = 0
    for name in ("administration-role", "deploy-role"):
        for resource in t[name]["Resources"].values():
            document = with_samples(resource["Properties"].get("PolicyDocument"))
            size = len(json.dumps(document, separators=(",", ":")))
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                assert size < MANAGED_LIMIT, size
            elif resource["Type"] == "AWS::IAM::RolePolicy":
                inline += size
    assert inline < INLINE_LIMIT, inline


def _many(t):
    statements = t["administration-role"]["Resources"]["LogsAndAlarms"]["Properties"]["PolicyDocument"]["Statement"]
    statements.extend(statements * 4)


_LOGS = ("administration-role", "LogsAndAlarms", "Properties", "PolicyDocument", "Statement")
_TABLES = ("administration-role", "KeyAndTables", "Properties", "PolicyDocument", "Statement", 3)
_STACKS = ("administration-role", "StacksAndRoles", "Properties", "PolicyDocument", "Statement")
FAULTS = [
    (may_do_what_the_handlers_need, put(*_LOGS, 0, "Action", ["logs:CreateLogGroup"])),
    (may_do_what_the_handlers_need, drop("administration-role", "FunctionAndApi")),
    (
        may_do_what_the_handlers_need,
        put("monitoring", "Queue", {"Type": "AWS::SQS::Queue", "Properties": {}}),
    ),
    (
        is_cloudformations_alone,
        put(
            "administration-role", "Role", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Principal",
            {"AWS": "*"},
        ),
    ),
    (acts_under_the_deployments_name, put(*_TABLES, "Resource", "*")),
    (
        acts_under_the_deployments_name,
        put(*_STACKS, 3, "Resource", {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"}),
    ),
    (hands_roles_to_services_that_run_the_deployment, drop(*_STACKS, 4, "Condition")),
    (does_not_sign_or_read_rows, append(*_TABLES, "Action", "dynamodb:DeleteItem")),
    (fits_into_a_role, _many),
]
