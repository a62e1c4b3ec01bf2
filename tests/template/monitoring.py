"""Alarms and dashboard: they look at metrics that exist, and someone hears of them."""

import json
import re

from templates import ROOT, drop, put, resources, statement, the_one

OURS = {metric["name"] for metric in json.loads((ROOT / "infra/metrics.json").read_text())}
OF_AWS = {
    "AWS/ApiGateway": ("ApiId", {"4xx", "5xx", "Count"}),
    "AWS/Lambda": ("FunctionName", {"ConcurrentExecutions", "Errors", "Throttles"}),
}
MUST_ALARM = {
    ("tlogistry", "Moved"),
    ("tlogistry", "Equivocation"),
    ("tlogistry", "Unavailable"),
    ("tlogistry", "Throttled"),
    ("AWS/ApiGateway", "5xx"),
    ("AWS/Lambda", "Throttles"),
}


def _alarms(t):
    return [alarm["Properties"] for alarm in resources(t, "AWS::CloudWatch::Alarm")]


def _dashboard(t):
    return json.loads(the_one(t, "AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"])


def _dashboard_metrics(t):
    return [m for widget in _dashboard(t)["widgets"] for m in widget["properties"].get("metrics", [])]


def _exists(namespace, name, dimension):
    expected, names = OF_AWS.get(namespace, ("FunctionName", OURS if namespace == "tlogistry" else ()))
    return name in names and dimension == expected


def alarms_look_at_metrics_that_exist(t):
    for alarm in _alarms(t):
        (dimension,) = alarm["Dimensions"]
        assert _exists(alarm["Namespace"], alarm["MetricName"], dimension["Name"]), alarm["AlarmName"]
        assert dimension["Value"] == {"Ref": dimension["Name"]}, alarm["AlarmName"]


def there_is_an_alarm_for_each_thing_that_matters(t):
    assert {(alarm["Namespace"], alarm["MetricName"]) for alarm in _alarms(t)} == MUST_ALARM


def one_moved_tag_is_enough(t):
    for alarm in _alarms(t):
        if alarm["MetricName"] in ("Moved", "Equivocation"):
            assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Sum", 1, 1)
            assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def silence_is_no_alarm(t):
    assert all(alarm["TreatMissingData"] == "notBreaching" for alarm in _alarms(t))


def alarms_reach_someone(t):
    assert all(alarm["AlarmActions"] == [{"Ref": "Topic"}] for alarm in _alarms(t))
    subscription = the_one(t, "AWS::SNS::Subscription")
    assert subscription["Condition"] == "HasEmail"
    assert subscription["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}


def runbook_says_what_each_alarm_means(t):
    headings = set(re.findall(r"^### `?([a-z-]+)`?$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE))
    for alarm in _alarms(t):
        name = alarm["AlarmName"]["Fn::Sub"].removeprefix("${Name}-")
        assert name in headings, name
        assert f"'{name}'" in alarm["AlarmDescription"], name


def dashboard_shows_every_metric_and_alarm(t):
    for namespace, name, dimension, value, *_ in _dashboard_metrics(t):
        assert _exists(namespace, name, dimension) and value == "${%s}" % dimension, (namespace, name)
    assert {name for namespace, name, *_ in _dashboard_metrics(t) if namespace == "tlogistry"} == OURS
    (shown,) = (w["properties"]["alarms"] for w in _dashboard(t)["widgets"] if w["type"] == "alarm")
    alarms = [n for n, r in t["monitoring"]["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"]
    assert sorted(shown) == sorted("${%s.Arn}" % name for name in alarms)


def dashboards_of_two_regions_do_not_meet(t):
    name = {"Fn::Sub": "${Name}-${AWS::Region}"}
    assert the_one(t, "AWS::CloudWatch::Dashboard")["Properties"]["DashboardName"] == name
    assert t["monitoring"]["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"].endswith("/dashboard/${Dashboard}")
    allowed = statement(t["deploy-role"]["Resources"]["UpgradePolicy"]["Properties"]["PolicyDocument"], "Dashboard")
    assert allowed["Resource"]["Fn::Sub"].endswith(":dashboard/${StackName}-${AWS::Region}")


def metrics_are_named_once_and_have_units(t):
    metrics = json.loads((ROOT / "infra/metrics.json").read_text())
    assert len(OURS) == len(metrics)
    for metric in metrics:
        assert metric["unit"] == ("Milliseconds" if metric["name"].endswith("Millis") else "Count"), metric["name"]


def _moved(*path_and_value):
    return put("monitoring", "MovedAlarm", "Properties", *path_and_value)


def _in_dashboard(old, new):
    def change(t):
        body = t["monitoring"]["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
        body["Fn::Sub"] = body["Fn::Sub"].replace(old, new)

    return change


_BOARD = ("monitoring", "Dashboard", "Properties")
NOT_OF_TEMPLATES = {metrics_are_named_once_and_have_units}  # about metrics.json, which no change here touches
FAULTS = [
    (alarms_look_at_metrics_that_exist, _moved("MetricName", "TagMoved")),
    (alarms_look_at_metrics_that_exist, _moved("Namespace", "Tlogistry")),
    (alarms_look_at_metrics_that_exist, _moved("Dimensions", 0, "Name", "Service")),
    (alarms_look_at_metrics_that_exist, _moved("Dimensions", 0, "Value", {"Ref": "ApiId"})),
    (there_is_an_alarm_for_each_thing_that_matters, drop("monitoring", "UnavailableAlarm")),
    (
        there_is_an_alarm_for_each_thing_that_matters,
        put("monitoring", "ServerErrorAlarm", "Properties", "MetricName", "4xx"),
    ),
    (one_moved_tag_is_enough, _moved("Threshold", 10)),
    (one_moved_tag_is_enough, _moved("ComparisonOperator", "GreaterThanThreshold")),
    (silence_is_no_alarm, _moved("TreatMissingData", "breaching")),
    (alarms_reach_someone, _moved("AlarmActions", [])),
    (alarms_reach_someone, drop("monitoring", "EmailSubscription", "Condition")),
    (runbook_says_what_each_alarm_means, _moved("AlarmName", {"Fn::Sub": "${Name}-tag-moved"})),
    (dashboard_shows_every_metric_and_alarm, _in_dashboard('"UpstreamError"', '"UpstreamErrors"')),
    (
        dashboard_shows_every_metric_and_alarm,
        _in_dashboard('["tlogistry", "Moved", "FunctionName", "${FunctionName}"],', ""),
    ),
    (dashboard_shows_every_metric_and_alarm, _in_dashboard('"${MovedAlarm.Arn}", ', "")),
    (dashboards_of_two_regions_do_not_meet, put(*_BOARD, "DashboardName", {"Ref": "Name"})),
]
