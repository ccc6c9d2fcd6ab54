"""The page over thousands of cells, opened: quick, sorted, filtered, a click away from each, with no other script."""

import json
import shutil

import numpy as np
import pytest
from helpers import fitted_cell, level_record

from fitting.levels import LEVELS
from fitting.many.overview import overview

pytestmark = pytest.mark.slow
CELLS = 5000
SCORES = ("gamma_4ms", "evr_single_10ms", "evr_10ms", "md_star_4ms", "md_star_8ms", "bits_per_spike")


def drawn(name, folder, number):
    """A cell with a record of random numbers; better at higher levels."""
    random = np.random.default_rng(number)

    def one(level, rank):
        scores = {key: float(random.normal(0.4 + 0.08 * rank, 0.1)) for key in SCORES}
        numbers = {f"p{n}": {"value": float(random.lognormal(n)), "unit": "mV"} for n in range(10 + rank)}
        return level_record(level, scores | {"subthreshold_rmse_mv": None}, parameters=numbers)

    levels = [one(level, rank) for rank, level in enumerate(LEVELS)]
    return fitted_cell(folder, levels, name, settings={"level": "</script>"}, seconds_in_all=30.0)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: uv run --group browser pytest ...")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    folder = tmp_path_factory.mktemp("study")
    cells = [drawn(f"<b>cell</b>-{number}", folder / f"cell-{number}", number) for number in range(CELLS)]
    (folder / "cells.html").write_text(overview(cells, folder))
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: page.faults.append(message.text))
        page.folder = folder
        yield page
        browser.close()


def scores(page):
    return [float(text) for text in page.locator("tbody tr:not([hidden]) td:nth-child(3)").all_inner_texts()[:50]]


def test_it_opens_sorts_filters_and_leads_to_cells(page):
    page.goto((page.folder / "cells.html").as_uri())
    assert page.faults == []
    assert page.locator("tbody b").count() == 0
    assert scores(page) == sorted(scores(page), reverse=True)
    heading = page.locator("thead th:nth-child(3) button")
    for expected in ("descending", "ascending"):
        heading.click()
        assert page.locator("thead th:nth-child(3)").get_attribute("aria-sort") == expected
        assert scores(page) == sorted(scores(page), reverse=expected == "descending")
    page.fill("input[type=search]", "cell</b>-123 >0.5")
    shown = page.locator("tbody tr:not([hidden])").all_inner_texts()
    assert 0 < len(shown) <= 11
    assert all("cell</b>-123" in line for line in shown)
    assert min(scores(page)) > 0.5
    assert page.inner_text("#filter span") == f"{len(shown)} of {CELLS} cells"
    link = page.locator("tbody tr:not([hidden]) a").first
    number = link.inner_text().rpartition("-")[2]
    (page.folder / f"cell-{number}" / "report.html").write_text("<title>its report</title>")
    link.click()
    page.wait_for_function("document.title == 'its report'")


def test_distributions_follow_the_filter_and_the_choice(page):
    page.goto((page.folder / "cells.html").as_uri())
    shown = page.locator("#distributions > div:nth-child(4) svg text:not(.level)")
    medians = lambda: shown.evaluate_all("texts => texts.map(text => text.firstChild.textContent)")
    everything = [float(text) for text in medians()[: len(LEVELS)]]
    assert everything == pytest.approx([0.4 + 0.08 * number for number in range(len(LEVELS))], abs=0.01)
    page.fill("input[type=search]", "cell</b>-77")
    assert [float(text) for text in medians()[: len(LEVELS)]] != everything
    page.locator("#distributions > div:nth-child(4) select").select_option(label="p0 (mV)")
    values = json.loads(page.locator("#quantities").inner_text())["quantities"]
    assert "p0 (mV)" in [quantity["title"] for quantity in values]
    assert page.locator("#distributions > div:nth-child(4) svg path").count() == len(LEVELS)
    assert page.faults == []
