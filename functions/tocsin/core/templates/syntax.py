"""Tokens into a syntax tree, by recursive descent.

As in Go, an unknown function and an undeclared variable are errors of parsing, so a rule file with a misspelt one is
refused before any alert fires. Source: text/template/parse/parse.go, https://pkg.go.dev/text/template
"""

from __future__ import annotations

from collections.abc import Collection

from tocsin.core.templates import nodes
from tocsin.core.templates.errors import TemplateError
from tocsin.core.templates.expressions import ExpressionParser
from tocsin.core.templates.lexer import Kind, Token

_OPERAND_KEYWORDS = frozenset(("nil",))


def parse(text: str, *, name: str, functions: Collection[str], variables: Collection[str] = ()) -> nodes.Template:
    """Return the syntax tree of a template; TemplateError where it has none.

    `functions` are the names that may be called, `variables` those that the main text finds declared (with their `$`).
    """
    try:
        return _Parser(text, name, functions, variables).parse()
    except RecursionError:
        raise TemplateError(f"template: {name}: nested too deeply") from None


class _Parser(ExpressionParser):
    def __init__(self, text: str, name: str, functions: Collection[str], variables: Collection[str]) -> None:
        super().__init__(text, name, functions, variables)
        self.definitions: dict[str, nodes.Definition] = {}
        self.range_depth = 0

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

    def at_keyword(self, *words: str) -> bool:
        """Report whether an action that starts with one of these words comes next."""
        if self.peek().kind is not Kind.LEFT:
            return False
        ahead = self.index + 1
        while self.tokens[ahead].kind is Kind.SPACE:
            ahead += 1
        return self.tokens[ahead].kind is Kind.KEYWORD and self.tokens[ahead].text in words

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
            return self.nested(lambda: self.control(word))
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
        self.nested(lambda: self.definition_body(name, "block clause"))
        return nodes.Invoke(word.start, pipeline.end, name, pipeline)

    def loop_exit(self, word: Token) -> nodes.Node:
        self.end_of_action(word.text)
        if self.range_depth == 0:
            raise self.fail(f"{{{{{word.text}}}}} outside {{{{range}}}}", word.start)
        return nodes.Break(word.start) if word.text == "break" else nodes.Continue(word.start)
