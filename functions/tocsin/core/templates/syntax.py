"""Tokens into a syntax tree, by recursive descent.

As in Go, an unknown function and an undeclared variable are errors of parsing, so a rule file with a misspelt one is
refused before any alert fires. Source: text/template/parse/parse.go, https://pkg.go.dev/text/template
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from tocsin.core.templates import literals, nodes
from tocsin.core.templates.errors import TemplateError, line_and_column
from tocsin.core.templates.lexer import Kind, Token, tokenize

MAX_NESTING = 60
"""How deep blocks and parentheses may nest: people write three levels, and Python's own stack is finite."""

_LITERALS = (nodes.Boolean, nodes.String, nodes.Number, nodes.Nil, nodes.Dot)
_OPERAND_KEYWORDS = frozenset(("nil",))


def parse(text: str, *, name: str, functions: Collection[str], variables: Collection[str] = ()) -> nodes.Template:
    """Return the syntax tree of a template; TemplateError where it has none.

    `functions` are the names that may be called, `variables` those that the main text finds declared (with their `$`).
    """
    try:
        return _Parser(text, name, functions, variables).parse()
    except RecursionError:
        raise TemplateError(f"template: {name}: nested too deeply") from None


class _Parser:
    def __init__(self, text: str, name: str, functions: Collection[str], variables: Collection[str]) -> None:
        self.text = text
        self.name = name
        self.functions = functions
        self.tokens = tokenize(text, name)
        self.index = 0
        self.variables = ["$", *variables]
        self.definitions: dict[str, nodes.Definition] = {}
        self.range_depth = 0
        self.nesting = 0

    def parse(self) -> nodes.Template:
        body: list[nodes.Node] = []
        while self.peek().kind is not Kind.END:
            if self.at_keyword("define"):
                self.define()
            else:
                body.append(self.text_or_action())
        main = nodes.Definition(self.name, tuple(body), self.name, self.text)
        self.add_definition(main)
        return nodes.Template(main, self.definitions)

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

    def at_keyword(self, *words: str) -> bool:
        """Report whether an action that starts with one of these words comes next."""
        if self.peek().kind is not Kind.LEFT:
            return False
        ahead = self.index + 1
        while self.tokens[ahead].kind is Kind.SPACE:
            ahead += 1
        return self.tokens[ahead].kind is Kind.KEYWORD and self.tokens[ahead].text in words

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

    def nested(self, parse: Callable[[], nodes.Node | nodes.Pipeline]) -> nodes.Node | nodes.Pipeline:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.fail(f"nested more than {MAX_NESTING} levels deep")
        result = parse()
        self.nesting -= 1
        return result

    # Definitions

    def define(self) -> None:
        self.next()
        self.next_word()
        name = self.string("define clause")
        self.expect(Kind.RIGHT, "define clause")
        self.definition_body(name, "define")

    def definition_body(self, name: str, context: str) -> None:
        """Read the body of a definition, which sees no variable but its own `$`."""
        saved_variables, saved_depth = self.variables, self.range_depth
        self.variables, self.range_depth = ["$"], 0
        body, _ = self.item_list(("end",), context)
        self.end_of_action("end")
        self.variables, self.range_depth = saved_variables, saved_depth
        self.add_definition(nodes.Definition(name, body, self.name, self.text))

    def add_definition(self, definition: nodes.Definition) -> None:
        existing = self.definitions.get(definition.name)
        if existing is not None and not existing.is_empty():
            if definition.is_empty():
                return
            raise self.fail(f'multiple definition of template "{definition.name}"')
        self.definitions[definition.name] = definition

    # Statements

    def item_list(self, ends: tuple[str, ...], context: str) -> tuple[nodes.Nodes, str]:
        """Return the nodes up to one of the keywords in `ends`, taking it, and the keyword."""
        items: list[nodes.Node] = []
        while self.peek().kind is not Kind.END:
            if self.at_keyword("end", "else"):
                self.next()
                word = self.next_word()
                if word.text not in ends:
                    raise self.fail(f"unexpected {{{{{word.text}}}}} in {context}", word.start)
                return tuple(items), word.text
            items.append(self.text_or_action())
        raise self.fail("unexpected EOF")

    def text_or_action(self) -> nodes.Node:
        token = self.next()
        if token.kind is Kind.TEXT:
            return nodes.Text(token.text)
        word = self.skip_space()
        if word.kind is Kind.KEYWORD and word.text not in _OPERAND_KEYWORDS:
            self.next()
            return self.statement(word)
        pipeline = self.pipeline("command", Kind.RIGHT)
        return nodes.Action(token.start, pipeline)

    def statement(self, word: Token) -> nodes.Node:
        if word.text in ("if", "with", "range"):
            result = self.nested(lambda: self.control(word))
            assert not isinstance(result, nodes.Pipeline)
            return result
        if word.text == "template":
            return self.invoke(word)
        if word.text == "block":
            return self.block(word)
        if word.text in ("break", "continue"):
            return self.loop_exit(word)
        raise self.fail(f"unexpected {{{{{word.text}}}}}", word.start)

    def control(self, word: Token) -> nodes.Node:
        visible = len(self.variables)
        pipeline = self.pipeline(word.text, Kind.RIGHT)
        self.range_depth += word.text == "range"
        body, ending = self.item_list(("end", "else"), word.text)
        self.range_depth -= word.text == "range"
        otherwise = self.otherwise(word.text) if ending == "else" else self.no_otherwise()
        del self.variables[visible:]
        if word.text == "if":
            return nodes.If(word.start, pipeline, body, otherwise)
        if word.text == "with":
            return nodes.With(word.start, pipeline, body, otherwise)
        return nodes.Range(word.start, pipeline, body, otherwise)

    def no_otherwise(self) -> nodes.Nodes:
        self.end_of_action("end")
        return ()

    def otherwise(self, context: str) -> nodes.Nodes:
        """Read what follows `{{else`: a body, or for `{{else if …}}` a whole `if` that shares our `{{end}}`."""
        following = self.skip_space()
        if following.kind is Kind.KEYWORD and following.text == context and context in ("if", "with"):
            self.next()
            return (self.statement(following),)
        self.end_of_action("else")
        body, _ = self.item_list(("end",), context)
        self.end_of_action("end")
        return body

    def end_of_action(self, context: str) -> None:
        self.expect(Kind.RIGHT, context)

    def invoke(self, word: Token) -> nodes.Node:
        name = self.string("template clause")
        if self.skip_space().kind is Kind.RIGHT:
            end = self.next().end
            return nodes.Invoke(word.start, end, name, None)
        pipeline = self.pipeline("template clause", Kind.RIGHT)
        return nodes.Invoke(word.start, pipeline.end, name, pipeline)

    def block(self, word: Token) -> nodes.Node:
        """Read `{{block "name" pipeline}} … {{end}}`: a definition, and an invocation of it."""
        name = self.string("block clause")
        pipeline = self.pipeline("block clause", Kind.RIGHT)
        self.nested(lambda: self.block_body(name))
        return nodes.Invoke(word.start, pipeline.end, name, pipeline)

    def block_body(self, name: str) -> nodes.Node:
        self.definition_body(name, "block clause")
        return nodes.Text("")

    def loop_exit(self, word: Token) -> nodes.Node:
        self.end_of_action(word.text)
        if self.range_depth == 0:
            raise self.fail(f"{{{{{word.text}}}}} outside {{{{range}}}}", word.start)
        return nodes.Break(word.start) if word.text == "break" else nodes.Continue(word.start)

    def string(self, context: str) -> str:
        return self.unquoted(self.expect(Kind.STRING, context))

    # Expressions

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
                assigns = following.kind is Kind.ASSIGN
                self.declare(names, assigns=assigns)
                return tuple(names), assigns
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

    def declare(self, names: list[str], *, assigns: bool) -> None:
        if not assigns:
            self.variables.extend(names)
            return
        for name in names:
            self.check_variable(name, self.peek().start)

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
            result = self.nested(lambda: self.pipeline("parenthesized pipeline", Kind.CLOSE))
            assert isinstance(result, nodes.Pipeline)
            return result
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
