"""The firing patterns by name: `glifjax.gallery["tonic_bursting"]`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from glifjax.errors import InputError
from glifjax.patterns.pattern import Pattern
from glifjax.patterns.patterns import NOTEBOOK, PAPER

VARIANTS = ("paper", "notebook")


class PatternError(InputError, KeyError):
    """A pattern that does not exist; the message lists those that do. A KeyError too, as a mapping's are."""

    __str__ = Exception.__str__  # a KeyError's is in quotes


class Gallery(Mapping[str, Pattern]):
    """The twenty patterns by slug or letter, in the order of the paper's figure.

    Example:
        >>> len(gj.gallery), gj.gallery["M"].slug
        (20, 'tonic_bursting')
    """

    def __init__(self, variant: str = "paper"):
        """All patterns of one variant, "paper" or "notebook"."""
        if variant not in VARIANTS:
            raise ValueError(f"variant {variant!r} is unknown; use one of {', '.join(VARIANTS)}")
        changed = NOTEBOOK if variant == "notebook" else {}
        rows = [replace(row, variant=variant, **changed.get(row.slug, {})) for row in PAPER]
        self._patterns = {row.slug: row for row in rows}

    def __getitem__(self, name: str) -> Pattern:
        """The pattern of this slug ("tonic_bursting") or letter ("M"), in any spelling of it ("Tonic bursting").

        Raises:
            PatternError: the name of none; the message lists those that are.
        """
        wanted = str(name).strip().lower().replace(" ", "_").replace("-", "_")
        for slug, pattern in self._patterns.items():
            if wanted in (slug, pattern.letter.lower()):
                return pattern
        raise PatternError(f"pattern {name!r} is unknown; use one of {', '.join(self._patterns)}, or a letter, A to T")

    def __iter__(self) -> Iterator[str]:
        """Slugs, A to T."""
        return iter(self._patterns)

    def __len__(self) -> int:
        """Twenty."""
        return len(self._patterns)

    def variant(self, variant: str) -> "Gallery":
        """The same patterns with the numbers of another source, "paper" or "notebook"."""
        return Gallery(variant)


#: The twenty patterns with the paper's numbers.
gallery = Gallery()
