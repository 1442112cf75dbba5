"""The one error of the template language.

The wording follows Go's text/template, so that a message found on the web still helps:
https://pkg.go.dev/text/template
"""


class TemplateError(Exception):
    """A template cannot be parsed or executed.

    `line` and `column` are 1-based and 0 where they are not known; the text already contains them.
    """

    def __init__(self, message: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class FunctionError(Exception):
    """A template function refuses its arguments; the caller adds the place and makes it a TemplateError."""


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Return the 1-based line and column of a character offset."""
    line = text.count("\n", 0, position) + 1
    return line, position - text.rfind("\n", 0, position)
