"""`library.runs`: runs of capsules and pipelines, whose results become assets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

import anyio
import msgspec

from coexplorer.computations import (
    CapsuleSearch,
    Computation,
    NewRun,
    Workplace,
    WorkplaceKind,
)
from coexplorer.errors import AmbiguousAsset, ApiError, NotFound, PlatformTooOld
from coexplorer.library.context import Context
from coexplorer.library.create import poll_waits
from coexplorer.library.named_assets import is_whole_id
from coexplorer.library.permissions import find_user
from coexplorer.library.reading_each import read_each
from coexplorer.library.workplaces import BEGINNING
from coexplorer.models import AssetId, is_asset_id

MOST_FOLDERS: Final = 200
"""Folders of one run's results that are looked into to find their size."""

MOST_LOOKED_THROUGH: Final = 50
"""Capsules, and pipelines, whose runs are looked through for the beginning of an id."""

_CLOCK_SLACK_S: Final = 120.0
_LOOKS: Final = 3
_LOOK_AGAIN_S: Final = 1.0
"""What was just started may take a moment to be listed."""


class ResultsSize(msgspec.Struct, frozen=True):
    """How much a run has left behind.

    Attributes:
        size_bytes: The known sizes together.
        files: How many files.
        complete: False: there is more than was looked at, or a size is not known.
    """

    size_bytes: int = 0
    files: int = 0
    complete: bool = True


class RunProgress(msgspec.Struct, frozen=True):
    """How a run that is waited for stands.

    Attributes:
        run: As it was last read.
        waited_s: How long it has been waited for.
        next_poll_s: When it is read again.
    """

    run: Computation
    waited_s: float
    next_poll_s: float


