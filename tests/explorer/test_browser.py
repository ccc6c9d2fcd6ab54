"""The page in a headless Chromium: what is moved moves the trace, quickly, and nothing of a file's is markup."""

import shutil

import numpy as np
import pytest
from neurons import DRIVE, DT, NEURONS

import glifjax as gj
from glifjax.explorer.viewer import Repeat, ShownRun, viewer
from glifjax.html import document
from glifjax.io.nwb.recording_writer import SweepArrays

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: uv run --group browser pytest ...")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium: pages are not opened")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pages of two levels alone, and one over a recording whose names are markup."""
    folder = tmp_path_factory.mktemp("pages")
    neuron = NEURONS["LIF-R-ASC-A"]()
    for name in ("LIF", "LIF-R-ASC-A"):
        gj.explore(NEURONS[name]()).save(folder / f"{name}.html")
    gj.explore(gj.gallery["M"].neuron, patterns=False).save(folder / "mihalas_niebur.html")
    trace = gj.simulate(neuron, DRIVE, DT)
    voltage, steps = np.asarray(trace.voltage), trace.spikes().times
    repeats = [Repeat(name, (1 + i) * voltage, steps) for i, name in enumerate(("sweep 1", HOSTILE))]
    runs = [ShownRun("without noise", voltage, steps, np.asarray(trace.threshold), "threshold")]
    part = viewer(repeats, runs, np.asarray(DRIVE), DT, (0.0, 0.02))
    (folder / "viewer.html").write_text(document("viewer", "", part), encoding="utf-8")
    current = np.repeat([0.0, 4e-10, 0.0], 4000)
    sweep = SweepArrays(3, HOSTILE, 2e4, current, -0.07 + 1e-3 * np.sin(np.arange(12000.0)))
    gj.write_recording(folder / "cell.nwb", [sweep], description=HOSTILE)
    with gj.read_recording(folder / "cell.nwb") as recording:
        gj.explore(neuron, recording.sweeps, title=HOSTILE, source=HOSTILE).save(folder / "hostile.html")
    return folder


@pytest.fixture
def opened(browser, files):
    """Opens a page; what its scripts complain of fails the test."""
    complaints, pages = [], []

    def open_page(name, **options):
        page = browser.new_page(**options)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: request.url.startswith("file:") or complaints.append(request.url))
        page.goto((files / name).as_uri())
        page.locator("#explorer[data-runs], #viewer canvas").first.wait_for()
        page.wait_for_timeout(100)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def until(page, true):
    """Asked from here: the page's policy forbids the strings that it would have to evaluate while it waits."""
    for _ in range(300):
        if true():
            return
        page.wait_for_timeout(100)
    raise AssertionError("still not so after half a minute")


def facts(page):
    return page.evaluate(
        "() => { const root = document.getElementById('explorer');"
        " return [Number(root.dataset.spikes), root.querySelector('canvas').toDataURL()]; }"
    )


def slide(page, name, step):
    runs = page.evaluate("Number(document.getElementById('explorer').dataset.runs)")
    page.locator(f'input[type=range][data-quantity="{name}"]').evaluate(
        "(input, step) => { input.value = step; input.dispatchEvent(new Event('input')); }", step
    )
    until(page, lambda: page.evaluate("Number(document.getElementById('explorer').dataset.runs)") > runs)
    page.wait_for_timeout(100)


@pytest.mark.parametrize("name", ["C", "R_input", "th_inf", "amplitude", "threshold_dynamics.b_spike"])
def test_a_slider_moves_the_trace(opened, name):
    page = opened("LIF-R-ASC-A.html")
    before = facts(page)
    slide(page, name, 150)
    after = facts(page)
    assert after[1] != before[1]
    assert before[0] > 0
    page.get_by_role("button", name="Put back").click()
    page.wait_for_timeout(200)
    assert facts(page)[0] == before[0]


def test_a_pattern_fires_as_in_the_gallery(opened):
    page = opened("LIF-R-ASC-A.html")
    page.get_by_label("Start from").select_option(label="M  Tonic bursting")
    page.wait_for_timeout(300)
    pattern = gj.gallery["M"]
    assert facts(page)[0] == len(gj.simulate(pattern.neuron, pattern.current, pattern.dt).spikes())


