"""Parts of a page: what comes from outside is text, never markup."""

import inspect
import json
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from glifjax import html

HOSTILE = """<script>alert("it's")</script> & {0} </title>"""
PARTS = {
    "markup": lambda text: html.markup('<a title="{}">{}</a>', text, text),
    "join": lambda text: html.join([text, Markup("<br>"), text], text),
    "document": lambda text: html.document(text, "p { color: red }", html.markup("{}", text)),
    "header": lambda text: html.header(text, text, text),
    "section": lambda text: html.section(text, text),
    "note": lambda text: html.note(text),
    "items": lambda text: html.items([text]),
    "warnings": lambda text: html.warnings([text]),
    "facts": lambda text: html.facts({text: text}),
    "table": lambda text: html.table(html.markup("<th>{}</th>", text), [html.markup("<td>{}</td>", text)]),
    "image": lambda text: html.image(b"data", "png", text, (3, 2)),
}


class Reader(HTMLParser):
    """The tags of a page, and all that a reader sees or hears of it."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.texts += [value for _, value in attributes]

    def handle_data(self, data):
        self.texts.append(data)


def test_every_part_is_in_the_table():
    own = {
        name for name, value in vars(html).items() if inspect.isfunction(value) and value.__module__ == html.__name__
    }
    assert own - {"variables", "script", "data"} == PARTS.keys()


@pytest.mark.parametrize("part", PARTS)
def test_text_stays_text(part):
    read = Reader(PARTS[part](HOSTILE))
    assert "script" not in read.tags
    assert any(HOSTILE in text for text in read.texts)


def test_no_data_ends_its_element():
    value = [HOSTILE, {HOSTILE: "<!-- <script>"}, 1.5, None]
    read = Reader(html.data("numbers", value) + html.markup("<p>{}</p>", "after"))
    assert read.tags == ["script", "p"]
    assert json.loads(read.texts[2]) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        html.data("numbers", float("nan"))


def test_nothing_is_said_of_nothing():
    assert html.warnings([]) == ""
    assert html.facts({"empty": "", "full": "x"}) == "<dl><dt>full</dt><dd>x</dd></dl>"
