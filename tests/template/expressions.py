"""What CloudFormation makes of a template's expressions, given its parameters and what others put out."""

import re


class Stack:
    """One template with the values of its references: parameters, resources, 'Resource.Attribute'."""

    def __init__(self, template, values):
        self._template = template
        self._values = {
            "AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012",
            "AWS::StackName": "tlogistry", "AWS::URLSuffix": "amazonaws.com",
        } | values

    def value(self, node):
        if isinstance(node, list):
            return [item for item in (self.value(item) for item in node) if item is not None]
        if not isinstance(node, dict):
            return node
        match node:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": name}:
                return self._reference(name)
            case {"Fn::GetAtt": path}:
                return self._values[path if isinstance(path, str) else ".".join(path)]
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
            case {"Fn::Sub": [text, names]}:
                return self._substituted(text, {name: self.value(value) for name, value in names.items()})
            case {"Fn::Join": [separator, items]}:
                return separator.join(self.value(items))
            case {"Fn::Select": [index, items]}:
                return self.value(items)[int(index)]
            case {"Fn::Split": [separator, text]}:
                return self.value(text).split(separator)
            case {"Fn::FindInMap": [mapping, first, second]}:
                return self._template["Mappings"][mapping][first][second]
            case {"Fn::If": [condition, then, otherwise]}:
                return self.value(then if self.holds(condition) else otherwise)
        known = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in known.items() if value is not None}

    def holds(self, condition):
        return self._holds(self._template["Conditions"][condition])

    def _holds(self, node):
        match node:
            case {"Condition": name}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                return self.value(one) == self.value(other)
            case {"Fn::Not": [one]}:
                return not self._holds(one)
            case {"Fn::And": several}:
                return all(map(self._holds, several))
            case {"Fn::Or": several}:
                return any(map(self._holds, several))
        raise ValueError(f"not a condition that is understood here: {node}")

    def properties(self, resource):
        return self.value(self._template["Resources"][resource]["Properties"])

    def exists(self, resource):
        condition = self._template["Resources"][resource].get("Condition")
        return condition is None or self.holds(condition)

    def _reference(self, name):
        parameter = self._template.get("Parameters", {}).get(name, {})
        value = self._values[name] if name in self._values else parameter["Default"]
        return value.split(",") if parameter.get("Type") == "CommaDelimitedList" else value

    def _substituted(self, text, names):
        return re.sub(r"\$\{([^}!]+)\}", lambda found: self._named(found[1], names), text)

    def _named(self, name, names):
        return str(names[name] if name in names else self._reference(name))
