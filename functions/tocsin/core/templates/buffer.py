"""Text that grows up to a limit.

A template can double a string in every turn of a loop; what it prints goes into a Lambda's memory, an SNS message and
a table's item.
"""

from tocsin.core.templates.errors import FunctionError

MAX_CHARACTERS = 1_000_000


class Buffer:
    """Pieces of text, refused once they exceed the limit."""

    __slots__ = ("_pieces", "_room")

    def __init__(self, limit: int = MAX_CHARACTERS) -> None:
        self._pieces: list[str] = []
        self._room = limit

    def write(self, text: str) -> None:
        """Append text; FunctionError if it no longer fits."""
        self._room -= len(text)
        if self._room < 0:
            raise FunctionError("the output is too large")
        self._pieces.append(text)

    def text(self) -> str:
        return "".join(self._pieces)
