"""Pages from templates: a value is escaped for the place it stands in, and can never become part of the page."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config.patterns import compile_pattern
from tocsin.core.templates import TemplateError
from tocsin.core.templates.alertmanager import TemplateSet

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TEMPLATES = TemplateSet(compile=compile_pattern)


def page(template, data=None):
    return TEMPLATES.expand(template, data, now=NOW, as_html=True)


SAID = "O'Reilly: <i>you</i> & +1?"

PLACES = {
    "between tags": ("<p>{{ . }}</p>", "<p>O&#39;Reilly: &lt;i&gt;you&lt;/i&gt; &amp; &#43;1?</p>"),
    "in a title": ("<title>{{ . }}</title>", "<title>O&#39;Reilly: &lt;i&gt;you&lt;/i&gt; &amp; &#43;1?</title>"),
    "in a quoted attribute": (
        "<p title='{{ . }}'>",
        "<p title='O&#39;Reilly: &lt;i&gt;you&lt;/i&gt; &amp; &#43;1?'>",
    ),
    "in an attribute without quotation marks": (
        "<p title={{ . }}>",
        "<p title=O&#39;Reilly:&#32;&lt;i&gt;you&lt;/i&gt;&#32;&amp;&#32;&#43;1?>",
    ),
    "in the path of a link": ('<a href="/{{ . }}">', '<a href="/O%27Reilly:%20%3ci%3eyou%3c/i%3e%20&amp;%20&#43;1?">'),
    "in the query of a link": (
        '<a href="?q={{ . }}">',
        '<a href="?q=O%27Reilly%3a%20%3ci%3eyou%3c%2fi%3e%20%26%20%2b1%3f">',
    ),
    "as a link with a scheme that is none": ('<a href="{{ . }}">', '<a href="#ZgotmplZ">'),
    "in a comment, which is left out": ("a<!-- {{ . }} -->b", "ab"),
    "in a string of a script": (
        "<script>f('{{ . }}')</script>",
        r"<script>f('O\u0027Reilly: \u003ci\u003eyou\u003c\/i\u003e \u0026 \u002b1?')</script>",
    ),
    "in the code of a script": (
        "<script>f({{ . }})</script>",
        r'<script>f("O\u0027Reilly: \u003ci\u003eyou\u003c\/i\u003e \u0026 \u002b1?")</script>',
    ),
    "in a comment of a script": ("<script>/* {{ . }} */ // {{ . }}\nf()</script>", "<script>/*  */ // \nf()</script>"),
    "in an attribute that is a script": (
        '<a onclick="f({{ . }})">',
        r'<a onclick="f(&#34;O\u0027Reilly: \u003ci\u003eyou\u003c\/i\u003e \u0026 \u002b1?&#34;)">',
    ),
    "in a style sheet": ("<style>p { color: {{ . }} }</style>", "<style>p { color: ZgotmplZ }</style>"),
    "in a string of a style sheet": (
        "<style>p::before { content: 'x{{ . }}' }</style>",
        r"<style>p::before { content: 'xO\27 Reilly\3a  \3c i\3e you\3c \2f i\3e  \26  \2b 1?' }</style>",
    ),
    "in a style": ('<p style="color: {{ . }}">', '<p style="color: ZgotmplZ">'),
    "as the name of an attribute": ("<p {{ . }}=1>", "<p ZgotmplZ=1>"),
    "in a page within the page": (
        '<iframe srcdoc="{{ . }}">',
        '<iframe srcdoc="O&amp;#39;Reilly: &amp;lt;i&amp;gt;you&amp;lt;/i&amp;gt; &amp;amp; &amp;#43;1?">',
    ),
}


@pytest.mark.parametrize(("template", "written"), PLACES.values(), ids=PLACES)
def test_a_value_is_escaped_for_its_place(template, written):
    assert page(template, SAID) == written


HARMLESS = {
    "a link to a page": ('<a href="{{ . }}">', "https://x.example/a?b=c", '<a href="https://x.example/a?b=c">'),
    "a link to an address": ('<a href="{{ . }}">', "mailto:a@x.example", '<a href="mailto:a@x.example">'),
    "a path with a colon": ('<a href="{{ . }}">', "/a:b", '<a href="/a:b">'),
    "a link whose template takes the responsibility": (
        '<a href="{{ safeUrl . }}">',
        "tel:+41",
        '<a href="tel:&#43;41">',
    ),
    "markup whose template takes the responsibility": ("{{ safeHtml . }}", "<b>x</b>", "<b>x</b>"),
    "such markup in an attribute": ('<p title="{{ safeHtml . }}">', "<b>x</b> &amp;", '<p title="x &amp;">'),
    "a colour": ('<p style="color: {{ . }}">', "#b3261e", '<p style="color: #b3261e">'),
    "a number in a script": ("<script>x={{ . }}</script>", 3, "<script>x= 3 </script>"),
    "an object in a script": (
        "<script>x={{ . }}</script>",
        {"a": "</script>"},
        '<script>x= {"a":"\\u003c/script\\u003e"} </script>',
    ),
    "the level of a heading": ("<h{{ . }}>x</h{{ . }}>", 2, "<h2>x</h2>"),
    "a class": ('<p class="a {{ . }}">', "b", '<p class="a b">'),
    "the end of a data attribute's name": ("<p data-{{ . }}=1>", "id", "<p data-id=1>"),
    "nothing": ("<p>{{ . }}</p>", None, "<p></p>"),
    "html, which is not escaped twice": ("<p>{{ . | html }}</p>", "<", "<p>&lt;</p>"),
    "urlquery, which is not escaped twice": ('<a href="?q={{ . | urlquery }}">', "a b+c", '<a href="?q=a&#43;b%2Bc">'),
    "a lone angle bracket of the template": ("1 < 2 {{ . }}", "x", "1 &lt; 2 x"),
    "several places in turn": (
        '<!DOCTYPE html><a href="/x" title="{{ . }}">{{ . }}</a><br/>{{ . }}',
        "<",
        '<!DOCTYPE html><a href="/x" title="&lt;">&lt;</a><br/>&lt;',
    ),
}


@pytest.mark.parametrize(("template", "value", "written"), HARMLESS.values(), ids=HARMLESS)
def test_what_is_harmless_in_its_place_stays_readable(template, value, written):
    assert page(template, value) == written


DANGEROUS = {
    "a script as a link": ('<a href="{{ . }}">', "javascript:alert(1)"),
    "a script as a link, in other letters": ('<a href="{{ . }}">', " JavaScript:alert(1)"),
    "data as an image": ('<img src="{{ . }}">', "data:text/html,x"),
    "a script in a list of images": ('<img srcset="{{ . }}">', "javascript:alert(1)"),
    "a script in a style's address": ("<p style=\"background: url('{{ . }}')\">", "javascript:alert(1)"),
    "an expression of a style, escaped": ('<p style="width: {{ . }}">', r"expre\73 sion(alert(1))"),
    "an expression without brackets": ('<p style="width: {{ . }}">', "expression"),
    "the end of a style's comment": ("<style>{{ . }}</style>", "-->"),
    "an attribute that is a script": ("<p {{ . }}=x>", "onclick"),
    "an attribute that is a style": ("<p {{ . }}=x>", "style"),
    "another element": ("<scr{{ . }}>", "ipt"),
    "an attribute without quotation marks and without a value": ("<p title={{ . }} class=x>", ""),
}


@pytest.mark.parametrize(("template", "value"), DANGEROUS.values(), ids=DANGEROUS)
def test_what_a_browser_would_act_on_is_replaced_by_the_mark(template, value):
    written = page(template, value)
    assert "ZgotmplZ" in written
    assert not value or value not in written


def test_a_value_cannot_complete_the_name_of_an_attribute():
    with pytest.raises(TemplateError, match="within the name of the attribute 'on'"):
        page("<p on{{ . }}=x>", "click")


SCRIPTS = {
    "behind a division": ("a = b / c; d('{{ . }}')", r"a = b / c; d('\u0027')"),
    "behind a pattern with a quotation mark": ("a = /'[/']/; d({{ . }})", r"""a = /'[/']/; d("\u0027")"""),
    "behind an escaped quotation mark": (r"a = '\''; d({{ . }})", r"""a = '\''; d("\u0027")"""),
    "in a template literal": ("a = `{{ . }}`", r"a = `\u0027`"),
    "in an expression of a template literal": ("a = `${ {b: {{ . }}} } {{ . }}`", r'a = `${ {b: "\u0027"} } \u0027`'),
    "in a pattern": ("a = /x{{ . }}/", r"a = /x\u0027/"),
    "behind a word that takes a pattern": ("return /{{ . }}/", r"return /\u0027/"),
    "behind a value, where a slash divides": ("{{ . }} / 2; a('{{ . }}')", r""""\u0027" / 2; a('\u0027')"""),
}


@pytest.mark.parametrize(("template", "written"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_is_read_up_to_the_value(template, written):
    assert page(f"<script>{template}</script>", "'") == f"<script>{written}</script>"


def test_what_ends_a_line_in_a_script_is_escaped_there():
    assert page("<script>f('{{ . }}')</script>", "a\u2028b\nc") == r"<script>f('a\u2028b\nc')</script>"


class _Structure(HTMLParser):
    """The tags of a page with the names of their attributes, and its scripts' marks."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag):
        self.seen.append(("/" + tag, []))

    def handle_comment(self, data):
        self.seen.append(("comment", []))

    def handle_decl(self, decl):
        self.seen.append(("declaration", []))


