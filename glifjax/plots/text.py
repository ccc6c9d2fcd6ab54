"""Text of files in figures."""


def plain(text: str) -> str:
    """The text as matplotlib shows it letter by letter: what stands between two dollar signs is no formula."""
    return text.replace("$", r"\$")
