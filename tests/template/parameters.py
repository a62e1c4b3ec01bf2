"""Parameters: nothing is made by forgetting one, slips are refused, and nested stacks get what they ask for."""

import pathlib
import re

from templates import drop, is_true, put, resources

REFUSED = {  # slips that a pattern must catch before AWS makes half a stack of them
    "AlarmEmail": ["someone"],
    "DomainName": ["https://registry.example.com", "registry", "Registry.example.com"],
    "HostedZoneId": ["example.com"],
    "CertificateArn": ["arn:aws:iam::123456789012:server-certificate/x"],
    "PublicHost": ["https://registry.example.com", "Registry.example.com", "registry"],
    "EdgeSecrets": ["hunter2", "x" * 32 + "," + "y" * 32 + "," + "z" * 32, "with space" * 4],
    "ReservedConcurrency": ["0", "-1", ""],
    "KeyAdministratorArns": ["*", "arn:aws:iam::123456789012:*", "someone"],
    "SigningKey": ["", "New", "alias/tlogistry", "new arn:aws:kms:us-east-1:123456789012:key/x"],
    "Ledger": ["", "arn:aws:dynamodb:us-east-1:123456789012:table/x"],
    "CodeSigningConfigArn": ["tlogistry", "arn:aws:signer:us-east-1:123456789012:/signing-profiles/x"],
    "PageOnMovesOf": ['ghcr.io/"', "ghcr.io/*", ",", "ghcr.io/,", ",ghcr.io/", "ghcr.io/,,quay.io/"],
    "ExistingLedgerStreamArn": ["arn:aws:dynamodb:us-east-1:123456789012:table/x"],
    "RekorUrl": ["http://rekor.example", ""],
    "RekorTilesUrl": ["http://rekor.example", "https://rekor.example/?a=b"],
    "EarlierLogs": ["rekor.sigstore.dev", "https://a.example,", "https://a.example,http://b.example"],
    "TrustedRoot": ["/opt/trusted_root.json", "https://tuf-repo-cdn.sigstore.dev"],
    "SigningConfig": ["/opt/signing_config.json", "none"],
    "TimestampUrl": ["None", "timestamp.sigstore.dev", "http://timestamp.example"],
    "WitnessPolicy": ["/opt/policy", "witness a key", "quorum"],
    "TimestampChain": ["/opt/chain.pem", "-----BEGIN PUBLIC KEY-----"],
    "AllowedRegistries": ["https://ghcr.io"],
    "DigestMirrors": ["mirror.gcr.io", "docker.io=https://mirror.gcr.io", "docker.io=", ",", "docker.io=a.example,,b.example=c.example"],
}
CHOSEN = {"SigningKey", "Ledger"}  # in the first deployment, and never by a default


def _parameters(t):
    return t["template"]["Parameters"]


def each_has_a_default_that_its_pattern_takes(t):
    for name, parameter in _parameters(t).items():
        assert parameter.get("Description"), name
        if name in CHOSEN:
            continue
        assert "Default" in parameter, name
        pattern = parameter.get("AllowedPattern", "(?s).*")
        assert re.fullmatch(pattern, str(parameter["Default"])), name


def patterns_refuse_slips(t):
    for name, slips in REFUSED.items():
        for slip in slips:
            assert not re.fullmatch(_parameters(t)[name]["AllowedPattern"], slip), (name, slip)


def nested_stacks_get_what_they_declare(t):
    for name, stack in ((n, s) for n in t for s in resources({n: t[n]}, "AWS::CloudFormation::Stack")):
        nested = pathlib.Path(stack["Properties"]["TemplateURL"])
        assert nested.parent == pathlib.Path("infra" if name == "template" else "."), nested  # from the template's folder
        declared = t[nested.stem].get("Parameters", {})
        required = {name for name, parameter in declared.items() if "Default" not in parameter}
        passed = stack["Properties"].get("Parameters", {}).keys()
        assert required <= passed <= declared.keys(), nested


def outputs_that_are_used_exist(t):
    text = str(t["template"])
    for stack, output in re.findall(r"'Fn::GetAtt': \['(\w+)', 'Outputs\.(\w+)'\]", text):
        nested = pathlib.Path(t["template"]["Resources"][stack]["Properties"]["TemplateURL"]).stem
        assert output in t[nested]["Outputs"], (stack, output)
    assert {"PullCommand", "SigningKeyArn", "DashboardUrl"} <= t["template"]["Outputs"].keys()