def structure(text):
    parser = _Structure()
    parser.feed(text)
    parser.close()
    return parser.seen


EVERYWHERE = (
    "<p>{{ . }}</p>",
    '<p title="{{ . }}" class=x>y</p>',
    "<p title='{{ . }}' class=x>y</p>",
    "<p title={{ . }} class=x>y</p>",
    '<a href="{{ . }}" class=x>y</a>',
    "<a href=/?q={{ . }} class=x>y</a>",
    '<a style="color: {{ . }}; background: url({{ . }})" class=x>y</a>',
    "<a onclick='f({{ . }}, \"{{ . }}\")' class=x>y</a>",
    "<title>{{ . }}</title><textarea>{{ . }}</textarea><b>y</b>",
    "<script>f({{ . }}, '{{ . }}', `{{ . }}`, /{{ . }}/)</script><b>y</b>",
    "<style>p { color: {{ . }}; content: '{{ . }}' }</style><b>y</b>",
    '<iframe srcdoc="{{ . }}" class=x></iframe>',
    "<!-- {{ . }} --><b>y</b>",
)
HOSTILE = st.text(st.sampled_from("<>\"'`=/\\ \n\t&;:-!()[]{}$#%+sScrRipt*\0é"), max_size=24) | st.sampled_from(
    ("</script>", "</style>", "</title>", "<!--", "-->", "'\"><script>", "&lt;script&gt;", "*/", "//", "${x}")
)


@given(st.sampled_from(EVERYWHERE), HOSTILE)
def test_no_value_adds_a_tag_or_an_attribute(template, value):
    assert structure(page(template, value)) == structure(page(template, "x"))


@given(HOSTILE)
def test_a_reader_sees_the_value_as_it_is(value):
    class Text(HTMLParser):
        def __init__(self):
            super().__init__()
            self.text = ""
            self.title = ""

        def handle_starttag(self, tag, attrs):
            self.title = dict(attrs).get("title", "")

        def handle_data(self, data):
            self.text += data

    parser = Text()
    parser.feed(page('<p title="{{ . }}">{{ . }}</p>', value))
    parser.close()
    expected = value.replace("\0", "\ufffd")
    assert (parser.title, parser.text) == (expected, expected)
