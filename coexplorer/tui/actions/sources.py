"""What a new asset is made from, asked before its form is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.computations import WorkplaceKind
from coexplorer.config.environment import SESSION
from coexplorer.errors import AmbiguousAsset, NotFound, Refused
from coexplorer.library.capture import check_part, check_run
from coexplorer.text import plural, size_text, took_text
from coexplorer.tui.columns import show_time
from coexplorer.tui.external import local_time
from coexplorer.tui.new_from import NewFrom
from coexplorer.tui.screens.key_queue import OPEN
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.computations import Capsule, Computation
    from coexplorer.library.runs import ResultsSize
    from coexplorer.library.workplaces import FoundWorkplace
    from coexplorer.tui.workbench import Workbench

_MEASURED = 8
"""Runs whose results are added up before they are offered: as many as are visible at once."""

_FEWEST_PARTS = 2
_NO_WORKSTATION = "this is no cloud workstation"


def offer_kinds(here: str, marked: int) -> list[Choice]:
    """Return what a new asset can be made from, with the reason where it can't be (pure).

    Args:
        here: The id of this workstation; empty: this is none.
        marked: How many assets are marked.
    """
    few = f"{plural(marked, 'asset')} marked: combining takes two or more"
    return [
        Choice("s3", "files in S3", key="s"),
        Choice("run", "results of a run", help="of a capsule or pipeline", key="r"),
        Choice(
            "workstation",
            "a folder of this workstation",
            help="" if here else _NO_WORKSTATION,
            key="w",
            reason="" if here else f"{_NO_WORKSTATION}: {SESSION} is not set",
        ),
        Choice(
            "combine",
            "the marked assets",
            help="mark two or more first"
            if marked < _FEWEST_PARTS
            else f"{marked:,} external ones, combined",
            key="c",
            reason=few if marked < _FEWEST_PARTS else "",
        ),
        Choice("gcp", "files of a Google bucket", key="g"),
    ]


async def choose_source(screen: Workbench) -> NewFrom | None:
    """Ask what a new asset is made from; None: nothing, or it can't be.

    Raises:
        CoexplorerError: There is no such thing, or it can't become an asset.
    """
    offered = offer_kinds(screen.library.workplaces.here, len(screen.state.marked))
    kind = await screen.prompt.choose("new asset from", offered)
    if kind is not None:
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
    for record in await screen.library.assets.records(ids):
        check_part(record.asset)  # a form that can't be sent is not filled in
    return NewFrom("combine", title=plural(len(ids), "asset"), ids=ids)


async def _choose_run(screen: Workbench) -> NewFrom | None:
    """Ask for a run until there is one that can be captured; None: the questions were left."""
    own = await screen.library.workplaces.suggest("")
    while True:
        answer = await screen.prompt.ask(
            "results of which capsule or pipeline?",
            complete=partial(offer_capsules, own),
            first=True,
        )
        if not answer:
            return None
        screen.hold_keys(OPEN)
        try:
            found = await screen.library.workplaces.find(answer)
            if found.workplace.kind is not WorkplaceKind.COMPUTATION:
                return await _choose_among(screen, found)
            return _of_run(await screen.library.runs.get(found.workplace.id), found.title)
        except (NotFound, AmbiguousAsset, Refused) as error:
            screen.report(error)  # another answer may do: it is asked once more


async def _choose_among(screen: Workbench, found: FoundWorkplace) -> NewFrom | None:
    """Ask which of the runs of a capsule or pipeline is meant; None: the question was left.

    Raises:
        Refused: There are none.
    """
    runs = await screen.library.runs.newest(found.workplace)
    if not runs:
        raise Refused(f"{found.title} has no runs yet", hint="run it, then capture its results")
    measured = [run for run in runs if not tell_obstacle(run)][:_MEASURED]
    choices = offer_runs(runs, await screen.library.runs.measure_all(measured))
    known = {run.id: run for run in runs}
    while True:
        answer = await screen.prompt.ask(
            "which run?", complete=partial(_filter, choices), first=True
        )
        if not answer:
            return None
        screen.hold_keys(OPEN)
        try:
            run = known.get(answer) or await screen.library.runs.get(answer)
            return _of_run(run, found.title)
        except (NotFound, Refused) as error:
            screen.report(error)


def _of_run(run: Computation, title: str) -> NewFrom:
    """Return the results of a run as what an asset is made from.

    Raises:
        Refused: It has none.
    """
    check_run(run, failed_too=True)  # the form asks whether that is meant
    return NewFrom("run", run.id, f"run {run.name or run.id[:8]} of {title}")


def tell_obstacle(run: Computation) -> str:
    """Return why a run can't be captured; empty: it can be (pure)."""
    try:
        check_run(run, failed_too=True)
    except Refused as error:
        return f"{error.message}: {error.hint}" if error.hint else error.message
    return ""


def offer_runs(
    runs: Sequence[Computation], sizes: Mapping[str, ResultsSize | None]
) -> list[Choice]:
    """Return the runs of a capsule, behind the others those that can't be captured (pure)."""
    choices = [
        Choice(
            run.id,
            run.name or run.id,
            help=tell_run(run, sizes.get(run.id)),
            reason=tell_obstacle(run),
        )
        for run in runs
    ]
    return sorted(choices, key=lambda each: bool(each.reason))


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
    """Return how a run stands, when it was, how long it took and what it has left.

    Times are those of this machine's time zone.
    """
    parts = [run.standing, show_time(run.created, local_time().tzinfo), took_text(run.run_time_s)]
    if size is not None:
        parts.append(f"{'' if size.complete else 'over '}{size_text(size.size_bytes)}")
    elif not run.is_over:
        parts.insert(1, "no results yet")
    elif run.has_results is False:
        parts.insert(1, "no results")
    return ", ".join(filter(None, parts))
