"""The ledger for several regions: strongly consistent, and each replica as protected as the ledger of one region."""

import copy

from ledger import DELETES, WRITES
from templates import actions, append, drop, put, the_one

REPLICATION = {"Fn::Sub": "arn:*:iam::${AWS::AccountId}:role/aws-service-role/replication.dynamodb.amazonaws.com/*"}


def _table(t):
    return the_one(t, "AWS::DynamoDB::GlobalTable")


def _properties(t):
    return _table(t)["Properties"]


def _replicas(t):
    first, second, third = _properties(t)["Replicas"]
    condition, then, otherwise = third["Fn::If"]
    assert (condition, otherwise) == ("HasThirdReplica", {"Ref": "AWS::NoValue"})
    return [first, second, then]


def is_strongly_consistent(t):
    assert _properties(t)["MultiRegionConsistency"] == "STRONG"


def has_three_regions_of_which_one_may_be_a_witness(t):
    assert [r["Region"] for r in _replicas(t)] == [{"Ref": n} for n in ("AWS::Region", "SecondRegion", "ThirdRegion")]
    condition, with_replica, with_witness = _properties(t)["GlobalTableWitnesses"]["Fn::If"]
    assert (condition, with_replica) == ("HasThirdReplica", {"Ref": "AWS::NoValue"})
    assert with_witness == [{"Region": {"Ref": "ThirdRegion"}}]
    assert t["ledger-global"]["Parameters"]["ThirdIs"]["AllowedValues"] == ["replica", "witness"]


def stays_when_the_stack_goes(t):
    assert _table(t)["DeletionPolicy"] == _table(t)["UpdateReplacePolicy"] == "Retain"


def is_the_same_table_as_that_of_one_region(t):
    one = the_one({"ledger": t["ledger"]}, "AWS::DynamoDB::Table")["Properties"]
    for name in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"):
        assert _properties(t)[name] == one[name], name
    assert not _properties(t).keys() & {"TableName", "TimeToLiveSpecification"}


def has_a_stream_for_the_notices(t):
    assert _properties(t)["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    outputs = t["ledger-global"]["Outputs"]
    assert outputs["StreamArn"]["Value"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert outputs.keys() == t["ledger"]["Outputs"].keys()


def replicas_differ_in_their_region_alone(t):
    first, *others = ({k: v for k, v in r.items() if k != "Region"} for r in _replicas(t))
    assert all(other == first for other in others)


def replicas_are_protected_as_one_region_is(t):
    one = the_one({"ledger": t["ledger"]}, "AWS::DynamoDB::Table")["Properties"]
    replica = _replicas(t)[0]
    for name in ("DeletionProtectionEnabled", "PointInTimeRecoverySpecification"):
        assert replica[name] == one[name], name
    policy = copy.deepcopy(replica["ResourcePolicy"])
    deleting, writing = policy["PolicyDocument"]["Statement"]
    assert actions(deleting) == DELETES and actions(writing) == WRITES
    # DynamoDB's own role replicates. All else is as in the ledger of one region.
    for statement in (deleting, writing):
        assert statement["Condition"].pop("ArnNotLike") == {"aws:PrincipalArn": REPLICATION}
    assert deleting.pop("Condition") == {}
    assert policy == one["ResourcePolicy"]


_TABLE = ("ledger-global", "Table")
_PROPERTIES = (*_TABLE, "Properties")
_FIRST = (*_PROPERTIES, "Replicas", 0)
_STATEMENTS = (*_FIRST, "ResourcePolicy", "PolicyDocument", "Statement")


def _in_each(*path_and_value):
    *path, value = path_and_value

    def change(t):
        for replica in _replicas(t):
            node = replica
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = value

    return change


_IN_STATEMENTS = ("ResourcePolicy", "PolicyDocument", "Statement")
FAULTS = [
    (is_strongly_consistent, put(*_PROPERTIES, "MultiRegionConsistency", "EVENTUAL")),
    (is_strongly_consistent, drop(*_PROPERTIES, "MultiRegionConsistency")),
    (has_three_regions_of_which_one_may_be_a_witness, drop(*_PROPERTIES, "GlobalTableWitnesses")),
    (has_three_regions_of_which_one_may_be_a_witness, put(*_FIRST, "Region", {"Ref": "SecondRegion"})),
    (stays_when_the_stack_goes, put(*_TABLE, "DeletionPolicy", "Delete")),
    (is_the_same_table_as_that_of_one_region, put(*_PROPERTIES, "TableName", "tlogistry")),
    (
        is_the_same_table_as_that_of_one_region,
        append(*_PROPERTIES, "KeySchema", {"AttributeName": "digest", "KeyType": "RANGE"}),
    ),
    (is_the_same_table_as_that_of_one_region, drop(*_PROPERTIES, "GlobalSecondaryIndexes")),
    (has_a_stream_for_the_notices, put(*_PROPERTIES, "StreamSpecification", "StreamViewType", "KEYS_ONLY")),
    (has_a_stream_for_the_notices, lambda t: t["ledger-global"]["Outputs"].pop("StreamArn")),
    (replicas_differ_in_their_region_alone, drop(*_FIRST, "DeletionProtectionEnabled")),
    (replicas_differ_in_their_region_alone, drop(*_STATEMENTS, 1)),
    (replicas_are_protected_as_one_region_is, _in_each("DeletionProtectionEnabled", False)),
    (
        replicas_are_protected_as_one_region_is,
        _in_each("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled", False),
    ),
    (replicas_are_protected_as_one_region_is, _in_each(*_IN_STATEMENTS, 1, "Action", ["dynamodb:PutItem"])),
    (
        replicas_are_protected_as_one_region_is,
        _in_each(*_IN_STATEMENTS, 0, "Condition", {"ArnNotLike": {"aws:PrincipalArn": "arn:*:iam::*:role/*"}}),
    ),
    (
        replicas_are_protected_as_one_region_is,  # without the exception, the replicas die
        _in_each(*_IN_STATEMENTS, 1, "Condition", {"ArnNotEquals": {"aws:PrincipalArn": {"Ref": "WriterRoleArns"}}}),
    ),
]
