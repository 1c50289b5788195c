"""Templates of CloudFormation: read, and resolved with the values of their parameters.

Values that only AWS knows become placeholders of our files, or are errors.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from iam_access.importing.reading import built, composed
from iam_access.importing.source import Node, Reporter, SourceFile
from iam_access.model import Location
from iam_access.phrases import did_you_mean, listed, shown

_SIZE: Final = 1_048_576  # bytes: that of the largest template
_PSEUDO: Final[Mapping[str, str]] = {
    "AWS::AccountId": "{account_id}",
    "AWS::Partition": "{partition}",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE: Final = "AWS::NoValue"
_STACK_NAME: Final = "AWS::StackName"
# Pseudo parameters with a value of each stack, which can be given like parameters.
_OF_STACK: Final = (_STACK_NAME, "AWS::Region")
_NESTED: Final = re.compile(r"\$\{(!?)([^{}]+)\}")
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
_LIST_TYPE: Final = re.compile(r"CommaDelimitedList|List<.*|AWS::SSM::Parameter::Value<List<.*")
_STORED_TYPE: Final = "AWS::SSM::Parameter::Value<"
# What was reported stands for no other error.
_UNRESOLVED: Final = "?"


def parsed(file: SourceFile, report: Reporter) -> Node | None:
    """A template, in JSON or YAML, with short forms of functions written out; None after errors."""
    if len(file.data) > _SIZE:
        start = Location(file.name, 1, 1)
        report.error("too-large", start, "the template is too large", "split it")
        return None
    # JSON may be indented by tabs, which YAML does not take.
    text = file.data.replace(b"\t", b" ")
    hint = "correct it; `aws cloudformation validate-template` tells more"
    root = composed(file.name, text, report, hint)
    if root is None:
        return None
    return built(root, file.name, report, lambda tag, node: _tagged(tag, node, report))


def _tagged(tag: str, node: Node, report: Reporter) -> Node:
    """What a value becomes by its tag: that of a short form is the function around it."""
    if not tag.startswith("!"):
        if node.value is None:
            report.wrong_type(node, "a text, list or mapping", "a value")
        return Node(node.plain, node.location) if isinstance(node.value, str) else node
    name = tag[1:] if tag in ("!Ref", "!Condition") else f"Fn::{tag[1:]}"
    if name == "Fn::GetAtt" and isinstance(node.value, str):
        parts = [Node(each, node.location) for each in node.value.split(".", 1)]
        node = Node(parts, node.location)
    return Node({name: node}, node.location, {name: node.location})


@dataclass(slots=True)
class Resolver:
    """Puts values in the place of functions.

    `stack` is the name of the stack, or None where it is not known. `names` and `arns` are those of
    the template's roles by logical id, as far as they are known.
    """

    report: Reporter
    parameters: "Parameters"
    stack: str | None
    names: Mapping[str, str] = field(default_factory=dict)
    arns: Mapping[str, str] = field(default_factory=dict)

    def resolved(self, node: Node) -> Node:
        """The value with no function left in it; what cannot be resolved is reported."""
        if isinstance(node.value, list):
            return Node(list(filter(_is_there, map(self.resolved, node.value))), node.location)
        if not isinstance(node.value, dict):
            return node
        if len(node.value) == 1:
            (name,) = node.value
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, node.value[name], node.location)
        values = {key: self.resolved(each) for key, each in node.value.items()}
        kept = {key: each for key, each in values.items() if _is_there(each)}
        return Node(kept, node.location, node.keys)

    def _function(self, name: str, argument: Node, location: Location) -> Node:
        functions: dict[str, Callable[[Node, Location], Node]] = {
            "Ref": self._ref,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
            "Fn::GetAtt": self._get_att,
        }
        if name not in functions:
            self.report.refuse(
                location,
                f"{name} is not resolved here",
                f"write out what it gives; {listed(functions)} are resolved",
            )
            return Node(_UNRESOLVED, location)
        return functions[name](argument, location)

    def _ref(self, argument: Node, location: Location) -> Node:
        name = argument.value if isinstance(argument.value, str) else ""
        value = self._value(name, location)
        if name in self.parameters.lists and value is not None:
            return Node([Node(each.strip(), location) for each in value.split(",")], location)
        return Node(value, location)

    def _value(self, name: str, location: Location) -> str | None:
        """The value of a parameter, a pseudo parameter, or the name of a role."""
        if name == _NO_VALUE:
            return None
        stack = {_STACK_NAME: self.stack} if self.stack is not None else {}
        for known in (self.parameters.values, stack, _PSEUDO, self.names):
            if name in known:
                return known[name]
        is_given = name in self.parameters.unknown or name in _OF_STACK
        self.report.refuse(
            location,
            f"the value of {shown(name)} is not known"
            if is_given
            else f"there is no value for {shown(name)}",
            f"give it with --parameter {name}=VALUE" if is_given else "write the value itself",
        )
        return _UNRESOLVED

    def _join(self, argument: Node, location: Location) -> Node:
        resolved = self.resolved(argument)
        parts = resolved.items
        if len(parts) != 2 or not isinstance(parts[0].value, str):
            self.report.wrong_type(argument, "a delimiter and a list", "Fn::Join")
            return Node(_UNRESOLVED, location)
        texts = [each.value for each in parts[1].items if isinstance(each.value, str)]
        if len(texts) != len(parts[1].items):
            self.report.wrong_type(argument, "a delimiter and a list of texts", "Fn::Join")
        return Node(parts[0].value.join(texts), location)

    def _text(self, node: Node, name: str) -> str:
        """A text, which may be empty; anything else is reported."""
        if isinstance(node.value, str):
            return node.value
        self.report.wrong_type(node, "a text", name)
        return _UNRESOLVED

    def _sub(self, argument: Node, location: Location) -> Node:
        own: dict[str, str] = {}
        text = argument.items[0].value if argument.items else None
        if isinstance(argument.value, list) and len(argument.value) == 2:
            given = self.resolved(argument.value[1]).mapping
            own = {key: self._text(each, "a value of Fn::Sub") for key, each in given.items()}
        if not isinstance(text, str):
            self.report.wrong_type(argument, "a text", "Fn::Sub")
            return Node(_UNRESOLVED, location)

        def value(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return own[name]
            resource, dot, attribute = name.partition(".")
            if dot:
                return self._attribute(resource, attribute, location)
            if name in self.parameters.lists:
                self.report.refuse(
                    location, f"{shown(name)} is a list, which stands in no text", "write it out"
                )
            return self._value(name, location) or ""

        return Node(_NESTED.sub(value, text), location)

    def _get_att(self, argument: Node, location: Location) -> Node:
        parts = [str(each.value) for each in argument.items]
        if len(parts) != 2:
            self.report.wrong_type(argument, "a resource and its attribute", "Fn::GetAtt")
            return Node(_UNRESOLVED, location)
        return Node(self._attribute(parts[0], parts[1], location), location)

    def _attribute(self, resource: str, attribute: str, location: Location) -> str:
        if attribute == "Arn" and resource in self.arns:
            return self.arns[resource]
        self.report.refuse(
            location, f"the {attribute} of {shown(resource)} is not known", "write it out"
        )
        return _UNRESOLVED


def _is_there(node: Node) -> bool:
    """Whether a value is one: AWS::NoValue takes away what it stands for."""
    return node.value is not None


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a template: the values by name, which are lists, and those without."""

    values: Mapping[str, str]
    lists: frozenset[str]
    unknown: frozenset[str]


