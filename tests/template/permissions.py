"""What the function's role may do: sign, keep the ledger, count first sights, write its log, and nothing else."""

from key import SIGN_CONDITION
from templates import actions, append, as_list, drop, policies, put, statement, the_one

GRANTS = {  # policy: what it allows
    "SignSightings": {"kms:GetPublicKey", "kms:Sign"},
    "KeepLedger": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
    "CountFirstSights": {"dynamodb:UpdateItem"},
    "WriteLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
}


def _policies(t):
    for name, resource in t["permissions"]["Resources"].items():
        assert resource["Type"] == "AWS::IAM::RolePolicy", name
        yield name, resource["Properties"]["PolicyDocument"]


def are_exactly_these(t):
    granted = {name: set().union(*map(actions, document["Statement"])) for name, document in _policies(t)}
    assert granted == GRANTS
    for _, document in _policies(t):
        assert all(s["Effect"] == "Allow" and "NotAction" not in s for s in document["Statement"])


def concern_one_resource_each(t):
    key, table, counters, log = (document["Statement"] for _, document in _policies(t))
    arn = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    assert {"Ref": "SigningKeyArn"} == key[0]["Resource"] == key[1]["Resource"]
    assert table[0]["Resource"] == {"Fn::Sub": arn % ("dynamodb", "table/${TableName}")}
    assert table[1]["Resource"] == {"Fn::Sub": arn % ("dynamodb", "table/${TableName}/index/by-log")}
    assert counters[0]["Resource"] == {"Fn::Sub": arn % ("dynamodb", "table/${CountersTableName}")}
    assert log[0]["Resource"] == {"Fn::Sub": arn % ("logs", "log-group:${LogGroupName}:*")}


def only_the_index_is_queried(t):
    rows, listing = dict(_policies(t))["KeepLedger"]["Statement"]
    assert "dynamodb:Query" not in actions(rows) and actions(listing) == {"dynamodb:Query"}
    (index,) = the_one({"ledger": t["ledger"]}, "AWS::DynamoDB::Table")["Properties"]["GlobalSecondaryIndexes"]
    assert listing["Resource"]["Fn::Sub"].endswith("/index/" + index["IndexName"])


def tables_are_told_apart(t):
    passed = t["template"]["Resources"]["Permissions"]["Properties"]["Parameters"]
    assert passed["CountersTableName"] == {"Fn::GetAtt": ["Counters", "Outputs.TableName"]} != passed["TableName"]


def signing_is_of_digests_on_p256(t):
    assert statement(dict(_policies(t))["SignSightings"], "SignDigests")["Condition"] == SIGN_CONDITION


def are_the_roles_only_ones(t):
    """The function runs as the role, and the role has nothing from elsewhere: no policy inside, none managed."""
    role = t["template"]["Resources"]["FunctionRole"]["Properties"]
    assert role.keys() == {"AssumeRolePolicyDocument"}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    assert t["template"]["Resources"]["Function"]["Properties"]["Role"] == {"Fn::GetAtt": ["FunctionRole", "Arn"]}
    of_iam = [name for name, r in t["template"]["Resources"].items() if r["Type"].startswith("AWS::IAM::")]
    assert sorted(of_iam) == ["FunctionRole", "OnlyFromTheFunction", "ReleaseRole"]


def count_only_for_the_functions_own_code(t):
    """Who becomes the role in another way can neither sign nor write, nor can a request that names no source."""
    policy = t["template"]["Resources"]["OnlyFromTheFunction"]["Properties"]
    assert policy["RoleName"] == {"Ref": "FunctionRole"}
    (deny,) = policy["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Resource"]) == ("Deny", "*")
    assert actions(deny) == {a for a in set().union(*GRANTS.values()) if a.endswith((":Sign", "PutItem", "UpdateItem"))}
    # The function's ARN has neither version nor alias, as in the condition.
    assert deny["Condition"] == {"ArnNotEquals": {"lambda:SourceFunctionArn": {"Fn::GetAtt": ["Function", "Arn"]}}}


def no_policy_anywhere_has_a_wildcard_action(t):
    for where, document in policies(t):
        for s in document["Statement"]:
            assert "NotAction" not in s and "NotPrincipal" not in s, where
            assert not any("*" in action or "?" in action for action in as_list(s["Action"])), where


def _deny(t):
    return t["template"]["Resources"]["OnlyFromTheFunction"]["Properties"]["PolicyDocument"]["Statement"][0]


