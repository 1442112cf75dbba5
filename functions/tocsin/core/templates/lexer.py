"""Text into tokens: literal text, and the words between `{{` and `}}`.

White space inside an action is a token, because `$x .A` is two operands and `$x.A` is one. Trim markers and comments
end here. Source: text/template/parse/lex.go, https://pkg.go.dev/text/template#hdr-Text_and_spaces
"""

import re
from enum import Enum
from typing import NamedTuple

from tocsin.core.templates.errors import TemplateError, line_and_column

SPACES = " \t\r\n"


class Kind(Enum):
    TEXT = "text"
    LEFT = "left delimiter"
    RIGHT = "right delimiter"
    SPACE = "space"
    STRING = "string"
    NUMBER = "number"
    FIELD = "field"
    VARIABLE = "variable"
    IDENTIFIER = "identifier"
    KEYWORD = "keyword"
    BOOLEAN = "boolean"
    DOT = "dot"
    DECLARE = ":="
    ASSIGN = "="
    PIPE = "|"
    COMMA = ","
    OPEN = "("
    CLOSE = ")"
    CHARACTER = "character"
    END = "end of text"


class Token(NamedTuple):
    kind: Kind
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


KEYWORDS = frozenset(("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"))
_SYMBOLS = {"=": Kind.ASSIGN, "|": Kind.PIPE, ",": Kind.COMMA, "(": Kind.OPEN, ")": Kind.CLOSE}
_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"[ \t\r\n]+")
_NUMBER = re.compile(
    r"[+-]?(0[xX][\da-fA-F_]*(\.[\da-fA-F_]*)?([pP][+-]?[\d_]*)?|0[oO][0-7_]*|0[bB][01_]*"
    r"|[\d_]*(\.[\d_]*)?([eE][+-]?[\d_]*)?)i?",
    re.ASCII,
)
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_ENDS_WORD = frozenset(SPACES + ".,|:)(")


def tokenize(text: str, name: str) -> list[Token]:
    """Return the tokens of a template, the last one of kind END; TemplateError where it has none."""
    return _Lexer(text, name).run()


