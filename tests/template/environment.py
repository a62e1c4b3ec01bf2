"""Prints the function's environment as JSON: what a stack gives it that makes its key and ledger and changes no default.

What only AWS could know (the key's ARN, the table's name) is null.
"""

import json

from templates import load, the_one

template = load()["template"]


def value(node, conditions):
    if not isinstance(node, dict):
        return node
    if "Ref" in node:
        return template["Parameters"][node["Ref"]].get("Default", "new")
    if "Fn::If" in node:
        condition, one, other = node["Fn::If"]
        return value(one if holds(conditions[condition]) else other, conditions)
    assert "Fn::GetAtt" in node, node
    return None


def holds(condition):
    if "Fn::Equals" in condition:
        one, other = (value(side, template["Conditions"]) for side in condition["Fn::Equals"])
        return one == other
    (negated,) = condition["Fn::Not"]
    return not holds(negated)


variables = the_one({"template": template}, "AWS::Lambda::Function")["Properties"]["Environment"]["Variables"]
print(json.dumps({name: value(node, template["Conditions"]) for name, node in variables.items()}))
