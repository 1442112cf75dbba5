"""Printing: %v, the verbs of printf, and Go's complaints inside the text.

Expected texts are what Go's text/template printed for the same template.
"""

import math

import pytest

from tocsin.core.templates.clock import Duration
from tocsin.core.templates.literals import parse_float, parse_number
from tocsin.core.templates.printing import format_float
from tocsin.core.templates.values import StringMap, Struct
from tocsin.core.templates.verbs import sprintf

FLOATS = [
    ("a whole number has no point", 100000.0, "100000"),
    ("from a million on there is an exponent", 1e6, "1e+06"),
    ("all digits are kept", 1234567.0, "1.234567e+06"),
    ("the shortest digits that tell it apart", 0.1 + 0.2, "0.30000000000000004"),
    ("a small number", 0.0001, "0.0001"),
    ("a smaller number has an exponent", 0.00001, "1e-05"),
    ("a large exponent", 1.5e300, "1.5e+300"),
    ("zero has a sign", -0.0, "-0"),
    ("infinity", math.inf, "+Inf"),
    ("minus infinity", -math.inf, "-Inf"),
    ("not a number", math.nan, "NaN"),
]


@pytest.mark.parametrize(("number", "text"), [case[1:] for case in FLOATS], ids=[case[0] for case in FLOATS])
def test_float_prints(number, text):
    assert format_float(number) == text


SAMPLE = Struct("*template.sample", {"Labels": StringMap(b="2", a="1"), "Value": 1.5})
PRINTF = [
    ("no verbs", "plain", (), "plain"),
    ("a percent sign", "%d%%|%5%", (50,), "50%|%"),
    ("zeros fill a number", "%06d|%-6d|%06d", (42, 42, -42), "000042|42    |-00042"),
    ("a precision replaces the zeros", "%.3d|%08.3d", (7, 7), "007|     007"),
    ("signs", "%+d|% d|%+.2e", (5, 5, 12345.678), "+5| 5|+1.23e+04"),
    ("%+v has no sign", "%+v %+v %+v|%+5v|%+05v|%+v", (5, 2.5, -3, 5, 5, math.nan), "5 2.5 -3|    5|00005|NaN"),
    ("floats", "%.2f|%8.3f|%-8.2f|%.0f|%5.f", (3.14159, 3.14159, 2.5, 2.5, 3.7), "3.14|   3.142|2.50    |2|    4"),
    ("zeros fill a float behind its sign", "%08.2f|%+08.2f", (-3.14159, 3.14159), "-0003.14|+0003.14"),
    ("the general verb", "%g %G %.3g %.10g", (1e-7, 1e-7, 1234.5678, 1234567.0), "1e-07 1E-07 1.23e+03 1234567"),
    ("exponents", "%e %E %010.3e", (1.0, 12345.678, -1234.5), "1.000000e+00 1.234568E+04 -1.234e+03"),
    ("zeros do not fill infinity", "%08.2f|%+f|% f", (math.inf, math.nan, math.inf), "    +Inf|+NaN| Inf"),
    ("strings", "%-8s|%8s|%.2s|%08s", ("ab", "ab", "abcdef", "ab"), "ab      |      ab|ab|000000ab"),
    ("a width counts characters", "%4s|%-4s|", ("é", "é"), "   é|é   |"),
    ("quotation", "%q %#q %+q %q", ('a"b\n', "a", "é", "\x00\u200b"), '"a\\"b\\n" `a` "\\u00e9" "\\x00\\u200b"'),
    ("hexadecimal text", "%x|% x|%#x|% X", ("hi", "hi", "hi", "ab"), "6869|68 69|0x6869|61 62"),
    ("other bases", "%x %X %#x %b %o %#o %O", (-255, 255, 255, 5, 8, 8, 8), "-ff FF 0xff 101 10 010 0o10"),
    ("a hexadecimal float", "%x", (3.5,), "0x1.cp+01"),
    ("characters", "%c%c %q %U %#U", (72, 105, 65, 9731, 65), "Hi 'A' U+2603 U+0041 'A'"),
    ("truth", "%t|%5t|%v", (True, True, False), "true| true|false"),
    ("types", "%T %T %T %T %T", (1, 1.0, "a", True, None), "int float64 string bool <nil>"),
    ("a width from an argument", "%*d|%-*d|%.*f", (5, 42, 5, 42, 2, 3.14159), "   42|42   |3.14"),
    ("arguments by number", "%[2]d %[1]d|%[2]*[1]d", (7, 4), "4 7|   7"),
    ("a map and its verb", "%v %s", (StringMap(b="2", a="1"), StringMap(a="1")), "map[a:1 b:2] map[a:1]"),
    ("a list and its verb", "%v %q %d", (["a", 1], ["a"], [1, 2]), '[a 1] ["a"] [1 2]'),
    ("a struct", "%v %+v", (SAMPLE, SAMPLE), "&{map[a:1 b:2] 1.5} &{Labels:map[a:1 b:2] Value:1.5}"),
    ("nil", "%v %s %d", (None, None, None), "<nil> %!s(<nil>) %!d(<nil>)"),
    (
        "a verb that does not fit",
        "%d %s %t %z",
        ("x", 5, 1, 2.5),
        "%!d(string=x) %!s(int=5) %!t(int=1) %!z(float64=2.5)",
    ),
    (
        "what does not fit has its width",
        "%.2f %4d %5d",
        (5, 2.5, True),
        "%!f(int=05) %!d(float64= 2.5) %!d(bool= true)",
    ),
    (
        "what does not fit has no text of its own",
        "%.2f",
        (Duration(5_400_000_000_000),),
        "%!f(time.Duration=5400000000000)",
    ),
    ("a float is not an integer", "%d", (3.0,), "%!d(float64=3)"),
    ("arguments that are missing", "%d %s", (1,), "1 %!s(MISSING)"),
    ("arguments that are left", "%d", (1, 2, "x"), "1%!(EXTRA int=2, string=x)"),
    ("no verb", "a%", (), "a%!(NOVERB)"),
    ("no such argument", "%[3]d %[x]d", (1, 2), "%!d(BADINDEX) %!d(BADINDEX)"),
    ("a width that is no number", "%*d", ("x", 5), "%!(BADWIDTH)5"),
]


