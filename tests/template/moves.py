"""The pipes that tell of moves: they take what the ledger's stream carries of one, and make a text of it."""

import json
import re

from expressions import Stack
from notice import moves, published
from templates import append, drop, put, resources, statement, statements

LAST_MOVE = {  # src/ledger/moves.rs; tests/ledger/notices.rs has the pipes read what it writes
    "tag": "index.docker.io/library/alpine:3.16.0",
    "recorded": "sha256:" + "1" * 64, "current": "sha256:" + "2" * 64,
    "image": "index.docker.io/library/alpine@sha256:" + "1" * 64,
    "integratedTime": "2026-11-24T11:21:54Z", "logIndex": "12345", "entry": "https://rekor.sigstore.dev/x",
    "mediaType": "application/vnd.oci.image.index.v1+json", "size": "9218", "time": "2026-11-25T10:00:00.000Z",
    "number": "2",
}


def _record(event="MODIFY", tag=LAST_MOVE["tag"], moved=True):
    told = {"M": {name: {"S": value} for name, value in (LAST_MOVE | {"tag": tag}).items()}}
    row = {"tag": {"S": tag}, "state": {"S": "recorded"}} | ({"last_move": told} if moved else {})
    return {"eventID": "1", "eventName": event, "dynamodb": {"Keys": {"tag": {"S": tag}}, "NewImage": row}}


def a_move_is_a_notice_and_nothing_else_is(t):
    stack = moves(t, "")
    (text,) = published(stack, "Notices", [_record()])
    assert all(value in text for value in LAST_MOVE.values())
    others = [_record(moved=False), _record("INSERT"), _record("REMOVE"), _record("INSERT", moved=False)]
    assert published(stack, "Notices", others) == []
    assert not stack.exists("Pages")


def text_is_plain_and_says_what_to_do(t):
    (text,) = published(moves(t, ""), "Notices", [_record()])
    assert "What to do:" in text and "docs/runbook.md, 'moved'" in text
    assert not re.search(r"[<>{}]|\$\.", text), "a variable that was not filled in"
    assert max(map(len, text.split("\n"))) <= 160 and text.isascii()


def some_names_page_too(t):
    stack = moves(t, "ghcr.io/org/,index.docker.io/library/alpine:3")
    others = ["ghcr.io/org/app:v1", "ghcr.io/organisation/app:v1", "index.docker.io/library/alpine:latest"]
    tags = [LAST_MOVE["tag"], *others]
    records = [_record(tag=tag) for tag in tags]
    pages = published(stack, "Pages", records)
    assert [[tag for tag in tags if tag in page] for page in pages] == [[tags[0]], [tags[1]]]
    assert len(published(stack, "Notices", records)) == 4
    assert published(stack, "Pages", [_record("INSERT"), _record(moved=False)]) == []


def parameter_makes_a_pattern_whatever_it_holds(t):
    """A quote would end the text that it is put into."""
    pattern = t["template"]["Parameters"]["PageOnMovesOf"]["AllowedPattern"]
    assert re.fullmatch(pattern, "ghcr.io/org/,index.docker.io/library/alpine:3.16_x-y")
    assert not any(re.fullmatch(pattern, text) for text in ('"', "a\\", "a b", "a{", "*"))


