"""What a million pulls cost: the runbook's tables, counted from what `make bench-pull-whole` measured
(benches/pull-costs.json) and from the prices here. Run alone (`make cost-page`), writes them into the runbook.
"""

import itertools
import json
import re

from templates import ROOT

MEASURED = "benches/pull-costs.json"
RUNBOOK = "docs/runbook.md"
BEGIN = "<!-- from here on: written by 'make cost-page' -->\n"
END = "<!-- to here: cost-page -->\n"

# Of an image of four layers. skopeo does not ask for the index by digest, and containerd not for /v2/.
PULL = {"ping": 1, "tag": 1, "manifest by digest": 2, "blob": 5}
MEASURED_BLOBS = 11  # of the image that was measured: ten layers and a config
PULLS = 1_000_000
# Lambda rounds up to the next millisecond, and counts what the runtime does around the function's own time.
BILLED_BEYOND_MS = 1.0
API_LINE_BYTES = 252  # API Gateway's line for a request
LINE_OVERHEAD_BYTES = 26  # what CloudWatch adds to each line
MONTHS_KEPT = 3
OUT_GB = 25  # 25 KB of headers and manifests for each pull
# One pull in ten meets an instance that does not have the tag: its row, 5 KB, read consistently.
LEDGER_READS = PULLS // 10
LEDGER_UNITS = 2
# One pull in a hundred is of a new tag.
FIRST_SIGHTS = PULLS // 100
FIRST_SIGHT_READS = 0.5  # of the index's row; the tag's own is one of the pulls in ten
FIRST_SIGHT_WRITES = 15
FIRST_SIGHT_SECONDS = 1.5  # assumed: the log's time
CACHED_AT_THE_EDGE = 0.9  # of manifests by digest

# USD, us-east-1.
API, LAMBDA, LAMBDA_GB_S = 1.00, 0.20, 0.0000133334
READ, WRITE, SIGNATURES = 0.125, 0.625, 0.15
LOG_GB, LOG_KEPT_GB, OUT, CLOUDFRONT_OUT = 0.50, 0.03, 0.09, 0.085
CLOUDFRONT, WAF = 1.00, 0.60


def _memory_gb(t):
    return int(t["template"]["Parameters"]["MemoryMiB"]["Default"]) / 1024


def _measured():
    return json.loads((ROOT / MEASURED).read_text())


def _settings():
    """Of each setting that was measured, by its distance and token: milliseconds and bytes of a request in the mean.

    The function waits for blobs with tokens alone. So the difference to the same without tokens is the blobs', and a pull
    of fewer blobs has its part of it.
    """
    runs = {}
    for run in _measured():
        runs.setdefault((run["round_trip_ms"], run["token"]), {})[run["client"]] = run
    for setting in sorted(runs, key=lambda setting: (setting[0], not setting[1])):
        of_clients = runs[setting].items()
        without = runs[setting[0], False]
        pulls = [_ms_of_pull(run, without[client]) for client, run in of_clients]
        line_bytes = [run["line_bytes"] for _, run in of_clients]
        yield setting, sum(pulls) / len(pulls) / sum(PULL.values()), sum(line_bytes) / len(line_bytes)


def _ms_of_pull(run, without_tokens):
    """A pull of an image of four layers, all of its requests."""
    other, of_blobs = _ms(without_tokens), _ms(run) - _ms(without_tokens)
    return other + of_blobs * PULL["blob"] / MEASURED_BLOBS


def _ms(run):
    return run["requests"] * run["ms"]


def _name(setting):
    millis, token = setting
    return f"{millis} ms, {'tokens and redirects' if token else 'no tokens'}"


def _spaced(number):
    return f"{number:,.0f}".replace(",", " ")


def _row(what, amount, unit, price, per, usd):
    return (what, f"{amount} {unit}".strip(), f"{price} per {per}", round(usd + 1e-9, 2))


def _seconds_billed(ms):
    return round((ms + BILLED_BEYOND_MS) / 1000, 4)


def _compute(t, requests, ms):
    """GB-s, and how they come about."""
    gb, seconds = _memory_gb(t), _seconds_billed(ms)
    amount = requests * seconds * gb + FIRST_SIGHTS * FIRST_SIGHT_SECONDS * gb
    millions = f"{requests / 1e6:g} M"
    how = f"{millions} × {seconds:g} s × {gb:g} GB + {_spaced(FIRST_SIGHTS)} × {FIRST_SIGHT_SECONDS:g} s × {gb:g} GB"
    return amount, how


def _line_bytes(line_bytes):
    return round(line_bytes + API_LINE_BYTES + 2 * LINE_OVERHEAD_BYTES)


def _own_rows(t, requests, ms, line_bytes):
    """What the instance itself decides on."""
    compute, how = _compute(t, requests, ms)
    reads = LEDGER_READS * LEDGER_UNITS + FIRST_SIGHTS * (LEDGER_UNITS + FIRST_SIGHT_READS)
    writes = FIRST_SIGHTS * FIRST_SIGHT_WRITES
    each = _line_bytes(line_bytes)
    log = round(requests * each / 1e9, 2)
    yield _row(
        "Lambda, arm64", f"{how} = {_spaced(compute)}", "GB-s", f"{LAMBDA_GB_S:.10f}", "GB-s", compute * LAMBDA_GB_S
    )
    yield _row("DynamoDB, reads", f"{reads / 1e6:g}", "M units", READ, "M", reads / 1e6 * READ)
    yield _row(
        "DynamoDB, writes", f"{_spaced(FIRST_SIGHTS)} × {FIRST_SIGHT_WRITES} = {writes / 1e6:g}", "M units",
        WRITE, "M", writes / 1e6 * WRITE,
    )
    signatures = FIRST_SIGHTS / 10_000 * SIGNATURES
    yield _row("KMS, signatures", _spaced(FIRST_SIGHTS), "", SIGNATURES, "10 000", signatures)
    written = f"{requests / 1e6:g} M × {each} B = {log:g}"
    yield _row("CloudWatch, log", written, "GB", f"{LOG_GB:.2f}", "GB", log * LOG_GB)
    kept = log * MONTHS_KEPT * LOG_KEPT_GB
    yield _row("CloudWatch, log kept", f"{log:g} GB × {MONTHS_KEPT}", "months", LOG_KEPT_GB, "GB-month", kept)


