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
    canvas, png = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()
    # few colours make an image of lines three times as small; a harder search for them, or to pack them, gains little
    colours = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(96, Image.Quantize.MAXCOVERAGE)
    colours.save(png, "PNG", compress_level=6)
    words = words or (Markup(caption).striptags() if isinstance(caption, Markup) else caption)
    return markup(
        '<figure{}><div class="scroll">{}</div><figcaption>{}</figcaption></figure>',
        Markup(" class=wide") if wide else "",
        image(png.getvalue(), "png", words),
        caption,
    )