def key_and_ledger_are_made_only_by_the_word_new(t):
    conditions = t["template"]["Conditions"]
    for name, condition in (("SigningKey", "MakesSigningKey"), ("Ledger", "MakesLedger")):
        assert "Default" not in _parameters(t)[name], name
        assert t["template"]["Resources"][name + "Stack"]["Condition"] == condition
        assert conditions[condition] == {"Fn::Equals": [{"Ref": name}, "new"]}


def a_bare_true_is_taken(t):
    """`sam deploy` sends True for a `true` in parameters.yaml that has no quotes."""
    switches = {name for name, parameter in _parameters(t).items() if "true" in parameter.get("AllowedValues", [])}
    assert {"AccessLogAddress", "KeyIsMultiRegion"} <= switches, switches
    template = {part: t["template"][part] for part in ("Rules", "Conditions", "Resources")}
    for name in switches:
        assert sorted(_parameters(t)[name]["AllowedValues"]) == ["False", "True", "false", "true"], name
        # Nothing asks for one of the words alone, or hands them on.
        rest = str(template).replace(str(is_true(name)), "")
        assert rest != str(template) and f"{{'Ref': '{name}'}}" not in rest, name


def _parameter(name, key, value):
    def change(t):
        t["template"]["Parameters"][name][key] = value

    return change


def _no_default(t):
    del t["template"]["Parameters"]["AlarmEmail"]["Default"]


def _no_pull_command(t):
    del t["template"]["Outputs"]["PullCommand"]


def _makes_unless_given(t):
    t["template"]["Conditions"]["MakesLedger"] = {"Fn::Equals": [{"Ref": "Ledger"}, ""]}


def _true_alone(t):
    t["template"]["Conditions"]["LogsAddress"] = {"Fn::Equals": [{"Ref": "AccessLogAddress"}, "true"]}


_KEY = ("template", "SigningKeyStack", "Properties")
FAULTS = [
    (each_has_a_default_that_its_pattern_takes, _no_default),
    (each_has_a_default_that_its_pattern_takes, _parameter("RekorUrl", "Default", "rekor.sigstore.dev")),
    (patterns_refuse_slips, _parameter("PageOnMovesOf", "AllowedPattern", "[a-z0-9.:/_,-]*")),
    (patterns_refuse_slips, _parameter("ReservedConcurrency", "AllowedPattern", "none|[0-9]+")),
    (patterns_refuse_slips, _parameter("KeyAdministratorArns", "AllowedPattern", ".*")),
    (patterns_refuse_slips, _parameter("EarlierLogs", "AllowedPattern", ".*")),
    (patterns_refuse_slips, _parameter("TimestampUrl", "AllowedPattern", "(?i)(none|https?://.*)?")),
    (patterns_refuse_slips, _parameter("SigningKey", "AllowedPattern", "new|arn:.*|")),
    (a_bare_true_is_taken, _parameter("TellOfMoves", "AllowedValues", ["true", "false"])),
    (a_bare_true_is_taken, _true_alone),
    (a_bare_true_is_taken, put(*_KEY, "Parameters", "MultiRegion", {"Ref": "KeyIsMultiRegion"})),
    (nested_stacks_get_what_they_declare, drop(*_KEY, "Parameters", "SignerRoleArn")),
    (nested_stacks_get_what_they_declare, put(*_KEY, "Parameters", "Administrator", "x")),
    (outputs_that_are_used_exist, _no_pull_command),
    (
        outputs_that_are_used_exist,
        put(
            "template", "Function", "Properties", "Environment", "Variables", "KMS_KEY_ID",
            {"Fn::GetAtt": ["SigningKeyStack", "Outputs.KeyArn"]},
        ),
    ),
    (key_and_ledger_are_made_only_by_the_word_new, drop("template", "LedgerStack", "Condition")),
    (key_and_ledger_are_made_only_by_the_word_new, _parameter("Ledger", "Default", "new")),
    (key_and_ledger_are_made_only_by_the_word_new, _parameter("SigningKey", "Default", "new")),
    (key_and_ledger_are_made_only_by_the_word_new, _makes_unless_given),
]
