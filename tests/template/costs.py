"""What it costs: bounded by the API's throttle, known from the runbook's prices. Run alone, prints the runbook's table.

The worst that strangers can cause is the sum of the worst of each service, though no request has all of them.
"""

import math
import re

from templates import ROOT, drop, put

SECONDS_A_DAY = 86_400
CONCURRENCY_TO_SPARE = 900  # of an account's 1000 instances, of which Lambda keeps 100 unreserved
SMALL_ACCOUNT = 10  # instances: what an account can begin with
OTHER_THROTTLES = (5, 100)  # requests a second, beside the default
API_METER_BYTES = 512 * 1024  # an HTTP API's answer counts as one request for each 512 KiB
API_ACCOUNT_LIMIT = 10_000  # requests a second, of all APIs of an account in a region
WORST_LINES_BYTES = 4096  # of a request with the longest names: two lines of ours, one of API Gateway's
THROTTLED_LINE_BYTES = 450  # API Gateway's line for a request that it refuses
FIRST_SIGHT = {"writes": 15, "signatures": 1}  # as in the runbook's assumptions
READS = 3  # units of a pull by tag of what memory does not have: the row, and the instance's own
LIST_READS = 110  # units of a page of 1000 sightings with the longest names, 870 bytes each, read as they may be late
HEADING = "## What a stranger can cost"


def _runbook():
    return (ROOT / "docs/runbook.md").read_text()


def _constant(file, pattern):
    (found,) = re.findall(pattern, (ROOT / file).read_text())
    return int(found)


def _grace():
    return _constant("src/http/mod.rs", r"const GRACE: Duration = Duration::from_secs\((\d+)\);")


def _work_after_the_answer():
    """All of it at the same time."""
    files = ("src/moves.rs", "src/http/attestation_index.rs")
    return max(_constant(file, r"const TIME: Duration = Duration::from_secs\((\d+)\);") for file in files)


def _manifest_bytes():
    return _constant("src/upstream/manifest.rs", r"const MAX_MANIFEST_BYTES: usize = (\d+) << 20;") << 20


def _default(t, name):
    return int(t["template"]["Parameters"][name]["Default"])


def _number(text):
    """'337 500 GB-s', '9 M requests', '10 000', '10.8 GB × 3 months' (a product)."""
    product = 1.0
    for factor in text.split("×"):
        digits, millions = re.match(r"\s*([\d. ]*\d)\s*(M\b)?", factor).groups()
        product *= float(digits.replace(" ", "")) * (1e6 if millions else 1)
    return product


def _price_list():
    """Each row of the runbook's table for a million pulls: (what, amount, price of one, USD)."""
    table = _runbook().split("## What it costs")[1].split("per million pulls")[0]
    row = r"^\| ([^|]+) \| ([^|]+) \| ([^|]+ per [^|]+) \| ([\d.]+) \|$"
    for what, amount, price, usd in re.findall(row, table, re.MULTILINE):
        dollars, each = price.split(" per ")
        yield what, _number(amount.split("=")[-1]), float(dollars) / (1e6 if each == "M" else _each(each)), float(usd)


def _each(text):
    return _number(text) if text[0].isdigit() else 1


def _prices():
    return {what: price for what, _, price, _ in _price_list()}


def _worst_a_day(t, rate, instances=math.inf):
    """USD by service, of a day in which strangers do their worst."""
    price = _prices()
    requests = rate * SECONDS_A_DAY
    busy = min(rate * (_default(t, "RequestTimeoutMs") / 1000 + _grace()), instances)
    first_sights = min(_default(t, "FirstSightsPerMinute") * SECONDS_A_DAY / 60, requests)
    lists = min(_default(t, "SightingPagesPerMinute") * SECONDS_A_DAY / 60, requests)
    return {
        "API Gateway": requests * math.ceil(_manifest_bytes() / API_METER_BYTES) * price["API Gateway, HTTP API"],
        "Lambda": requests * price["Lambda, requests"]
        + busy * SECONDS_A_DAY * _default(t, "MemoryMiB") / 1024 * price["Lambda, arm64"],
        "logs": requests * WORST_LINES_BYTES / 1e9 * price["CloudWatch, log"],
        "ledger, key": (requests * READS + lists * LIST_READS) * price["DynamoDB, reads"]
        + first_sights * FIRST_SIGHT["writes"] * price["DynamoDB, writes"]
        + first_sights * FIRST_SIGHT["signatures"] * price["KMS, signatures"],
        "data out": requests * _manifest_bytes() / 1e9 * price["data out"],
    }


