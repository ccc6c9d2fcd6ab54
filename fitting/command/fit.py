"""`glifjax fit`: a neuron from a recording, or one from each of several."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glifjax.cli.console import err_console, escape, out_console, plain_errors, print_note, stage
from glifjax.errors import InputError

from ..levels.names import MOST_CURRENTS
from .study_file import obey

if TYPE_CHECKING:
    from ..pipeline.settings import FitSettings

#: Options that are settings of the fit, and what fitting.fit calls them.
SETTINGS = {
    "level": "level", "train": "train_sweeps", "test": "test_sweeps", "finetune": "optimizer",
    "uncertainty": "uncertainty", "electrode": "electrode", "drift": "drift",
    "currents": "currents", "seed": "seed", "cell": "cell", "stimulus": "stimulus",
}  # fmt: skip
#: Where an option comes from that is not a default of ours: the command line, --config.
SAID = ("COMMANDLINE", "DEFAULT_MAP")


def fit(
    context: typer.Context,
    cells: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CELL.nwb",
            show_default=False,
            help="Files with current-clamp sweeps (NWB, ABF, WinWCP, Spike2, HEKA, Igor), a cell each, or addresses of "
            "the DANDI archive (dandi://dandi/000020/sub-*/*.nwb); without one, a simulated example.",
        ),
    ] = None,
    level: Annotated[
        str,
        typer.Option(
            help="LIF, LIF-R, LIF-ASC, LIF-R-ASC, LIF-R-ASC-A (or glif1 ... glif5), augmented, or several with commas "
            "between; all is the six, and augmented-slow where augmented is preferred. Several are compared, and one "
            "preferred."
        ),
    ] = "all",
    train: Annotated[
        str | None,
        typer.Option(help='Sweeps to fit: numbers, ranges or protocol names ("1,4-6"). Guessed if left out.'),
    ] = None,
    test: Annotated[str | None, typer.Option(help="Sweeps to hold out and score. Guessed if left out.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results, of several cells one in it each. A new one each time if left out: "
            "fits/<cell>-<n>, or fits/cells-<n>."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a fit that --out already holds.")] = False,
    seed: Annotated[int, typer.Option(help="Of the simulations that the scores rest on.")] = 0,
    electrode: Annotated[
        str,
        typer.Option(
            help="Its part in the voltage: none, series (a resistance, fitted), aec (its kernel, convolved out); "
            "auto chooses on the training sweeps."
        ),
    ] = "auto",
    drift: Annotated[str, typer.Option(help="Of the baseline: keep, remove; auto chooses likewise.")] = "auto",
    currents: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_CURRENTS,
            help="Afterspike currents of the levels that have them. 2 if left out, augmented 4.",
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a file that holds several electrodes or cells, the one to fit."),
    ] = None,
    stimulus: Annotated[
        str | None,
        typer.Option(
            metavar="CURRENT.csv",
            help="The current, of a file that does not hold it (.csv, .atf): time in s, pA for all sweeps or one each.",
        ),
    ] = None,
    finetune: Annotated[
        bool,
        typer.Option(
            "--finetune", help="Tune the threshold by gradient to where the cell spiked; kept where it predicts better."
        ),
    ] = False,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Add standard errors and predictive bands of the preferred level.")
    ] = False,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="FIT.json",
            help="Settings as in an earlier fit, but for those given here. Without a CELL that fit is repeated.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew where the same fit was stopped, instead of going on there.")
    ] = False,
    figures: Annotated[
        str | None,
        typer.Option(metavar="svg|pdf", help="Write the report's figures as files too. Of one cell alone."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Cells fitted side by side. As many as half the cores and the memory allow if left out."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="STUDY.toml",
            is_eager=True,
            callback=obey,
            help='Options from a file, where they are not given here: cells = ["data/*.nwb"], level = "all" ...',
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Of several cells, fit every N-th from the K-th: a job of an array. auto/N takes K from the job's "
            "environment, and a Slurm array sets both. Then: glifjax collect.",
        ),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Of several cells, stop one that takes longer, s.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Fit several cells by a dask scheduler (tcp://host:8786), or by Slurm jobs that it starts (slurm).",
        ),
    ] = None,
) -> None:
    """Fit a neuron to a recording, and score it on sweeps it was not fitted to.

    Fits every level, prefers the simplest that predicts training spikes kept aside as well as the best does, and
    writes neuron_config.json (the preferred level's), fit.json, parameters.csv and report.html; and
    neuron_config_<level>.json each, of which AllenSDK reads all but the augmented ones. Of several cells it also writes
    cells.csv and cells.html. `fitting.load(folder)` opens a fit again in Python.

    A fit that is stopped goes on from there when the same command is given again.

    [bold]Example:[/bold]  glifjax fit cell.nwb --train "noise 1" --test "noise 2" --out my_cell

    [bold]Many:[/bold]  glifjax fit *.nwb --out my_cells --jobs 4

    [bold]On a cluster:[/bold]  glifjax fit *.nwb --out my_cells --shard 7/200
    """
    with plain_errors({argument: option for option, argument in SETTINGS.items()}):
        from ..many.cluster import check_cluster
        from ..results.record import read_fit
        from . import refusals, remote

        refusals.check_options(level, electrode, drift, seed, timeout, figures)
        if like is not None:
            read_fit(like)
        if cluster is not None:
            check_cluster(cluster)
        paths, downloads = remote.places(cells or ())
        part = refusals.check_cells(paths, shard, downloads)
        several = len(paths) > 1 or shard is not None or cluster is not None
        if several and not paths:
            raise InputError("--shard and --cluster are for recordings; name them")
        if timeout is not None and not several:
            raise InputError("--timeout stops one of several cells; leave it out, or name more than one")
        if figures is not None and several:
            raise InputError("figures are written for one cell at a time: leave `figures` out, or give one CELL")
        refusals.check_out(out, several, overwrite)
        remote.download(paths if part is None else part.of(list(dict.fromkeys(paths))), downloads)
        if paths and not several:
            with plain_errors({"electrode": "cell"}):
                refusals.check_sweeps(paths[0], train, test, cell, stimulus)

        from ..pipeline.settings import FitSettings

        asked = {name: context.params[option] for option, name in SETTINGS.items()}
        asked["optimizer"] = "default" if finetune else None
        if like is None:
            settings = FitSettings(**asked)
        else:
            given = [
                name
                for option, name in SETTINGS.items()
                if (source := context.get_parameter_source(option)) is not None and source.name in SAID
            ]
            settings, repeated = _like(like, {name: asked[name] for name in given}, not paths)
            paths = paths or [repeated]
        options = {"overwrite": overwrite, "fresh": fresh, "command": _as_typed(sys.argv[1:], paths)}
        if several:
            from .cells import fit_cells

            options |= {"jobs": jobs, "timeout": timeout}
            if fit_cells(paths, out, settings, cluster, part, options):
                raise typer.Exit(1)
        else:
            _fit(paths[0] if paths else None, out, settings, options | {"figures": figures})


def _as_typed(words: Sequence[str], cells: Sequence[Path]) -> str:
    """The command; of several cells with the first alone: thousands of names would stand in the fit.json of each."""
    others = set(cells[1:])
    typed = shlex.join(["glifjax", *(word for word in words if Path(word) not in others)])
    return f"{typed}  # and {len(others)} more" if others else typed


def _like(like: Path, given: dict[str, Any], repeat: bool) -> "tuple[FitSettings, Path]":
    """The settings of an earlier fit, and its recording if that is to be fitted again."""
    from ..results.provenance import circumstances, differences, find_recording, read_like

    earlier, record = read_like(like)
    settings = replace(earlier, **given)
    if repeat:
        for line in differences(record, circumstances(settings)):
            print_note(f"the last digits may differ: {line}")
    return settings, find_recording(like, record) if repeat else like


def _fit(cell: Path | None, out: Path | None, settings: "FitSettings", options: dict[str, Any]) -> None:
    import jax

    import glifjax as gj

    from ..checkpoint import Checkpoint
    from ..levels import LEVELS
    from ..pipeline.plan import Plan
    from ..results.files import fit_file
    from ..results.folder import check_folder
    from .progress import Lines, print_split
    from .tables import print_results

    jax.config.update("jax_enable_x64", True)
    check_folder(out, options["overwrite"])
    path = cell if cell is not None else _example(out, settings)
    levels, stages = [level.name for level in settings.levels], Checkpoint()
    written: list[Path] = []

    def start(recording: gj.Recording, checkpoint: Checkpoint) -> None:
        nonlocal stages
        stages = checkpoint
        what = "every level" if levels == list(LEVELS) else f"level {', '.join(levels)}"
        out_console.print(f"\n[bold]{escape(recording.name)}[/bold], {what}")
        lines.ahead.continues(stages.done)
        if stages.done:
            out_console.print(f"  continuing from {escape(stages.done[-1])} [dim](--fresh starts anew)[/dim]")

    try:
        with out_console.status("") as status:
            lines = Lines(Plan.of(settings), status.update)
            fitted, folder = fit_file(
                path, out, settings, **options,
                with_recording=cell is None, on_start=start, progress=lines, on_split=print_split,
                on_level=lines.scored, on_written=written.append,
            )  # fmt: skip
            lines.finish()
        if cell is None:
            Checkpoint(path.parent).remove()
        print_results(fitted)
        out_console.print(f"\n[bold]{escape(str(folder))}/[/bold]", soft_wrap=True)
        for file in sorted(folder.iterdir()):
            out_console.print(f"  {escape(file.name)}", soft_wrap=True)
        out_console.print(f"Open {escape(str(folder / 'report.html'))} in a browser.", soft_wrap=True)
    except KeyboardInterrupt:
        if written:
            words = f"the fit is written, in {written[0]}"
        elif stages.done:
            words = f"nothing was written, the same command continues from {stages.done[-1]}"
        else:
            raise
        err_console.print(f"stopped; {escape(words)}", soft_wrap=True)
        sys.exit(130)


def _example(out: Path | None, settings: "FitSettings") -> Path:
    """The example cell's recording; that of a fit which was stopped, if there is one."""
    from ..example.cell import write_example
    from ..results.folder import unfinished
    from ..results.provenance import circumstances

    out_console.print("No recording given: fitting the built-in example, a [bold]simulated[/bold] cell.")
    path = unfinished(out) / f"example-{circumstances(settings)['source'][:12]}" / "example.nwb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with stage("simulating and recording the example cell"):
            write_example(path)
    return path
