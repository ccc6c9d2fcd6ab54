"""The explorer's page: data as JSON in one element, scripts of our own, nothing from elsewhere.

A policy in its head lets the browser run the one script that stands here, by its digest, and load nothing.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from glifjax.html import data as data_element
from glifjax.html import document, markup

#: What the script is made of, in this order.
SCRIPTS = ("run.js", "plot.js", "stimulus.js", "take_away.js", "controls.js", "explorer.js")
START = """
mount(document.getElementById("explorer"), JSON.parse(document.getElementById("data").textContent), PROGRAMS);
"""


def page(data: Mapping[str, Any], programs: Sequence[str]) -> str:
    """One HTML file that needs nothing else.

    Args:
        data: JSON, see `glifjax.explorer.exploration`.
        programs: JavaScript, `prepare` and `run` each.
    """
    script = module(programs) + START
    body = markup(
        '<div id="explorer"><noscript>This page needs JavaScript, which runs in it alone.</noscript></div>\n'
        '{}\n<script type="module">{}</script>\n',
        data_element("data", data),
        Markup(script),
    )
    style = asset("page.css") + asset("style.css")
    return document(f"{data['title']} · glifjax explore", style, body, policy(script, style))


def module(programs: Sequence[str]) -> str:
    """The script: the explorer, and PROGRAMS to give to its `mount`."""
    wrapped = ",\n".join(f"(() => {{\n{text}return {{ prepare, run }};\n}})()" for text in programs)
    return '"use strict";\n' + "\n".join(map(asset, SCRIPTS)) + f"\nconst PROGRAMS = [\n{wrapped}\n];\n"


def asset(name: str) -> str:
    """A file of the folder assets."""
    return (files("glifjax.explorer") / "assets" / name).read_text(encoding="utf-8")


def policy(script: str, style: str) -> str:
    """A content security policy: this script and this style, by their digests, and no network."""
    digest = lambda text: b64encode(sha256(text.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest(script)}'; style-src 'sha256-{digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def embedded(html: str, height: int) -> Markup:
    """A page inside another one, as a notebook's output."""
    return markup(
        '<iframe srcdoc="{}" sandbox="allow-scripts allow-downloads" title="glifjax explore" '
        'style="width: 100%; height: {}px; border: 0"></iframe>',
        html,
        height,
    )
