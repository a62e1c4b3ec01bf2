"""The auditor: it reads and keeps its state, runs by itself, and somebody hears when it does not."""

import re

from log_variables import variables_of_the_log
from templates import ROOT, actions, append, drop, put, resources, statement

GRANTS = {  # policy: what it allows
    "ReadLedger": {"dynamodb:Scan"},
    "ReadPublicKey": {"kms:GetPublicKey"},
    "KeepState": {"s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "TellFindings": {"sns:Publish"},
    "WriteLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
}
READ_ELSEWHERE = {"RUST_LOG"}  # set, though src/config/auditor.rs does not read it: tracing does
LEFT_TO_DEFAULTS = {"AUDIT_SECONDS", "AUDIT_WAIT_SECONDS"}  # the defaults fit Lambda's limit
SECONDS_AFTER_A_RUN = 60  # two messages and one object of 8 s each, twice
LAMBDAS_LONGEST = 900
MISSED_AFTER = 6 * 3600


def _resources(t):
    return t["auditor"]["Resources"]


def _properties(t, name):
    return _resources(t)[name]["Properties"]


def _alarms(t):
    return list(resources({"auditor": t["auditor"]}, "AWS::CloudWatch::Alarm"))


def _config():
    return (ROOT / "src/config/auditor.rs").read_text().split("#[cfg(test)]")[0]


def _constant(text, name):
    return int(re.search(rf"const {name}: u64 = (\d+);", text)[1])


def role_reads_and_writes_nothing_but_its_state(t):
    of_role = {n: r for n, r in _resources(t).items() if r["Type"] == "AWS::IAM::RolePolicy"}
    documents = {name: resource["Properties"]["PolicyDocument"] for name, resource in of_role.items()}
    assert {name: set().union(*map(actions, one["Statement"])) for name, one in documents.items()} == GRANTS
    for name, document in documents.items():
        assert of_role[name]["Properties"]["RoleName"] == {"Ref": "Role"}
        assert all(s["Effect"] == "Allow" and "NotAction" not in s for s in document["Statement"])
    assert [s["Resource"] for s in documents["KeepState"]["Statement"] if "s3:PutObject" in actions(s)] == [
        {"Fn::Sub": "${Bucket.Arn}/state.json"}
    ]


def role_concerns_what_is_audited_alone(t):
    of = {name: _properties(t, name)["PolicyDocument"]["Statement"][0]["Resource"] for name in GRANTS}
    arn = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    assert of["ReadLedger"] == {"Fn::Sub": arn % ("dynamodb", "table/${LedgerTable}")}
    assert of["ReadPublicKey"] == {"Ref": "SigningKeyArn"}
    assert of["TellFindings"] == [{"Ref": "PageTopicArn"}, {"Ref": "NoticeTopicArn"}]
    assert of["WriteLog"] == {"Fn::Sub": arn % ("logs", "log-group:${LogGroup}:*")}
    assert _resources(t)["ReadLedger"]["Condition"] == "HasLedger"
    assert _resources(t)["ReadPublicKey"]["Condition"] == "HasSigningKey"


def role_has_nothing_from_elsewhere(t):
    roles = [name for name, resource in _resources(t).items() if resource["Type"] == "AWS::IAM::Role"]
    assert roles == ["Role"] and _properties(t, "Role").keys() == {"AssumeRolePolicyDocument"}
    (trust,) = _properties(t, "Role")["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    assert _properties(t, "Function")["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}


def state_stays_and_so_do_earlier_ones(t):
    bucket = _resources(t)["Bucket"]
    assert bucket["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate") and bucket["UpdateReplacePolicy"] == "Retain"
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule.keys() == {"Id", "Status", "NoncurrentVersionExpiration"}, "the present state never expires"
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] >= 30
    assert "BucketName" not in bucket["Properties"], "a bucket that stayed would stand in the way of the next stack"


