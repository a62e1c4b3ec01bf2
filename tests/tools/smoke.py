#!/usr/bin/env python3
"""Asks a deployment for what matters, as a client would, and says what it saw: `make smoke HOST=registry.example.com`.

    smoke.py HOST [IMAGE]

IMAGE is pulled by tag and so recorded, if nobody pulled it before: an image on a public registry whose tag does not move
(default: alpine:3.16.0). HOST may begin with http://, for an instance on this machine.

It needs Python and nothing else. It exits with 0 if all of it is as it should be, and with 1 otherwise. Signatures are
not checked here: `tlogistry-cli verify` does that.
"""

import argparse
import base64
import hashlib
import http.client
import json
import re
import sys
from contextlib import closing
from urllib.parse import urlsplit

TIMEOUT = 35  # seconds; API Gateway gives up after 30
MAX_BYTES = 16 << 20  # of an answer; API Gateway passes on 10 MB
ACCEPT = ", ".join((
    "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
))


class Failed(Exception):
    """What is not as it should be."""


def check(holds, what):
    if not holds:
        raise Failed(what)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read(MAX_BYTES + 1)
        check(len(self.body) <= MAX_BYTES, f"an answer of more than {MAX_BYTES} bytes")

    def __getitem__(self, header):
        return self.headers.get(header)

    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        """The object that the body is."""
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError):
            said = None
        check(isinstance(said, dict), f"no JSON object: {self.text()[:200]!r}")
        return said


class Host:
    def __init__(self, host):
        url = urlsplit(host if "://" in host else f"https://{host}")
        kinds = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}
        if url.scheme not in kinds or not url.netloc or url.path.strip("/"):
            raise SystemExit(f"smoke.py: not a host: {host}")
        self.kind, self.name = kinds[url.scheme], url.netloc

    def ask(self, path, method="GET"):
        headers = {"Accept": ACCEPT if "/manifests/" in path else "application/json"}
        try:
            with closing(self.kind(self.name, timeout=TIMEOUT)) as connection:
                connection.request(method, path, headers=headers)
                return Answer(connection.getresponse())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Failed(f"{self.name} cannot be asked: {error}") from None


def refusal(answer):
    """Status, code and message of a refusal, for people."""
    try:
        (error,) = json.loads(answer.body)["errors"]
        return f"{answer.status} {error['code']}: {error['message']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return f"{answer.status}: {answer.text()[:200]}"