@pytest.mark.parametrize(
    ("template", "arguments", "text"), [case[1:] for case in PRINTF], ids=[case[0] for case in PRINTF]
)
def test_printf(template, arguments, text):
    assert sprintf(template, *arguments) == text


NUMBERS = [
    ("a whole number is both", "80", (80, 80.0)),
    ("a float with a whole value is both", "1e3", (1000, 1000.0)),
    ("a fraction is a float only", "1.5", (None, 1.5)),
    ("a character is its code", "'é'", (233, 233.0)),
    ("a leading zero means octal", "010", (8, 8.0)),
    ("minus zero", "-0", (0, 0.0)),
    ("the largest unsigned number", "18446744073709551615", (2**64 - 1, float(2**64 - 1))),
]


@pytest.mark.parametrize(("text", "number"), [case[1:] for case in NUMBERS], ids=[case[0] for case in NUMBERS])
def test_number_constant(text, number):
    assert parse_number(text) == number


PARSED = [("+Inf", math.inf), ("-infinity", -math.inf), ("1_0.5", 10.5), ("0x1p-2", 0.25), (".5", 0.5), ("5.", 5.0)]


@pytest.mark.parametrize(("text", "number"), PARSED)
def test_text_is_a_float(text, number):
    assert parse_float(text) == number


@pytest.mark.parametrize("text", ["", "x", " 1", "1 ", "--1", "1__0", "٣", "1e999", "+-inf", "0x", "+nan"])
def test_text_is_no_float(text):
    with pytest.raises(ValueError, match=r"strconv\.ParseFloat"):
        parse_float(text)