class _Lexer:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.position = 0
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        trims = False
        while True:
            self._text(trims_left=trims)
            if self.position >= len(self.text):
                self.tokens.append(Token(Kind.END, len(self.text), ""))
                return self.tokens
            trims = self._comment() if self._starts_comment() else self._action()

    def fail(self, message: str) -> TemplateError:
        line, column = line_and_column(self.text, self.position)
        return TemplateError(f"template: {self.name}:{line}: {message}", line=line, column=column)

    def add(self, kind: Kind, end: int) -> None:
        self.tokens.append(Token(kind, self.position, self.text[self.position : end]))
        self.position = end

    def _text(self, *, trims_left: bool) -> None:
        """Take the text up to the next action."""
        opening = self.text.find("{{", self.position)
        end = opening if opening >= 0 else len(self.text)
        content = self.text[self.position : end]
        if trims_left:
            content = content.lstrip(SPACES)
        if opening >= 0 and self._trims_before(opening):
            content = content.rstrip(SPACES)
        if content:
            self.tokens.append(Token(Kind.TEXT, self.position, content))
        self.position = end

    def _trims_before(self, opening: int) -> bool:
        after = self.text[opening + 2 : opening + 4]
        return len(after) == 2 and after[0] == "-" and after[1] in SPACES

    def _body_start(self) -> int:
        return self.position + (4 if self._trims_before(self.position) else 2)

    def _starts_comment(self) -> bool:
        return self.text.startswith("/*", self._body_start())

    def _comment(self) -> bool:
        """Skip a comment; return whether it trims the text behind it."""
        closing = self.text.find("*/", self._body_start() + 2)
        if closing < 0:
            raise self.fail("unclosed comment")
        for delimiter, trims in (("}}", False), *((f"{space}-}}}}", True) for space in SPACES)):
            if self.text.startswith(delimiter, closing + 2):
                self.position = closing + 2 + len(delimiter)
                return trims
        raise self.fail("comment ends before closing delimiter")

    def _action(self) -> bool:
        """Take the tokens of one action; return whether it trims the text behind it."""
        self.add(Kind.LEFT, self._body_start())
        depth = 0
        while True:
            trims = self._trim_marker()
            if trims or self.text.startswith("}}", self.position):
                if depth:
                    raise self.fail("unclosed left paren")
                self.add(Kind.RIGHT, self.position + (4 if trims else 2))
                return trims
            self._token()
            depth += {Kind.OPEN: 1, Kind.CLOSE: -1}.get(self.tokens[-1].kind, 0)
            if depth < 0:
                raise self.fail("unexpected right paren")

    def _trim_marker(self) -> bool:
        return self.text[self.position : self.position + 1] in SPACES and self.text.startswith("-}}", self.position + 1)

    def _token(self) -> None:
        if self.position >= len(self.text):
            raise self.fail("unclosed action")
        character = self.text[self.position]
        if character in SPACES:
            self._space()
        elif character in "\"`'":
            self._quoted(character)
        elif character == "$":
            self._word(Kind.VARIABLE, skip=1)
        elif character == "." and not self._digit_follows():
            self._field()
        elif character in "+-." or "0" <= character <= "9":
            self._number()
        elif character == "_" or character.isalpha() or character.isdecimal():
            self._word(Kind.IDENTIFIER)
        else:
            self._symbol(character)

    def _digit_follows(self) -> bool:
        return "0" <= self.text[self.position + 1 : self.position + 2] <= "9"

    def _space(self) -> None:
        found = _SPACE.match(self.text, self.position)
        end = found.end() if found else self.position
        # The last space before "-}}" belongs to the trim marker.
        if self.text.startswith("-}}", end) and end - self.position > 1:
            end -= 1
        self.add(Kind.SPACE, end)

    def _quoted(self, quote: str) -> None:
        if quote == "`":
            closing = self.text.find("`", self.position + 1)
            if closing < 0:
                raise self.fail("unterminated raw quoted string")
            self.add(Kind.STRING, closing + 1)
            return
        found = (_STRING if quote == '"' else _CHARACTER).match(self.text, self.position)
        if found is None:
            raise self.fail("unterminated quoted string" if quote == '"' else "unterminated character constant")
        self.add(Kind.STRING if quote == '"' else Kind.NUMBER, found.end())

    def _field(self) -> None:
        """Take `.Name`, or `.` alone."""
        found = _WORD.match(self.text, self.position + 1)
        if found is None:
            self.add(Kind.DOT, self.position + 1)
            self._check_word_end()
        else:
            self._word(Kind.FIELD, skip=1)

    def _word(self, kind: Kind, *, skip: int = 0) -> None:
        found = _WORD.match(self.text, self.position + skip)
        end = found.end() if found else self.position + skip
        word = self.text[self.position : end]
        if kind is Kind.IDENTIFIER and word in KEYWORDS:
            kind = Kind.KEYWORD
        elif kind is Kind.IDENTIFIER and word in ("true", "false"):
            kind = Kind.BOOLEAN
        self.add(kind, end)
        self._check_word_end()

    def _check_word_end(self) -> None:
        following = self.text[self.position : self.position + 1]
        if following and following not in _ENDS_WORD and not self.text.startswith("}}", self.position):
            raise self.fail(f"bad character {_describe(following)}")

    def _number(self) -> None:
        found = _NUMBER.match(self.text, self.position)
        end = found.end() if found else self.position
        following = self.text[end : end + 1]
        if end == self.position or following == "_" or following.isalnum():
            raise self.fail(f"bad number syntax: {self.text[self.position : end + 1]!r}")
        self.add(Kind.NUMBER, end)

    def _symbol(self, character: str) -> None:
        if character in _SYMBOLS:
            self.add(_SYMBOLS[character], self.position + 1)
        elif character == ":":
            if not self.text.startswith(":=", self.position):
                raise self.fail("expected :=")
            self.add(Kind.DECLARE, self.position + 2)
        elif " " < character < "\x7f":
            self.add(Kind.CHARACTER, self.position + 1)
        else:
            raise self.fail(f"unrecognized character in action: {_describe(character)}")


def _describe(character: str) -> str:
    return f"U+{ord(character):04X}" + (f" '{character}'" if character.isprintable() else "")
