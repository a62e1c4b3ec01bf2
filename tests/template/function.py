"""The function: what it runs on, how long, and what its environment says."""

import re

from log_variables import variables_of_the_log
from templates import ROOT, append, drop, put, the_one

# Set, though src/config.rs does not read it: tracing does.
READ_ELSEWHERE = {"RUST_LOG"}
# Read by src/config.rs, and set by Lambda itself.
SET_BY_LAMBDA = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"}
# Read by src/config.rs and left unset here.
LEFT_TO_DEFAULTS = {
    "INSECURE_REGISTRIES",  # for local use; nothing that is deployed calls a registry by plain http
    "LOG_FORMAT",
}
API_GATEWAY_TIMEOUT = 30  # seconds; of an HTTP API, and fixed


def _function(t):
    return t["template"]["Resources"]["Function"]["Properties"]


def _variables(t):
    return _function(t)["Environment"]["Variables"]


def _config(file="config.rs"):
    return (ROOT / "src" / file).read_text().split("#[cfg(test)]")[0]


def runs_on_arm(t):
    assert _function(t)["Architectures"] == ["arm64"]


def runs_on_amazon_linux_2023(t):
    assert _function(t)["Runtime"] == "provided.al2023"
    assert _function(t)["Handler"] == "bootstrap"


def ends_after_its_own_budget_and_before_the_api(t):
    longest_budget = int(re.search(r"RangeInclusive<u64> = \d+\.\.=([\d_]+);", _config())[1].replace("_", ""))
    assert longest_budget / 1000 < _function(t)["Timeout"] < API_GATEWAY_TIMEOUT


def log_has_no_event_as_it_came(t):
    """lambda_runtime writes them at `trace`: addresses, and the edge's secret."""
    assert _variables(t)["RUST_LOG"] == "info"


def environment_is_what_the_program_reads(t):
    read = set(re.findall(r'\.(?:get|given|keys|list|milliseconds|number|rate)\("([A-Z_]+)"', _config()))
    unset = LEFT_TO_DEFAULTS | SET_BY_LAMBDA
    assert "KMS_KEY_ID" in read and unset <= read, "src/config.rs no longer looks as this rule expects"
    assert set(_variables(t)) == (read - unset) | READ_ELSEWHERE | variables_of_the_log()


def has_one_key_and_one_ledger_for_all_instances(t):
    for name, stack, existing in (
        ("KMS_KEY_ID", "SigningKeyStack", "SigningKey"),
        ("LEDGER_TABLE", "LedgerStack", "Ledger"),
    ):
        _, made, given = _variables(t)[name]["Fn::If"]
        assert made["Fn::GetAtt"][0] == stack and given == {"Ref": existing}, name


def reserves_concurrency_only_if_asked(t):
    assert _function(t)["ReservedConcurrentExecutions"] == {
        "Fn::If": ["ReservesConcurrency", {"Ref": "ReservedConcurrency"}, {"Ref": "AWS::NoValue"}]
    }


def takes_signed_code_alone_if_asked(t):
    assert _function(t)["CodeSigningConfigArn"] == {
        "Fn::If": ["TakesSignedCodeAlone", {"Ref": "CodeSigningConfigArn"}, {"Ref": "AWS::NoValue"}]
    }
    config = the_one(t, "AWS::Lambda::CodeSigningConfig")["Properties"]
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    publishers = config["AllowedPublishers"]["SigningProfileVersionArns"]
    assert publishers == [{"Fn::GetAtt": ["Profile", "ProfileVersionArn"]}]
    assert the_one(t, "AWS::Signer::SigningProfile")["Properties"] == {"PlatformId": "AWSLambda-SHA384-ECDSA"}


def is_permitted_before_it_runs(t):
    assert "Permissions" in t["template"]["Resources"]["Function"].get("DependsOn", [])


_PROPERTIES = ("template", "Function", "Properties")
_VARIABLES = (*_PROPERTIES, "Environment", "Variables")
FAULTS = [
    (runs_on_arm, put(*_PROPERTIES, "Architectures", ["x86_64"])),
    (runs_on_amazon_linux_2023, put(*_PROPERTIES, "Runtime", "provided.al2")),
    (runs_on_amazon_linux_2023, put(*_PROPERTIES, "Handler", "tlogistry")),
    (ends_after_its_own_budget_and_before_the_api, put(*_PROPERTIES, "Timeout", 30)),
    (ends_after_its_own_budget_and_before_the_api, put(*_PROPERTIES, "Timeout", 28)),
    (log_has_no_event_as_it_came, put(*_VARIABLES, "RUST_LOG", "trace")),
    (environment_is_what_the_program_reads, put(*_VARIABLES, "ALLOW_MOVED", "true")),
    (environment_is_what_the_program_reads, put(*_VARIABLES, "INSECURE_REGISTRIES", "ghcr.io:443")),
    (environment_is_what_the_program_reads, put(*_VARIABLES, "SSL_CERT_FILE", "/etc/pki/tls/certs/ca-bundle.crt")),
    (environment_is_what_the_program_reads, drop(*_VARIABLES, "LEDGER_TABLE")),
    (environment_is_what_the_program_reads, drop(*_VARIABLES, "TRUSTED_KEYS")),
    (
        has_one_key_and_one_ledger_for_all_instances,
        put(*_VARIABLES, "KMS_KEY_ID", "Fn::If", 1, {"Fn::GetAtt": ["LedgerStack", "Outputs.TableName"]}),
    ),
    (
        has_one_key_and_one_ledger_for_all_instances,
        put(*_VARIABLES, "LEDGER_TABLE", "Fn::If", 2, {"Ref": "AWS::NoValue"}),
    ),
    (reserves_concurrency_only_if_asked, put(*_PROPERTIES, "ReservedConcurrentExecutions", 0)),
    (takes_signed_code_alone_if_asked, drop(*_PROPERTIES, "CodeSigningConfigArn")),
    (
        takes_signed_code_alone_if_asked,
        put("code-signing", "Config", "Properties", "CodeSigningPolicies", "UntrustedArtifactOnDeployment", "Warn"),
    ),
    (
        takes_signed_code_alone_if_asked,
        append("code-signing", "Config", "Properties", "AllowedPublishers", "SigningProfileVersionArns", "arn:aws:x"),
    ),
    (takes_signed_code_alone_if_asked, put("code-signing", "Profile", "Properties", "PlatformId", "Notation-OCI")),
    (is_permitted_before_it_runs, drop("template", "Function", "DependsOn")),
]
