"""EventBridge as its documentation describes it, as far as the templates use it: patterns, and texts made of events.

Whatever is not understood here is an error, so that no pattern passes unread.
"""

import json
import re

OPERATORS_OF_RULES = {"anything-but", "exists", "prefix", "suffix", "wildcard"}
OPERATORS_OF_PIPES = {"exists", "prefix", "suffix"}  # pipes understand fewer, no wildcards among them


def matches(pattern, event, operators):
    """Whether an event has every field that the pattern names, with one of its values."""
    return all(
        any(matches(one, event, operators) for one in expected)
        if field == "$or"
        else _field_matches(expected, event, field, operators)
        for field, expected in pattern.items()
    )


def _field_matches(expected, event, field, operators):
    found = event.get(field) if isinstance(event, dict) else None
    if isinstance(expected, dict):
        # A list of objects is searched for one that matches.
        return any(matches(expected, one, operators) for one in (found if isinstance(found, list) else [found]))
    if not isinstance(expected, list) or not expected:
        raise ValueError(f"{field}: neither an object nor a list with a value")
    exists = isinstance(event, dict) and field in event and not isinstance(found, dict)
    values = found if isinstance(found, list) else [found]
    return any(_value_matches(one, values, exists, operators) for one in expected)


def _value_matches(expected, values, exists, operators):
    if not isinstance(expected, dict):
        return exists and expected in values
    ((operator, operand),) = expected.items()
    if operator not in operators:
        raise ValueError(f"operator {operator} is not understood")
    if operator == "exists":
        return exists == operand
    if not exists:
        return False
    texts = [value for value in values if isinstance(value, str)]
    match operator:
        case "prefix":
            return any(text.startswith(operand) for text in texts)
        case "suffix":
            return any(text.endswith(operand) for text in texts)
        case "wildcard":
            like = ".*".join(map(re.escape, operand.split("*")))
            return any(re.fullmatch(like, text, re.DOTALL) for text in texts)
        case "anything-but":
            return all(value not in operand for value in values)


def at(path, event):
    """What stands at `$.a.b` in an event, None if nothing does."""
    root, *fields = path.split(".")
    if root != "$":
        raise ValueError(f"not a path: {path}")
    for field in fields:
        event = event.get(field) if isinstance(event, dict) else None
    return event


def _shown(value):
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def text_of_pipe(template, event):
    """What a pipe makes of a template of plain text."""
    return re.sub(r"<(\$[^>]*)>", lambda found: _shown(at(found[1], event)), template)


def text_of_rule(transformer, event):
    """What a rule makes of a template that is one string or several, a line each."""
    values = {name: _shown(at(path, event)) for name, path in transformer["InputPathsMap"].items()}
    lines = transformer["InputTemplate"].split("\n")
    if not all(re.fullmatch(r'"[^"]*"', line) for line in lines):
        raise ValueError("each line of a rule's text is a string in quotes")
    return "\n".join(re.sub(r"<([a-z]+)>", lambda found: values[found[1]], line) for line in lines)
