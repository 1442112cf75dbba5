"""The value of a pipeline: operands, fields, calls, and Go's rules about the types of arguments.

Source: text/template/exec.go, https://pkg.go.dev/text/template#hdr-Pipelines
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NoReturn, TypeAlias

from tocsin.core.steps import Steps, steps_of
from tocsin.core.templates import nodes
from tocsin.core.templates.buffer import MAX_CHARACTERS
from tocsin.core.templates.clock import Duration
from tocsin.core.templates.errors import FunctionError, TemplateError, line_and_column
from tocsin.core.templates.language import SHORT_CIRCUIT
from tocsin.core.templates.values import (
    ANY,
    Function,
    Struct,
    Value,
    can_be_nil,
    is_true,
    type_name,
    zero_element,
)


class MissingKey(Enum):
    """What a map gives for a key that it does not have."""

    DEFAULT = "default"
    ZERO = "zero"
    ERROR = "error"


class Absent(Enum):
    """That a command has no value from the pipeline before it; None would be a value, nil."""

    ABSENT = "absent"


Final: TypeAlias = "object | Absent"
ABSENT = Absent.ABSENT

# How many variables are looked through, and words read, in a step.
_VARIABLES = 32
_WORDS = 2


class Evaluator:
    """Evaluates the pipelines of one template invocation, whose variables it holds."""

    __slots__ = ("functions", "missing_key", "source", "steps", "variables")

    def __init__(
        self,
        source: nodes.Definition,
        functions: Mapping[str, Function],
        missing_key: MissingKey,
        variables: list[tuple[str, object]],
        steps: Steps,
    ) -> None:
        self.source = source
        self.functions = functions
        self.missing_key = missing_key
        self.variables = variables
        self.steps = steps

    def fail(self, message: str, start: int, end: int) -> NoReturn:
        """Raise a TemplateError that shows the place, as Go does."""
        text, name = self.source.source, self.source.source_name
        line, column = line_and_column(text, start)
        place = f"template: {name}:{line}:{column}: executing {self.source.name!r} at <{text[start:end]}>"
        raise TemplateError(f"{place}: {message}", line=line, column=column)

    # Variables

    def variable(self, name: str) -> object:
        self.steps.take(len(self.variables) // _VARIABLES)
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise FunctionError(f"undefined variable: {name}")

    def assign(self, name: str, value: object) -> None:
        self.steps.take(len(self.variables) // _VARIABLES)
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        raise FunctionError(f"undefined variable: {name}")

    # Pipelines

    def pipeline(self, dot: object, pipeline: nodes.Pipeline) -> object:
        """Return the last command's value, after giving it to the variables that the pipeline names."""
        value: Final = ABSENT
        for command in pipeline.commands:
            value = self.command(dot, command, value)
        for name in pipeline.variables:
            if pipeline.assigns:
                self.assign(name, value)
            else:
                self.variables.append((name, value))
        return value

    def command(self, dot: object, command: nodes.Command, final: Final) -> object:
        first, arguments = command.words[0], command.words[1:]
        self.steps.take(1 + len(arguments) // _WORDS)
        match first:
            case nodes.Identifier():
                return self.function(dot, first, command, arguments, final)
            case nodes.Field():
                return self.chain(dot, dot, first.names, first, arguments, final)
            case nodes.Chain():
                return self.chain(dot, self.chain_operand(dot, first), first.names, first, arguments, final)
            case nodes.Variable(names=names) if names:
                return self.chain(dot, self.variable(first.name), names, first, arguments, final)
            case nodes.Nil():
                self.fail("nil is not a command", first.start, first.end)
        if arguments or final is not ABSENT:
            self.fail("can't give argument to non-function", command.start, command.end)
        return self.operand(dot, first)

    def operand(self, dot: object, node: nodes.Operand) -> object:
        """Return the value of an operand that has no arguments and no type asked of it."""
        match node:
            case nodes.String(value=value) | nodes.Boolean(value=value):
                return value
            case nodes.Number():
                return self.constant(node)
            case nodes.Dot():
                return dot
            case nodes.Variable(names=()):
                return self.variable(node.name)
            case nodes.Variable(names=names):
                return self.chain(dot, self.variable(node.name), names, node, (), ABSENT)
            case nodes.Field(names=names):
                return self.chain(dot, dot, names, node, (), ABSENT)
            case nodes.Pipeline():
                return self.pipeline(dot, node)
            case nodes.Identifier():
                return self.function(dot, node, node, (), ABSENT)
            case nodes.Chain():
                return self.chain(dot, self.chain_operand(dot, node), node.names, node, (), ABSENT)
        return None  # a Nil node

    def chain_operand(self, dot: object, chain: nodes.Chain) -> object:
        return self.operand(dot, chain.operand)

    def constant(self, number: nodes.Number) -> object:
        """Return a constant in the type that its spelling suggests: 80 is an int and 80.0 a float64."""
        text = number.text
        is_hexadecimal = text.lstrip("+-")[:2].lower() == "0x" and "p" not in text.lower()
        if not is_hexadecimal and not text.startswith("'") and any(sign in ".eEpP" for sign in text):
            return number.floating
        if number.integer is None or number.integer >= 2**63:
            self.fail(f"{text} overflows int", number.start, number.end)
        return number.integer

    # Fields

    def chain(
        self,
        dot: object,
        receiver: object,
        names: tuple[str, ...],
        node: nodes.Field | nodes.Variable | nodes.Chain,
        arguments: tuple[nodes.Operand, ...],
        final: Final,
    ) -> object:
        """Look up names one in the other; the last may be a method, which gets the arguments."""
        for place, name in enumerate(names):
            is_last = place == len(names) - 1
            if receiver is None and place > 0 and self.missing_key is not MissingKey.DEFAULT:
                self.fail(f"nil pointer evaluating {ANY}.{name}", node.start, node.end)
            given = (arguments, final) if is_last else ((), ABSENT)
            receiver = self.field(dot, receiver, name, node, *given)
        return receiver

    def field(
        self,
        dot: object,
        receiver: object,
        name: str,
        node: nodes.Field | nodes.Variable | nodes.Chain,
        arguments: tuple[nodes.Operand, ...],
        final: Final,
    ) -> object:
        if receiver is None:
            if self.missing_key is MissingKey.ERROR:
                self.fail(f'nil data; no entry for key "{name}"', node.start, node.end)
            return None
        method = receiver.go_method(name) if isinstance(receiver, Value) else None
        if method is not None:
            return self.call(dot, method, name, node, arguments, final)
        if arguments or final is not ABSENT:
            self.fail(f"{name} is not a method but has arguments", node.start, node.end)
        if isinstance(receiver, Struct) and name in receiver.fields:
            return receiver.fields[name]
        if isinstance(receiver, Mapping):
            return self.entry(receiver, name, node)
        self.fail(f"can't evaluate field {name} in type {type_name(receiver)}", node.start, node.end)

    def entry(
        self, mapping: Mapping[object, object], name: str, node: nodes.Field | nodes.Variable | nodes.Chain
    ) -> object:
        if name in mapping:
            return mapping[name]
        if self.missing_key is MissingKey.ERROR:
            self.fail(f'map has no entry for key "{name}"', node.start, node.end)
        return zero_element(mapping) if self.missing_key is MissingKey.ZERO else None

    # Calls

    def function(
        self,
        dot: object,
        identifier: nodes.Identifier,
        node: nodes.Command | nodes.Identifier,
        arguments: tuple[nodes.Operand, ...],
        final: Final,
    ) -> object:
        if identifier.name in SHORT_CIRCUIT:
            return self.short_circuit(dot, identifier, arguments, final)
        function = self.functions.get(identifier.name)
        if function is None:
            self.fail(f'"{identifier.name}" is not a defined function', identifier.start, identifier.end)
        return self.call(dot, function, identifier.name, node, arguments, final)

    def short_circuit(
        self, dot: object, identifier: nodes.Identifier, arguments: tuple[nodes.Operand, ...], final: Final
    ) -> object:
        """Return the first argument that decides an `and` or `or`, and evaluate none behind it."""
        if not arguments and final is ABSENT:
            message = f"wrong number of args for {identifier.name}: want at least 1 got 0"
            self.fail(message, identifier.start, identifier.end)
        value: Final = ABSENT
        for argument in arguments:
            value = self.operand(dot, argument)
            if is_true(value) == (identifier.name == "or"):
                return value
        return value if final is ABSENT else final

    def call(
        self,
        dot: object,
        function: Function,
        name: str,
        node: nodes.Operand | nodes.Command,
        arguments: tuple[nodes.Operand, ...],
        final: Final,
    ) -> object:
        """Call a function with the arguments written behind it and, last, the value piped into it."""
        count = len(arguments) + (final is not ABSENT)
        self.check_count(function, name, count, node)
        values = [self.argument(dot, function.parameter(i), word) for i, word in enumerate(arguments)]
        if final is not ABSENT:
            self.check_type(final, function.parameter(count - 1), node)
            values.append(final)
        self.steps.take(2 + sum(map(steps_of, values)))
        return self.protected(lambda: function.call(*values), name, node)

    def protected(self, call: Callable[[], object], name: str, node: nodes.Operand | nodes.Command) -> object:
        """Call, and turn whatever goes wrong into an error of the template at this place.

        Functions are given by others and, as in Go, where a panic in one is recovered from, none may take down
        the evaluation of the rules.
        """
        try:
            result = call()
        except Exception as error:
            self.fail(f"error calling {name}: {error}", node.start, node.end)
        if isinstance(result, str) and len(result) > MAX_CHARACTERS:
            self.fail(f"error calling {name}: the output is too large", node.start, node.end)
        self.steps.take(steps_of(result))
        return result

    def check_count(self, function: Function, name: str, count: int, node: nodes.Operand | nodes.Command) -> None:
        wanted = len(function.parameters)
        if function.variadic is not None:
            if count < wanted:
                message = f"wrong number of args for {name}: want at least {wanted} got {count}"
                self.fail(message, node.start, node.end)
        elif count != wanted:
            self.fail(f"wrong number of args for {name}: want {wanted} got {count}", node.start, node.end)

    def argument(self, dot: object, go_type: str, node: nodes.Operand) -> object:
        """Return an argument's value: a constant takes the parameter's type, anything else must have it."""
        match node:
            case nodes.Number() if go_type != ANY:
                return self.typed_constant(node, go_type)
            case nodes.String() | nodes.Boolean() if go_type not in (ANY, type_name(node.value)):
                self.fail(f"expected {go_type}; found {self.shown(node)}", node.start, node.end)
            case nodes.Nil() if not can_be_nil(go_type):
                self.fail(f"cannot assign nil to {go_type}", node.start, node.end)
        value = self.operand(dot, node)
        self.check_type(value, go_type, node)
        return value

    def typed_constant(self, number: nodes.Number, go_type: str) -> object:
        if go_type == "float64":
            return number.floating
        if go_type in ("int", Duration.go_type) and number.integer is not None and number.integer < 2**63:
            return number.integer if go_type == "int" else Duration(number.integer)
        self.fail(f"expected {go_type}; found {self.shown(number)}", number.start, number.end)

    def check_type(self, value: object, go_type: str, node: nodes.Operand | nodes.Command) -> None:
        if go_type == ANY:
            return
        if value is None:
            if not can_be_nil(go_type):
                self.fail(f"invalid value; expected {go_type}", node.start, node.end)
        elif type_name(value) != go_type:
            message = f"wrong type for value; expected {go_type}; got {type_name(value)}"
            self.fail(message, node.start, node.end)

    def shown(self, node: nodes.Operand) -> str:
        return self.source.source[node.start : node.end]
