"""Go's values, as far as a template can tell them apart.

bool, int, float and str are Go's bool, int, float64 and string; None is nil, or no value at all. A list or tuple is a
slice; a dict is a map[string]interface{}, a StringMap a map[string]string. What has methods, named fields or a type
name of its own is a Value. Source: https://pkg.go.dev/text/template, package reflect.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

ANY = "interface {}"


class Function(NamedTuple):
    """A function that templates can call.

    `parameters` are Go type names, `variadic` the type of any further arguments. Arguments are checked against them
    before the call. It raises FunctionError or ValueError to refuse its arguments.
    """

    call: Callable[..., object]
    parameters: tuple[str, ...] = ()
    variadic: str | None = None

    def parameter(self, index: int) -> str:
        """Return the type that the argument at this index must have."""
        return self.parameters[index] if index < len(self.parameters) else self.variadic or ANY


class Value:
    """A value whose Go type has a name, and perhaps methods; `go_type` starts with `*` for a pointer."""

    __slots__ = ()
    go_type: str = ANY

    def go_method(self, name: str) -> Function | None:
        """Return a method by name."""
        return None

    def go_string(self) -> str | None:
        """Return what the type's String method returns, None if it has no such method."""
        return None


class Struct(Value):
    """A struct, or a pointer to one."""

    __slots__ = ("fields", "go_type")

    def __init__(self, go_type: str, fields: Mapping[str, object]) -> None:
        self.go_type = go_type
        self.fields = fields


class StringMap(dict[str, str]):
    """A map of strings, in which a missing key is the empty string."""

    __slots__ = ()


class SafeHTML(str, Value):
    """Text that is HTML already."""

    __slots__ = ()
    go_type = "template.HTML"


def type_name(value: object) -> str:
    """Return the Go name of a value's type, as error messages and %T show it."""
    if isinstance(value, Value):
        return value.go_type
    for python_type, name in _TYPE_NAMES:
        if isinstance(value, python_type):
            return name
    return "<nil>" if value is None else type(value).__name__


_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float64"),
    (str, "string"),
    (StringMap, "map[string]string"),
    (Mapping, "map[string]interface {}"),
    (list, "[]interface {}"),
    (tuple, "[]interface {}"),
    (Function, "func"),
)


def can_be_nil(go_type: str) -> bool:
    """Report whether nil may be given for a parameter of this type."""
    return go_type == ANY or go_type.startswith(("*", "[", "map[")) or go_type == "template.queryResult"


def is_true(value: object) -> bool:
    """Report whether `if` takes a value for true: whether it is not the zero, or empty, value of its type."""
    if isinstance(value, Struct):
        return True
    return bool(value)


def zero_element(container: Mapping[object, object]) -> object:
    """Return what a map holds under a key that it does not have."""
    return "" if isinstance(container, StringMap) else None
