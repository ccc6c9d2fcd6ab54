"""A matplotlib figure as part of a page."""

from io import BytesIO

import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from glifjax.html import image, markup


def picture(figure: Figure, caption: str | Markup = "", wide: bool = False, words: str = "") -> Markup:
    """A figure as an image inside the page; a wide one scrolls in a narrow window.

    `words` say what it shows to who does not see it; the caption, if there are none.
    """
    figure.set_dpi(200)
    canvas, file = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()
    # few colours make an image of lines a third as large; a harder search for them gains little
    colours = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(96, Image.Quantize.MAXCOVERAGE)
    colours.convert("RGB").save(file, "WEBP", lossless=True, method=4, quality=60)  # PNG is half as large again
    words = words or (Markup(caption).striptags() if isinstance(caption, Markup) else caption)
    return markup(
        '<figure{}><div class="scroll">{}</div><figcaption>{}</figcaption></figure>',
        Markup(" class=wide") if wide else "",
        image(file.getvalue(), "webp", words),
        caption,
    )
