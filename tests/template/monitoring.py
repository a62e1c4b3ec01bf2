"""Alarms and dashboard: they look at metrics that exist, fire on what they say, and tell whom they should."""

import json
import re

from expressions import Stack
from templates import ROOT, drop, put, resources, statement, statements, the_one

OURS = {metric["name"] for metric in json.loads((ROOT / "infra/metrics.json").read_text())}
TABLE_METRICS = {
    *("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"),
}
KNOWN = {  # namespace: the dimensions that it has, and its metrics
    "tlogistry": ({"FunctionName"}, OURS),
    "tlogistry/api": ({"ApiId"}, {"Throttled"}),  # of API Gateway's log: infra/access-log.yaml
    "AWS/ApiGateway": ({"ApiId"}, {"4xx", "5xx", "Count"}),
    "AWS/DynamoDB": ({"LedgerTable", "CountersTable"}, TABLE_METRICS),  # by TableName
    "AWS/EventBridge/Pipes": ({"Notices", "Pages"}, {"ExecutionFailed"}),  # by PipeName
    "AWS/Lambda": ({"FunctionName"}, {"ConcurrentExecutions", "Duration", "Errors", "Throttles"}),
}
DIMENSIONS = {"LedgerTable": "TableName", "CountersTable": "TableName", "Notices": "PipeName", "Pages": "PipeName"}
PAGES = {
    *("concurrency", "crashes", "duration", "equivocation", "first-sights", "gateway-errors", "key-throttled"),
    *("log-frozen", "moves-unpaged", "moves-untold", "tables", "throttles", "unavailable"),
}
NOTICES = {"log", "moved", "registries", "registry-limit"}


def _zeros():
    """Metrics that each line of a pull by tag has, with 0 if need be."""
    (shares,) = re.findall(r"const SHARES: .*?\[(.*?)\];", (ROOT / "src/telemetry.rs").read_text(), re.DOTALL)
    return {*re.findall(r"Self::(\w+)", shares.split("=")[-1]), "ServerError"}


def _pulls(**counted):
    """What pulls by tag counted in a period: what they were not is 0 (src/telemetry.rs)."""
    return dict.fromkeys(_zeros(), 0) | counted


EXAMPLES = [  # an alarm, a period's values, and whether they are what it is for
    ("equivocation", {"Equivocation": 1}, True),
    ("equivocation", {}, False),
    ("log-frozen", {"LogFrozen": 1}, True),
    ("log-frozen", _pulls(LogFailed=100), False),
    ("log-frozen", {}, False),
    ("unavailable", _pulls(Unavailable=1), True),
    ("unavailable", _pulls(Unavailable=10, Unchanged=90), True),
    ("unavailable", _pulls(Unavailable=9, Unchanged=40, FirstSeen=40, Moved=11), False),
    ("unavailable", _pulls(Unavailable=9, Pinned=91), False),
    ("unavailable", _pulls(Moved=5), False),
    ("unavailable", _pulls(LogFailed=100), False),
    ("unavailable", {}, False),
    ("gateway-errors", {"5xx": 5}, True),  # the function died before it could count anything
    ("gateway-errors", {"5xx": 500, "ServerError": 500}, False),
    ("gateway-errors", {"5xx": 20, "ServerError": 15}, True),
    ("gateway-errors", {}, False),
    ("crashes", {"Errors": 3}, True),
    ("crashes", {"Errors": 0}, False),
    ("duration", {"Duration": 29000}, True),
    ("duration", {"Duration": 28000}, False),
    ("throttles", {"Throttles": 1}, True),
    ("concurrency", {"ConcurrentExecutions": 800}, True),
    ("concurrency", {"ConcurrentExecutions": 799}, False),
    ("tables", {"ReadThrottleEvents/ledger": 1}, True),
    ("tables", {"WriteThrottleEvents/ledger": 1}, True),
    ("tables", {"ReadThrottleEvents/counters": 1}, True),
    ("tables", {"WriteThrottleEvents/counters": 1}, True),
    ("tables", {}, False),
    ("key-throttled", {"KeyThrottled": 1}, True),
    ("first-sights", {"FirstSeen": 2000}, True),
    ("first-sights", {"FirstSeen": 1999}, False),
    ("log", _pulls(LogFailed=1), True),
    ("log", _pulls(LogFailed=4, FirstSeen=5), False),
    ("log", _pulls(Unavailable=100), False),
    ("log", {}, False),
    ("registries", _pulls(UpstreamError=20, Unchanged=20), True),
    ("registries", _pulls(UpstreamError=19), False),  # one client with a host of his own
    ("registries", _pulls(UpstreamError=20, Unchanged=15, FirstSeen=6), False),
    ("registries", _pulls(UpstreamError=20, Unchanged=15, Pinned=6), False),
    ("registry-limit", {"Throttled": 5}, True),
    ("moved", {"NewlyMoved": 1}, True),
    ("moved", {"Moved": 100}, False),
    ("moved", {"Pinned": 100}, False),
    ("moves-untold", {"ExecutionFailed": 1}, True),
    ("moves-untold", {}, False),
    ("moves-unpaged", {"ExecutionFailed": 1}, True),
    ("moves-unpaged", {}, False),
]
AFTER_THE_TIME_OUT = [("src/http/mod.rs", "GRACE"), ("src/moves.rs", "TIME")]
VALUES = {
    "Name": "tlogistry", "FunctionName": "function", "ApiId": "api",
    "LedgerTable": "ledger", "CountersTable": "counters", "PagesArn": "pages", "NoticesArn": "notices",
    "MovesAreTold": "true", "FirstSightsPerHour": 2000,
    "ReservedConcurrency": "none", "AccountConcurrency": 1000,
    "LedgerStreamArn": "stream", "PageOnMovesOf": "", "Notices": "tlogistry-moves", "Pages": "tlogistry-moves-page",
}