_SIGN = ("permissions", "SignSightings", "Properties", "PolicyDocument", "Statement")
_ROWS = ("permissions", "KeepLedger", "Properties", "PolicyDocument", "Statement", 0)
_LIST = ("permissions", "KeepLedger", "Properties", "PolicyDocument", "Statement", 1)
_INDEX = ("ledger", "Table", "Properties", "GlobalSecondaryIndexes", 0)
_COUNT = ("permissions", "CountFirstSights", "Properties", "PolicyDocument", "Statement", 0)
_LOG = ("permissions", "WriteLog", "Properties", "PolicyDocument", "Statement", 0)
_ROLE = ("template", "FunctionRole", "Properties")
_DENY = ("template", "OnlyFromTheFunction", "Properties", "PolicyDocument", "Statement", 0)
FAULTS = [
    (are_exactly_these, append(*_ROWS, "Action", "dynamodb:DeleteItem")),
    (are_exactly_these, append(*_ROWS, "Action", "dynamodb:Scan")),
    (only_the_index_is_queried, append(*_ROWS, "Action", "dynamodb:Query")),
    (only_the_index_is_queried, put(*_LIST, "Action", ["dynamodb:Query", "dynamodb:UpdateItem"])),
    (only_the_index_is_queried, put(*_INDEX, "IndexName", "by-time")),
    (
        concern_one_resource_each,
        put(*_LIST, "Resource", {
            "Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}/index/*"
        }),
    ),
    (
        concern_one_resource_each,
        put(*_LIST, "Resource", {
            "Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"
        }),
    ),
    (are_exactly_these, append(*_COUNT, "Action", "dynamodb:DeleteItem")),
    (are_exactly_these, append(*_SIGN, 1, "Action", "kms:ScheduleKeyDeletion")),
    (are_exactly_these, append(*_LOG, "Action", "logs:CreateLogGroup")),
    (are_exactly_these, drop("permissions", "WriteLog")),
    (concern_one_resource_each, put(*_SIGN, 0, "Resource", "*")),
    (
        concern_one_resource_each,
        put(*_ROWS, "Resource", {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*"}),
    ),
    (concern_one_resource_each, append(*_LOG, "Resource", "*")),
    (
        concern_one_resource_each,
        put(*_COUNT, "Resource", {
            "Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"
        }),
    ),
    (
        tables_are_told_apart,
        put(
            "template", "Permissions", "Properties", "Parameters", "CountersTableName",
            {"Fn::GetAtt": ["LedgerStack", "Outputs.TableName"]},
        ),
    ),
    (signing_is_of_digests_on_p256, drop(*_SIGN, 0, "Condition")),
    (signing_is_of_digests_on_p256, drop(*_SIGN, 0, "Condition", "StringEquals", "kms:MessageType")),
    (
        signing_is_of_digests_on_p256,
        put(*_SIGN, 0, "Condition", "StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_512"),
    ),
    (are_the_roles_only_ones, put(*_ROLE, "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"])),
    (are_the_roles_only_ones, put(*_ROLE, "Policies", [])),
    (are_the_roles_only_ones, put(*_ROLE, "AssumeRolePolicyDocument", "Statement", 0, "Principal", {"AWS": "*"})),
    (
        are_the_roles_only_ones,
        put("template", "Function", "Properties", "Role", "arn:aws:iam::123456789012:role/other"),
    ),
    (are_the_roles_only_ones, put("template", "Other", {"Type": "AWS::IAM::RolePolicy"})),
    (count_only_for_the_functions_own_code, put(*_DENY, "Effect", "Allow")),
    (count_only_for_the_functions_own_code, put(*_DENY, "Action", ["kms:Sign", "dynamodb:PutItem"])),
    (count_only_for_the_functions_own_code, put(*_DENY, "Resource", {"Fn::GetAtt": ["SigningKeyStack", "Outputs.Arn"]})),
    (
        count_only_for_the_functions_own_code,
        lambda t: _deny(t)["Condition"].update(ArnNotEqualsIfExists=_deny(t)["Condition"].pop("ArnNotEquals")),
    ),
    (
        count_only_for_the_functions_own_code,
        put(*_DENY, "Condition", "ArnNotEquals", "lambda:SourceFunctionArn", {"Fn::Sub": "${Function.Arn}:*"}),
    ),
    (count_only_for_the_functions_own_code, put("template", "OnlyFromTheFunction", "Properties", "RoleName", "other")),
    (no_policy_anywhere_has_a_wildcard_action, append(*_ROWS, "Action", "dynamodb:Update*")),
    (
        no_policy_anywhere_has_a_wildcard_action,
        append("signing-key", "Key", "Properties", "KeyPolicy", "Statement", 3, "Action", "kms:*"),
    ),
    (
        no_policy_anywhere_has_a_wildcard_action,
        append("deploy-role", "UpgradePolicy", "Properties", "PolicyDocument", "Statement", 2, "Action", "lambda:*"),
    ),
]
