"""Whether a fit can be trusted, in a word; loads no jax, so that fit.json is read without it."""

from typing import Literal

Word = Literal["good", "care", "no"]
#: In a sentence's words.
WORDS: dict[Word, str] = {"good": "good", "care": "usable with care", "no": "do not use it"}
