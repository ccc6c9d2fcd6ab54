"""What a person looks at of the gallery, as `glifjax gallery` writes it. It loads matplotlib; glifjax does not load it.

Example:
    entries = run_gallery(gj.gallery.values())      # every pattern and every run of its checks, in one call
    overview(entries).savefig("gallery.png")
    Path("gallery.html").write_text(page(entries))

`glifjax.patterns.page.sweep` classifies a pattern over two of its parameters.
"""

from glifjax.patterns.page.figures import overview
from glifjax.patterns.page.page import page
from glifjax.patterns.page.runs import run_gallery

__all__ = ["overview", "page", "run_gallery"]