def _table(rows):
    yield "| | amount | price | USD |"
    yield "|---|---|---|---|"
    for what, amount, price, usd in rows:
        yield f"| {what} | {amount} | {price} | {usd:.2f} |"
    yield f"| **per million pulls** | | | **{sum(usd for *_, usd in rows):.2f}** |"


def _sum(rows):
    return sum(usd for *_, usd in rows)


def _generated(t):
    requests = PULLS * sum(PULL.values())
    settings = list(_settings())
    dearest, ms, line_bytes = max(settings, key=lambda setting: setting[1])
    others = [
        _row("API Gateway, HTTP API", f"{requests / 1e6:g}", "M requests", f"{API:.2f}", "M", requests / 1e6 * API),
        _row("Lambda, requests", f"{requests / 1e6:g}", "M", f"{LAMBDA:.2f}", "M", requests / 1e6 * LAMBDA),
    ]
    out = _row("data out", OUT_GB, "GB", OUT, "GB", OUT_GB * OUT)
    own = list(_own_rows(t, requests, ms, line_bytes))
    lines = [
        f"The dearest that was measured, {_name(dearest)}: a request takes {ms:.1f} ms in the mean, and writes "
        f"{line_bytes:.0f} bytes.",
        "",
        *_table([*others, *own, out]),
        "",
        f"API Gateway, Lambda's requests and data out are {_sum([*others, out]):.2f} of that. The rest is what the "
        "instance itself decides on:",
        "",
        "| registry and storage | ms of a request, in the mean | billed | Lambda's time, USD | the rest in all, USD |",
        "|---|--:|--:|--:|--:|",
    ]
    for setting, ms, line_bytes in settings:
        own = list(_own_rows(t, requests, ms, line_bytes))
        billed = _seconds_billed(ms) * 1000
        lines.append(f"| {_name(setting)} | {ms:.1f} | {billed:.1f} | {own[0][3]:.2f} | {_sum(own):.2f} |")
    lines += ["", *_with_edge(t, requests)]
    return "\n".join(lines) + "\n"


def _with_edge(t, requests):
    _, ms, line_bytes = max(_settings(), key=lambda setting: setting[1])
    cached = PULL["manifest by digest"] * CACHED_AT_THE_EDGE
    passed = round(requests - PULLS * cached)
    own = list(_own_rows(t, passed, ms, line_bytes))
    rows = [
        _row("CloudFront, requests", f"{requests / 1e6:g}", "M", f"{CLOUDFRONT:.2f}", "M", requests / 1e6 * CLOUDFRONT),
        _row("WAF, requests", f"{requests / 1e6:g}", "M", f"{WAF:.2f}", "M", requests / 1e6 * WAF),
        _row(
            "API Gateway and Lambda, requests", f"{passed / 1e6:g}", "M", f"{API + LAMBDA:.2f}", "M",
            passed / 1e6 * (API + LAMBDA),
        ),
        *own,
        _row("data out, by CloudFront", OUT_GB, "GB", CLOUDFRONT_OUT, "GB", OUT_GB * CLOUDFRONT_OUT),
    ]
    yield "With the edge of `infra/edge.yaml` in front, where nine of ten manifests by digest come from CloudFront,"
    yield f"{cached:g} of a pull's {sum(PULL.values())} requests do not reach API Gateway; CloudFront keeps nothing else:"
    yield ""
    yield from _table(rows)


def _written():
    return (ROOT / RUNBOOK).read_text().split(BEGIN)[1].split(END)[0]


def runbook_counts_with_what_was_measured(t):
    assert _written() == _generated(t), f"run 'make cost-page':\n{_generated(t)}"


def instances_own_part_of_a_million_pulls_is_below_five_dollars(t):
    requests = PULLS * sum(PULL.values())
    for setting, ms, line_bytes in _settings():
        own = _sum(_own_rows(t, requests, ms, line_bytes))
        assert own < 5, (setting, own)


def both_clients_were_measured_at_both_distances(t):
    measured = sorted((run["client"], run["round_trip_ms"], run["token"]) for run in _measured())
    expected = list(itertools.product(("containerd", "skopeo"), (20, 80), (False, True)))
    assert measured == expected, measured
    assert all(run["requests"] > MEASURED_BLOBS and run["ms"] > 0 and run["line_bytes"] > 0 for run in _measured())


def _more_memory(t):
    t["template"]["Parameters"]["MemoryMiB"]["Default"] = "1024"


NOT_OF_TEMPLATES = {both_clients_were_measured_at_both_distances}
FAULTS = [
    (runbook_counts_with_what_was_measured, _more_memory),
    (instances_own_part_of_a_million_pulls_is_below_five_dollars, _more_memory),
]

if __name__ == "__main__":
    from templates import load

    page = (ROOT / RUNBOOK).read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    (ROOT / RUNBOOK).write_text(before + BEGIN + _generated(load()) + END + after)
    own = re.findall(r"\| ([\d.]+) \|$", _generated(load()).split("the rest in all, USD |")[1].split("\n\n")[0], re.M)
    print(f"{RUNBOOK}: written; what the instance itself decides on: {', '.join(own)} USD")
