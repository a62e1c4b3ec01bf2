"""What updates may not delete or replace, and the operator's example of parameters."""

import json

from samcli.yamlhelper import yaml_parse
from templates import ROOT, drop

# What must not be lost by an update: (template, logical id). A nested stack and what is in it have a policy each.
PROTECTED = {
    *(("template", "SigningKeyStack"), ("template", "LedgerStack"), ("template", "Domain")),
    *(("signing-key", "Key"), ("ledger", "Table"), ("domain", "Domain")),
}


def _denied():
    allow, deny = json.loads((ROOT / "infra/stack-policy.json").read_text())["Statement"]
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", "Update:*", "*")
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*") and "Condition" not in deny
    assert set(deny["Action"]) == {"Update:Delete", "Update:Replace"}
    return set(deny["Resource"])


def names_what_there_is(t):
    for template, logical in PROTECTED:
        assert logical in t[template]["Resources"], (template, logical)
    assert _denied() == {f"LogicalResourceId/{logical}" for _, logical in PROTECTED}


def is_set_on_each_stack_that_it_names(_t):
    """`infra/stack-policy` looks for the nested stacks by these names."""
    script = (ROOT / "infra/stack-policy").read_text()
    for template, logical in PROTECTED:
        assert template != "template" or f"'{logical}'" in script, logical


def is_lifted_in_full(_t):
    (allow,) = json.loads((ROOT / "infra/stack-policy-lifted.json").read_text())["Statement"]
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", "Update:*", "*")


def example_names_parameters_and_chooses_what_has_no_default(t):
    example = yaml_parse((ROOT / "parameters.example.yaml").read_text())
    declared = t["template"]["Parameters"]
    chosen = {name for name, parameter in declared.items() if "Default" not in parameter}
    assert chosen <= example.keys() <= declared.keys()
    assert all(example.values()), "an empty value is one that the next deployment sends"


def _another_parameter(t):
    t["template"]["Parameters"]["Log"] = {"Type": "String"}


NOT_OF_TEMPLATES = {is_set_on_each_stack_that_it_names, is_lifted_in_full}
FAULTS = [
    (names_what_there_is, drop("template", "LedgerStack")),
    (names_what_there_is, drop("signing-key", "Key")),
    (example_names_parameters_and_chooses_what_has_no_default, _another_parameter),
]
