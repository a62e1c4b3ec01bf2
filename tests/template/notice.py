"""Prints what the pipes of infra/moves.yaml publish of a stream's records, which come as JSON on standard input.

The argument is the parameter PageOnMovesOf. The answer, JSON, has the notices and the pages, each a list of texts.
"""

import json
import sys

from eventbridge import OPERATORS_OF_PIPES, matches, text_of_pipe
from expressions import Stack
from templates import load

STREAM = "arn:aws:dynamodb:eu-central-1:123456789012:table/ledger/stream/2026-11-25T00:00:00.000"
TOPICS = {f"{topic}Arn": f"arn:aws:sns:eu-central-1:123456789012:{topic}" for topic in ("Pages", "Notices")}


def published(stack, pipe, records):
    if not stack.exists(pipe):
        return []
    properties = stack.properties(pipe)
    filters = [json.loads(f["Pattern"]) for f in properties["SourceParameters"]["FilterCriteria"]["Filters"]]
    template = properties["TargetParameters"]["InputTemplate"]
    taken = [r for r in records if any(matches(pattern, r, OPERATORS_OF_PIPES) for pattern in filters)]
    return [text_of_pipe(template, record) for record in taken]


def moves(templates, page_on_moves_of):
    values = {"Name": "tlogistry", "LedgerStreamArn": STREAM, "PageOnMovesOf": page_on_moves_of} | TOPICS
    return Stack(templates["moves"], values | {"Role.Arn": "arn:aws:iam::123456789012:role/moves"})


if __name__ == "__main__":
    stack = moves(load(), sys.argv[1] if len(sys.argv) > 1 else "")
    records = json.load(sys.stdin)
    print(json.dumps({"notices": published(stack, "Notices", records), "pages": published(stack, "Pages", records)}))
