"""`glifjax gallery`: the firing patterns of the Mihalas-Niebur neuron, to look at."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from glifjax.cli.console import err_console, escape, out_console, plain_errors, stage

#: Of each parameter of a sweep; their square is how many neurons are run.
MOST_VALUES = 2000
#: What a call writes, by name.
Files = dict[str, bytes]


def gallery(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATTERN", help="Names (tonic_bursting) or letters (M); all twenty if left out."),
    ] = None,
    variant: Annotated[
        str,
        typer.Option(metavar="paper|notebook", help="Whose numbers: Mihalas & Niebur's, or BrainPy's notebook's."),
    ] = "paper",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the files. A new one if left out: gallery-<n>.")
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="A large figure of each pattern instead, its internal currents included.")
    ] = False,
    sweep: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="P1 P2",
            help="The firing pattern over two parameters of one PATTERN, as a picture: a A1, or with ranges in the "
            "parameter's unit: a=0:20 A1=0:15 (mV, nA, nS, nF, 1/s).",
        ),
    ] = None,
    size: Annotated[int, typer.Option(metavar="N", help="With --sweep: values of each parameter.")] = 100,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of a gallery in --out.")] = False,
) -> None:
    """Draw the twenty firing patterns of the Mihalas-Niebur neuron, and check what each must show.

    Writes gallery.png, gallery.svg and gallery.html, a page whose panels open. --plot writes <pattern>.png;
    --sweep writes <pattern>_<P1>_<P2>.png and the same as numbers, .npz.

    [bold]Examples:[/bold]  glifjax gallery
               glifjax gallery tonic_bursting --plot
               glifjax gallery tonic_bursting --sweep a A1
               glifjax gallery M --sweep a=0:10 A1=5:15 --out bursts
    """
    with plain_errors():
        _gallery(patterns or [], variant, out, plot, sweep, size, overwrite)


def _gallery(names, variant, out, plot, sweep, size, overwrite) -> None:
    from glifjax.errors import InputError

    chosen = choose_patterns(names, variant)
    if plot and sweep:
        raise InputError("--plot and --sweep draw different figures; give one of the two")
    if sweep and (not names or len(chosen) != 1):
        raise InputError("--sweep varies one pattern; name it, as in: glifjax gallery tonic_bursting --sweep a A1")
    if not 2 <= size <= MOST_VALUES:
        raise InputError(f"--size {size}: a sweep takes 2 to {MOST_VALUES} values of each parameter")
    if sweep:
        from glifjax.patterns.ranges import read_range

        first, second = (read_range(text)[0] for text in sweep)
        if first == second:
            raise InputError(f"--sweep takes two parameters, but {first} is given twice")
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another folder with --out")
    import jax  # once there is something to draw, for it takes seconds

    jax.config.update("jax_enable_x64", True)
    if sweep:
        make, written = _sweep(chosen[0], sweep, size)
    elif plot:
        make, written = (lambda: _plots(chosen)), [f"{pattern.slug}.png" for pattern in chosen]
    else:
        make, written = (lambda: _page(chosen)), ["gallery.png", "gallery.svg", "gallery.html"]
    _check_folder(out, written, overwrite)
    files = make()
    folder = write_files(files, out)
    out_console.print(f"\n[bold]{escape(str(folder))}/[/bold]", soft_wrap=True)
    for name in files:
        out_console.print(f"  {escape(name)}", soft_wrap=True)
    if "gallery.html" in files:
        out_console.print(f"Open {escape(str(folder / 'gallery.html'))} in a browser.", soft_wrap=True)


def choose_patterns(names: list[str], variant: str) -> list:
    """The patterns of these names or letters, in the order of the gallery."""
    import glifjax as gj
    from glifjax.errors import InputError
    from glifjax.patterns import VARIANTS

    if variant not in VARIANTS:
        raise InputError(f"--variant {variant}: is unknown; use {' or '.join(VARIANTS)}")
    every = gj.gallery.variant(variant)
    slugs = {every[name].slug for name in names}
    return [pattern for slug, pattern in every.items() if not names or slug in slugs]


def _page(patterns) -> Files:
    from glifjax.patterns.page import overview, page, run_gallery
    from glifjax.plots.trace import as_file

    with stage(f"simulating {len(patterns)} pattern{'s' * (len(patterns) > 1)} with their controls, in one call"):
        entries = run_gallery(patterns)
    with stage("drawing the figure"):
        figure = overview(entries)
        files = {f"gallery.{kind}": as_file(figure, kind) for kind in ("png", "svg")}
    with stage("writing the page"):
        files["gallery.html"] = page(entries).encode()
    results = [(entry, result) for entry in entries for result in entry.results]
    failed = [(entry, result) for entry, result in results if not result.holds]
    out_console.print(f"\n{len(results) - len(failed)} of {len(results)} checks hold")
    for entry, result in failed:
        line = f"{entry.pattern.letter}  {entry.pattern.name}, {result.kind}: {result.check.expects}"
        out_console.print(f"  [yellow]does not hold[/yellow]  {escape(line)}", soft_wrap=True)
    return files


def _plots(patterns) -> Files:
    import glifjax as gj
    from glifjax.plots.trace import as_file

    files = {}
    for pattern in patterns:
        with stage(f"{pattern.letter}  {pattern.name}"):
            trace = gj.simulate(pattern.neuron, pattern.current, pattern.dt)
            title = f"{pattern.letter}  {pattern.name}"
            files[f"{pattern.slug}.png"] = as_file(gj.plot_trace(trace, pattern.current, title=title))
        out_console.print(f"    spikes: {len(trace.spikes())}")
    return files


def _sweep(pattern, texts: tuple[str, str], size: int) -> tuple[Callable[[], Files], list[str]]:
    """What makes the sweep's files, and their names."""
    from glifjax.patterns.page.parameters import read_axis

    x, y = (read_axis(pattern.neuron, text) for text in texts)
    name = f"{pattern.slug}_{x.element.name}_{y.element.name}"
    return (lambda: _swept(pattern, x, y, size, name)), [f"{name}.png", f"{name}.npz"]


def _swept(pattern, x, y, size: int, name: str) -> Files:
    from glifjax.patterns.page.sweep import run_sweep, sweep_picture
    from glifjax.plots.trace import as_file

    start, columns = time.perf_counter(), (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err_console, transient=True) as progress:
        task = progress.add_task("rows of neurons", total=size)
        swept = run_sweep(pattern, x, y, size, lambda done: progress.update(task, completed=done))
    what = f"{size} x {size} neurons, {pattern.name.lower()} over {x.element.name} and {y.element.name}"
    out_console.print(f"  [green]✓[/green] {what} [dim]{time.perf_counter() - start:.1f} s[/dim]")
    numbers = io.BytesIO()
    swept.save(numbers)
    return {f"{name}.png": as_file(sweep_picture(swept)), f"{name}.npz": numbers.getvalue()}


def _check_folder(out: Path | None, names: list[str], overwrite: bool) -> None:
    """Refuse a folder that holds what would be written."""
    from glifjax.errors import InputError

    if out is None:
        return
    present = [name for name in names if (out / name).exists()]
    if present and not overwrite:
        raise InputError(f"{out}: already holds {present[0]}; choose another folder, or add --overwrite to replace it")


def write_files(files: Files, out: Path | None) -> Path:
    """Write files into `out`, or into the first gallery-<n> that does not exist."""
    from glifjax.io.writing import write_whole

    folder, n = out, 0
    while folder is None:
        n += 1
        try:
            Path(f"gallery-{n}").mkdir()
        except FileExistsError:
            continue
        folder = Path(f"gallery-{n}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return folder
