"""Says which of the documents' AWS commands the installed AWS CLI does not take: `aws_cli.py FILE…`, by the CLI's own Python.

It is version 1, which pip installs, and knows each command with its options without asking AWS.
"""

import itertools
import re
import shlex
import sys
import textwrap

from awscli.clidriver import create_clidriver

import page

BY_POSITION = {"outfile"}
# Named as version 2's. If version 1 has them one day, the page can say less.
OF_VERSION_2 = {"aws configure sso", "aws sso login"}


def commands(text):
    """The words of each command that begins with `aws`: in blocks, between pipes, and in the text's own lines."""
    found = [" ".join(code.split()) for code in re.findall(r"`(aws [^`]+)`", text)]
    for _, block in page.blocks(text):
        pending = ""
        for line in textwrap.dedent(block).replace("\\\n", " ").splitlines():
            pending = f"{pending}{line}\n"
            try:
                words(pending)
            except ValueError:  # a quotation goes on
                continue
            found.append(pending)
            pending = ""
    for line in found:
        for is_end, command in itertools.groupby(words(line), lambda word: word in {"|", "&&", ">"}):
            command = list(command)
            if not is_end and command[:1] == ["aws"]:
                yield command


def words(line):
    return shlex.split(re.sub(r"<[A-Za-z][^<>\n]*>|…", "x", line), comments=True)


def fault(driver, command):
    """What the CLI would refuse, or nothing."""
    table, options, required = driver.subcommand_table, dict(driver.arg_table), []
    rest, path = command[1:], []
    while rest and not rest[0].startswith("-") and table:
        if rest[0] not in table:
            return f"no {rest[0]} in {path}"
        path.append(rest.pop(0))
        one = table[path[-1]]
        help_of = one.create_help_command()
        own = dict(help_of.arg_table)
        options |= own
        required = [name for name, argument in own.items() if getattr(argument, "required", False)]
        table = {} if own and not getattr(one, "subcommand_table", None) else help_of.command_table
    given = {word[2:].split("=")[0] for word in rest if word.startswith("--")}
    if unknown := given - options.keys():
        return f"no options {sorted(unknown)}"
    if not rest:  # only named
        return ""
    given |= {name.removeprefix("no-") for name in given} | BY_POSITION
    missing = set(required) - given
    return f"lacks {sorted(missing)}" if missing else ""


def main():
    driver = create_clidriver()
    driver.subcommand_table = driver.create_help_command().command_table
    driver.arg_table = driver.create_help_command().arg_table
    checked, faults = 0, []
    for file in sys.argv[1:]:
        for command in commands(open(file).read()):
            said, checked = fault(driver, list(command)), checked + 1
            of_version_2 = " ".join(command) in OF_VERSION_2
            if bool(said) != of_version_2:
                faults.append(f"{file}: {shlex.join(command)}: {said or 'version 1 has it'}")
    print("\n".join(faults) or f"aws: {checked} commands")
    sys.exit(1 if faults or not checked else 0)


main()
