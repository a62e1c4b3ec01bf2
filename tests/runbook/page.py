"""The commands of docs/runbook.md, in the order of the page."""

import re
import textwrap

import yaml


def blocks(text):
    """(heading, block) for each block of code, without its indentation."""
    heading, block = None, []
    for line in [*text.splitlines(), "#"]:
        code = re.match(r" {4}|\s*$", line) and (block or line.strip())
        if code:
            block.append(line)
            continue
        if found := textwrap.dedent("\n".join(block)).strip("\n"):
            yield heading, found
        block = []
        if line.startswith("## "):
            heading = line.removeprefix("## ")


def is_of_the_parameters(block):
    """Whether it is what to write into parameters.yaml, and no command."""
    return all(re.match(r"[A-Z]\w+: ", line) for line in block.splitlines())


def edited(text, block):
    """parameters.yaml with the block's lines in place of those of the same parameters."""
    for name in yaml.safe_load(block):
        text = re.sub(rf"(?m)^{name}:.*\n(?:[ \t]+.*\n|-.*\n)*", "", text)
    return f"{text.rstrip()}\n{block}\n"


def filled(block, values):
    """The block with `<Name>` replaced by what `values(name)` answers."""
    return re.sub(r"<([A-Za-z][A-Za-z/]+)>", lambda found: values(found[1]), block)
