"""The counters' table: its items expire, and it goes with the stack. It is never the ledger."""

from templates import append, drop, put


def _table(t):
    (table,) = t["counters"]["Resources"].values()
    return table


def _properties(t):
    return _table(t)["Properties"]


def goes_with_the_stack(t):
    assert _table(t)["DeletionPolicy"] == _table(t)["UpdateReplacePolicy"] == "Delete"
    assert not _properties(t).get("DeletionProtectionEnabled")


def is_keyed_by_counter_alone(t):
    assert _properties(t)["KeySchema"] == [{"AttributeName": "counter", "KeyType": "HASH"}]
    assert _properties(t)["AttributeDefinitions"] == [{"AttributeName": "counter", "AttributeType": "S"}]


def is_paid_by_request(t):
    assert _properties(t)["BillingMode"] == "PAY_PER_REQUEST"


def items_expire(t):
    assert _properties(t)["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def has_no_name_of_its_own(t):
    assert "TableName" not in _properties(t)


def is_the_functions_and_no_ledger(t):
    variables = t["template"]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables["COUNTERS_TABLE"] == {"Fn::GetAtt": ["Counters", "Outputs.TableName"]}
    stack = t["template"]["Resources"]["Counters"]
    assert stack["Properties"]["TemplateURL"] == "infra/counters.yaml" and "Condition" not in stack


def limits_are_the_parameters(t):
    variables = t["template"]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables["FIRST_SIGHTS_PER_MINUTE"] == {"Ref": "FirstSightsPerMinute"}
    assert variables["FIRST_SIGHTS_PER_MINUTE_PER_SOURCE"] == {"Ref": "FirstSightsPerMinutePerSource"}
    assert variables["SIGHTING_PAGES_PER_MINUTE"] == {"Ref": "SightingPagesPerMinute"}
    assert variables.get("SIGHTING_PAGES_PER_MINUTE_PER_SOURCE") == {"Ref": "SightingPagesPerMinutePerSource"}
    for name in ("FirstSightsPerMinute", "FirstSightsPerMinutePerSource", "SightingPagesPerMinute"):
        assert t["template"]["Parameters"][name]["MinValue"] == 1, name


def _minimum(t):
    t["template"]["Parameters"]["FirstSightsPerMinute"]["MinValue"] = 0


_PROPERTIES = ("counters", "Table", "Properties")
_FUNCTION = ("template", "Function", "Properties", "Environment", "Variables")
FAULTS = [
    (goes_with_the_stack, put("counters", "Table", "DeletionPolicy", "Retain")),
    (goes_with_the_stack, drop("counters", "Table", "UpdateReplacePolicy")),
    (goes_with_the_stack, put(*_PROPERTIES, "DeletionProtectionEnabled", True)),
    (is_keyed_by_counter_alone, append(*_PROPERTIES, "KeySchema", {"AttributeName": "minute", "KeyType": "RANGE"})),
    (is_keyed_by_counter_alone, put(*_PROPERTIES, "AttributeDefinitions", 0, "AttributeType", "N")),
    (is_paid_by_request, put(*_PROPERTIES, "BillingMode", "PROVISIONED")),
    (items_expire, drop(*_PROPERTIES, "TimeToLiveSpecification")),
    (items_expire, put(*_PROPERTIES, "TimeToLiveSpecification", "AttributeName", "drawn")),
    (items_expire, put(*_PROPERTIES, "TimeToLiveSpecification", "Enabled", False)),
    (has_no_name_of_its_own, put(*_PROPERTIES, "TableName", "tlogistry-counters")),
    (
        is_the_functions_and_no_ledger,
        put(*_FUNCTION, "COUNTERS_TABLE", {"Fn::GetAtt": ["LedgerStack", "Outputs.TableName"]}),
    ),
    (
        is_the_functions_and_no_ledger,
        put("template", "Counters", "Properties", "TemplateURL", "infra/ledger.yaml"),
    ),
    (limits_are_the_parameters, put(*_FUNCTION, "FIRST_SIGHTS_PER_MINUTE", "1000000")),
    (
        limits_are_the_parameters,
        put(*_FUNCTION, "FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", {"Ref": "FirstSightsPerMinute"}),
    ),
    (limits_are_the_parameters, put(*_FUNCTION, "SIGHTING_PAGES_PER_MINUTE", {"Ref": "FirstSightsPerMinute"})),
    (limits_are_the_parameters, drop(*_FUNCTION, "SIGHTING_PAGES_PER_MINUTE_PER_SOURCE")),
    (limits_are_the_parameters, _minimum),
]