def pipes_read_the_ledgers_stream(t):
    own, given = {"Fn::GetAtt": ["LedgerStack", "Outputs.StreamArn"]}, {"Ref": "ExistingLedgerStreamArn"}
    passed = t["template"]["Resources"]["Moves"]["Properties"]["Parameters"]["LedgerStreamArn"]
    assert passed == {"Fn::If": ["MakesLedger", own, given]}
    assert t["ledger"]["Outputs"]["StreamArn"]["Value"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    table = t["ledger"]["Resources"]["Table"]["Properties"]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    for pipe, topic in (("Notices", "NoticesArn"), ("Pages", "PagesArn")):
        properties = t["moves"]["Resources"][pipe]["Properties"]
        assert (properties["Source"], properties["Target"]) == ({"Ref": "LedgerStreamArn"}, {"Ref": topic})
        assert properties["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] == 1, "a text for each move"


def there_is_a_pipe_where_there_is_a_stream(t):
    template = t["template"]
    for table, stream, told, there in (
        ("new", "", "true", True), ("table", "", "true", False), ("table", "arn:x", "True", True),
        ("new", "", "false", False), ("new", "", "False", False),
    ):
        values = {"Ledger": table, "ExistingLedgerStreamArn": stream, "TellOfMoves": told}
        assert Stack(template, values).holds("TellsOfMoves") == there, values


def each_pipe_that_fails_is_told(t):
    """By an alarm that is there whenever the pipe is, and looks at that pipe."""
    told = {}
    for alarm in resources({"moves": t["moves"]}, "AWS::CloudWatch::Alarm"):
        properties = alarm["Properties"]
        assert (properties["Namespace"], properties["MetricName"]) == ("AWS/EventBridge/Pipes", "ExecutionFailed")
        (dimension,) = properties["Dimensions"]
        told[dimension["Value"]["Ref"]] = alarm.get("Condition")
    pipes = {n: r for n, r in t["moves"]["Resources"].items() if r["Type"] == "AWS::Pipes::Pipe"}
    assert told == {name: pipe.get("Condition") for name, pipe in pipes.items()}, told


def may_read_the_stream_and_publish(t):
    policy = t["moves"]["Resources"]["ReadAndTell"]["Properties"]["PolicyDocument"]
    read, find, tell = (statement(policy, sid) for sid in ("ReadStream", "FindStream", "Tell"))
    assert len(statements(policy)) == 3
    assert read["Resource"] == {"Ref": "LedgerStreamArn"} and find["Action"] == "dynamodb:ListStreams"
    assert set(read["Action"]) == {f"dynamodb:{a}" for a in ("DescribeStream", "GetRecords", "GetShardIterator")}
    assert (tell["Action"], tell["Resource"]) == ("sns:Publish", [{"Ref": "NoticesArn"}, {"Ref": "PagesArn"}])
    (trust,) = statements(t["moves"]["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "pipes.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trust["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(":pipe/${Name}-moves*")


def _pattern(pipe, old, new):
    def change(t):
        (one,) = t["moves"]["Resources"][pipe]["Properties"]["SourceParameters"]["FilterCriteria"]["Filters"]
        one["Pattern"] = json.loads(json.dumps(one["Pattern"]).replace(old, new))

    return change


def _text(old, new):
    def change(t):
        body = t["moves"]["Mappings"]["Text"]["Moved"]
        body["Body"] = body["Body"].replace(old, new)

    return change


def _lax_parameter(t):
    t["template"]["Parameters"]["PageOnMovesOf"]["AllowedPattern"] = ".*"


def _always(t):
    t["template"]["Conditions"]["TellsOfMoves"] = {"Fn::Equals": [{"Ref": "TellOfMoves"}, "true"]}


_PIPE = ("moves", "Notices", "Properties")
_POLICY = ("moves", "ReadAndTell", "Properties", "PolicyDocument", "Statement")
FAULTS = [
    (a_move_is_a_notice_and_nothing_else_is, _pattern("Notices", "MODIFY", "INSERT")),
    (a_move_is_a_notice_and_nothing_else_is, _pattern("Notices", "last_move", "moves")),
    (a_move_is_a_notice_and_nothing_else_is, _pattern("Notices", "exists", "wildcard")),
    (a_move_is_a_notice_and_nothing_else_is, _text("last_move.M.logIndex.S", "last_move.M.index.S")),
    (a_move_is_a_notice_and_nothing_else_is, drop("moves", "Pages", "Condition")),
    (text_is_plain_and_says_what_to_do, _text("What to do", "Good luck")),
    (text_is_plain_and_says_what_to_do, _text("<$.dynamodb.NewImage.last_move.M.tag.S>", "<tag>")),
    (some_names_page_too, _pattern("Pages", "prefix", "suffix")),
    (some_names_page_too, _pattern("Pages", "MODIFY", "INSERT")),
    (parameter_makes_a_pattern_whatever_it_holds, _lax_parameter),
    (pipes_read_the_ledgers_stream, put(*_PIPE, "Target", {"Ref": "PagesArn"})),
    (pipes_read_the_ledgers_stream, put(*_PIPE, "SourceParameters", "DynamoDBStreamParameters", "BatchSize", 10)),
    (
        pipes_read_the_ledgers_stream,
        put("ledger", "Table", "Properties", "StreamSpecification", "StreamViewType", "KEYS_ONLY"),
    ),
    (there_is_a_pipe_where_there_is_a_stream, _always),
    (each_pipe_that_fails_is_told, drop("moves", "PageFailedAlarm")),
    (each_pipe_that_fails_is_told, put("moves", "FailedAlarm", "Condition", "HasPages")),
    (
        each_pipe_that_fails_is_told,
        put("moves", "PageFailedAlarm", "Properties", "Dimensions", 0, "Value", {"Ref": "Notices"}),
    ),
    (may_read_the_stream_and_publish, append(*_POLICY, 0, "Action", "dynamodb:PutItem")),
    (may_read_the_stream_and_publish, put(*_POLICY, 2, "Resource", "*")),
    (
        may_read_the_stream_and_publish,
        drop("moves", "Role", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition", "ArnLike"),
    ),
]
