"""How the site is built: `uv run --group docs sphinx-build -W -q -c docs . site`, from the root of the repository."""

import re

import glifjax

project = "glifjax"
author = "the glifjax authors"
copyright = author
release = version = glifjax.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*.ipynb", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
exclude_patterns = ["docs/site/**"]

html_theme = "pydata_sphinx_theme"
html_title = project
html_extra_path = ["site"]
html_theme_options = {
    "show_toc_level": 1,
    "navbar_center": [],
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"**": ["globaltoc.html"]}
html_static_path = ["static"]
html_css_files = ["site.css"]

# The Markdown is what a forge shows too: plain, with headings as anchors.
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
# Notebooks stand as they were committed, outputs included; the tests run them.
nb_execution_mode = "off"

# The reference is made of the docstrings of the public names, each where its face has it.
autodoc_typehints = "none"  # the docstrings say shapes and units
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "imported-members": True}
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False


def plain(app, what, name, obj, options, lines) -> None:
    """Shapes and absolute values in docstrings, `(*batch, T)` and `|x|`, are no markup; examples stay as they are."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[number] = re.sub(r"(?<![\\*\w])\*(?=\w+[^*\w])", r"\\*", line).replace("|", r"\|")


def setup(app) -> None:
    """After napoleon, which makes fields of sections."""
    app.connect("autodoc-process-docstring", plain, priority=900)