def test_what_is_taken_away_is_the_neuron_as_it_stands(opened, tmp_path):
    page = opened("LIF-R-ASC-A.html")
    box = page.get_by_label("capacitance, pF, as a number")
    box.fill("123")
    page.wait_for_timeout(100)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save neuron_config.json").click()
    download.value.save_as(tmp_path / "neuron_config.json")
    saved = gj.read_neuron_config(tmp_path / "neuron_config.json")
    assert float(saved.capacitance) == pytest.approx(123e-12)
    assert float(saved.R_input) == float(NEURONS["LIF-R-ASC-A"]().R_input)
    for kind in ("step", "noise"):
        page.locator(".stimulus select").select_option(kind)
        page.wait_for_timeout(200)
        spikes = facts(page)[0]
        page.get_by_role("button", name="Copy as Python").click()
        scope = {}
        exec(page.locator("dialog code").inner_text(), scope)
        page.get_by_role("button", name="Close").click()
        assert float(scope["neuron"].capacitance) == pytest.approx(123e-12)
        assert len(scope["trace"].spikes()) == spikes > 0


@pytest.mark.parametrize("name", ["LIF", "LIF-R-ASC-A"])
def test_sixty_frames_a_second(opened, name):
    """What a frame computes and draws of 1 s of a neuron takes less than the sixtieth of a second that it has."""
    page = opened(f"{name}.html")
    milliseconds = page.evaluate(
        """async () => {
          const input = document.querySelector('input[data-quantity="C"]');
          const spent = [];
          for (let i = 0; i < 60; i++) {
            input.value = 300 + 5 * i;
            let began;
            requestAnimationFrame(() => { began = performance.now(); });
            input.dispatchEvent(new Event("input"));
            await new Promise(requestAnimationFrame);
            spent.push(performance.now() - began);
          }
          return spent.slice(10).sort((a, b) => a - b)[25];
        }"""
    )
    assert milliseconds < 1000 / 60


def test_keys_and_touch_move_what_is_seen(opened):
    page = opened("LIF-R-ASC-A.html", has_touch=True)
    before = facts(page)[1]
    page.locator("canvas").focus()
    page.keyboard.press("+")
    page.wait_for_timeout(100)
    nearer = facts(page)[1]
    assert nearer != before
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert facts(page)[1] != nearer
    page.keyboard.press("0")
    page.wait_for_timeout(100)
    assert facts(page)[1] == before
    page.locator("canvas").tap()


def test_hostile_names_hold_no_markup(opened):
    page = opened("hostile.html")
    page.wait_for_timeout(200)
    assert page.title() != "owned"
    assert page.locator("img").count() == 0
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("option", has_text="onerror").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_has_no_sideways_scrolling(opened, scheme):
    page = opened("LIF-R-ASC-A.html", viewport={"width": 360, "height": 740}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_trace_stays_in_view_beside_the_sliders_of_a_narrow_screen(opened):
    page = opened("LIF-R-ASC-A.html", viewport={"width": 360, "height": 740})
    page.locator("aside input[type=range]").last.scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    assert box["y"] > -1
    assert box["y"] + box["height"] < 740


def test_a_stimulus_slider_reaches_what_the_neuron_starts_with(opened):
    """A neuron of nA: its slider stood at an end that was less."""
    page = opened("mihalas_niebur.html")
    slider, box = (
        page.locator(f".stimulus label:has-text('amplitude') input[type={kind}]") for kind in ("range", "number")
    )
    assert float(box.input_value()) > 1000  # pA
    assert float(slider.input_value()) < 1000  # of its 1000 steps


@pytest.mark.parametrize("seconds", ["0", "-1", "1e15"])
def test_a_duration_that_means_nothing_leaves_the_page_alive(opened, seconds):
    page = opened("LIF.html")
    page.get_by_label("duration, ms, as a number").fill(seconds)
    page.wait_for_timeout(1000)
    assert "spike" in page.locator(".summary").inner_text()


def test_a_part_of_a_report_is_legible_in_the_dark(opened):
    page = opened("viewer.html", color_scheme="dark")
    red = page.evaluate("Number(getComputedStyle(document.querySelector('#viewer select')).color.match(/[0-9]+/)[0])")
    assert red > 128


def test_a_report_shows_the_repeat_that_is_chosen(opened):
    page = opened("viewer.html")
    picture = lambda: page.evaluate("document.querySelector('canvas').toDataURL()")
    first = picture()
    page.locator("#viewer select").first.select_option(index=1)
    page.wait_for_timeout(100)
    second = picture()
    assert second != first
    assert page.title() == "viewer"
    page.locator("canvas").dblclick()
    page.wait_for_timeout(100)
    assert picture() != second  # all of it, not the stretch at first
