"""The ledger's table: it stays, can be restored, and nobody deletes from it."""

from templates import actions, append, drop, put, the_one

DELETES = {
    *("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:PartiQLDelete"),
    "dynamodb:UpdateTimeToLive",
}


def _table(t):
    return the_one({"ledger": t["ledger"]}, "AWS::DynamoDB::Table")


def _properties(t):
    return _table(t)["Properties"]


def stays_when_the_stack_goes(t):
    assert _table(t)["DeletionPolicy"] == _table(t)["UpdateReplacePolicy"] == "Retain"


def is_protected_from_deletion(t):
    assert _properties(t)["DeletionProtectionEnabled"] is True


def can_be_restored_to_any_second(t):
    assert _properties(t)["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def is_keyed_by_tag_alone(t):
    assert _properties(t)["KeySchema"] == [{"AttributeName": "tag", "KeyType": "HASH"}]
    assert _properties(t)["AttributeDefinitions"] == [{"AttributeName": "tag", "AttributeType": "S"}]


def is_paid_by_request(t):
    assert _properties(t)["BillingMode"] == "PAY_PER_REQUEST"


def nothing_expires(t):
    assert "TimeToLiveSpecification" not in _properties(t)


def has_no_name_of_its_own(t):
    """A table that stayed would stand in the way of the next stack."""
    assert "TableName" not in _properties(t)


def deletion_is_denied_to_everyone(t):
    (deny,) = _properties(t)["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Principal"], deny["Resource"]) == ("Deny", "*", "*")
    assert actions(deny) == DELETES
    assert "Condition" not in deny, "a condition is an exception"


_PROPERTIES = ("ledger", "Table", "Properties")
_DENY = (*_PROPERTIES, "ResourcePolicy", "PolicyDocument", "Statement", 0)
FAULTS = [
    (stays_when_the_stack_goes, drop("ledger", "Table", "DeletionPolicy")),
    (stays_when_the_stack_goes, put("ledger", "Table", "UpdateReplacePolicy", "Delete")),
    (is_protected_from_deletion, drop(*_PROPERTIES, "DeletionProtectionEnabled")),
    (can_be_restored_to_any_second, drop(*_PROPERTIES, "PointInTimeRecoverySpecification")),
    (
        can_be_restored_to_any_second,
        put(*_PROPERTIES, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled", False),
    ),
    (is_keyed_by_tag_alone, append(*_PROPERTIES, "KeySchema", {"AttributeName": "digest", "KeyType": "RANGE"})),
    (is_keyed_by_tag_alone, put(*_PROPERTIES, "AttributeDefinitions", 0, "AttributeType", "B")),
    (is_paid_by_request, put(*_PROPERTIES, "BillingMode", "PROVISIONED")),
    (nothing_expires, put(*_PROPERTIES, "TimeToLiveSpecification", {"AttributeName": "lease", "Enabled": True})),
    (has_no_name_of_its_own, put(*_PROPERTIES, "TableName", "tlogistry")),
    (deletion_is_denied_to_everyone, put(*_DENY, "Effect", "Allow")),
    (deletion_is_denied_to_everyone, put(*_DENY, "Principal", {"AWS": "arn:aws:iam::123456789012:root"})),
    (deletion_is_denied_to_everyone, put(*_DENY, "Action", sorted(DELETES - {"dynamodb:PartiQLDelete"}))),
    (deletion_is_denied_to_everyone, put(*_DENY, "Condition", {"StringNotEquals": {"aws:username": "operator"}})),
    (
        deletion_is_denied_to_everyone,
        append(*_DENY[:-1], {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:PutItem", "Resource": "*"}),
    ),
]
