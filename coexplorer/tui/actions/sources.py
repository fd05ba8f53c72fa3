"""What a new asset is made from, asked before its form is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.computations import WorkplaceKind
from coexplorer.errors import Refused
from coexplorer.library.capture import check_run
from coexplorer.text import plural, size_text
from coexplorer.tui.new_from import NewFrom
from coexplorer.tui.screens.base import OPEN
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.computations import Capsule, Computation, Workplace
    from coexplorer.library.runs import ResultsSize
    from coexplorer.tui.workbench import Workbench

_MEASURED = 8
"""Runs whose results are added up before they are offered: as many as are visible at once."""

_KINDS = (
    Choice("s3", "files in S3", key="s"),
    Choice("run", "results of a run", help="of a capsule or pipeline", key="r"),
    Choice("workstation", "a folder of this workstation", key="w"),
    Choice("combine", "the marked assets", help="external ones, combined", key="c"),
    Choice("gcp", "files of a Google bucket", key="g"),
)


async def choose_source(screen: Workbench) -> NewFrom | None:
    """Ask what a new asset is made from; None: nothing, or it can't be.

    Raises:
        CoexplorerError: There is no such thing, or it can't become an asset.
    """
    kind = await screen.prompt.choose("new asset from", _KINDS)
    screen.hold_keys(OPEN)
    match kind:
        case "s3":
            return NewFrom()
        case "gcp":
            return NewFrom("gcp", title="a Google bucket")
        case "run":
            return await _choose_run(screen)
        case "workstation":
            here = await screen.library.workplaces.find_here()
            return NewFrom("workstation", here.workplace.id, here.title)
        case "combine":
            return await _combine(screen)
    return None


async def _combine(screen: Workbench) -> NewFrom:
    ids = tuple(screen.state.marked)
    if len(ids) < 2:  # noqa: PLR2004 - one alone needs no combining
        raise Refused(
            f"{plural(len(ids), 'asset')} marked: combining takes two or more",
            hint="mark them, then make the new one",
        )
    return NewFrom("combine", title=plural(len(ids), "asset"), ids=ids)


async def _choose_run(screen: Workbench) -> NewFrom | None:
    own = await screen.library.workplaces.suggest("")
    answer = await screen.prompt.ask(
        "results of which capsule or pipeline?",
        complete=partial(offer_capsules, own),
        first=True,
    )
    if not answer:
        return None
    screen.hold_keys(OPEN)
    found = await screen.library.workplaces.find(answer)
    if found.workplace.kind is WorkplaceKind.COMPUTATION:
        run = await screen.library.runs.get(found.workplace.id)
    else:
        chosen = await _choose_among(screen, found.workplace, found.title)
        if chosen is None:
            return None
        run = chosen
    check_run(run, failed_too=True)  # the form asks whether that is meant
    return NewFrom("run", run.id, f"run {run.name or run.id[:8]} of {found.title}")


async def _choose_among(screen: Workbench, place: Workplace, title: str) -> Computation | None:
    """Ask which of the runs of a capsule or pipeline is meant.

    Raises:
        Refused: There are none.
    """
    runs = await screen.library.runs.newest(place)
    if not runs:
        raise Refused(f"{title} has no runs yet", hint="run it, then capture its results")
    sizes = await screen.library.runs.measure_all(runs[:_MEASURED])
    choices = [
        Choice(run.id, run.name or run.id, help=tell_run(run, sizes.get(run.id))) for run in runs
    ]
    answer = await screen.prompt.ask("which run?", complete=partial(_filter, choices), first=True)
    if not answer:
        return None
    screen.hold_keys(OPEN)
    known = {run.id: run for run in runs}
    return known.get(answer) or await screen.library.runs.get(answer)


def offer_capsules(capsules: Sequence[Capsule], typed: str) -> list[Choice]:
    """Return the capsules and pipelines that a part of a name fits (pure)."""
    choices = [Choice(each.id, each.name or each.id, help=each.kind.word) for each in capsules]
    return _filter(choices, typed)


def _filter(choices: Sequence[Choice], typed: str) -> list[Choice]:
    part = typed.strip().casefold()
    return [
        each
        for each in choices
        if part in f"{each.text} {each.help}".casefold() or each.value.casefold().startswith(part)
    ]


def tell_run(run: Computation, size: ResultsSize | None) -> str:
    """Return how a run stands, when it was, how long it took and what it has left (pure)."""
    state = (run.end_status or run.state) if run.is_over else run.state
    parts = [state or "unknown"]
    if run.created is not None:
        parts.append(f"{datetime.fromtimestamp(run.created, UTC):%Y-%m-%d %H:%M}")
    if run.run_time_s is not None:
        parts.append(f"{run.run_time_s:,.0f} s")
    if size is not None:
        parts.append(f"{'' if size.complete else 'over '}{size_text(size.size_bytes)}")
    elif run.is_over and run.has_results is False:
        parts.append("no results")
    return ", ".join(parts)