def parameters(template: Node, given: Mapping[str, str], report: Reporter) -> Parameters:
    """The parameters that a template declares, with the values given or else their defaults.

    The default of one that is kept in Parameter Store is the name of its value there.
    """
    declared = template.mapping.get("Parameters", Node({}, template.location))
    values: dict[str, str] = {}
    lists: set[str] = set()
    unknown: set[str] = set()
    for name, node in declared.mapping.items() if report.is_mapping(declared, "Parameters") else ():
        type_ = report.optional(node.mapping.get("Type"), "Type")
        default = node.mapping.get("Default")
        if _LIST_TYPE.fullmatch(type_):
            lists.add(name)
        if name in given:
            values[name] = given[name]
        elif default is not None and isinstance(default.value, str) and _STORED_TYPE not in type_:
            values[name] = default.value
            report.fault(
                declared.key(name),
                f"keeps the value of {name} that each stack has, whatever its default is",
                f"the default is taken; give another with --parameter {name}=VALUE",
            )
        else:
            unknown.add(name)
    for name in given.keys() - declared.mapping.keys() - {*_OF_STACK}:
        report.error(
            "unknown-key",
            declared.location,
            f"the template has no parameter {shown(name)}",
            did_you_mean(name, declared.mapping) or f"it has {listed(declared.mapping) or 'none'}",
        )
    of_stack = {name: given[name] for name in _OF_STACK if name in given}
    return Parameters({**values, **of_stack}, frozenset(lists), frozenset(unknown))