def _seconds(file, constant):
    return int(re.search(rf"const {constant}: Duration = Duration::from_secs\((\d+)\);", (ROOT / file).read_text())[1])


def _alarms(t):
    """By name: each alarm, as the template has it. The auditor's and the releases' have rules of their own."""
    of = {name: one for name, one in t.items() if name not in ("auditor", "release")}
    found = [r["Properties"] for r in resources(of, "AWS::CloudWatch::Alarm")]
    return {alarm["AlarmName"]["Fn::Sub"].removeprefix("${Name}-"): alarm for alarm in found}


def _deployed(t, **values):
    """By name: each alarm, as it is deployed."""
    alarms = {}
    for template in ("monitoring", "moves"):
        stack = Stack(t[template], VALUES | values)
        for name, resource in t[template]["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                alarm = stack.properties(name)
                alarms[alarm["AlarmName"].removeprefix("tlogistry-")] = alarm
    return alarms


def _metrics(alarm):
    """(id, metric) of each metric that an alarm looks at. The id of the only one is None."""
    if "Metrics" not in alarm:
        yield None, alarm
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield query["Id"], query["MetricStat"]["Metric"]


def _in_period(metric, values):
    by_table = f"{metric['MetricName']}/{metric['Dimensions'][0]['Value']}" if metric.get("Dimensions") else None
    return values.get(metric["MetricName"], values.get(by_table))


def _fill(value, instead):
    return instead if value is None else value


def _is_breached(alarm, values):
    found = {key: _in_period(metric, values) for key, metric in _metrics(alarm)}
    if None in found:
        value = found[None]
    else:
        (result,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
        try:
            value = eval(_lazy(result), {"__builtins__": {}}, {"FILL": _fill} | found)
        except (TypeError, ZeroDivisionError):
            value = None  # no value: a metric without one, or a division by zero
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    return value is not None and value >= float(alarm["Threshold"])


def _lazy(expression):
    """IF(condition, a, b) as Python evaluates it, without the branch that is not taken."""
    if not expression.startswith("IF("):
        return expression
    parts, depth = [""], 0
    for character in expression.removeprefix("IF(").removesuffix(")"):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    condition, then, otherwise = map(str.strip, parts)
    return f"({then}) if ({condition}) else ({otherwise})"


def _dashboard(t):
    return json.loads(the_one(t, "AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"])


def _dashboard_metrics(t):
    return [m for widget in _dashboard(t)["widgets"] for m in widget["properties"].get("metrics", [])]


def _exists(namespace, name, dimension, parameter):
    parameters, names = KNOWN.get(namespace, ((), ()))
    return name in names and parameter in parameters and dimension == DIMENSIONS.get(parameter, parameter)


def alarms_look_at_metrics_that_exist(t):
    for name, alarm in _alarms(t).items():
        for _, metric in _metrics(alarm):
            dimensions = metric["Dimensions"]
            if name == "concurrency":  # without a reservation, of the account
                condition, dimensions, otherwise = dimensions["Fn::If"]
                assert (condition, otherwise) == ("ReservesConcurrency", {"Ref": "AWS::NoValue"})
            (dimension,) = dimensions
            parameter = dimension["Value"]["Ref"]
            assert _exists(metric["Namespace"], metric["MetricName"], dimension["Name"], parameter), name


def each_tells_whom_it_should(t):
    alarms = _alarms(t)
    assert alarms.keys() == PAGES | NOTICES
    for name, alarm in alarms.items():
        topic = {"Ref": "PagesArn" if name in PAGES else "NoticesArn"}
        assert alarm["AlarmActions"] == [topic] and alarm.get("OKActions", [topic]) == [topic], name


def each_fires_on_what_it_says(t):
    alarms = _deployed(t)
    for name, values, is_breached in EXAMPLES:
        assert _is_breached(alarms[name], values) == is_breached, (name, values)
    reserved = _deployed(t, ReservedConcurrency="50")["concurrency"]
    assert _is_breached(reserved, {"ConcurrentExecutions": 40})
    assert not _is_breached(reserved, {"ConcurrentExecutions": 39})
    ((_, metric),) = _metrics(reserved)
    assert metric["Dimensions"] == [{"Name": "FunctionName", "Value": "function"}]


def a_share_is_of_metrics_that_have_a_value(t):
    """Without FILL, which may make nothing of a metric that has no value at all."""
    for name, alarm in _alarms(t).items():
        ours = [(key, m["MetricName"]) for key, m in _metrics(alarm) if key and m["Namespace"] == "tlogistry"]
        for key, metric in ours:
            (expression,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
            assert metric in _zeros() or f"FILL({key}, 0)" in expression, (name, metric)
            if "/" in expression:
                assert metric in _zeros(), (name, metric)


def one_contradiction_is_enough(t):
    alarm = _alarms(t)["equivocation"]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == ("Sum", 1, 1, 60)


def one_refusal_by_a_log_that_has_ended_is_enough(t):
    alarm = _alarms(t)["log-frozen"]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Sum", 1, 1)


def no_single_period_pages_but_for_what_counts_once(t):
    for name in PAGES - {"equivocation", "log-frozen", "first-sights", "moves-unpaged", "moves-untold"}:
        alarm = _alarms(t)[name]
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 3), name


def duration_is_between_our_own_limit_and_lambdas(t):
    request = int(t["template"]["Parameters"]["RequestTimeoutMs"]["Default"])
    ours = request + sum(_seconds(*constant) * 1000 for constant in AFTER_THE_TIME_OUT)
    lambdas = t["template"]["Resources"]["Function"]["Properties"]["Timeout"] * 1000
    assert ours < _alarms(t)["duration"]["Threshold"] < lambdas


def a_move_is_told_once(t):
    """By the pipe or, where there is none, by the alarm."""
    monitoring, passed = t["monitoring"], t["template"]["Resources"]["Monitoring"]["Properties"]["Parameters"]
    assert monitoring["Resources"]["MovedAlarm"]["Condition"] == "MovesAreUntold"
    assert monitoring["Conditions"]["MovesAreUntold"] == {"Fn::Equals": [{"Ref": "MovesAreTold"}, "false"]}
    assert passed["MovesAreTold"] == {"Fn::If": ["TellsOfMoves", "true", "false"]}
    assert t["template"]["Resources"]["Moves"]["Condition"] == "TellsOfMoves"


def runbook_says_what_each_alarm_means(t):
    headings = set(re.findall(r"^### `?([a-z-]+)`?$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE))
    for name, alarm in _alarms(t).items():
        assert name in headings, name
        assert f"'{name}'" in alarm["AlarmDescription"], name


def topics_take_what_this_deployment_tells(t):
    senders = {
        "cloudwatch.amazonaws.com": "cloudwatch:%s:alarm:${Name}-*",
        "events.amazonaws.com": "events:%s:rule/${Name}-*",
    }
    for topic in ("Pages", "Notices"):
        policy = t["topics"]["Resources"][f"{topic}Policy"]["Properties"]
        assert policy["Topics"] == [{"Ref": topic}]
        found = {}
        for s in statements(policy["PolicyDocument"]):
            assert (s["Effect"], s["Action"], s["Resource"]) == ("Allow", "sns:Publish", {"Ref": topic})
            found[s["Principal"]["Service"]] = s["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
        region = "${AWS::Region}:${AWS::AccountId}"
        assert found == {service: "arn:${AWS::Partition}:" + arn % region for service, arn in senders.items()}


def email_hears_of_both(t):
    subscriptions = {
        s["Properties"]["TopicArn"]["Ref"]: s for s in resources({"topics": t["topics"]}, "AWS::SNS::Subscription")
    }
    assert subscriptions.keys() == {"Pages", "Notices"}
    for subscription in subscriptions.values():
        assert subscription["Condition"] == "HasEmail"
        assert subscription["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}


def a_default_deployment_says_that_nobody_is_told(t):
    assert t["template"]["Outputs"]["WhoIsTold"]["Value"] == {"Fn::GetAtt": ["Topics", "Outputs.WhoIsTold"]}
    for email, said in (("", "Nobody."), ("a@b.example", "nobody is told before")):
        stack = Stack(t["topics"], {"Name": "tlogistry", "AlarmEmail": email})
        assert said in stack.value(t["topics"]["Outputs"]["WhoIsTold"]["Value"])


def dashboard_shows_every_metric_and_alarm(t):
    for namespace, name, dimension, value, *_ in _dashboard_metrics(t):
        assert _exists(namespace, name, dimension, value.strip("${}")), (namespace, name)
    assert {name for namespace, name, *_ in _dashboard_metrics(t) if namespace == "tlogistry"} == OURS
    shown = [a for w in _dashboard(t)["widgets"] if w["type"] == "alarm" for a in w["properties"]["alarms"]]
    alarms = {n: r for n, r in t["monitoring"]["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert sorted(shown) == sorted("${%s.Arn}" % name for name, alarm in alarms.items() if "Condition" not in alarm)


def dashboard_fits_and_nothing_covers_anything(t):
    taken = set()
    for widget in _dashboard(t)["widgets"]:
        x, y, width, height = (widget[key] for key in ("x", "y", "width", "height"))
        cells = {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
        assert x + width <= 24 and not cells & taken, widget["properties"]["title"]
        taken |= cells
    assert len(taken) == 24 * (1 + max(row for _, row in taken)), "there is a hole"


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


def _alarm(resource, *path_and_value):
    return put("monitoring", resource, "Properties", *path_and_value)


def _in_dashboard(old, new):
    def change(t):
        body = t["monitoring"]["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
        body["Fn::Sub"] = body["Fn::Sub"].replace(old, new)

    return change


def _silent_output(t):
    t["topics"]["Outputs"]["WhoIsTold"]["Value"] = "You"


_BOARD = ("monitoring", "Dashboard", "Properties")
NOT_OF_TEMPLATES = {metrics_are_named_once_and_have_units}  # about metrics.json, which no change here touches
_PAGES_POLICY = ("topics", "PagesPolicy", "Properties", "PolicyDocument", "Statement")
FAULTS = [
    (alarms_look_at_metrics_that_exist, _moved("MetricName", "TagMoved")),
    (alarms_look_at_metrics_that_exist, _moved("Namespace", "Tlogistry")),
    (alarms_look_at_metrics_that_exist, _moved("Dimensions", 0, "Name", "Service")),
    (alarms_look_at_metrics_that_exist, _moved("Dimensions", 0, "Value", {"Ref": "ApiId"})),
    (
        alarms_look_at_metrics_that_exist,
        _alarm("TablesAlarm", "Metrics", 1, "MetricStat", "Metric", "MetricName", "Throttles"),
    ),
    (each_tells_whom_it_should, drop("monitoring", "UnavailableAlarm")),
    (each_tells_whom_it_should, _moved("AlarmActions", [])),
    (each_tells_whom_it_should, _alarm("RegistriesAlarm", "AlarmActions", [{"Ref": "PagesArn"}])),
    (each_tells_whom_it_should, _alarm("TablesAlarm", "OKActions", [{"Ref": "NoticesArn"}])),
    (each_fires_on_what_it_says, _moved("MetricName", "Moved")),
    (each_fires_on_what_it_says, _alarm("GatewayErrorAlarm", "Metrics", 0, "Expression", "FILL(all, 0)")),
    (each_fires_on_what_it_says, _alarm("GatewayErrorAlarm", "Metrics", 0, "Expression", "all - ours")),
    (each_fires_on_what_it_says, _alarm("UnavailableAlarm", "Metrics", 0, "Expression", "failed")),
    (each_fires_on_what_it_says, _alarm("TablesAlarm", "Metrics", 0, "Expression", "FILL(r1, 0) + FILL(w1, 0)")),
    (each_fires_on_what_it_says, _alarm("ConcurrencyAlarm", "Threshold", 90)),
    (each_fires_on_what_it_says, _moved("TreatMissingData", "breaching")),
    (
        a_share_is_of_metrics_that_have_a_value,
        _alarm("LogAlarm", "Metrics", 2, "MetricStat", "Metric", "MetricName", "Throttled"),
    ),
    (one_contradiction_is_enough, _alarm("EquivocationAlarm", "Threshold", 10)),
    (one_contradiction_is_enough, _alarm("EquivocationAlarm", "EvaluationPeriods", 2)),
    (one_refusal_by_a_log_that_has_ended_is_enough, _alarm("LogFrozenAlarm", "Threshold", 10)),
    (one_refusal_by_a_log_that_has_ended_is_enough, _alarm("LogFrozenAlarm", "EvaluationPeriods", 2)),
    (each_tells_whom_it_should, _alarm("LogFrozenAlarm", "AlarmActions", [{"Ref": "NoticesArn"}])),
    (each_fires_on_what_it_says, _alarm("LogFrozenAlarm", "MetricName", "LogFailed")),
    (
        no_single_period_pages_but_for_what_counts_once,
        drop("monitoring", "ThrottlesAlarm", "Properties", "DatapointsToAlarm"),
    ),
    (duration_is_between_our_own_limit_and_lambdas, put("template", "Function", "Properties", "Timeout", 28)),
    (duration_is_between_our_own_limit_and_lambdas, _alarm("DurationAlarm", "Threshold", 26000)),
    (a_move_is_told_once, drop("monitoring", "MovedAlarm", "Condition")),
    (a_move_is_told_once, put("template", "Moves", "Condition", "MakesLedger")),
    (runbook_says_what_each_alarm_means, _moved("AlarmName", {"Fn::Sub": "${Name}-tag-moved"})),
    (topics_take_what_this_deployment_tells, put(*_PAGES_POLICY, 0, "Principal", {"Service": "s3.amazonaws.com"})),
    (topics_take_what_this_deployment_tells, drop(*_PAGES_POLICY, 1, "Condition")),
    (topics_take_what_this_deployment_tells, put(*_PAGES_POLICY, 0, "Action", "sns:Subscribe")),
    (email_hears_of_both, drop("topics", "PagesByEmail")),
    (email_hears_of_both, drop("topics", "NoticesByEmail", "Condition")),
    (a_default_deployment_says_that_nobody_is_told, _silent_output),
    (dashboard_shows_every_metric_and_alarm, _in_dashboard('"UpstreamError"', '"UpstreamErrors"')),
    (
        dashboard_shows_every_metric_and_alarm,
        _in_dashboard('["tlogistry", "Moved", "FunctionName", "${FunctionName}"],', ""),
    ),
    (dashboard_fits_and_nothing_covers_anything, _in_dashboard('"x": 16, "y": 0', '"x": 15, "y": 0')),
    (dashboard_fits_and_nothing_covers_anything, _in_dashboard('"x": 16, "y": 0', '"x": 17, "y": 0')),
    (dashboards_of_two_regions_do_not_meet, put(*_BOARD, "DashboardName", {"Ref": "Name"})),
    (dashboard_shows_every_metric_and_alarm, _in_dashboard('"${TablesAlarm.Arn}",', "")),
]
