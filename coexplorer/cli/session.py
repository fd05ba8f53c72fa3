"""One run of the program: its global options, and the library opened for a command."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coexplorer.cli.ending import Ended
from coexplorer.cli.narration import draws, show_wait, warn, warn_once
from coexplorer.cli.quiet import is_quiet
from coexplorer.cli.values import is_zone
from coexplorer.errors import NotSignedIn
from coexplorer.models import SLOW_S, Reach

if TYPE_CHECKING:
    import anyio
    from anyio.abc import TaskStatus

    from coexplorer.cli.deadline import Deadline
    from coexplorer.config import Settings
    from coexplorer.library import Library
    from coexplorer.library.known import Known

Answer = TypeVar("Answer")


ENDING = ("SIGTERM", "SIGHUP")
"""Signals that end a command as Ctrl-C does."""

_LOOK_EVERY_S = 0.5
TELL_AFTER_S = 10.0
TELL_EVERY_S = 30.0
"""Where no line can be redrawn, and so that a log does not fill with them."""


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
            from coexplorer.config.tokens import tell_waits_with

            tell_waits_with(warn_once)

            settings = load_settings(
                profile=self.profile, domain=self.domain, token_file=self.token_file
            )
            for warning in settings.warnings:
                warn(warning)
            if not is_zone(zone := os.environ.get("TZ", "")):
                warn_once(f"the time zone {zone!r} (TZ) is not known here, so times are in UTC")
            source = ReadOnce(settings.token_source)
            self._settings = msgspec.structs.replace(settings, token_source=source)
        return self._settings

    def find_settings(self) -> Settings:
        """Return the settings of whose token it is: a program or a keyring is asked, once.

        Raises:
            ConfigError: See `coexplorer.config.load_settings`.
        """
        settings = self.load_settings()
        if settings.is_guessed:
            from coexplorer.library.people import place_person

            self._note(place_person(settings))
        return self.load_settings()

    def _note(self, found: Settings) -> None:
        """Keep what was found out of the settings, and say what is new."""
        before = () if self._settings is None else self._settings.warnings
        for warning in found.warnings:
            if warning not in before:
                warn(warning)
        self._settings = found

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
        from coexplorer.library.opening import telling_updates

        settings = self.load_settings()

        async def do() -> Answer:
            async with open_library(
                settings, origin="cli", offline=offline, reach=self._reach
            ) as library:
                self._note(library.settings)
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

        try:
            with telling_updates(warn):
                return run_async(do_in_time)
        except NotSignedIn as error:
            error.hint = settings.advise_on_token() or error.hint
            raise

    def read(self, work: Callable[[Known], Coroutine[Any, Any, Answer]]) -> Answer:
        """Do work that asks the catalog of the chosen profile alone, without a session.

        Raises:
            CoexplorerError: Whatever the work raises.
        """
        import gc

        from coexplorer.library.known import answer_now, open_known
        from coexplorer.library.opening import telling_updates

        gc.disable()  # rows of a list make no cycles, and the process ends with them
        settings = self.find_settings()
        with telling_updates(warn), open_known(settings) as known:
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
    """Do work, and say when it waits for the platform: below, or in a line now and then."""
    import anyio

    if not draws():
        return await _logging_waits(library, work)

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


async def _logging_waits(library: Library, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work, and say in a log, or on a pipe, what has been waited for since a while."""
    import anyio

    async def watch() -> None:
        since, every_s = anyio.current_time(), TELL_AFTER_S
        told_until = 0.0
        while True:
            await anyio.sleep(_LOOK_EVERY_S)
            wait, now = library.platform.waiting(), anyio.current_time()
            if wait is None:
                since, every_s = now, TELL_AFTER_S
                continue
            until = now + wait.seconds if wait.reason else told_until
            is_new_pause = wait.seconds >= SLOW_S and until > told_until + _LOOK_EVERY_S
            if wait.sentence and (is_new_pause or now - since >= every_s):
                if not is_quiet():
                    warn(wait.sentence)
                since, every_s = now, TELL_EVERY_S
                told_until = max(told_until, until)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            return await work()
        finally:
            group.cancel_scope.cancel()
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