def _table(t):
    default = _default(t, "RequestsPerSecond")
    rows = [(f"{rate}", _worst_a_day(t, rate)) for rate in sorted({default, *OTHER_THROTTLES})]
    rows.insert(1 + sorted({default, *OTHER_THROTTLES}).index(default), (
        f"{default}, in an account of {SMALL_ACCOUNT} instances", _worst_a_day(t, default, SMALL_ACCOUNT)
    ))
    services = list(rows[0][1])
    yield f"| `RequestsPerSecond` | {' | '.join(services)} | a day | 30 days |"
    yield "|---|" + "--:|" * (len(services) + 2)
    for name, costs in rows:
        day = sum(costs.values())
        figures = [f"{costs[service]:.0f}" for service in services] + [f"{day:.0f}", f"{day * 30:.0f}"]
        yield f"| {name} | {' | '.join(figures)} |"


def _refused():
    """API Gateway does not charge for what it throttles, but logs it."""
    usd = API_ACCOUNT_LIMIT * SECONDS_A_DAY * THROTTLED_LINE_BYTES / 1e9 * _prices()["CloudWatch, log"]
    return f"at most {usd:.0f} USD a day at {API_ACCOUNT_LIMIT // 1000} 000 requests a second"


def default_throttle_fits_an_accounts_instances(t):
    """Even if each request took all of its time, and a burst came on top."""
    seconds = _default(t, "RequestTimeoutMs") / 1000 + _grace()
    assert _default(t, "RequestsPerSecond") * seconds <= CONCURRENCY_TO_SPARE
    assert _default(t, "RequestsPerSecond") * seconds + _default(t, "RequestBurst") <= CONCURRENCY_TO_SPARE


def runbook_says_the_worst_that_strangers_can_cost(t):
    section = _runbook().split(HEADING)[1].split("\n## ")[0]
    lines = section.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    expected = list(_table(t))
    assert lines[first:][: len(expected)] == expected and lines[first + len(expected)] == "", "\n".join(expected)
    assert _refused() in section.replace("\n", " "), _refused()


def runbooks_prices_are_multiplied_right(t):
    rows = list(_price_list())
    assert len(rows) == 9
    for what, amount, price, usd in rows:
        assert abs(amount * price - usd) <= 0.006, (what, amount * price)
    total = re.search(r"\*\*per million pulls\*\* \| \| \| \*\*([\d.]+)\*\*", _runbook())[1]
    assert abs(sum(usd for *_, usd in rows) - float(total)) < 0.001
    monthly = _runbook().split("and per month, whether anyone pulls or not:")[1].split("\n\n")[1]
    *parts, whole = re.findall(r"\| (?:\*\*)?([\d.]+)(?:\*\*)? \|$", monthly, re.MULTILINE)
    assert parts and abs(sum(map(float, parts)) - float(whole)) < 0.001, sum(map(float, parts))


def time_outs_memory_and_cache_are_parameters_within_the_programs_bounds(t):
    config = (ROOT / "src/config.rs").read_text()
    least, most = re.search(r"const TIMEOUT_MS: .*? = (\d+)\.\.=([\d_]+);", config).groups()
    cache = 1 << int(re.search(r"const MAX_MANIFEST_CACHE_BYTES: u64 = 1 << (\d+);", config)[1])
    variables = t["template"]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    for parameter, variable, (lowest, highest), default in (
        ("RequestTimeoutMs", "REQUEST_TIMEOUT_MS", (least, most), "DEFAULT_REQUEST_TIMEOUT_MS: u64 = 25_000;"),
        ("RegistryTimeoutMs", "REGISTRY_TIMEOUT_MS", (least, most), "DEFAULT_REGISTRY_TIMEOUT_MS: u64 = 8_000;"),
        ("ManifestCacheBytes", "MANIFEST_CACHE_BYTES", (0, cache), "DEFAULT_MANIFEST_CACHE_BYTES: u64 = 16 << 20;"),
    ):
        declared = t["template"]["Parameters"][parameter]
        assert variables[variable] == {"Ref": parameter}, parameter
        assert int(lowest) <= declared["MinValue"], parameter
        most_of_program = int(str(highest).replace("_", ""))
        if parameter == "RequestTimeoutMs":  # the function's own time-out bounds it further: the rule below
            assert declared["MaxValue"] <= most_of_program, parameter
        else:
            assert declared["MaxValue"] == most_of_program, parameter
        written = default.split(" = ")[1].rstrip(";").replace("_", "")
        number, shift = (int(part) for part in (written + " << 0").split(" << ")[:2])
        assert default in config and _default(t, parameter) == number << shift, parameter
    memory = t["template"]["Resources"]["Function"]["Properties"]["MemorySize"]
    assert memory == {"Ref": "MemoryMiB"} and t["template"]["Parameters"]["MemoryMiB"]["MaxValue"] == 10240
    share = int(re.search(r"const CACHE_SHARE_OF_MEMORY: u64 = (\d+);", config)[1])
    least_memory = t["template"]["Parameters"]["MemoryMiB"]["MinValue"] << 20
    assert _default(t, "ManifestCacheBytes") <= least_memory / share


