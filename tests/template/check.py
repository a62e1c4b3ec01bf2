"""Checks template.yaml and infra/, offline and without credentials. Prints a line for each set of rules.

A rule is a function of the templates that raises AssertionError. Each is shown to: a table of faults, one change of
the parsed templates each, says which rule must find it, and a rule that no fault tests is itself a fault.
"""

import concurrent.futures
import inspect
import sys
import time
import traceback

import administration_role
import api
import auditor
import costs
import counters
import deploy_role
import edge
import function
import key
import ledger
import ledger_global
import linters
import log
import log_config
import monitoring
import moves
import names
import parameters
import permissions
import pull_costs
import release
import stack_policy
import templates
import watch

RULE_SETS = [
    *(function, api, edge, key, ledger, ledger_global, counters, permissions, log, log_config, costs, monitoring, moves, watch),
    pull_costs,
    *(auditor, deploy_role, administration_role, names, parameters, stack_policy, release),
]


def rules_of(module):
    defined = (f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__)
    return sorted((f for f in defined if not f.__name__.startswith("_")), key=lambda f: f.__code__.co_firstlineno)


def finds(rule, loaded):
    try:
        rule(loaded)
    except (AssertionError, LookupError, TypeError, ValueError) as error:
        return error
    return None


def check_rules(module, loaded):
    """What does not hold. Faults are tried only where all rules hold: they are changes of what is right."""
    rules = rules_of(module)
    broken = {rule: error for rule in rules if (error := finds(rule, loaded))}
    for rule, error in broken.items():
        yield f"{rule.__name__} does not hold:\n" + "".join(traceback.format_exception(error))
    if broken:
        return
    for rule in set(rules) - {rule for rule, _ in module.FAULTS} - getattr(module, "NOT_OF_TEMPLATES", set()):
        yield f"no fault tests {rule.__name__}"
    for number, (rule, fault) in enumerate(module.FAULTS, 1):
        if not finds(rule, templates.changed(loaded, fault)):
            yield f"{rule.__name__} does not find fault {number} of {module.__name__}.FAULTS"


def check_linter_on_templates(linter, faults, loaded):
    findings = list(linter(loaded))
    yield from findings
    if findings:
        return
    for number, fault in enumerate(faults, 1):
        with_fault = templates.changed(loaded, fault)
        touched = {name: template for name, template in with_fault.items() if template != loaded[name]}
        if not list(linter(touched)):
            yield f"does not find fault {number}"


def check_linter_on_source(linter, faults):
    yield from linter(templates.source_text())
    for number, fault in enumerate(faults, 1):
        if not list(linter(fault)):
            yield f"does not find fault {number}"


def main():
    started = time.monotonic()
    faults = []

    def report(name, what):
        found = list(what)
        faults.extend(f"{name}: {fault}" for fault in found)
        return not found

    with concurrent.futures.ThreadPoolExecutor(2) as beside:  # sam is a process of its own and takes seconds
        sam = {
            linter: beside.submit(lambda *a: list(check_linter_on_source(*a)), linter, linters.ON_THE_SOURCE[linter])
            for linter in (linters.with_sam_validate, linters.with_sam_validate_lint)
        }
        loaded = templates.load()
        for module in RULE_SETS:
            if report(module.__name__, check_rules(module, loaded)):
                print(f"{module.__name__}: {len(rules_of(module))} rules hold; {len(module.FAULTS)} faults, each found")
        for linter, linter_faults in (linters.ON_TEMPLATES | linters.ON_THE_SOURCE).items():
            if linter in linters.ON_TEMPLATES:
                check = check_linter_on_templates(linter, linter_faults, loaded)
            elif linter in sam:
                check = sam[linter].result()
            else:
                check = check_linter_on_source(linter, linter_faults)
            name = linter.__name__.replace("_", " ")
            if report(name, check):
                print(f"{name}: nothing to say; {len(linter_faults)} faults, each found")

    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    print(f"templates: {len(faults) or 'no'} failures, {time.monotonic() - started:.1f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