def state_is_encrypted_and_nobody_elses(t):
    bucket = _properties(t, "Bucket")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    block = bucket["PublicAccessBlockConfiguration"]
    assert len(block) == 4 and all(value is True for value in block.values())
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    policy = _properties(t, "BucketPolicy")["PolicyDocument"]
    assert all(s["Effect"] == "Deny" for s in policy["Statement"])
    clear = statement(policy, "NobodyReadsOrWritesInTheClear")
    assert clear["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} and clear["Principal"] == "*"
    assert {"s3:GetObject", "s3:PutObject"} <= actions(clear)


def nobody_deletes_the_state(t):
    policy = _properties(t, "BucketPolicy")
    deny = statement(policy["PolicyDocument"], "NobodyDeletes")
    assert policy["Bucket"] == {"Ref": "Bucket"} and (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert actions(deny) == {"s3:DeleteObject", "s3:DeleteObjectVersion"} and "Condition" not in deny
    assert deny["Resource"] == {"Fn::Sub": "${Bucket.Arn}/*"}


def is_the_second_program_on_the_same_system(t):
    function, other = _resources(t)["Function"], t["template"]["Resources"]["Function"]["Properties"]
    for name in ("Handler", "Runtime", "Architectures"):
        assert function["Properties"][name] == other[name]
    program = function["Metadata"]["BuildProperties"]["Binary"]
    assert (ROOT / "src/bin" / f"{program}.rs").exists() and program == "tlogistry-auditor"


def ends_a_run_before_lambda_does(t):
    seconds = _constant(_config(), "DEFAULT_SECONDS")
    assert seconds + SECONDS_AFTER_A_RUN <= _properties(t, "Function")["Timeout"] <= LAMBDAS_LONGEST
    assert "AUDIT_SECONDS" not in _properties(t, "Function")["Environment"]["Variables"]


def environment_is_what_the_program_reads(t):
    read = set(re.findall(r'\.(?:get|keys|number|required)\(\s*"([A-Z_]+)"', _config()))
    assert "AUDIT_BUCKET" in read and LEFT_TO_DEFAULTS <= read, "src/config/auditor.rs no longer looks as expected"
    variables = _properties(t, "Function")["Environment"]["Variables"]
    assert set(variables) == (read - LEFT_TO_DEFAULTS) | READ_ELSEWHERE | variables_of_the_log()
    assert variables["PAGE_TOPIC_ARN"] == {"Ref": "PageTopicArn"}
    assert variables["NOTICE_TOPIC_ARN"] == {"Ref": "NoticeTopicArn"}


def runs_once_an_hour_by_itself(t):
    (schedule,) = (r["Properties"] for r in resources({"auditor": t["auditor"]}, "AWS::Events::Rule"))
    assert schedule["ScheduleExpression"] == "rate(1 hour)" and schedule.get("State", "ENABLED") == "ENABLED"
    (target,) = schedule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Function", "Arn"]}
    (config,) = (r["Properties"] for r in resources({"auditor": t["auditor"]}, "AWS::Lambda::EventInvokeConfig"))
    assert config["MaximumRetryAttempts"] == 0 and config["MaximumEventAgeInSeconds"] <= 3600


def a_missed_run_pages(t):
    line = (ROOT / "src/auditor/line.rs").read_text()
    names = [re.search(rf'const {name}: &str = "(\w+)";', line)[1] for name in ("NAMESPACE", "METRIC")]
    alarm = _properties(t, "MissedAlarm")
    assert [alarm["Namespace"], alarm["MetricName"]] == names
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Function"}}]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["ComparisonOperator"]) == ("Sum", 1, "LessThanThreshold")
    assert alarm["TreatMissingData"] == "breaching"
    assert 3600 <= alarm["Period"] and alarm["Period"] * alarm["EvaluationPeriods"] <= MISSED_AFTER
    assert alarm["AlarmActions"] == [{"Ref": "PageTopicArn"}]


def an_error_pages_once(t):
    alarm = _properties(t, "FailedAlarm")
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Function"}}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["DatapointsToAlarm"] == 1 and alarm["Period"] * (alarm["EvaluationPeriods"] - 1) >= 2 * 3600
    assert alarm["TreatMissingData"] == "notBreaching" and alarm["AlarmActions"] == [{"Ref": "PageTopicArn"}]


def an_end_of_the_log_pages_a_month_before(t):
    name = re.search(r'const LOG_METRIC: &str = "(\w+)";', (ROOT / "src/auditor/line.rs").read_text())[1]
    alarm = _properties(t, "LogEndsAlarm")
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("tlogistry", name, "Minimum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Function"}}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (30, "LessThanOrEqualToThreshold")
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 86400 and alarm["TreatMissingData"] == "ignore"
    assert alarm["AlarmActions"] == [{"Ref": "PageTopicArn"}]


def runbook_says_what_each_alarm_means(t):
    headings = set(re.findall(r"^### ([a-z-]+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE))
    assert len(_alarms(t)) == 3
    for alarm in _alarms(t):
        name = alarm["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${Name}-")
        assert name in headings, name
        assert f"'{name}'" in alarm["Properties"]["AlarmDescription"], name


def is_part_of_the_deployment_and_can_be_turned_off(t):
    parameter = t["template"]["Parameters"]["Auditor"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("on", ["on", "off"])
    assert t["template"]["Conditions"]["Audits"] == {"Fn::Equals": [{"Ref": "Auditor"}, "on"]}
    assert t["template"]["Resources"]["AuditorStack"]["Condition"] == "Audits"


def audits_what_the_function_keeps(t):
    passed = t["template"]["Resources"]["AuditorStack"]["Properties"]["Parameters"]
    variables = t["template"]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    for parameter, variable in (
        ("LedgerTable", "LEDGER_TABLE"),
        ("SigningKeyArn", "KMS_KEY_ID"),
        ("TrustedKeys", "TRUSTED_KEYS"),
    ):
        assert passed[parameter] == variables[variable], parameter
        assert _properties(t, "Function")["Environment"]["Variables"][variable] == {"Ref": parameter}, variable


def can_be_deployed_alone(t):
    parameters = t["auditor"]["Parameters"]
    assert {name for name, one in parameters.items() if "Default" not in one} == {"PageTopicArn", "NoticeTopicArn"}
    assert all(one.get("Description") for one in parameters.values())
    for name in ("LedgerTable", "SigningKeyArn"):
        assert re.fullmatch(parameters[name]["AllowedPattern"], "")
    assert t["auditor"]["Rules"]["SomeKeyCounts"]["RuleCondition"] == {"Fn::Equals": [{"Ref": "SigningKeyArn"}, ""]}


def _parameter(template, name, key, value):
    def change(t):
        t[template]["Parameters"][name][key] = value

    return change


def _without_a_default(t):
    del t["auditor"]["Parameters"]["LedgerTable"]["Default"]


_BUCKET = ("auditor", "Bucket", "Properties")
_FUNCTION = ("auditor", "Function", "Properties")
_VARIABLES = (*_FUNCTION, "Environment", "Variables")
_DENY = ("auditor", "BucketPolicy", "Properties", "PolicyDocument", "Statement", 0)
_CLEAR = (*_DENY[:-1], 1)
_MISSED = ("auditor", "MissedAlarm", "Properties")
_FAILED = ("auditor", "FailedAlarm", "Properties")
_ENDS = ("auditor", "LogEndsAlarm", "Properties")
_STACK = ("template", "AuditorStack", "Properties", "Parameters")


def _statement(name, number=0):
    return ("auditor", name, "Properties", "PolicyDocument", "Statement", number)


FAULTS = [
    (role_reads_and_writes_nothing_but_its_state, put(*_statement("ReadLedger"), "Action", "dynamodb:PutItem")),
    (role_reads_and_writes_nothing_but_its_state, put(*_statement("ReadPublicKey"), "Action", "kms:Sign")),
    (role_reads_and_writes_nothing_but_its_state, append(*_statement("KeepState", 1), "Action", "s3:PutObject")),
    (role_reads_and_writes_nothing_but_its_state, append(*_statement("KeepState"), "Action", "s3:DeleteObject")),
    (
        role_reads_and_writes_nothing_but_its_state,
        put(*_statement("KeepState"), "Resource", {"Fn::Sub": "${Bucket.Arn}/*"}),
    ),
    (role_reads_and_writes_nothing_but_its_state, drop("auditor", "TellFindings")),
    (role_concerns_what_is_audited_alone, put(*_statement("TellFindings"), "Resource", "*")),
    (
        role_concerns_what_is_audited_alone,
        put(*_statement("ReadLedger"), "Resource", {
            "Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*"
        }),
    ),
    (role_concerns_what_is_audited_alone, drop("auditor", "ReadPublicKey", "Condition")),
    (
        role_has_nothing_from_elsewhere,
        put("auditor", "Role", "Properties", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    ),
    (role_has_nothing_from_elsewhere, put(*_FUNCTION, "Role", "arn:aws:iam::123456789012:role/other")),
    (state_stays_and_so_do_earlier_ones, drop("auditor", "Bucket", "DeletionPolicy")),
    (state_stays_and_so_do_earlier_ones, put("auditor", "Bucket", "UpdateReplacePolicy", "Delete")),
    (state_stays_and_so_do_earlier_ones, put(*_BUCKET, "VersioningConfiguration", "Status", "Suspended")),
    (state_stays_and_so_do_earlier_ones, put(*_BUCKET, "LifecycleConfiguration", "Rules", 0, "ExpirationInDays", 90)),
    (state_stays_and_so_do_earlier_ones, put(*_BUCKET, "BucketName", "tlogistry-audit")),
    (state_is_encrypted_and_nobody_elses, drop(*_BUCKET, "BucketEncryption")),
    (state_is_encrypted_and_nobody_elses, put(*_BUCKET, "PublicAccessBlockConfiguration", "BlockPublicPolicy", False)),
    (state_is_encrypted_and_nobody_elses, drop(*_BUCKET, "PublicAccessBlockConfiguration", "IgnorePublicAcls")),
    (state_is_encrypted_and_nobody_elses, put(*_CLEAR, "Condition", "Bool", "aws:SecureTransport", "true")),
    (
        state_is_encrypted_and_nobody_elses,
        append(*_DENY[:-1], {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}),
    ),
    (nobody_deletes_the_state, put(*_DENY, "Action", ["s3:DeleteObject"])),
    (nobody_deletes_the_state, put(*_DENY, "Condition", {"StringNotEquals": {"aws:username": "operator"}})),
    (nobody_deletes_the_state, put(*_DENY, "Resource", {"Fn::Sub": "${Bucket.Arn}/tags.txt"})),
    (
        is_the_second_program_on_the_same_system,
        put("auditor", "Function", "Metadata", "BuildProperties", "Binary", "tlogistry"),
    ),
    (is_the_second_program_on_the_same_system, put(*_FUNCTION, "Architectures", ["x86_64"])),
    (is_the_second_program_on_the_same_system, put(*_FUNCTION, "Handler", "tlogistry-auditor")),
    (ends_a_run_before_lambda_does, put(*_FUNCTION, "Timeout", 840)),
    (ends_a_run_before_lambda_does, put(*_VARIABLES, "AUDIT_SECONDS", 895)),
    (environment_is_what_the_program_reads, drop(*_VARIABLES, "TRUSTED_KEYS")),
    (environment_is_what_the_program_reads, put(*_VARIABLES, "COUNTERS_TABLE", "x")),
    (environment_is_what_the_program_reads, put(*_VARIABLES, "PAGE_TOPIC_ARN", {"Ref": "NoticeTopicArn"})),
    (runs_once_an_hour_by_itself, put("auditor", "FunctionEveryHour", "Properties", "ScheduleExpression", "rate(1 day)")),
    (runs_once_an_hour_by_itself, put("auditor", "FunctionEveryHour", "Properties", "State", "DISABLED")),
    (runs_once_an_hour_by_itself, put("auditor", "FunctionEventInvokeConfig", "Properties", "MaximumRetryAttempts", 2)),
    (a_missed_run_pages, put(*_MISSED, "TreatMissingData", "notBreaching")),
    (a_missed_run_pages, put(*_MISSED, "MetricName", "AuditRan")),
    (a_missed_run_pages, put(*_MISSED, "EvaluationPeriods", 24)),
    (a_missed_run_pages, put(*_MISSED, "ComparisonOperator", "GreaterThanThreshold")),
    (a_missed_run_pages, put(*_MISSED, "AlarmActions", [{"Ref": "NoticeTopicArn"}])),
    (an_error_pages_once, put(*_FAILED, "AlarmActions", [])),
    (an_error_pages_once, put(*_FAILED, "EvaluationPeriods", 1)),
    (an_error_pages_once, put(*_FAILED, "Threshold", 10)),
    (an_end_of_the_log_pages_a_month_before, put(*_ENDS, "Threshold", 3)),
    (an_end_of_the_log_pages_a_month_before, put(*_ENDS, "MetricName", "DaysLeft")),
    (an_end_of_the_log_pages_a_month_before, put(*_ENDS, "ComparisonOperator", "GreaterThanThreshold")),
    (an_end_of_the_log_pages_a_month_before, put(*_ENDS, "TreatMissingData", "notBreaching")),
    (an_end_of_the_log_pages_a_month_before, put(*_ENDS, "AlarmActions", [{"Ref": "NoticeTopicArn"}])),
    (runbook_says_what_each_alarm_means, put(*_MISSED, "AlarmName", {"Fn::Sub": "${Name}-audit-missed"})),
    (is_part_of_the_deployment_and_can_be_turned_off, drop("template", "AuditorStack", "Condition")),
    (is_part_of_the_deployment_and_can_be_turned_off, _parameter("template", "Auditor", "Default", "off")),
    (audits_what_the_function_keeps, put(*_STACK, "LedgerTable", {"Fn::GetAtt": ["Counters", "Outputs.TableName"]})),
    (audits_what_the_function_keeps, drop(*_STACK, "TrustedKeys")),
    (audits_what_the_function_keeps, put(*_VARIABLES, "LEDGER_TABLE", "")),
    (can_be_deployed_alone, _without_a_default),
    (can_be_deployed_alone, _parameter("auditor", "SigningKeyArn", "AllowedPattern", "arn:[a-z-]+:kms:.+:key/.+")),
]
