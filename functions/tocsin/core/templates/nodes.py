"""The syntax tree of a template.

Named tuples and not dataclasses: a frozen slotted dataclass takes five times as long to define, and these two dozen
are paid for at every cold start. `start` and `end` are offsets into the source, for error messages.

Grammar: https://pkg.go.dev/text/template#hdr-Actions
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Number(NamedTuple):
    """A numeric constant, which takes the type its context asks for, or the type its spelling suggests."""

    start: int
    end: int
    text: str
    integer: int | None
    floating: float


class String(NamedTuple):
    start: int
    end: int
    value: str


class Boolean(NamedTuple):
    start: int
    end: int
    value: bool


class Nil(NamedTuple):
    start: int
    end: int


class Dot(NamedTuple):
    start: int
    end: int


class Field(NamedTuple):
    """`.A.B`: names looked up from dot."""

    start: int
    end: int
    names: tuple[str, ...]


class Variable(NamedTuple):
    """`$x.A.B`: names looked up from a variable; `$` alone is the data given to the template."""

    start: int
    end: int
    name: str
    names: tuple[str, ...]


class Identifier(NamedTuple):
    """The name of a function."""

    start: int
    end: int
    name: str


class Chain(NamedTuple):
    """`(pipeline).A.B`: names looked up from the value of another operand."""

    start: int
    end: int
    operand: Operand
    names: tuple[str, ...]


class Command(NamedTuple):
    """An operand or a call: the first word and its arguments."""

    start: int
    end: int
    words: tuple[Operand, ...]


class Pipeline(NamedTuple):
    """Commands, each given the value of the one before, and the variables that receive the last value."""

    start: int
    end: int
    variables: tuple[str, ...]
    assigns: bool
    commands: tuple[Command, ...]


class Text(NamedTuple):
    text: str


class Action(NamedTuple):
    start: int
    pipeline: Pipeline


class If(NamedTuple):
    start: int
    pipeline: Pipeline
    body: Nodes
    otherwise: Nodes


class With(NamedTuple):
    start: int
    pipeline: Pipeline
    body: Nodes
    otherwise: Nodes


class Range(NamedTuple):
    start: int
    pipeline: Pipeline
    body: Nodes
    otherwise: Nodes


class Break(NamedTuple):
    start: int


class Continue(NamedTuple):
    start: int


class Invoke(NamedTuple):
    """`{{template "name" pipeline}}`, and what a `{{block}}` leaves in its place."""

    start: int
    end: int
    name: str
    pipeline: Pipeline | None


Operand: TypeAlias = "Number | String | Boolean | Nil | Dot | Field | Variable | Identifier | Chain | Pipeline"
Node: TypeAlias = "Text | Action | If | With | Range | Break | Continue | Invoke"
Nodes: TypeAlias = "tuple[Node, ...]"


class Definition(NamedTuple):
    """A named template, with the source it came from."""

    name: str
    body: Nodes
    source_name: str
    source: str

    def is_empty(self) -> bool:
        """Report whether it holds nothing but white space: such a one does not replace another of its name."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.body)


class Template(NamedTuple):
    """A parsed template: what it prints, and the templates that can be invoked by name."""

    main: Definition
    definitions: dict[str, Definition]

    def including(self, *others: Template) -> Template:
        """Return this template with the definitions of others, later ones replacing earlier ones, its own the last."""
        merged: dict[str, Definition] = {}
        for template in (*others, self):
            for name, definition in template.definitions.items():
                if name not in merged or not definition.is_empty():
                    merged[name] = definition
        return Template(self.main, merged)