class Runs:
    """Lists, starts and watches runs.

    Every method may raise any `ApiError`.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def newest(self, workplace: Workplace) -> tuple[Computation, ...]:
        """Return the runs of a capsule or pipeline, the newest first; without workstations."""
        runs = await (await self._context.client()).workplaces.computations(workplace)
        plain = [each for each in runs if not each.cloud_workstation]
        return tuple(sorted(plain, key=lambda run: run.created or 0, reverse=True))

    async def get(self, run_id: str) -> Computation:
        """Return a run as it stands.

        Raises:
            NotFound: There is none of this id, or this user can't see it.
        """
        try:
            return await (await self._context.client()).workplaces.computation(run_id)
        except NotFound as error:
            raise NotFound(
                f"there is no run {run_id[:80]!r}, or you can't see it",
                hint="coexplorer runs CAPSULE lists the runs of a capsule, with their ids",
                status=error.status,
            ) from None

    async def resolve(self, text: str) -> str:
        """Return the id of the run that somebody means.

        Args:
            text: Its id, or the beginning of that (6 characters or more): no search knows runs, so
                those of this user's capsules and pipelines are looked through, as far as these were
                used lately.

        Raises:
            NotFound: No run is called so.
            AmbiguousAsset: It fits several.
        """
        text = text.strip()
        if is_whole_id(text) or not is_asset_id(text) or not BEGINNING.fullmatch(text):
            return text
        client = await self._context.client()
        with contextlib.suppress(NotFound):
            return (await client.workplaces.computation(text)).id
        found = await self._find_beginning(text.lower())
        if len(found) > 1:
            pairs = [(run.id, run.name) for run in found.values()]
            raise AmbiguousAsset(text, pairs, "runs")
        if not found:
            raise NotFound(
                f"no run of a capsule that you used lately has an id that begins with {text!r}",
                hint="give its whole id; coexplorer runs CAPSULE lists the runs of a capsule",
            )
        return next(iter(found))

    async def _find_beginning(self, beginning: str) -> dict[str, Computation]:
        """Return the runs whose ids begin so, of the capsules that this user used last."""
        workplaces = (await self._context.client()).workplaces
        places: dict[AssetId, Workplace] = {}
        for kind in (WorkplaceKind.CAPSULE, WorkplaceKind.PIPELINE):
            request = CapsuleSearch(sort_field="last_accessed", descending=True)
            with contextlib.suppress(PlatformTooOld):
                page = await workplaces.search(kind, request, limit=MOST_LOOKED_THROUGH)
                places |= {AssetId(each.id): each.workplace for each in page.results}
        found = await read_each(
            list(places), lambda place: workplaces.computations(places[place]), None
        )
        runs = [run for each in found.values() if isinstance(each, tuple) for run in each]
        return {run.id: run for run in runs if run.id.lower().startswith(beginning)}

    async def measure(self, run_id: str) -> ResultsSize:
        """Return how large the results of a run are, as far as `MOST_FOLDERS` folders tell."""
        workplaces = (await self._context.client()).workplaces
        todo, size, files, complete, looks = [""], 0, 0, True, 0
        while todo and looks < MOST_FOLDERS:
            looks += 1
            folder = await workplaces.list_results(run_id, todo.pop())
            complete = complete and not (folder.has_more or folder.unsaid or folder.unnamed)
            for each in folder.entries:
                if each.is_folder:
                    todo.append(each.wire_path)
                    continue
                files += 1
                size += each.size_bytes or 0
                complete = complete and each.size_bytes is not None
        return ResultsSize(size, files, complete and not todo)

    async def measure_all(
        self, runs: Sequence[Computation], heard: Callable[[int], None] | None = None
    ) -> dict[str, ResultsSize | None]:
        """Return the sizes of several runs' results; None: there are none, or nobody can tell.

        Args:
            runs: The runs.
            heard: Told how many were measured, after each.
        """
        having = [AssetId(run.id) for run in runs if run.is_over and run.has_results is not False]
        found = await read_each(having, self.measure, heard)
        known = {each: size for each, size in found.items() if isinstance(size, ResultsSize)}
        return {run.id: known.get(AssetId(run.id)) for run in runs}

    async def start(self, new: NewRun, *, sending: Callable[[], None] | None = None) -> Computation:
        """Start a run, once: where the reply is lost, it is looked for among the newest.

        Args:
            new: What to run.
            sending: Called right before the request is sent: from then on it may have started.

        Raises:
            ApiError: With `outcome_unknown`: it may have started.
        """
        client = await self._context.client()
        before = {each.id for each in await client.workplaces.computations(new.workplace)}
        started = time.time() - _CLOCK_SLACK_S
        if sending is not None:
            sending()
        try:
            return await client.workplaces.run(new)
        except ApiError as error:
            if not error.outcome_unknown:
                raise
            lost = error
        found = await self._find_started(new, before, started)
        if found is not None:
            return found
        kind = new.workplace.kind.word
        lost.hint = f"look before you run it again: coexplorer runs {new.workplace.id}"
        lost.message = f"nobody knows whether the {kind} runs now: {lost.message}"
        raise lost

    async def _find_started(
        self, new: NewRun, before: set[str], started: float
    ) -> Computation | None:
        """Look for the one run that is new; None: there is none, or it may be anybody's."""
        client = await self._context.client()
        for nth in range(_LOOKS):
            await anyio.sleep(nth and _LOOK_AGAIN_S)
            try:
                runs = await client.workplaces.computations(new.workplace)
            except ApiError:
                continue
            fresh = [
                each
                for each in runs
                if each.id not in before
                and not each.cloud_workstation
                and (each.created is None or each.created >= started)
            ]
            if any(each.owner_email for each in fresh):
                user = await find_user(self._context)
                fresh = [each for each in fresh if each.owner_email.casefold() in (user, "")]
            if fresh:
                return fresh[0] if len(fresh) == 1 else None
        return None

    async def wait_over(
        self, run_id: str, *, progress: Callable[[RunProgress], None] | None = None
    ) -> Computation:
        """Poll a run (5 s, then slower) until it has ended; the caller sets a deadline."""
        begun = time.monotonic()
        for wait_s in poll_waits():
            run = await self.get(run_id)
            if run.is_over:
                return run
            if progress:
                progress(RunProgress(run, time.monotonic() - begun, wait_s))
            await anyio.sleep(wait_s)
        raise AssertionError("polling has no end of its own")
