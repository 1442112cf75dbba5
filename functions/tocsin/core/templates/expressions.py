"""Tokens into pipelines: commands, operands, and the variables that receive a value.

Source: text/template/parse/parse.go, https://pkg.go.dev/text/template#hdr-Pipelines
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from tocsin.core.templates import literals, nodes
from tocsin.core.templates.errors import TemplateError, line_and_column
from tocsin.core.templates.lexer import Kind, Token, tokenize

MAX_NESTING = 60
"""How deep blocks and parentheses may nest: people write three levels, and Python's own stack is finite."""

_LITERALS = (nodes.Boolean, nodes.String, nodes.Number, nodes.Nil, nodes.Dot)
_Result = TypeVar("_Result")


class ExpressionParser:
    """Reads pipelines from a template's tokens; `functions` may be called, `variables` are declared outside."""

    def __init__(self, text: str, name: str, functions: Collection[str], variables: Collection[str]) -> None:
        self.text = text
        self.name = name
        self.functions = functions
        self.tokens = tokenize(text, name)
        self.index = 0
        self.variables = ["$", *variables]
        self.nesting = 0

    # Tokens

    def peek(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        # END is never passed, so that reading on after it is harmless.
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def skip_space(self) -> Token:
        """Return the next token that is not white space, without taking it."""
        while self.peek().kind is Kind.SPACE:
            self.index += 1
        return self.peek()

    def next_word(self) -> Token:
        self.skip_space()
        return self.next()

    def expect(self, kind: Kind, context: str) -> Token:
        token = self.next_word()
        if token.kind is not kind:
            raise self.unexpected(token, context)
        return token

    def fail(self, message: str, position: int | None = None) -> TemplateError:
        line, column = line_and_column(self.text, self.peek().start if position is None else position)
        return TemplateError(f"template: {self.name}:{line}: {message}", line=line, column=column)

    def unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind is Kind.END:
            return self.fail("unexpected EOF", token.start)
        shown = f"<{token.text}>" if token.kind is Kind.KEYWORD else f'"{token.text}"'
        return self.fail(f"unexpected {shown} in {context}", token.start)

    def nested(self, parse: Callable[[], _Result]) -> _Result:
        """Parse something that may contain itself."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.fail(f"nested more than {MAX_NESTING} levels deep")
        result = parse()
        self.nesting -= 1
        return result

    # Expressions

    def string(self, context: str) -> str:
        return self.unquoted(self.expect(Kind.STRING, context))

    def pipeline(self, context: str, end: Kind) -> nodes.Pipeline:
        start = self.skip_space().start
        variables, assigns = self.targets(context)
        commands: list[nodes.Command] = []
        while True:
            token = self.skip_space()
            if token.kind is end:
                self.next()
                break
            commands.append(self.command(context))
        self.check_commands(commands, context, token.start)
        return nodes.Pipeline(start, commands[-1].end, variables, assigns, tuple(commands))

    def check_commands(self, commands: list[nodes.Command], context: str, position: int) -> None:
        if not commands:
            raise self.fail(f"missing value for {context}", position)
        for stage, command in enumerate(commands[1:], start=2):
            if isinstance(command.words[0], _LITERALS):
                raise self.fail(f"non executable command in pipeline stage {stage}", command.start)

    def targets(self, context: str) -> tuple[tuple[str, ...], bool]:
        """Read `$x :=`, `$x =` or, in a range, `$i, $x :=`; none of it is taken if no such thing is there."""
        start = self.index
        names: list[str] = []
        while self.skip_space().kind is Kind.VARIABLE:
            names.append(self.next().text)
            following = self.skip_space()
            if following.kind in (Kind.DECLARE, Kind.ASSIGN):
                self.next()
                # Assigning to a name that was never declared is an error of execution, in Go too.
                self.variables.extend(names)
                return tuple(names), following.kind is Kind.ASSIGN
            if following.kind is not Kind.COMMA:
                break
            self.next()
            self.check_second_target(context, names)
        self.index = start
        return (), False

    def check_second_target(self, context: str, names: list[str]) -> None:
        if context != "range" or len(names) > 1:
            raise self.fail(f"too many declarations in {context}")
        if self.skip_space().kind is not Kind.VARIABLE:
            raise self.fail("range can only initialize variables")

    def check_variable(self, name: str, position: int) -> None:
        if name not in self.variables:
            raise self.fail(f'undefined variable "{name}"', position)

    def command(self, context: str) -> nodes.Command:
        """Read operands separated by white space, up to a pipe (taken) or a closing delimiter (left)."""
        words: list[nodes.Operand] = []
        while True:
            self.skip_space()
            operand = self.operand()
            if operand is not None:
                words.append(operand)
            token = self.peek()
            if token.kind is Kind.SPACE:
                continue
            if token.kind is Kind.PIPE and words:
                self.next()
            elif token.kind not in (Kind.RIGHT, Kind.CLOSE):
                raise self.unexpected(token, "operand" if words else context)
            break
        if not words:
            raise self.fail("empty command")
        return nodes.Command(words[0].start, words[-1].end, tuple(words))

    def operand(self) -> nodes.Operand | None:
        """Read a term and the fields written directly behind it."""
        term = self.term()
        if term is None or self.peek().kind is not Kind.FIELD:
            return term
        names: list[str] = []
        end = term.end
        while self.peek().kind is Kind.FIELD:
            token = self.next()
            names.append(token.text[1:])
            end = token.end
        if isinstance(term, _LITERALS):
            raise self.fail(f'unexpected . after term "{self.text[term.start : term.end]}"', term.end)
        if isinstance(term, nodes.Field | nodes.Variable):
            return term._replace(names=(*term.names, *names), end=end)
        return nodes.Chain(term.start, end, term, tuple(names))

    def term(self) -> nodes.Operand | None:
        """Read one operand; None, and nothing taken, if the next token starts none."""
        token = self.peek()
        if token.kind is Kind.OPEN:
            self.next()
            return self.nested(lambda: self.pipeline("parenthesized pipeline", Kind.CLOSE))
        operand = self.simple_term(token)
        if operand is not None:
            self.next()
        return operand

    def simple_term(self, token: Token) -> nodes.Operand | None:
        start, end, text = token.start, token.end, token.text
        match token.kind:
            case Kind.IDENTIFIER:
                if text not in self.functions:
                    raise self.fail(f'function "{text}" not defined', start)
                return nodes.Identifier(start, end, text)
            case Kind.KEYWORD if text == "nil":
                return nodes.Nil(start, end)
            case Kind.DOT:
                return nodes.Dot(start, end)
            case Kind.VARIABLE:
                self.check_variable(text, start)
                return nodes.Variable(start, end, text, ())
            case Kind.FIELD:
                return nodes.Field(start, end, (text[1:],))
            case Kind.BOOLEAN:
                return nodes.Boolean(start, end, text == "true")
            case Kind.STRING:
                return nodes.String(start, end, self.unquoted(token))
            case Kind.NUMBER:
                return self.number(token)
        return None

    def unquoted(self, token: Token) -> str:
        try:
            return literals.unquote(token.text)
        except ValueError as error:
            raise self.fail(str(error), token.start) from None

    def number(self, token: Token) -> nodes.Number:
        try:
            integer, floating = literals.parse_number(token.text)
        except (ValueError, OverflowError) as error:
            raise self.fail(str(error), token.start) from None
        return nodes.Number(token.start, token.end, token.text, integer, floating)
