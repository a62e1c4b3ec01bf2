"""The logs: the function's own, and API Gateway's of each request."""

import json
import re

from templates import drop, is_true, put, resources, the_one

ACCESS_LOG_VARIABLES = {  # of an HTTP API's, those that are used; another API's have other names
    *("requestId", "integration.requestId", "apiId", "routeKey", "httpMethod", "status", "integrationStatus"),
    *("integrationErrorMessage", "error.responseType", "responseLatency", "responseLength"),
}


def _stage(t):
    return the_one(t, "AWS::ApiGatewayV2::Stage")["Properties"]


def _logging(t):
    return t["template"]["Resources"]["Function"]["Properties"]["LoggingConfig"]


def _access_line(t, address):
    """A line of API Gateway's log, as it is with and without the address, each value a variable's name."""
    text, names = _stage(t)["AccessLogSettings"]["Format"]["Fn::Sub"]
    condition, there, not_there = names["Address"]["Fn::If"]
    assert condition == "LogsAddress"
    assert t["template"]["Conditions"]["LogsAddress"] == is_true("AccessLogAddress")
    line = text.replace("${Address}", there if address else not_there)
    assert "\n" not in line
    return json.loads(line)


def are_kept_for_a_chosen_time(t):
    for group in resources(t, "AWS::Logs::LogGroup"):
        assert group["Properties"]["RetentionInDays"] in ({"Ref": "LogRetentionDays"}, {"Ref": "RetentionInDays"})
    passed = t["template"]["Resources"]["AccessLog"]["Properties"]["Parameters"]
    assert passed == {"RetentionInDays": {"Ref": "LogRetentionDays"}}
    assert t["template"]["Parameters"]["LogRetentionDays"]["Default"] == 90


def take_metrics(t):
    """Metrics are lines of the log, or made of them; the class for infrequent access does neither."""
    for group in resources(t, "AWS::Logs::LogGroup"):
        assert group["Properties"].get("LogGroupClass", "STANDARD") == "STANDARD"


def functions_goes_to_its_group(t):
    assert _logging(t)["LogGroup"] == {"Ref": "LogGroup"}


def has_no_line_of_lambdas_on_a_request_that_went_well(t):
    assert (_logging(t)["LogFormat"], _logging(t)["SystemLogLevel"]) == ("JSON", "WARN")


def has_every_line_of_the_program(t):
    """A metric is a line without a level, which Lambda takes for INFO."""
    assert _logging(t)["ApplicationLogLevel"] == "TRACE"


def api_gateways_line_is_json_of_what_an_http_api_knows(t):
    assert _stage(t)["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["AccessLog", "Outputs.Arn"]}
    line = _access_line(t, address=False)
    variables = {re.fullmatch(r"\$context\.([a-zA-Z.]+)", value)[1] for value in line.values()}
    assert variables == ACCESS_LOG_VARIABLES and len(line) == len(variables)
    assert line["requestId"] == "$context.requestId"  # API Gateway takes no format without it


def api_gateways_line_has_an_address_only_if_asked(t):
    assert t["template"]["Parameters"]["AccessLogAddress"]["Default"] == "false"
    without, with_it = _access_line(t, address=False), _access_line(t, address=True)
    assert not any("identity" in value for value in without.values())
    assert with_it == without | {"address": "$context.identity.sourceIp"}


def requests_that_api_gateway_throttled_are_counted(t):
    line = _access_line(t, address=False)
    (filtered,) = (f["Properties"] for f in resources(t, "AWS::Logs::MetricFilter"))
    conditions = re.findall(r"\(\$\.(\w+) = \"([^\"]+)\"\)", filtered["FilterPattern"])
    assert filtered["FilterPattern"] == "{ %s }" % " && ".join('($.%s = "%s")' % one for one in conditions)
    assert {line[field]: value for field, value in conditions} == {
        "$context.status": "429",
        "$context.integrationStatus": "-",
    }
    (metric,) = filtered["MetricTransformations"]
    assert (metric["MetricNamespace"], metric["MetricName"]) == ("tlogistry/api", "Throttled")
    assert metric["MetricValue"] == "1"
    (dimension,) = metric["Dimensions"]
    assert dimension["Key"] == "ApiId" and line[dimension["Value"].removeprefix("$.")] == "$context.apiId"


def _in_format(old, new):
    def change(t):
        text = t["template"]["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]["AccessLogSettings"]["Format"]
        assert old in text["Fn::Sub"][0]
        text["Fn::Sub"][0] = text["Fn::Sub"][0].replace(old, new)

    return change


_GROUP = ("template", "LogGroup", "Properties")
_LOGGING = ("template", "Function", "Properties", "LoggingConfig")
_ACCESS = ("template", "ApiApiGatewayDefaultStage", "Properties", "AccessLogSettings")
_FILTER = ("access-log", "Throttled", "Properties")
FAULTS = [
    (are_kept_for_a_chosen_time, drop(*_GROUP, "RetentionInDays")),
    (are_kept_for_a_chosen_time, drop("access-log", "LogGroup", "Properties", "RetentionInDays")),
    (are_kept_for_a_chosen_time, put("template", "AccessLog", "Properties", "Parameters", "RetentionInDays", 3653)),
    (take_metrics, put(*_GROUP, "LogGroupClass", "INFREQUENT_ACCESS")),
    (take_metrics, put("access-log", "LogGroup", "Properties", "LogGroupClass", "DELIVERY")),
    (functions_goes_to_its_group, drop(*_LOGGING, "LogGroup")),
    (has_no_line_of_lambdas_on_a_request_that_went_well, put(*_LOGGING, "SystemLogLevel", "INFO")),
    (has_no_line_of_lambdas_on_a_request_that_went_well, drop(*_LOGGING, "LogFormat")),
    (has_every_line_of_the_program, put(*_LOGGING, "ApplicationLogLevel", "WARN")),
    (api_gateways_line_is_json_of_what_an_http_api_knows, drop(*_ACCESS[:-1], "AccessLogSettings")),
    (api_gateways_line_is_json_of_what_an_http_api_knows, _in_format("$context.routeKey", "$context.resourcePath")),
    (api_gateways_line_is_json_of_what_an_http_api_knows, _in_format('"status":', "'status':")),
    (api_gateways_line_is_json_of_what_an_http_api_knows, _in_format('"$context.status"', "429")),
    (api_gateways_line_has_an_address_only_if_asked, _in_format("$context.apiId", "$context.identity.sourceIp")),
    (api_gateways_line_has_an_address_only_if_asked, put(*_ACCESS, "Format", "Fn::Sub", 1, "Address", "Fn::If", 1, "")),
    (
        api_gateways_line_has_an_address_only_if_asked,
        lambda t: t["template"]["Parameters"]["AccessLogAddress"].update(Default="true"),
    ),
    (requests_that_api_gateway_throttled_are_counted, put(*_FILTER, "FilterPattern", '{ ($.status = "429") }')),
    (
        requests_that_api_gateway_throttled_are_counted,
        put(*_FILTER, "FilterPattern", '{ ($.status = 429) && ($.integrationStatus = "-") }'),
    ),
    (requests_that_api_gateway_throttled_are_counted, _in_format('"integrationStatus":', '"backend":')),
    (
        requests_that_api_gateway_throttled_are_counted,
        put(*_FILTER, "MetricTransformations", 0, "Dimensions", 0, "Value", "$.api"),
    ),
]
