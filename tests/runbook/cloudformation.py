"""A stand-in for CloudFormation: what becomes of parameters, transforms, conditions, outputs and stack policies.

moto's own does not serve here: it forgets the outputs of a stack that a change set made, knows no SAM transform,
deletes what is to be retained, and enforces neither stack policies nor termination protection. This one keeps what each
stack was sent and what it has then. Of resources it makes those that the commands use, in moto: keys and buckets.
"""

import dataclasses
import itertools
import json
import re
import urllib.parse
from datetime import datetime, timezone

from intrinsics import Scope
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ACCOUNT, REGION = "123456789012", "us-east-1"
KEEP = {"Retain", "RetainExceptOnCreate"}


class Refused(Exception):
    """A ValidationError, as CloudFormation answers it."""


@dataclasses.dataclass
class Deployment:
    """One change set: what was sent, and what the stack has then."""

    stack: str
    role: str | None
    sent: dict
    effective: dict
    template: dict
    version: str | None  # the logical id of the function's version


@dataclasses.dataclass
class Stack:
    name: str
    id: str
    template: dict = dataclasses.field(default_factory=dict)
    parameters: dict = dataclasses.field(default_factory=dict)
    role: str | None = None
    status: str = "REVIEW_IN_PROGRESS"
    protected: bool = False
    policy: dict | None = None
    resources: dict = dataclasses.field(default_factory=dict)  # logical id: physical id
    outputs: dict = dataclasses.field(default_factory=dict)
    events: list = dataclasses.field(default_factory=list)
    tags: list = dataclasses.field(default_factory=list)