def longest_request_ends_within_the_functions_time_out(t):
    """With its grace, and what it leaves to do after the answer."""
    time_out = t["template"]["Resources"]["Function"]["Properties"]["Timeout"]
    longest = t["template"]["Parameters"]["RequestTimeoutMs"]["MaxValue"]
    assert longest == (time_out - _grace() - _work_after_the_answer()) * 1000, longest


def budget_is_where_there_are_budgets_and_somebody_to_tell(t):
    stack = t["template"]["Resources"]["Budget"]
    assert stack["Condition"] == "TellsOfCosts"
    passed = stack["Properties"]["Parameters"]
    assert passed == {"Email": {"Ref": "AlarmEmail"}, "MonthlyUsd": {"Ref": "MonthlyBudgetUsd"}}
    email, partition = t["template"]["Conditions"]["TellsOfCosts"]["Fn::And"]
    assert email == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}
    assert partition == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws"]}


def budget_tells_before_and_when_it_is_used_up(t):
    budget = t["budget"]["Resources"]["Budget"]["Properties"]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyUsd"}, "Unit": "USD"}
    assert (budget["Budget"]["BudgetType"], budget["Budget"]["TimeUnit"]) == ("COST", "MONTHLY")
    told = set()
    for notification in budget["NotificationsWithSubscribers"]:
        when = notification["Notification"]
        assert (when["ThresholdType"], when["ComparisonOperator"]) == ("PERCENTAGE", "GREATER_THAN")
        assert notification["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": {"Ref": "Email"}}]
        told.add((when["NotificationType"], when["Threshold"]))
    assert told == {("FORECASTED", 100), ("ACTUAL", 50), ("ACTUAL", 100)}


def _parameter(name, key, value):
    def change(t):
        t["template"]["Parameters"][name][key] = value

    return change


_VARIABLES = ("template", "Function", "Properties", "Environment", "Variables")
_TOLD = ("budget", "Budget", "Properties", "NotificationsWithSubscribers")
NOT_OF_TEMPLATES = {runbooks_prices_are_multiplied_right}
FAULTS = [
    (default_throttle_fits_an_accounts_instances, _parameter("RequestsPerSecond", "Default", 50)),
    (default_throttle_fits_an_accounts_instances, _parameter("RequestTimeoutMs", "Default", "28000")),
    (default_throttle_fits_an_accounts_instances, _parameter("RequestBurst", "Default", 1000)),
    (runbook_says_the_worst_that_strangers_can_cost, _parameter("RequestsPerSecond", "Default", 20)),
    (runbook_says_the_worst_that_strangers_can_cost, _parameter("MemoryMiB", "Default", 512)),
    (runbook_says_the_worst_that_strangers_can_cost, _parameter("FirstSightsPerMinute", "Default", "1200")),
    (runbook_says_the_worst_that_strangers_can_cost, _parameter("SightingPagesPerMinute", "Default", "600")),
    (
        time_outs_memory_and_cache_are_parameters_within_the_programs_bounds,
        put(*_VARIABLES, "REGISTRY_TIMEOUT_MS", {"Ref": "RequestTimeoutMs"}),
    ),
    (
        time_outs_memory_and_cache_are_parameters_within_the_programs_bounds,
        _parameter("ManifestCacheBytes", "MaxValue", 1 << 31),
    ),
    (
        time_outs_memory_and_cache_are_parameters_within_the_programs_bounds,
        _parameter("RequestTimeoutMs", "Default", "20000"),
    ),
    (time_outs_memory_and_cache_are_parameters_within_the_programs_bounds, _parameter("MemoryMiB", "MinValue", 32)),
    (
        time_outs_memory_and_cache_are_parameters_within_the_programs_bounds,
        put("template", "Function", "Properties", "MemorySize", 256),
    ),
    (longest_request_ends_within_the_functions_time_out, _parameter("RequestTimeoutMs", "MaxValue", 28000)),
    (longest_request_ends_within_the_functions_time_out, put("template", "Function", "Properties", "Timeout", 28)),
    (
        time_outs_memory_and_cache_are_parameters_within_the_programs_bounds,
        _parameter("RequestTimeoutMs", "MaxValue", 28001),
    ),
    (budget_is_where_there_are_budgets_and_somebody_to_tell, drop("template", "Budget", "Condition")),
    (
        budget_is_where_there_are_budgets_and_somebody_to_tell,
        lambda t: t["template"]["Conditions"]["TellsOfCosts"]["Fn::And"].pop(),
    ),
    (budget_tells_before_and_when_it_is_used_up, drop(*_TOLD, 1)),
    (budget_tells_before_and_when_it_is_used_up, put(*_TOLD, 2, "Subscribers", [])),
]

if __name__ == "__main__":
    from templates import load

    print("\n".join(_table(load())))
    print(_refused())