def shown(text):
    """On one line, whatever a server says: its line breaks and terminal codes are spelled out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class Smoke:
    """The steps, in this order. Each returns what it saw."""

    def __init__(self, host, image):
        self.host = host
        name, _, self.tag = image.rpartition(":")
        if not name or "/" in self.tag or "@" in image:
            raise SystemExit(f"smoke.py: not an image with a tag: {image}")
        self.manifest = f"/v2/{name}/manifests/{self.tag}"
        self.sighting = f"/sightings/{image}"
        self.head = self.first = None

    def readyz(self):
        answer = self.host.ask("/readyz")
        said = answer.json()
        parts = {part: said.get(part) for part in ("key", "ledger", "log")}
        check(all(isinstance(state, dict) for state in parts.values()), f"not what tlogistry says: {refusal(answer)}")
        faults = [f"{part}: {state.get('reason', 'not usable')}" for part, state in parts.items() if not state.get("usable")]
        check(answer.status == 200 and not faults, f"{answer.status}; {'; '.join(faults)}")
        check(said.get("version") and said.get("commit"), "no version and commit: this is not tlogistry")
        return f"version {said['version']}, commit {said['commit']}; key, ledger and log can be used"

    def head_of_the_manifest(self):
        answer = self.pulled(self.host.ask(self.manifest, "HEAD"))
        length = answer["content-length"] or "none"
        # containerd and Docker refuse an image of length 0.
        check(re.fullmatch("[0-9]{1,15}", length) and int(length) > 0, f"its length is announced as {length}")
        self.head = answer
        return f"{length} bytes are announced, {answer['docker-content-digest']}"

    def pull(self):
        answer = self.pulled(self.host.ask(self.manifest))
        digest = "sha256:" + hashlib.sha256(answer.body).hexdigest()
        check(answer["docker-content-digest"] == digest, f"the bytes are of {digest}, not {answer['docker-content-digest']}")
        check(self.head["docker-content-digest"] == digest, "HEAD and GET name two digests")
        announced = self.head["content-length"]
        check(int(announced) == len(answer.body), f"{len(answer.body)} bytes came, and HEAD announced {announced}")
        self.first = answer
        seen_first = "true" in (self.head["tlog-first-seen"], answer["tlog-first-seen"])
        seen = "recorded now" if seen_first else "recorded before"
        return f"{len(answer.body)} bytes of {digest}, {seen}: log index {answer['tlog-logindex']}, {answer['tlog-integratedtime']}"

    def the_same_pull_again(self):
        answer = self.pulled(self.host.ask(self.manifest))
        check(answer.body == self.first.body, "other bytes than before")
        check(not answer["tlog-first-seen"], "it is called seen for the first time, again")
        for header in ("tlog-uuid", "tlog-logindex"):
            check(answer[header] == self.first[header], f"another {header} than before: {answer[header]}")
        return f"the same bytes, the same entry {answer['tlog-uuid']}"

    def evidence(self):
        answer = self.host.ask(self.sighting)
        check(answer.status == 200, refusal(answer))
        bundle = answer.json()
        try:
            index = bundle["verificationMaterial"]["tlogEntries"][0]["logIndex"]
            statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
            tag, digest = (statement["predicate"][part] for part in ("tag", "digest"))
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise Failed(f"no Sigstore bundle of a sighting: {error!r}") from None
        check(index == self.first["tlog-logindex"], f"it is of log index {index}, the pull's is {self.first['tlog-logindex']}")
        check(digest == self.first["docker-content-digest"], f"it is of {digest}")
        return f"a Sigstore bundle that says {tag} is {digest}"

    def key(self):
        answer = self.host.ask("/key.pem")
        check(answer.status == 200, refusal(answer))
        lines = answer.text().strip().split("\n")
        marks = ["-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"]
        check([lines[0], lines[-1]] == marks, f"no public key: {answer.text()[:60]!r}")
        try:
            key = base64.b64decode("".join(lines[1:-1]), validate=True)
        except ValueError as error:
            raise Failed(f"no public key: {error}") from None
        check(key, "no public key: nothing is between its first and its last line")
        return f"SHA-256 {hashlib.sha256(key).hexdigest()}"

    def refusal_of_a_name_that_leads_nowhere(self):
        answer = self.host.ask("/v2/registry.invalid/smoke/test/manifests/v1")
        check(answer.status == 403 and "DENIED" in answer.text(), refusal(answer))
        return refusal(answer)

    def pulled(self, answer):
        check(answer.status == 200, refusal(answer) if answer.body else f"status {answer.status}")
        for header in ("docker-content-digest", "tlog-uuid", "tlog-logindex"):
            check(answer[header], f"the header {header} is missing")
        return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], add_help=True)
    parser.add_argument("host", help="as registry.example.com")
    parser.add_argument("image", nargs="?", default="alpine:3.16.0", help="an image with a tag (default: %(default)s)")
    options = parser.parse_args()
    smoke = Smoke(Host(options.host), options.image)
    steps = [
        ("/readyz", smoke.readyz),
        (f"HEAD {smoke.manifest}", smoke.head_of_the_manifest),
        (f"GET {smoke.manifest}", smoke.pull),
        ("the same again", smoke.the_same_pull_again),
        (smoke.sighting, smoke.evidence),
        ("/key.pem", smoke.key),
        ("a name that leads nowhere", smoke.refusal_of_a_name_that_leads_nowhere),
    ]
    failed = 0
    sys.stdout.reconfigure(errors="backslashreplace")
    # A pull that failed leaves nothing to compare with.
    for title, step in steps:
        needs_pull = step in (smoke.the_same_pull_again, smoke.evidence) and smoke.first is None
        needs_head = step == smoke.pull and smoke.head is None
        if needs_pull or needs_head:
            print(f"left out  {title}")
            continue
        try:
            word, said = "ok", step()
        except Failed as fault:
            word, said = "FAILED", str(fault)
        except Exception as fault:  # by an answer that no step expects, as one that takes all memory
            word, said = "FAILED", f"the answer cannot be read: {fault!r}"
        failed += word == "FAILED"
        print(f"{word:<9} {title}: {shown(said)}", flush=True)
    if failed:
        print(f"smoke.py: {failed} of {len(steps)} steps failed", file=sys.stderr)
    sys.exit(1 if failed else 0)


main()
