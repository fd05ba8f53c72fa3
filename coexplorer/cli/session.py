"""One run of the program: its global options, and the library opened for a command."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coexplorer.cli.ending import Ended
from coexplorer.cli.format import clock_text
from coexplorer.cli.narration import Progress, draws, show_wait, talks, warn, warn_once
from coexplorer.errors import (
    BadReply,
    CatalogError,
    CoexplorerError,
    Forbidden,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Rejected,
    Unreachable,
)
from coexplorer.models import Reach

if TYPE_CHECKING:
    import anyio
    from anyio.abc import TaskStatus

    from coexplorer.cli.deadline import Deadline
    from coexplorer.config import Settings
    from coexplorer.library import Library
    from coexplorer.library.known import Known
    from coexplorer.query import Query

Answer = TypeVar("Answer")

PASSING = (Unreachable, PlatformFault, RateLimited, BadReply, NotSignedIn)
"""Failures after which the same may go through later."""
KEPT = (*PASSING, Rejected, Forbidden)
"""Failures that are no reason to lose a change: it is kept if it can't be sent."""

ENDING = ("SIGTERM", "SIGHUP")
"""Signals that end a command as Ctrl-C does."""

_LOOK_EVERY_S = 0.5

FRESH_S = 60.0
"""A catalog younger than this is not refreshed before it answers."""


class Invocation:
    """The global options of this run.

    Attributes:
        partial: Whether the answer was made from a part of the assets: then the run does not end
            with 0.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        domain: str | None = None,
        token_file: Path | None = None,
        debug: bool = False,
    ) -> None:
        self.profile = profile
        self.domain = domain
        self.token_file = token_file
        self.debug = debug
        self.partial = False
        self._settings: Settings | None = None
        self._reach = Reach()

    def load_settings(self) -> Settings:
        """Read the settings once, and say what is wrong in them.

        Raises:
            ConfigError: See `coexplorer.config.load_settings`.
        """
        if self._settings is None:
            from coexplorer.config import ReadOnce, load_settings

            settings = load_settings(
                profile=self.profile, domain=self.domain, token_file=self.token_file
            )
            for warning in settings.warnings:
                warn(warning)
            source = ReadOnce(settings.token_source)
            self._settings = msgspec.structs.replace(settings, token_source=source)
        return self._settings

    def run(
        self,
        work: Callable[[Library], Awaitable[Answer]],
        *,
        offline: bool = False,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Open the library of the chosen profile and do `work` in it.

        Args:
            work: What to do.
            offline: Never use the network.
            deadline: When all of it has to have ended; None: it takes as long as it takes.

        Raises:
            TimeIsUp: That was not in time.
            CoexplorerError: Whatever the work raises.
        """
        import anyio

        from coexplorer.library import open_library

        settings = self.load_settings()

        async def do() -> Answer:
            async with open_library(
                settings, origin="cli", offline=offline, reach=self._reach
            ) as library:
                library.platform.tell_with(warn)
                answer = await telling_waits(library, lambda: work(library))
                status = await library.status()
                if status.problem:
                    warn_once(status.problem)
                return answer

        async def do_in_time() -> Answer:
            with anyio.move_on_after(None if deadline is None else deadline.tidy_s):
                return await do()
            if deadline is None:
                raise AssertionError("nobody cancels this scope")
            raise deadline.build_error()

        return run_async(do_in_time)

    def read(self, work: Callable[[Known], Coroutine[Any, Any, Answer]]) -> Answer:
        """Do work that asks the catalog of the chosen profile alone, without a session.

        Raises:
            CoexplorerError: Whatever the work raises.
        """
        import gc

        from coexplorer.library.known import answer_now, open_known

        gc.disable()  # rows of a list make no cycles, and the process ends with them
        with open_known(self.load_settings()) as known:
            answer = answer_now(work(known))
            if problem := answer_now(known.status()).problem:
                warn_once(problem)
            return answer