class CloudFormation:
    def __init__(self, read_object, makers):
        """`read_object(url)` reads a template from S3; a maker, by type, takes a name and answers the physical id."""
        self.read_object, self.makers = read_object, makers
        self.stacks, self.change_sets, self.deployments, self.kept = {}, {}, [], []
        self.numbers = itertools.count(1)

    # Stacks

    def find(self, name):
        for stack in reversed(self.stacks.values()):
            if name in (stack.id, stack.name) and (name == stack.id or stack.status != "DELETE_COMPLETE"):
                return stack
        raise Refused(f"Stack with id {name} does not exist")

    def make_stack(self, name):
        number = f"{next(self.numbers):012}"
        stack = Stack(name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{number}")
        self.stacks[stack.id] = stack
        self.happened(stack, stack.status)
        return stack

    def happened(self, stack, status, reason=""):
        stack.status = status
        stack.events.append((status, reason, datetime.now(timezone.utc).isoformat()))

    def parameters(self, template, sent, stack):
        """What the stack has after `sent`: name to value, or to None, which keeps the value that it has."""
        declared = template.get("Parameters", {})
        if unknown := sent.keys() - declared.keys():
            raise Refused(f"Parameters: {sorted(unknown)} do not exist in the template")
        effective = {}
        for name, parameter in declared.items():
            if name in sent and sent[name] is None:
                if name not in stack.parameters:
                    raise Refused(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true")
                value = stack.parameters[name]
            else:
                value = sent.get(name, parameter.get("Default"))
            if value is None:
                raise Refused(f"Parameters: [{name}] must have values")
            check(name, parameter, str(value))
            effective[name] = str(value)
        return effective

    def scope(self, stack, template, parameters, resources):
        def of_resource(logical, attribute):
            physical = resources.get(logical, f"{logical} is missing")
            if attribute.startswith("Outputs."):
                return self.find(physical).outputs[attribute.removeprefix("Outputs.")]
            if attribute == "Arn" and not physical.startswith("arn:"):
                return f"arn:aws:iam::{ACCOUNT}:role/{physical}"
            if attribute == "StreamArn":
                return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{physical}/stream/2026-11-25T00:00:00.000"
            return f"{physical}.{attribute}" if attribute and attribute != "Arn" else physical

        pseudo = {
            "AWS::StackName": stack.name, "AWS::StackId": stack.id, "AWS::Region": REGION, "AWS::Partition": "aws",
            "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": None,
        }
        return Scope(template, parameters, pseudo, of_resource)

    def check_rules(self, stack, template, parameters):
        scope = self.scope(stack, template, parameters, {})
        for rule in template.get("Rules", {}).values():
            if "RuleCondition" not in rule or scope.value(rule["RuleCondition"]):
                for assertion in rule["Assertions"]:
                    if not scope.value(assertion["Assert"]):
                        raise Refused(f"Template constraint: {assertion['AssertDescription']}")

    def apply(self, stack, template, parameters, role):
        """Makes, keeps and removes resources. A stack policy can refuse a removal."""
        scope = self.scope(stack, template, parameters, stack.resources)
        wanted = {
            logical: resource
            for logical, resource in template["Resources"].items()
            if "Condition" not in resource or scope.condition(resource["Condition"])
        }
        gone = stack.resources.keys() - wanted.keys()
        for logical in gone:
            if not allowed(stack.policy, "Update:Delete", logical):
                raise Refused(f"Action denied by stack policy: Update:Delete of LogicalResourceId/{logical}")
        for logical in gone:
            self.remove(stack, logical)
        stack.template, stack.parameters, stack.role = template, parameters, role

        def references(node):
            if isinstance(node, dict):
                for key, value in node.items():
                    if key == "Ref":
                        yield value
                    elif key == "Fn::GetAtt":
                        yield value[0] if isinstance(value, list) else value.split(".")[0]
                    elif key == "Fn::Sub":
                        text = value[0] if isinstance(value, list) else value
                        yield from re.findall(r"\$\{([A-Za-z0-9]+)", text)
                        yield from references(value)
                    else:
                        yield from references(value)
            elif isinstance(node, list):
                for item in node:
                    yield from references(item)

        done = set()

        def make(logical, below=()):
            if logical in done:
                return
            assert logical not in below, f"circular: {[*below, logical]}"
            for other in {*references(wanted[logical]), *as_list(wanted[logical].get("DependsOn", []))}:
                if other in wanted:
                    make(other, (*below, logical))
            done.add(logical)
            self.make_resource(stack, logical, wanted[logical], scope, role)

        for logical in wanted:
            make(logical)
        stack.outputs = {
            name: str(scope.value(output["Value"]))
            for name, output in template.get("Outputs", {}).items()
            if "Condition" not in output or scope.condition(output["Condition"])
        }

    def make_resource(self, stack, logical, resource, scope, role):
        physical = stack.resources.get(logical)
        if resource["Type"] == "AWS::CloudFormation::Stack":
            properties = scope.value(resource["Properties"])
            template = yaml_parse(self.read_object(properties["TemplateURL"]))
            name = f"{stack.name}-{logical}-{next(self.numbers)}"
            nested = self.find(physical) if physical else self.make_stack(name)
            sent = {name: str(value) for name, value in properties.get("Parameters", {}).items()}
            effective = self.parameters(template, sent, nested)
            self.apply(nested, transformed(template, effective), effective, role)
            nested.status = "CREATE_COMPLETE"
            stack.resources[logical] = nested.id
        elif not physical:
            name = f"{stack.name}-{logical}-{next(self.numbers)}"
            stack.resources[logical] = self.makers.get(resource["Type"], str)(name)

    def remove(self, stack, logical):
        resource, physical = stack.template["Resources"][logical], stack.resources.pop(logical)
        if resource.get("DeletionPolicy") in KEEP:
            self.kept.append(physical)
        elif resource["Type"] == "AWS::CloudFormation::Stack":
            self.remove_all(self.find(physical))

    def remove_all(self, stack):
        for logical in list(stack.resources):
            self.remove(stack, logical)
        stack.status = "DELETE_COMPLETE"

    # Actions: each takes the request's parameters and answers the result

    def create_change_set(self, request):
        name = request["StackName"]
        try:
            stack = self.find(name)
        except Refused:
            stack = self.make_stack(name)
        body = request.get("TemplateBody") or self.read_object(request["TemplateURL"])
        template = yaml_parse(body)
        sent = {
            p["ParameterKey"]: None if p.get("UsePreviousValue") == "true" else p.get("ParameterValue", "")
            for p in request.get("Parameters", [])
        }
        effective = self.parameters(template, sent, stack)
        self.check_rules(stack, template, effective)
        template = transformed(template, effective)
        # As CloudFormation does for a stack that was once deployed with a role.
        role = request.get("RoleARN") or stack.role
        versions = [n for n, r in template["Resources"].items() if r["Type"] == "AWS::Lambda::Version"]
        deployment = Deployment(name, role, sent, effective, template, versions[0] if versions else None)
        self.deployments.append(deployment)
        name, number = request["ChangeSetName"], next(self.numbers)
        change_set = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{number}"
        unchanged = (template, effective) == (stack.template, stack.parameters)
        stack.tags = request.get("Tags", stack.tags)
        self.change_sets[change_set] = (name, stack, deployment, unchanged)
        return {"Id": change_set, "StackId": stack.id}

    def change_set(self, request):
        for change_set, (name, stack, deployment, unchanged) in reversed(self.change_sets.items()):
            if request["ChangeSetName"] in (change_set, name):
                return change_set, stack, deployment, unchanged
        raise Refused(f"ChangeSet [{request['ChangeSetName']}] does not exist")

    def describe_change_set(self, request):
        change_set, stack, _, unchanged = self.change_set(request)
        return {
            "ChangeSetId": change_set, "StackId": stack.id, "StackName": stack.name,
            "Status": "FAILED" if unchanged else "CREATE_COMPLETE",
            "StatusReason": "The submitted information didn't contain changes." if unchanged else "",
            "ExecutionStatus": "UNAVAILABLE" if unchanged else "AVAILABLE", "Changes": [],
        }

    def delete_change_set(self, request):
        return {}

    def execute_change_set(self, request):
        _, stack, deployment, _ = self.change_set(request)
        kind = "CREATE" if not stack.resources else "UPDATE"
        try:
            self.apply(stack, deployment.template, deployment.effective, deployment.role)
            self.happened(stack, f"{kind}_COMPLETE")
        except Exception as error:  # without an end the SAM CLI would wait for ever
            reason = str(error) if isinstance(error, Refused) else f"the stand-in: {error!r}"
            self.happened(stack, "ROLLBACK_COMPLETE" if kind == "CREATE" else "UPDATE_ROLLBACK_COMPLETE", reason)
        return {}

    def describe_stacks(self, request):
        stacks = [self.find(request["StackName"])] if "StackName" in request else list(self.stacks.values())
        return {
            "Stacks": [
                {
                    "StackId": s.id, "StackName": s.name, "StackStatus": s.status, "CreationTime": NOW,
                    "Tags": s.tags, "EnableTerminationProtection": str(s.protected).lower(),
                    "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in s.parameters.items()],
                    "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in s.outputs.items()],
                }
                for s in stacks
            ]
        }

    def describe_stack_events(self, request):
        stack = self.find(request["StackName"])
        return {
            "StackEvents": [
                {
                    "StackId": stack.id, "EventId": str(number),
                    "StackName": stack.name, "LogicalResourceId": stack.name,
                    "PhysicalResourceId": stack.id, "ResourceType": "AWS::CloudFormation::Stack",
                    "Timestamp": when, "ResourceStatus": status, "ResourceStatusReason": reason,
                }
                for number, (status, reason, when) in reversed(list(enumerate(stack.events)))
            ]
        }

    def describe_stack_resources(self, request):
        stack = self.find(request["StackName"])
        return {
            "StackResources": [
                {
                    "LogicalResourceId": logical, "PhysicalResourceId": physical, "StackName": stack.name,
                    "ResourceType": stack.template["Resources"][logical]["Type"], "Timestamp": NOW,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for logical, physical in stack.resources.items()
            ]
        }

    def get_template_summary(self, request):
        return {"Parameters": [{"ParameterKey": name} for name in self.find(request["StackName"]).parameters]}

    def set_stack_policy(self, request):
        self.find(request["StackName"]).policy = json.loads(request["StackPolicyBody"])
        return {}

    def update_termination_protection(self, request):
        stack = self.find(request["StackName"])
        stack.protected = request["EnableTerminationProtection"] == "true"
        return {"StackId": stack.id}

    def delete_stack(self, request):
        stack = self.find(request["StackName"])
        if stack.protected:
            raise Refused(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        stack.role = request.get("RoleARN") or stack.role
        self.remove_all(stack)
        return {}


def transformed(template, parameters):
    """What SAM makes of a template that asks for it, and the same JSON of any other."""
    if "Transform" in template:
        lists = {name for name, one in template.get("Parameters", {}).items() if one["Type"] == "CommaDelimitedList"}
        typed = {name: value.split(",") if name in lists else value for name, value in parameters.items()}
        template = Translator({}, Parser()).translate(template, typed)
    return json.loads(json.dumps(template))


NOW = datetime.now(timezone.utc).isoformat()


def as_list(value):
    return value if isinstance(value, list) else [value]


def check(name, parameter, value):
    values = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
    for item in values:
        if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], item):
            raise Refused(f"Parameter {name} failed to satisfy constraint: it must match {parameter['AllowedPattern']}")
        if "AllowedValues" in parameter and item not in map(str, parameter["AllowedValues"]):
            raise Refused(f"Parameter {name} must be one of {parameter['AllowedValues']}")
    if parameter["Type"] == "Number":
        assert float(parameter.get("MinValue", value)) <= float(value) <= float(parameter.get("MaxValue", value)), name


def allowed(policy, action, logical):
    """As a stack policy decides: a deny outweighs, and what no statement allows is denied."""
    if policy is None:
        return True

    def concern(statement):
        patterns = lambda key: [p.replace("*", ".*") for p in as_list(statement[key])]
        return any(re.fullmatch(p, action) for p in patterns("Action")) and any(
            re.fullmatch(p, f"LogicalResourceId/{logical}") for p in patterns("Resource")
        )

    effects = {s["Effect"] for s in policy["Statement"] if concern(s)}
    return effects == {"Allow"}


# The query protocol


def request_of(body):
    """The parameters of a request: A.member.1.B=c becomes {"A": [{"B": "c"}]}."""
    tree = {}
    for key, value in urllib.parse.parse_qsl(body.decode(), keep_blank_values=True):
        *path, last = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value

    def lists(node):
        if not isinstance(node, dict):
            return node
        if node.keys() == {"member"}:
            return [lists(item) for _, item in sorted(node["member"].items(), key=lambda i: int(i[0]))]
        return {key: lists(value) for key, value in node.items()}

    return lists(tree)


def xml(value):
    if isinstance(value, dict):
        return "".join(f"<{key}>{xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{xml(item)}</member>" for item in value)
    return str(value).replace("&", "&amp;").replace("<", "&lt;")


def application(cloudformation, others):
    """A WSGI application that hands everything but CloudFormation's requests to another."""

    def answer(environ, start_response):
        if "/cloudformation/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
            return others(environ, start_response)
        request = request_of(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        action = request["Action"]
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        try:
            result = getattr(cloudformation, method)(request)
            text = f"<{action}Response><{action}Result>{xml(result)}</{action}Result></{action}Response>"
            status = "200 OK"
        except Refused as refused:
            error = {"Error": {"Type": "Sender", "Code": "ValidationError", "Message": str(refused)}}
            status, text = "400 Bad Request", f"<ErrorResponse>{xml(error)}</ErrorResponse>"
        start_response(status, [("Content-Type", "text/xml")])
        return [text.encode()]

    return answer
