"""The errors that are meant for the user, and how text of files is shown in them, on a terminal or in a table."""

#: Letters of a message at most; more come of files that hold what nobody meant to read.
LONGEST = 400
#: What breaks a line becomes a space.
ONE_LINE = str.maketrans("\n\t", "  ")


class InputError(ValueError):
    """Something given that cannot be used; the message is one sentence or two in one line, and says what to do.

    What a message quotes may come from files of others: it is shown, never obeyed by a terminal, and in few words.
    """

    def __init__(self, message: str = "") -> None:
        """Hold a message."""
        super().__init__(shortened(printable(message).translate(ONE_LINE).strip(), LONGEST))


def printable(text: str) -> str:
    """The text with whatever is no visible letter, such as an escape sequence, spelt out: "\\\\x1b"; spaces stay."""
    return "".join(
        letter
        if letter.isprintable() or letter in "\n\t"
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )


def shortened(text: str, most: int) -> str:
    """The text, its middle left out where it has more than `most` letters."""
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 3]}...{text[-tail:]}"


def to_install(extra: str) -> str:
    """What installs one of the project's extras, in words."""
    return f"pip install 'glifjax[{extra}]', in a checkout uv sync --extra {extra}"


def shown(value: object) -> str:
    """A value in an error: as Python writes it, in 60 letters at most."""
    return shortened(printable(repr(value)), 60)
