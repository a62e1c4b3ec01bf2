"""The ledger's table: it stays, can be restored, nobody deletes from it, and only the functions named write to it."""

import re

from templates import ROOT, actions, append, drop, put, the_one

DELETES = {
    *("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:PartiQLDelete"),
    "dynamodb:UpdateTimeToLive",
}
WRITES = {"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PutItem", "dynamodb:UpdateItem"}


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
    assert _attributes(t)["tag"] == "S"


def sightings_are_indexed_in_the_order_of_their_log(t):
    """As the program writes the attributes and asks the index, and with all that a line of the list is checked with."""
    (index,) = _properties(t)["GlobalSecondaryIndexes"]
    place = (ROOT / "src/ledger/place.rs").read_text()
    written = {name: text for name, text in re.findall(r'const ([A-Z_]+): &str = "(\w+)";', place)}
    log, index_of_entry, time = (written[name] for name in ("LOG", "LOG_INDEX", "TIME"))
    (name,) = re.findall(r'const INDEX: &str = "([\w-]+)";', (ROOT / "src/ledger/by_log.rs").read_text())
    assert index["IndexName"] == name
    keys = [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]]
    assert keys == [(log, "HASH"), (index_of_entry, "RANGE")]
    assert _attributes(t) == {"tag": "S", log: "S", index_of_entry: "N"}
    assert index["Projection"]["ProjectionType"] == "INCLUDE"
    # With 'entry' or 'moves' each row of the index would be ten times as large, and each move a write to it.
    assert set(index["Projection"]["NonKeyAttributes"]) == {"digest", "key", "signature", time}


def _attributes(t):
    return {a["AttributeName"]: a["AttributeType"] for a in _properties(t)["AttributeDefinitions"]}


def is_paid_by_request(t):
    assert _properties(t)["BillingMode"] == "PAY_PER_REQUEST"


def nothing_expires(t):
    assert "TimeToLiveSpecification" not in _properties(t)


def has_no_name_of_its_own(t):
    """A table that stayed would stand in the way of the next stack."""
    assert "TableName" not in _properties(t)


def its_policy_only_denies(t):
    denied = _properties(t)["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert [s["Effect"] for s in denied] == ["Deny", "Deny"]


def deletion_is_denied_to_everyone(t):
    deny, _ = _properties(t)["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Principal"], deny["Resource"]) == ("Deny", "*", "*")
    assert actions(deny) == DELETES
    assert "Condition" not in deny, "a condition is an exception"


def writing_is_denied_to_all_but_the_writers(t):
    _, deny = _properties(t)["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert (deny["Principal"], deny["Resource"]) == ("*", "*") and actions(deny) == WRITES
    assert deny["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": {"Ref": "WriterRoleArns"}}}
    parameter = t["ledger"]["Parameters"]["WriterRoleArns"]
    assert parameter["Type"] == "CommaDelimitedList" and "Default" not in parameter


def the_function_is_a_writer_with_and_without_others(t):
    given = t["template"]["Resources"]["LedgerStack"]["Properties"]["Parameters"]["WriterRoleArns"]
    condition, with_others, alone = given["Fn::If"]
    assert (condition, alone) == ("HasFurtherWriters", {"Fn::GetAtt": ["FunctionRole", "Arn"]})
    text, names = with_others["Fn::Sub"]
    assert text == "${FunctionRole.Arn},${Further}"
    assert names == {"Further": {"Fn::Join": [",", {"Ref": "FurtherLedgerWriterRoleArns"}]}}


_PROPERTIES = ("ledger", "Table", "Properties")
_INDEX = (*_PROPERTIES, "GlobalSecondaryIndexes")
_DENY = (*_PROPERTIES, "ResourcePolicy", "PolicyDocument", "Statement", 0)
_WRITE = (*_DENY[:-1], 1)
_WRITERS = ("template", "LedgerStack", "Properties", "Parameters", "WriterRoleArns")
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
    (sightings_are_indexed_in_the_order_of_their_log, drop(*_INDEX, 0)),
    (sightings_are_indexed_in_the_order_of_their_log, put(*_INDEX, 0, "IndexName", "by-time")),
    (sightings_are_indexed_in_the_order_of_their_log, put(*_INDEX, 0, "KeySchema", 0, "AttributeName", "tag")),
    (sightings_are_indexed_in_the_order_of_their_log, put(*_INDEX, 0, "Projection", {"ProjectionType": "KEYS_ONLY"})),
    (sightings_are_indexed_in_the_order_of_their_log, append(*_INDEX, 0, "Projection", "NonKeyAttributes", "entry")),
    (
        sightings_are_indexed_in_the_order_of_their_log,  # '10' would stand before '9'
        put(*_PROPERTIES, "AttributeDefinitions", 2, "AttributeType", "S"),
    ),
    (is_paid_by_request, put(*_PROPERTIES, "BillingMode", "PROVISIONED")),
    (nothing_expires, put(*_PROPERTIES, "TimeToLiveSpecification", {"AttributeName": "lease", "Enabled": True})),
    (has_no_name_of_its_own, put(*_PROPERTIES, "TableName", "tlogistry")),
    (deletion_is_denied_to_everyone, put(*_DENY, "Effect", "Allow")),
    (deletion_is_denied_to_everyone, put(*_DENY, "Principal", {"AWS": "arn:aws:iam::123456789012:root"})),
    (deletion_is_denied_to_everyone, put(*_DENY, "Action", sorted(DELETES - {"dynamodb:PartiQLDelete"}))),
    (deletion_is_denied_to_everyone, put(*_DENY, "Condition", {"StringNotEquals": {"aws:username": "operator"}})),
    (
        its_policy_only_denies,
        append(*_DENY[:-1], {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:PutItem", "Resource": "*"}),
    ),
    (its_policy_only_denies, put(*_WRITE, "Effect", "Allow")),
    (writing_is_denied_to_all_but_the_writers, put(*_WRITE, "Action", sorted(WRITES - {"dynamodb:PartiQLUpdate"}))),
    (writing_is_denied_to_all_but_the_writers, put(*_WRITE, "Principal", {"AWS": "*"})),
    (
        writing_is_denied_to_all_but_the_writers,
        put(*_WRITE, "Condition", {"ArnNotEqualsIfExists": {"aws:PrincipalArn": {"Ref": "WriterRoleArns"}}}),
    ),
    (
        writing_is_denied_to_all_but_the_writers,
        put(*_WRITE, "Condition", "ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/*"),
    ),
    (the_function_is_a_writer_with_and_without_others, put(*_WRITERS, {"Ref": "FurtherLedgerWriterRoleArns"})),
    (the_function_is_a_writer_with_and_without_others, put(*_WRITERS, "Fn::If", 1, "Fn::Sub", 0, "${Further}")),
]
