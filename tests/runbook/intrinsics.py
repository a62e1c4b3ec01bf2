"""CloudFormation's intrinsic functions, as far as the templates use them."""

import re


class Scope:
    """What names stand for in one stack: parameters, pseudo parameters, and resources as `of_resource` knows them."""

    def __init__(self, template, parameters, pseudo, of_resource):
        self.template, self.parameters, self.pseudo, self.of_resource = template, parameters, pseudo, of_resource

    def condition(self, name):
        return self.value(self.template["Conditions"][name])

    def name(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            declared = self.template["Parameters"][name]["Type"]
            value = self.parameters[name]
            return value.split(",") if declared == "CommaDelimitedList" else value
        resource, _, attribute = name.partition(".")
        return self.of_resource(resource, attribute)

    def value(self, node):
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return self.name(argument)
            if function == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if function.startswith("Fn::"):
                return getattr(self, function[4:].lower() + "_")(argument)
        return {key: self.value(item) for key, item in node.items()}

    def getatt_(self, path):
        return self.name(path if isinstance(path, str) else ".".join(path))

    def sub_(self, argument):
        text, values = argument if isinstance(argument, list) else (argument, {})
        values = {name: self.value(value) for name, value in values.items()}
        return re.sub(r"\$\{([^!}]+)\}", lambda m: str(values[m[1]] if m[1] in values else self.name(m[1])), text)

    def if_(self, argument):
        condition, one, other = argument
        return self.value(one if self.condition(condition) else other)

    def join_(self, argument):
        separator, items = argument
        return separator.join(self.value(items))

    def equals_(self, argument):
        one, other = argument
        return str(self.value(one)) == str(self.value(other))

    def not_(self, argument):
        return not self.value(argument[0])

    def and_(self, argument):
        return all(self.value(item) for item in argument)

    def or_(self, argument):
        return any(self.value(item) for item in argument)

    def select_(self, argument):
        index, items = argument
        return self.value(items)[int(index)]

    def split_(self, argument):
        separator, text = argument
        return self.value(text).split(separator)
