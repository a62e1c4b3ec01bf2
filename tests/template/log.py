"""The function's log."""

from templates import drop, put, the_one


def is_kept_for_a_chosen_time(t):
    assert the_one(t, "AWS::Logs::LogGroup")["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert t["template"]["Parameters"]["LogRetentionDays"]["Default"] == 90


def takes_metrics(t):
    """Metrics are lines of the log; the class for infrequent access does not read them."""
    assert the_one(t, "AWS::Logs::LogGroup")["Properties"].get("LogGroupClass", "STANDARD") == "STANDARD"


def is_the_functions_and_only_there(t):
    assert t["template"]["Resources"]["Function"]["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": "LogGroup"}


_GROUP = ("template", "LogGroup", "Properties")
FAULTS = [
    (is_kept_for_a_chosen_time, drop(*_GROUP, "RetentionInDays")),
    (takes_metrics, put(*_GROUP, "LogGroupClass", "INFREQUENT_ACCESS")),
    (is_the_functions_and_only_there, drop("template", "Function", "Properties", "LoggingConfig")),
]
