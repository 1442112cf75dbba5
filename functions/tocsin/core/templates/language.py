"""The functions that every Go template has: comparisons, index, len, slice, print and the escapers.

`and` and `or` are not here: they do not evaluate all their arguments, so the evaluator knows them by name.
Source: text/template/funcs.go, https://pkg.go.dev/text/template#hdr-Functions
"""

from collections.abc import Callable, Mapping, Sequence

from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.printing import NO_VALUE, print_value, sprint, sprintln
from tocsin.core.templates.values import ANY, Function, is_true, type_name, zero_element
from tocsin.core.templates.verbs import sprintf

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_HTML = {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


# Comparisons


def _basic_kind(value: object) -> str | None:
    """Return the kind by which values can be compared; the named kinds of one sort count as the same."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    return None


def _equal_pair(left: object, right: object) -> bool:
    left_kind, right_kind = _basic_kind(left), _basic_kind(right)
    if left_kind != right_kind:
        if left is None or right is None:
            return False
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if left_kind is None and left is not None and right is not None and not _can_compare(left, right):
        raise FunctionError(f"non-comparable types {type_name(left)} and {type_name(right)}")
    return left == right


def _can_compare(left: object, right: object) -> bool:
    return not isinstance(left, Mapping | Sequence) and not isinstance(right, Mapping | Sequence)


def equal(first: object, *others: object) -> bool:
    """Report whether the first value equals any of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_equal_pair(first, other) for other in others)


def not_equal(left: object, right: object) -> bool:
    return not _equal_pair(left, right)


def less(left: object, right: object) -> bool:
    if isinstance(left, bool) or _basic_kind(left) is None:
        raise FunctionError(f"invalid type for comparison: {type_name(left)}")
    if _basic_kind(left) != _basic_kind(right):
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    return left < right


def less_or_equal(left: object, right: object) -> bool:
    return less(left, right) or _equal_pair(left, right)


def greater(left: object, right: object) -> bool:
    """Report what Go reports: not (left <= right), which is true if either is NaN."""
    return not less_or_equal(left, right)


def greater_or_equal(left: object, right: object) -> bool:
    return not less(left, right)


# Parts of values


def length(value: object) -> int:
    """Return the number of elements, or of a string's bytes."""
    if value is None:
        raise FunctionError("len of untyped nil")
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, Mapping | Sequence):
        return len(value)
    raise FunctionError(f"len of type {type_name(value)}")


def index(value: object, *keys: object) -> object:
    """Return value[key], or value[key][key] … ; what a map does not have is its zero value."""
    for key in keys:
        value = _element(value, key)
    return value


def _element(value: object, key: object) -> object:
    if value is None:
        raise FunctionError("index of untyped nil")
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise FunctionError(f"value has type {type_name(key)}; should be string")
        return value.get(key, zero_element(value))
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
        return data[_checked(key, len(data) - 1)]
    if isinstance(value, Sequence):
        element: object = value[_checked(key, len(value) - 1)]
        return element
    raise FunctionError(f"can't index item of type {type_name(value)}")


def _checked(position: object, largest: int) -> int:
    if isinstance(position, bool) or not isinstance(position, int):
        raise FunctionError(f"cannot index slice/array with type {type_name(position)}")
    if not 0 <= position <= largest:
        raise FunctionError(f"index out of range: {position}")
    return position


def cut(value: object, *bounds: object) -> object:
    """Return value[low:high], of the value's type; positions in a string count bytes."""
    if value is None:
        raise FunctionError("slice of untyped nil")
    if len(bounds) > 3 or (isinstance(value, str) and len(bounds) == 3):
        raise FunctionError(f"too many slice indexes: {len(bounds)}")
    sliced = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if not isinstance(sliced, Sequence):
        raise FunctionError(f"can't slice item of type {type_name(value)}")
    positions = [_checked(bound, len(sliced)) for bound in bounds]
    if positions != sorted(positions):
        raise FunctionError(f"invalid slice index: {positions[0]} > {positions[1]}")
    low, high = (*positions, *(0, len(sliced))[len(positions) :])[:2]
    part: object = sliced[low:high]
    if isinstance(part, bytes):
        part = part.decode("utf-8", "replace")
    same_type: Callable[[object], object] = type(value)
    return same_type(part)


def call(function: object, *arguments: object) -> object:
    """Call a function that is a value."""
    if not isinstance(function, Function):
        raise FunctionError("call of nil" if function is None else f"non-function of type {type_name(function)}")
    return function.call(*arguments)


# Escapers


def _text(values: Sequence[object]) -> str:
    """Return the text of an escaper's arguments: printed together, as print does."""
    return sprint(*(NO_VALUE if value is None else value for value in values))


def html(*values: object) -> str:
    """Escape text for HTML."""
    return "".join(_HTML.get(character, character) for character in _text(values))


def escape_html(value: object) -> str:
    """Return what an action prints in the body of an HTML page; a value that is not there prints nothing.

    Only text between tags is covered: not attributes, scripts or style sheets.
    """
    if value is None:
        return ""
    if type_name(value) == "template.HTML":
        return str(value)
    return html(print_value(value))


def js(*values: object) -> str:
    """Escape text for a JavaScript string."""
    return "".join(_js_character(character) for character in _text(values))


def _js_character(character: str) -> str:
    if character in _JS:
        return _JS[character]
    if character < " ":
        return f"\\u{ord(character):04X}"
    return character if character.isprintable() else f"\\u{ord(character):04X}"


def urlquery(*values: object) -> str:
    """Escape text for the query of a URL."""
    return query_escape(_text(values))


def query_escape(text: str) -> str:
    """Return what Go's url.QueryEscape does: a space becomes a plus sign."""
    data = text.encode("utf-8", "replace")
    return "".join("+" if octet == 32 else chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in data)


def _any(function: Callable[..., object], count: int, *, variadic: bool = False) -> Function:
    return Function(function, (ANY,) * count, ANY if variadic else None)


SHORT_CIRCUIT = frozenset(("and", "or"))

FUNCTIONS: dict[str, Function] = {
    "call": _any(call, 1, variadic=True),
    "eq": _any(equal, 1, variadic=True),
    "ge": _any(greater_or_equal, 2),
    "gt": _any(greater, 2),
    "html": _any(html, 0, variadic=True),
    "index": _any(index, 1, variadic=True),
    "js": _any(js, 0, variadic=True),
    "le": _any(less_or_equal, 2),
    "len": _any(length, 1),
    "lt": _any(less, 2),
    "ne": _any(not_equal, 2),
    "not": _any(lambda value: not is_true(value), 1),
    "print": _any(sprint, 0, variadic=True),
    "printf": Function(sprintf, ("string",), ANY),
    "println": _any(sprintln, 0, variadic=True),
    "slice": _any(cut, 1, variadic=True),
    "urlquery": _any(urlquery, 0, variadic=True),
}
