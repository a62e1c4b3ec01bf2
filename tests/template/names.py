"""Names that begin with the stack's: how long that one may be, so that none of them is too long."""

import re

from templates import ROOT, resources

LONGEST = 64  # characters of a rule's name, and of a pipe's


def _longest_stack_name(t):
    """What the longest of the endings leaves."""
    named = [*resources(t, "AWS::Events::Rule"), *resources(t, "AWS::Pipes::Pipe")]
    names = [r["Properties"]["Name"]["Fn::Sub"] for r in named if "Name" in r["Properties"]]
    assert len(names) == 10 and all(name.startswith("${Name}-") for name in names), names
    return LONGEST - max(len(name.removeprefix("${Name}")) for name in names)


def _of_the_roles(t):
    """The most characters that the roles' parameter takes."""
    patterns = {t[role]["Parameters"]["StackName"]["AllowedPattern"] for role in ("administration-role", "deploy-role")}
    (pattern,) = patterns
    return 1 + int(re.fullmatch(r"\[a-z\]\[a-z0-9-\]\{0,(\d+)\}", pattern)[1])


def stacks_of_the_roles_have_names_that_fit(t):
    assert _of_the_roles(t) <= _longest_stack_name(t)


def runbook_says_how_long_a_stacks_name_may_be(t):
    deploying = (ROOT / "docs/runbook.md").read_text().split("\n## Deploy\n")[1].split("\n## ")[0].replace("\n", " ")
    said = f"at most {_of_the_roles(t)} characters, and without them {_longest_stack_name(t)}"
    assert said in deploying, said


def _rule_named(name):
    def change(t):
        t["watch"]["Resources"]["KeyChanged"]["Properties"]["Name"]["Fn::Sub"] = name

    return change


def _longer_stacks(t):
    for role in ("administration-role", "deploy-role"):
        t[role]["Parameters"]["StackName"]["AllowedPattern"] = "[a-z][a-z0-9-]{0,49}"


FAULTS = [
    (stacks_of_the_roles_have_names_that_fit, _rule_named("${Name}-the-signing-key-was-changed-by-hand")),
    (stacks_of_the_roles_have_names_that_fit, _longer_stacks),
    (runbook_says_how_long_a_stacks_name_may_be, _rule_named("${Name}-signing-key-changed")),
]
