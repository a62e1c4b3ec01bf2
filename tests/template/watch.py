"""The rules on CloudTrail's events: each call that the runbook tells people to look for is told, and to whom."""

from eventbridge import OPERATORS_OF_RULES, matches, text_of_rule
from expressions import Stack
from templates import drop, put, resources, statement, statements

ACCOUNT, REGION = "123456789012", "eu-central-1"
KEY_ID = "11111111-2222-3333-4444-555555555555"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}"
REPLICA = KEY.replace(REGION, "us-west-2")
TABLE = "tlogistry-Ledger-Table-X"
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
FUNCTION = "tlogistry-Function-X"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
ROLE = "tlogistry-FunctionRole-X"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
VALUES = {
    "Name": "tlogistry", "KeyArn": KEY, "TableName": TABLE, "FunctionName": FUNCTION, "FunctionRoleArn": ROLE_ARN,
    "FunctionRoleName": ROLE, "PagesArn": "pages", "NoticesArn": "notices", "AlarmEmail": "",
    "Topics.Outputs.PagesArn": "pages", "Topics.Outputs.NoticesArn": "notices",
}
BY_HAND, BY_DEPLOYMENT = "203.0.113.7", "cloudformation.amazonaws.com"


def _event(service, name, request, arn=None, source=BY_HAND, error=None):
    """As EventBridge hands over a call that CloudTrail saw; shaped like the samples in AWS's documentation."""
    detail = {
        "eventVersion": "1.11", "eventSource": f"{service}.amazonaws.com", "eventName": name, "awsRegion": REGION,
        "userIdentity": {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/someone"},
        "sourceIPAddress": source, "requestParameters": request, "eventID": "8a4f", "eventType": "AwsApiCall",
        "managementEvent": True, "recipientAccountId": ACCOUNT,
    }
    detail |= {"resources": [{"accountId": ACCOUNT, "ARN": arn}]} if arn else {}
    detail |= {"errorCode": error} if error else {}
    return {
        "version": "0", "id": "1", "source": f"aws.{service}", "detail-type": "AWS API Call via CloudTrail",
        "account": ACCOUNT, "region": REGION, "time": "2026-11-25T10:00:00Z", "detail": detail,
    }


def _changes(source=BY_HAND):
    """Each call that must be told, in the forms that it can have."""
    key = [
        _event("kms", "PutKeyPolicy", {"keyId": KEY, "policyName": "default", "policy": "{}"}, KEY, source),
        _event("kms", "PutKeyPolicy", {"keyId": KEY_ID, "policyName": "default"}, None, source, "AccessDenied"),
        _event("kms", "DisableKey", {"keyId": KEY_ID}, KEY, source),
        _event("kms", "ScheduleKeyDeletion", {"keyId": KEY, "pendingWindowInDays": 7}, KEY, source),
        _event("kms", "ReplicateKey", {"keyId": KEY_ID, "replicaRegion": "us-west-2"}, None, source),
        _event("kms", "ReplicateKey", {"keyId": KEY, "replicaRegion": "us-west-2"}, REPLICA, source),
    ]
    ledger = [
        _event("dynamodb", "PutResourcePolicy", {"resourceArn": TABLE_ARN, "policy": "{}"}, TABLE_ARN, source),
        _event("dynamodb", "DeleteResourcePolicy", {"resourceArn": TABLE_ARN}, None, source),
        _event("dynamodb", "UpdateTable", {"tableName": TABLE, "deletionProtectionEnabled": False}, TABLE_ARN, source),
        _event("dynamodb", "UpdateTable", {"tableName": TABLE_ARN}, None, source),
        _event("dynamodb", "UpdateTable", {"tableName": TABLE}, None, source),
        _event("dynamodb", "UpdateContinuousBackups", {"tableName": TABLE}, TABLE_ARN, source),
        _event("dynamodb", "UpdateContinuousBackups", {"tableName": TABLE_ARN}, None, source),
    ]
    names = [FUNCTION, FUNCTION_ARN, f"{ACCOUNT}:function:{FUNCTION}", f"{FUNCTION}:live", f"{FUNCTION_ARN}:live"]
    function = [
        _event("lambda", name, {"functionName": named}, None, source)
        for name in ("UpdateFunctionCode20150331v2", "UpdateFunctionConfiguration20150331v2", "AddPermission20150331v2")
        for named in names
    ] + [
        _event("lambda", name, {"functionName": "other", "role": ROLE_ARN}, None, source)
        for name in ("CreateFunction20150331", "UpdateFunctionConfiguration20150331v2")
    ]
    groups = {"Key": key, "Ledger": ledger, "Function": function}
    return [(group, event) for group, events in groups.items() for event in events]


def _role_changes(source=BY_HAND):
    names = ("UpdateAssumeRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy")
    return [("Role", _event("iam", name, {"roleName": ROLE}, None, source)) for name in names]


UNTOLD = [
    _event("kms", "Sign", {"keyId": KEY}, KEY),
    _event("kms", "PutKeyPolicy", {"keyId": KEY.replace("1111", "9999")}, KEY.replace("1111", "9999")),
    _event("dynamodb", "UpdateTable", {"tableName": TABLE + "2"}, TABLE_ARN + "2"),
    _event("dynamodb", "UpdateTable", None),
    _event("dynamodb", "UpdateContinuousBackups", {"tableName": TABLE + "2"}, TABLE_ARN + "2"),
    _event("dynamodb", "DescribeTable", {"tableName": TABLE}, TABLE_ARN),
    _event("lambda", "UpdateFunctionCode20150331v2", {"functionName": FUNCTION + "2"}),
    _event("lambda", "UpdateFunctionCode20150331v2", {"functionName": "x" + FUNCTION}),
    _event("lambda", "CreateFunction20150331", {"functionName": "other", "role": ROLE_ARN + "2"}),
    _event("lambda", "UpdateFunctionConfiguration20150331v2", {"functionName": "other", "role": ROLE_ARN + "2"}),
    _event("lambda", "UpdateFunctionConfiguration20150331v2", {"functionName": "other"}),
    _event("lambda", "Invoke", {"functionName": FUNCTION}),
    _event("iam", "PutRolePolicy", {"roleName": "another"}),
    _event("iam", "GetRole", {"roleName": ROLE}),
]


def _rules(t):
    for template in ("watch", "watch-iam"):
        stack = Stack(t[template], VALUES)
        for name, resource in t[template]["Resources"].items():
            if resource["Type"] == "AWS::Events::Rule":
                yield name, stack.properties(name)


def _told(t, event):
    """(rule, topic, text) of each rule that an event meets."""
    for name, rule in _rules(t):
        if matches(rule["EventPattern"], event, OPERATORS_OF_RULES):
            (target,) = rule["Targets"]
            yield name, target["Arn"], text_of_rule(target["InputTransformer"], event)


def changes_page(t):
    for group, event in _changes() + _role_changes():
        told = [(rule, topic) for rule, topic, _ in _told(t, event)]
        assert told == [(f"{group}Changed", "pages")], (event["detail"]["eventName"], told)


def deployments_are_notices(t):
    for group, event in _changes(BY_DEPLOYMENT) + _role_changes(BY_DEPLOYMENT):
        told = [(rule, topic) for rule, topic, _ in _told(t, event)]
        assert told == [(f"{group}Deployed", "notices")], (event["detail"]["eventName"], told)


def nothing_else_is_told(t):
    for event in UNTOLD:
        assert not list(_told(t, event)), event["detail"]


def texts_say_who_did_what_and_where(t):
    for _, event in _changes() + _role_changes():
        for _, _, text in _told(t, event):
            detail = event["detail"]
            who = detail["userIdentity"]["arn"]
            for value in (detail["eventName"], who, BY_HAND, event["time"], detail["eventID"]):
                assert value in text, text
            assert detail.get("errorCode", "Error, if any: ") in text and "docs/runbook.md, 'changed'" in text


def rules_have_names_that_the_topics_admit(t):
    rules = [rule["Name"] for _, rule in _rules(t)]
    assert len(set(rules)) == len(rules) == 8 and all(name.startswith("tlogistry-") for name in rules)


def iam_is_watched_where_it_is(t):
    (assertion,) = t["watch-iam"]["Rules"]["WhereIamIs"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}
    assert t["watch-iam"]["Resources"]["Topics"]["Properties"]["TemplateURL"] == "topics.yaml"


def a_trail_is_made_only_if_asked(t):
    assert t["template"]["Resources"]["AccountTrail"]["Condition"] == "MakesTrail"
    said = t["template"]["Outputs"]["WhatIsWatched"]["Value"]
    for trail, makes, begins in (("none", False, "Nothing."), ("new", True, "Changes"), ("mine", False, "Changes")):
        stack = Stack(t["template"], {"Trail": trail})
        assert stack.holds("MakesTrail") == makes and stack.value(said).startswith(begins), trail


def a_trail_hears_of_all_regions_and_keeps_it_unchanged(t):
    (trail,) = (r["Properties"] for r in resources({"trail": t["trail"]}, "AWS::CloudTrail::Trail"))
    assert trail["IsLogging"] and trail["IsMultiRegionTrail"] and trail["IncludeGlobalServiceEvents"]
    assert trail["EnableLogFileValidation"] is True
    bucket = t["trail"]["Resources"]["Bucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    policy = t["trail"]["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]
    for s in statements(policy):
        assert s["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert s["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert statement(policy, "TrailWrites")["Action"] == "s3:PutObject"


def _pattern(rule, *path_and_value):
    template = "watch-iam" if rule.startswith("Role") else "watch"
    return put(template, rule, "Properties", "EventPattern", "detail", *path_and_value)


def _no_region(t):
    t["watch-iam"]["Rules"]["WhereIamIs"]["Assertions"][0]["Assert"] = {"Fn::Equals": [1, 1]}


_OTHERS = [{"anything-but": ["cloudformation.amazonaws.com"]}]
_TEXT = ("watch", "KeyChanged", "Properties", "Targets", 0, "InputTransformer")
_TRAIL = ("trail", "Trail", "Properties")
FAULTS = [
    (changes_page, _pattern("KeyChanged", "eventName", ["PutKeyPolicy", "DisableKey", "ReplicateKey"])),
    (changes_page, _pattern("KeyChanged", "eventName", ["PutKeyPolicy", "DisableKey", "ScheduleKeyDeletion"])),
    (changes_page, _pattern("KeyChanged", "$or", [{"resources": {"ARN": [KEY]}}])),
    (changes_page, _pattern("LedgerChanged", "eventName", ["DeleteResourcePolicy"])),
    (
        changes_page,
        _pattern("LedgerChanged", "eventName", ["PutResourcePolicy", "DeleteResourcePolicy", "UpdateTable"]),
    ),
    (changes_page, _pattern("FunctionChanged", "$or", 1, "eventName", [{"prefix": "CreateFunction"}])),
    (changes_page, _pattern("FunctionChanged", "$or", 0, "eventName", ["UpdateFunctionCode"])),
    (changes_page, _pattern("FunctionChanged", "$or", 0, "requestParameters", "functionName", [FUNCTION])),
    (changes_page, _pattern("FunctionChanged", "sourceIPAddress", ["cloudformation.amazonaws.com"])),
    (changes_page, _pattern("RoleChanged", "eventName", ["PutRolePolicy"])),
    (changes_page, put("watch", "KeyChanged", "Properties", "Targets", 0, "Arn", {"Ref": "NoticesArn"})),
    (deployments_are_notices, _pattern("FunctionDeployed", "sourceIPAddress", _OTHERS)),
    (deployments_are_notices, _pattern("FunctionDeployed", "$or", 1, "eventName", [{"prefix": "CreateFunction"}])),
    (deployments_are_notices, _pattern("KeyDeployed", "eventName", ["PutKeyPolicy", "DisableKey", "ScheduleKeyDeletion"])),
    (
        deployments_are_notices,
        _pattern("LedgerDeployed", "eventName", ["PutResourcePolicy", "DeleteResourcePolicy", "UpdateTable"]),
    ),
    (deployments_are_notices, put("watch-iam", "RoleDeployed", "Properties", "Targets", 0, "Arn", "pages")),
    (nothing_else_is_told, drop("watch", "LedgerChanged", "Properties", "EventPattern", "detail", "$or")),
    (
        nothing_else_is_told,
        _pattern("FunctionChanged", "$or", 1, "requestParameters", {"functionName": [{"exists": True}]}),
    ),
    (nothing_else_is_told, _pattern("RoleChanged", "requestParameters", {"roleName": [{"exists": True}]})),
    (
        texts_say_who_did_what_and_where,
        put(*_TEXT, "InputPathsMap", "who", "$.detail.who"),
    ),
    (
        texts_say_who_did_what_and_where,
        put(*_TEXT, "InputTemplate", "Somebody did <name>"),
    ),
    (rules_have_names_that_the_topics_admit, put("watch", "KeyChanged", "Properties", "Name", "key-changed")),
    (iam_is_watched_where_it_is, _no_region),
    (a_trail_is_made_only_if_asked, drop("template", "AccountTrail", "Condition")),
    (a_trail_hears_of_all_regions_and_keeps_it_unchanged, put(*_TRAIL, "IsMultiRegionTrail", False)),
    (a_trail_hears_of_all_regions_and_keeps_it_unchanged, put("trail", "Bucket", "DeletionPolicy", "Delete")),
    (
        a_trail_hears_of_all_regions_and_keeps_it_unchanged,
        drop("trail", "BucketPolicy", "Properties", "PolicyDocument", "Statement", 1, "Condition"),
    ),
]
