"""The README's picture of the gallery: all twenty patterns with the paper's numbers.

uv run python benchmarks/gallery_picture.py       # writes docs/images/gallery.png
"""

from io import BytesIO
from pathlib import Path

import jax
from PIL import Image

import glifjax as gj
from glifjax.patterns.page import overview, run_gallery


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    drawn = BytesIO()
    overview(run_gallery(gj.gallery.values())).savefig(drawn, format="png")
    # few colours make an image of lines a third as large
    Image.open(drawn).convert("RGB").quantize(64).save(Path("docs/images/gallery.png"), optimize=True)


if __name__ == "__main__":
    main()
