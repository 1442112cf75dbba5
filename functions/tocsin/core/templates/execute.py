"""Executing a template: its statements, in order, into one text.

Everything is bounded: the length of the text, the number of steps, and how deep templates invoke each other. Steps are
counted wherever the work grows with what a template is given or has made: nothing here looks at a clock.
Source: text/template/exec.go, https://pkg.go.dev/text/template#hdr-Actions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from tocsin.core.steps import Steps, TooManyStepsError, steps_of
from tocsin.core.templates import nodes
from tocsin.core.templates.buffer import MAX_CHARACTERS, Buffer
from tocsin.core.templates.errors import FunctionError, TemplateError
from tocsin.core.templates.evaluate import Evaluator, MissingKey
from tocsin.core.templates.printing import print_value, sorted_items
from tocsin.core.templates.values import Function, is_true, type_name

# Characters that are written in a step.
_WRITTEN = 8


class Limits(NamedTuple):
    """How much one execution may do before it is an error."""

    characters: int = MAX_CHARACTERS
    steps: int = 100_000
    depth: int = 50


class _Break(Exception):
    """Leaves the innermost range."""


class _Continue(Exception):
    """Goes on with the innermost range's next element."""


def execute(
    template: nodes.Template,
    data: object,
    functions: Mapping[str, Function],
    *,
    variables: Mapping[str, object] | None = None,
    missing_key: MissingKey = MissingKey.ZERO,
    show: Callable[[object], str] = print_value,
    literal: Callable[[str], str] = str,
    limits: Limits = Limits(),  # noqa: B008 (it is a tuple, immutable)
    steps: Steps | None = None,
) -> str:
    """Return the text that a template makes of its data; TemplateError where it cannot.

    `functions` must include those of the language that the template uses (`language.FUNCTIONS`), `variables` are
    those it was parsed with, with their `$`. `show` makes text of the values that actions print: an escaper's place;
    `literal` is given the text between the actions, in the order of writing, and returns what is written of it.
    `steps` are what is left of an allowance that it shares with others, in place of that of the limits.
    """
    run = _Run(template, functions, missing_key, show, literal, limits, steps or Steps(limits.steps))
    try:
        run.invoke(template.main, data, dict(variables or {}), depth=0)
    except RecursionError:
        raise TemplateError(f"template: {template.main.name}: nested too deeply") from None
    return run.buffer.text()


class _Run:
    """What all invocations of one execution share."""

    def __init__(
        self,
        template: nodes.Template,
        functions: Mapping[str, Function],
        missing_key: MissingKey,
        show: Callable[[object], str],
        literal: Callable[[str], str],
        limits: Limits,
        steps: Steps,
    ) -> None:
        self.template = template
        self.functions = functions
        self.missing_key = missing_key
        self.show = show
        self.literal = literal
        self.limits = limits
        self.buffer = Buffer(limits.characters)
        self.steps = steps

    def invoke(self, definition: nodes.Definition, dot: object, variables: Mapping[str, object], *, depth: int) -> None:
        declared: list[tuple[str, object]] = [("$", dot), *variables.items()]
        evaluator = Evaluator(definition, self.functions, self.missing_key, declared, self.steps)
        _Invocation(self, evaluator, depth).walk(dot, definition.body)

    def write(self, text: str) -> None:
        self.steps.take(len(text) // _WRITTEN)
        self.buffer.write(text)


class _Invocation:
    """The execution of one template's body."""

    def __init__(self, run: _Run, evaluator: Evaluator, depth: int) -> None:
        self.run = run
        self.evaluator = evaluator
        self.depth = depth

    def walk(self, dot: object, body: nodes.Nodes) -> None:
        for node in body:
            try:
                self.run.steps.take()
                self.statement(dot, node)
            except (FunctionError, TooManyStepsError) as error:
                self.evaluator.fail(str(error), *_place(node))

    def statement(self, dot: object, node: nodes.Node) -> None:
        match node:
            case nodes.Text(text=text):
                self.run.steps.take(len(text) // _WRITTEN)
                self.run.write(self.run.literal(text))
            case nodes.Action(pipeline=pipeline):
                self.action(dot, pipeline)
            case nodes.If() | nodes.With():
                self.branch(dot, node)
            case nodes.Range():
                self.range(dot, node)
            case nodes.Invoke():
                self.invoke(dot, node)
            case nodes.Break():
                raise _Break
            case nodes.Continue():
                raise _Continue

    def action(self, dot: object, pipeline: nodes.Pipeline) -> None:
        value = self.evaluator.pipeline(dot, pipeline)
        if pipeline.variables:
            return
        if isinstance(value, Function):
            self.evaluator.fail("can't print a function", pipeline.start, pipeline.end)
        self.run.write(self.run.show(value))

    def branch(self, dot: object, node: nodes.If | nodes.With) -> None:
        visible = len(self.evaluator.variables)
        value = self.evaluator.pipeline(dot, node.pipeline)
        if is_true(value):
            self.walk(value if isinstance(node, nodes.With) else dot, node.body)
        else:
            self.walk(dot, node.otherwise)
        del self.evaluator.variables[visible:]

    def range(self, dot: object, node: nodes.Range) -> None:
        variables = self.evaluator.variables
        visible = len(variables)
        value = self.evaluator.pipeline(dot, node.pipeline)
        inside = len(variables)
        has_elements = False
        for index, element in self.elements(value, node.pipeline):
            has_elements = True
            self.run.steps.take()
            self.bind(node.pipeline, index, element)
            try:
                self.walk(element, node.body)
            except _Continue:
                pass
            except _Break:
                break
            finally:
                del variables[inside:]
        if not has_elements:
            self.walk(dot, node.otherwise)
        del variables[visible:]

    def elements(self, value: object, pipeline: nodes.Pipeline) -> Iterable[tuple[object, object]]:
        """Return the keys and elements that a range goes through."""
        self.run.steps.take(steps_of(value))
        if value is None:
            return ()
        if isinstance(value, Mapping):
            return sorted_items(value)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return enumerate(value)
        if isinstance(value, int) and not isinstance(value, bool) and len(pipeline.variables) < 2:
            return ((number, number) for number in range(value))
        self.evaluator.fail(f"range can't iterate over {type_name(value)}", pipeline.start, pipeline.end)

    def bind(self, pipeline: nodes.Pipeline, index: object, element: object) -> None:
        """Give the range's variables, which stand on top of the others, the index and the element."""
        names = pipeline.variables
        values = (index, element) if len(names) == 2 else (element,) * len(names)
        variables = self.evaluator.variables
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            if pipeline.assigns:
                self.evaluator.assign(name, value)
            else:
                variables[len(variables) - len(names) + place] = (name, value)

    def invoke(self, dot: object, node: nodes.Invoke) -> None:
        definition = self.run.template.definitions.get(node.name)
        if definition is None:
            self.evaluator.fail(f'template "{node.name}" not defined', node.start, node.end)
        if self.depth >= self.run.limits.depth:
            message = f"exceeded maximum template depth ({self.run.limits.depth})"
            self.evaluator.fail(message, node.start, node.end)
        value = None if node.pipeline is None else self.evaluator.pipeline(dot, node.pipeline)
        self.run.invoke(definition, value, {}, depth=self.depth + 1)


def _place(node: nodes.Node) -> tuple[int, int]:
    """Return where in the source an error of a statement is shown; text has no place of its own."""
    match node:
        case nodes.Text():
            return 0, 0
        case nodes.Break() | nodes.Continue():
            return node.start, node.start
        case nodes.Invoke():
            return node.start, node.end
    return node.pipeline.start, node.pipeline.end
