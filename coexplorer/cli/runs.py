"""``runs`` and ``run``: what capsules and pipelines have computed, and computing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.completion import complete_assets, complete_capsules
from coexplorer.cli.deadline import Deadline, timeout_option
from coexplorer.cli.exits import leave
from coexplorer.cli.format import moment_text, size_text
from coexplorer.cli.narration import Progress, warn
from coexplorer.cli.output import Format, format_options, print_rows, print_table
from coexplorer.cli.row_values import run_values
from coexplorer.cli.schema import RUN
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import find_targets, read_targets
from coexplorer.cli.values import NUMBER
from coexplorer.computations import Attachment, Computation, NewRun, RunParameter, WorkplaceKind
from coexplorer.errors import Refused, TimeIsUp
from coexplorer.text import clean, took_text

if TYPE_CHECKING:
    from coexplorer.computations import Workplace
    from coexplorer.library import Library
    from coexplorer.library.runs import ResultsSize, RunProgress

_Sizes = Mapping[str, "ResultsSize | None"]


@click.command("runs")
@click.argument("capsule", shell_complete=complete_capsules)
@click.option("-n", "--limit", type=NUMBER, metavar="N", help="Show at most N.")
@click.option("--sizes", is_flag=True, help="Add up the sizes of their results, which takes time.")
@format_options(RUN, columns=True)
@pass_invocation
def runs_command(
    invocation: Invocation,
    *,
    capsule: str,
    limit: int | None,
    sizes: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """List the runs of a CAPSULE or pipeline, the newest first.

    CAPSULE is its whole name, its id, the start of that, or the number in its address. A run that
    has ended with results can be captured: create NAME --from-computation ID.
    """

    async def work(library: Library) -> tuple[Sequence[Computation], _Sizes]:
        place = await find_runnable(library, capsule)
        runs = (await library.runs.newest(place))[:limit]
        if not sizes:
            return runs, {}
        with Progress("adding up") as bar:
            return runs, await library.runs.measure_all(
                runs, lambda done: bar.update(done, len(runs))
            )

    runs, found = invocation.run(work)
    _print(runs, found, style, columns)


@click.command("run")
@click.argument("capsule", shell_complete=complete_capsules)
@click.option(
    "--attach",
    multiple=True,
    metavar="ASSET",
    shell_complete=complete_assets,
    help="Attach an asset for this run only; repeat it for more.",
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the app panel; repeat it for more.",
)
@click.option("--capsule-version", type=NUMBER, metavar="N", help="Run a released version.")
@click.option("--nextflow-profile", metavar="NAME", help="The profile of a pipeline.")
@click.option("--wait", "waits", is_flag=True, help="Wait until it has ended.")
@timeout_option
@format_options(RUN, columns=True)
@pass_invocation
def run_command(
    invocation: Invocation,
    *,
    capsule: str,
    attach: tuple[str, ...],
    parameters: tuple[str, ...],
    capsule_version: int | None,
    nextflow_profile: str | None,
    waits: bool,
    deadline: Deadline | None,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """Run a CAPSULE or pipeline once, and print the run.

    To capture what it makes:
    coexplorer create NAME --from-computation $(coexplorer run CAPSULE --wait -o ids)
    """
    named = tuple(_read_parameter(each) for each in parameters)
    targets = read_targets(attach, None) if attach else None
    started: list[Computation] = []
    sent: list[Workplace] = []

    async def work(library: Library) -> None:
        import anyio

        place = await find_runnable(library, capsule)
        inputs = () if targets is None else await find_targets(library, targets)
        new = NewRun(
            workplace=place,
            version=capsule_version,
            data_assets=tuple(Attachment(each) for each in inputs),
            named_parameters=named,
            nextflow_profile=nextflow_profile or "",
        )
        started.append(await library.runs.start(new, sending=lambda: sent.append(place)))
        if waits:
            # Out of time, it is not looked at again: what was cut off says what is known.
            with anyio.move_on_after(None if deadline is None else deadline.left_s):
                await _watch(library, started)

    if deadline is not None:
        deadline.doing = lambda: (
            f"run {started[-1].id} goes on" if started else "no word of the new run (see: runs)"
        )
    try:
        invocation.run(work, deadline=deadline)
    except TimeIsUp as error:
        if not started:
            raise
        _print(started[-1:], {}, style, columns)
        warn(error.message)
        leave(exits.TIMED_OUT)
    except KeyboardInterrupt:
        warn(f"stopped: {_describe_stopped(sent, started)}")
        raise
    run = started[-1]
    _print([run], {}, style, columns)
    if waits and deadline is not None and not run.is_over:
        warn(deadline.sentence)
        leave(exits.TIMED_OUT)
    if run.is_over and not run.succeeded:
        code = f" with exit code {run.exit_code}" if run.exit_code else ""
        warn(f"{run.name or run.id} ended as {run.end_status or run.state}{code}")
        leave(exits.ASSET_FAILED)


def _describe_stopped(sent: Sequence[Workplace], started: Sequence[Computation]) -> str:
    """Say what a signal leaves behind of a run (pure)."""
    if started:
        return f"run {started[-1].id} goes on"
    if sent:
        again = f"coexplorer runs {sent[0].id}"
        return f"the run may have started; look before you run it again: {again}"
    return "nothing was sent, so nothing runs"


async def find_runnable(library: Library, text: str) -> Workplace:
    """Return the capsule or pipeline that somebody means.

    Raises:
        Refused: It is a computation.
        NotFound: There is none.
        AmbiguousAsset: It fits several.
    """
    found = await library.workplaces.find(text, to_run=True)
    if found.workplace.kind is WorkplaceKind.COMPUTATION:
        raise Refused(
            f"{found.title} is a run itself", hint="name the capsule or the pipeline of it"
        )
    return found.workplace


async def _watch(library: Library, started: list[Computation]) -> None:
    """Wait until the last run has ended; put it in its place as it is read."""

    def show(progress: RunProgress) -> None:
        started[-1] = progress.run
        bar.update(0, 1, f"{progress.run.state}, {progress.waited_s:.0f} s")

    with Progress("running") as bar:
        started[-1] = await library.runs.wait_over(started[-1].id, progress=show)


def _read_parameter(text: str) -> RunParameter:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise click.UsageError(f"--parameter: expected NAME=VALUE, not {text!r}")
    return RunParameter(param_name=name.strip(), value=value)


def _print(
    runs: Sequence[Computation], sizes: _Sizes, style: Format, columns: tuple[str, ...]
) -> None:
    if style is not Format.TABLE or columns:
        rows = (run_values(run, sizes.get(run.id)) for run in runs)
        print_rows(RUN, rows, style, columns)
        return
    head = [Column("ID"), Column("STATE"), Column("CREATED"), Column("TIME", right=True)]
    head += [Column("RESULTS"), Column("NAME", flexible=True)]
    print_table(
        head,
        [
            (
                run.id,
                clean(run.standing),
                moment_text(run.created),
                took_text(run.run_time_s),
                _tell_results(run, sizes.get(run.id)),
                clean(run.name),
            )
            for run in runs
        ],
    )


def _tell_results(run: Computation, size: ResultsSize | None) -> str:
    if size is not None:
        return f"{'' if size.complete else 'over '}{size_text(size.size_bytes)}"
    if not run.is_over:
        return "not yet"
    return {True: "yes", False: "none", None: "unknown"}[run.has_results]