def run_async(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work in an event loop of its own; signals end it, and the first error leaves it.

    Raises:
        CoexplorerError: Whatever the work raises.
    """
    import anyio

    answers: list[Answer] = []

    async def do() -> None:
        _leave_lookups()
        # Not as the result: asyncio makes a text of that, which can take twice its memory.
        answers.append(await work())

    with ungrouped():
        anyio.run(until_signalled, do)
    return answers[0]


def _leave_lookups() -> None:
    """Have the end of this event loop not wait for a name that is still being looked up.

    That can take much longer than anybody waits, and nothing can cancel it.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    class Unwaited(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002
            super().shutdown(wait=False, cancel_futures=cancel_futures)

    asyncio.get_running_loop().set_default_executor(Unwaited(thread_name_prefix="lookup"))


async def telling_waits(library: Library, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work, and say when it waits for the platform, if somebody is there to read it."""
    if not draws():
        return await work()
    import anyio

    async def watch() -> None:
        shown = False
        while True:
            await anyio.sleep(_LOOK_EVERY_S)
            wait = library.platform.waiting()
            sentence = "" if wait is None else wait.sentence
            if sentence or shown:
                show_wait(sentence)
            shown = bool(sentence)

    library.platform.hear_answers(lambda: show_wait(""))
    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            return await work()
        finally:
            group.cancel_scope.cancel()
            show_wait("")
    raise AssertionError("nobody else cancels this scope")


pass_invocation = click.make_pass_decorator(Invocation)


async def until_signalled(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work; SIGTERM and SIGHUP end it as Ctrl-C does, a second one at once.

    Raises:
        Ended: A signal ended it.
    """
    import signal

    import anyio

    # What is ignored stays so (nohup); what somebody else takes is theirs.
    ending = [signal.Signals[name] for name in ENDING]
    numbers = [each for each in ending if signal.getsignal(each) is signal.SIG_DFL]
    if not numbers or threading.current_thread() is not threading.main_thread():
        return await work()
    ended_by = 0

    async def watch(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
        nonlocal ended_by
        with anyio.open_signal_receiver(*numbers) as signals:
            task_status.started()
            async for number in signals:
                ended_by = number
                scope.cancel()
                return

    async with anyio.create_task_group() as group:
        await group.start(watch, group.cancel_scope)
        answer = await work()
        group.cancel_scope.cancel()
        return answer
    if ended_by:
        raise Ended(ended_by)
    raise AssertionError("nobody else cancels this scope")


@contextlib.contextmanager
def ungrouped() -> Iterator[None]:
    """Let the first error out of the groups that structured concurrency wraps it in."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def ensure_fresh(library: Library, *, refresh: bool = False) -> None:
    """Bring the catalog up to date if it is old, with progress; say so when that can't be done.

    Args:
        library: The library.
        refresh: Read all assets anew however young the catalog is, and fail if that fails.

    Raises:
        ApiError: Only the platform can help: nothing is known yet, or it does not know this user.
        CatalogError: Nothing is known yet, and nothing can be kept.
    """
    if refresh:
        await with_sync_progress(library, library.sync.catch_up)
        await _tell_part(library)
        return

    async def work() -> None:
        await library.sync.ensure_fresh(max_age_s=FRESH_S)

    await _freshen(library, work)


async def look_for_new(library: Library, names: Sequence[str], *, kept: bool) -> None:
    """Let the catalog know of assets that are new, or have one of these names by now.

    One may have a name that was another's alone. That is a few requests, where a sweep would make a
    change of one asset wait for half a minute.

    Args:
        library: The library.
        names: What is asked for by name; a few.
        kept: See `ensure_found`.
    """
    if (await library.status()).synced_at is None:
        return

    async def work() -> None:
        await library.sync.refresh()
        await library.assets.look_for_names(names)

    await _freshen(library, work, kept=kept)


async def ensure_found(library: Library, query: Query, *, refresh: bool, kept: bool) -> str:
    """Bring the catalog up to date for a query whose assets will be changed.

    Args:
        library: The library.
        query: What is looked for.
        refresh: Read all assets anew, and fail if that fails.
        kept: What is done with them is kept if it can't be sent: a token that has expired, say, is
            no reason to stop here.

    Returns:
        When all assets were read last, as a clock time; empty when that was just now.

    Raises:
        ApiError: The platform could not be asked, and nothing is known here that the query finds.
    """
    if refresh:
        await with_sync_progress(library, library.sync.catch_up)
        await _tell_part(library)
        return ""
    swept_at: float | None = None

    async def work() -> None:
        nonlocal swept_at
        swept_at = await library.sync.ensure_found(query)

    failure = await _freshen(library, work, kept=kept)
    if failure is not None and not await library.assets.count(query):
        failure.message = f"nobody knows what the query finds: {failure.message}"
        raise failure
    now = time.time()
    return "" if swept_at is None or now - swept_at < FRESH_S else clock_text(swept_at, now)


async def _freshen(
    library: Library, work: Callable[[], Awaitable[None]], *, kept: bool = False
) -> CoexplorerError | None:
    """Bring the catalog up to date; return why that failed, if it may do as it is."""
    failure: CoexplorerError | None = None
    try:
        await with_sync_progress(library, work)
    except (*KEPT, CatalogError) as error:
        if not kept and isinstance(error, Rejected | Forbidden):
            raise
        status = await library.status()
        hopeless = isinstance(error, NotSignedIn | BadReply) and not kept
        if hopeless or status.synced_at is None:
            raise
        failure = error
        if isinstance(error, CatalogError) and status.catalog_problem:
            # It is told once, at the end; a script must know that this may be old.
            click.get_current_context().ensure_object(Invocation).partial = True
            return failure
        known_at = clock_text(status.synced_at, time.time())
        warn(f"{error.message}; showing what was known at {known_at}")
    await _tell_part(library)
    return failure


async def _tell_part(library: Library | Known) -> None:
    """Say when an answer is made from a part of the assets only."""
    status = await library.status()
    if not status.complete:
        warn(f"this is about a part of the assets: {status.count_text} are known")
    for sentence in status.gaps:
        warn_once(sentence)
    if status.gaps or not status.complete:
        click.get_current_context().ensure_object(Invocation).partial = True


async def with_sync_progress(library: Library, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work that may sweep the platform, and show how far it is."""
    if not talks():
        return await work()
    import anyio

    from coexplorer.library.events import SyncProgressed

    async def show() -> None:
        async for event in events:
            if isinstance(event, SyncProgressed):
                # More than were known beforehand: nobody can tell yet how many there will be.
                known = event.known if event.known and event.known >= event.rows else None
                bar.update(event.rows, known, event.stage)

    with Progress("reading the platform's assets") as bar, library.subscribe() as events:
        async with anyio.create_task_group() as group:
            group.start_soon(show)
            answer = await work()
            group.cancel_scope.cancel()
        return answer


async def load_offline(library: Library | Known) -> None:
    """Check that there is something to show without the network.

    Raises:
        CatalogError: When nothing was ever read.
    """
    status = await library.status()
    if status.total == 0 and status.synced_at is None:
        if status.catalog_problem and not status.is_kept:
            raise CatalogError(
                status.catalog_problem, hint="without --offline the platform is read"
            )
        raise CatalogError(
            "nothing is known of this platform yet", hint="run it once without --offline"
        )
    await _tell_part(library)
