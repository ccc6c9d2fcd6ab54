"""The parts of a page: text is escaped, unless it is markup already.

Markup is text that is known to be safe (`markupsafe.Markup`); all functions here take either and give markup.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape


def markup(template: str, *values: object, **named: object) -> Markup:
    """A template of our own, `<p>{}</p>`, with values put in; their text is escaped."""
    return Markup(template).format(*values, **named)


def join(parts: Iterable[str | Markup], between: str | Markup = "") -> Markup:
    """Parts one after another, text among them escaped."""
    return escape(between).join(parts)


def document(title: str, style: str, body: Markup, policy: str = "") -> str:
    """A whole page that needs nothing else.

    Args:
        title: for the browser's tab.
        style: CSS of our own.
        body: what is seen.
        policy: what the browser may run and load, a Content-Security-Policy; all, where it is empty.
    """
    meta = markup('<meta http-equiv="Content-Security-Policy" content="{}">', policy) if policy else Markup()
    page = markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "{}<title>{}</title><style>{}</style></head>\n<body>{}</body></html>\n",
        meta,
        title,
        Markup(style),
        body,
    )
    return str(page)


def variables(**colours: str) -> str:
    """CSS variables, by name without the dashes before it."""
    values = "".join(f" --{name}: {colour};" for name, colour in colours.items())
    return f":root {{{values} }}\n"


def header(kicker: str, title: str, *content: str | Markup) -> Markup:
    """The top of a page: what made it, its title, and what goes before everything else."""
    return markup('<header><p class="kicker">{}</p><h1>{}</h1>{}</header>', kicker, title, join(content))


def section(title: str, *content: str | Markup) -> Markup:
    """A titled part of a page."""
    return markup("<section><h2>{}</h2>{}</section>", title, join(content))


def note(*words: str | Markup) -> Markup:
    """A paragraph in small letters."""
    return markup('<p class="note">{}</p>', join(words))


def items(lines: Iterable[str | Markup]) -> Markup:
    """A list, a line each."""
    return markup("<ul>{}</ul>", join(markup("<li>{}</li>", line) for line in lines))


def warnings(lines: Iterable[str | Markup]) -> Markup:
    """A box with one line for each warning, or nothing."""
    lines = list(lines)
    return markup('<div class="warning">{}</div>', items(lines)) if lines else Markup()


def facts(entries: Mapping[str, object]) -> Markup:
    """A list of names and what is to say of them; the empty ones are left out."""
    return markup(
        "<dl>{}</dl>",
        join(markup("<dt>{}</dt><dd>{}</dd>", name, value) for name, value in entries.items() if value),
    )


def table(head: Markup, rows: Iterable[Markup]) -> Markup:
    """A table that scrolls in a narrow window: a head of `<th>` cells, and rows of `<tr>`."""
    return markup(
        '<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, join(rows)
    )


def image(data: bytes, kind: str, words: str, size: tuple[int, int] | None = None) -> Markup:
    """An image inside the page.

    Args:
        data: the file.
        kind: its type, `png` or `svg+xml`.
        words: what it shows, for who does not see it.
        size: width and height, pixels.
    """
    shape = markup(' width="{}" height="{}"', *size) if size else Markup()
    return markup('<img src="data:image/{};base64,{}"{} alt="{}">', kind, b64encode(data).decode(), shape, words)


def data(name: str, value: object) -> Markup:
    """JSON for a page's script, in an element of that name that nothing in it can end.

    Args:
        name: the element's id.
        value: what JSON can hold; no NaN.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return markup('<script type="application/json" id="{}">{}</script>', name, Markup(text))


def script(text: str) -> Markup:
    """A script of our own, without "</script>" in it."""
    return Markup(f"<script>{text}</script>")
