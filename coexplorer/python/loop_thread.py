"""The thread that does the work of a program's files: one event loop, for as long as Python runs.

It is a daemon with trio, whose own threads are daemons, too: Python waits for all others before it
calls what has to be done in the end, so they would keep a program from ending.
"""

from __future__ import annotations

import atexit
import errno
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Final, ParamSpec, TypeVar

import trio

P = ParamSpec("P")
T = TypeVar("T")

_END_S: Final = 5.0
"""So long a program waits at its end for requests to be cut off and databases to be closed."""


class LoopThread:
    """An event loop in a thread. `get_loop_thread` returns the one of this process.

    Attributes:
        is_lost: This process was forked from the one that has the thread.
    """

    def __init__(self) -> None:
        self.is_lost = False
        self._is_over = False
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="coexplorer", daemon=True
        )
        self._thread.start()
        started.result()
        atexit.register(self.end)

    def _run(self, started: Future[None]) -> None:
        trio.run(self._serve, started)

    async def _serve(self, started: Future[None]) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            started.set_result(None)
            await trio.sleep_forever()

    def start(
        self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Let something be done; cancelling what is returned cuts it off.

        Not by `trio.from_thread`, which refuses to be called where another trio runs.

        Raises:
            OSError: This process was forked, or Python ends.
        """
        self.check()
        future: Future[T] = Future()

        def begin() -> None:
            if self._is_over:
                future.cancel()
            else:
                self._nursery.start_soon(self._do, future, lambda: work(*args, **kwargs))

        try:
            self._token.run_sync_soon(begin)
        except trio.RunFinishedError:
            raise _tell_over() from None
        return future

    async def _do(self, future: Future[T], work: Callable[[], Awaitable[T]]) -> None:
        scope = trio.CancelScope()

        def note_end(ended: Future[T]) -> None:
            if ended.cancelled():
                self.call_soon(scope.cancel)

        future.add_done_callback(note_end)
        try:
            with scope:
                result = await work()
        except Exception as error:  # noqa: BLE001 # whatever it is, who waits for it is told
            with suppress(InvalidStateError):
                future.set_exception(error)
        except BaseException:
            future.cancel()
            raise
        else:
            with suppress(InvalidStateError):
                if scope.cancelled_caught:
                    future.cancel()
                else:
                    future.set_result(result)

    def call(self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Let something be done and wait for it; Ctrl-C cuts it off.

        Raises:
            OSError: See `start`.
        """
        future = self.start(work, *args, **kwargs)
        try:
            return future.result()
        except CancelledError:
            if self._is_over:
                raise _tell_over() from None
            raise
        except BaseException:
            future.cancel()
            raise

    def call_soon(self, work: Callable[[], object]) -> None:
        """Have something done that takes no time, from any thread, also from a destructor."""
        if not self.is_lost:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(work)

    def check(self) -> None:
        """Say that files can't be used after a fork.

        Raises:
            OSError: This process was forked from the one that opened them.
        """
        if self.is_lost:
            raise OSError(
                errno.ENOTCONN,
                "this was opened before the process forked: open it again in the new process,"
                " or start processes with multiprocessing's 'spawn'",
            )

    def end(self) -> None:
        """Cut off all that is under way, and close everything."""
        if self.is_lost or self._is_over:
            return
        self._is_over = True
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._nursery.cancel_scope.cancel)
        self._thread.join(_END_S)


def _tell_over() -> OSError:
    return OSError(errno.ECANCELED, "Python is about to end, so no more is read")


_lost: list[LoopThread] = []
_current: LoopThread | None = None
_making = threading.Lock()


def get_loop_thread() -> LoopThread:
    """Return the thread of this process; the first call starts it."""
    global _current  # noqa: PLW0603 # one for a process is what it is about
    with _making:
        if _current is None:
            _current = LoopThread()
        return _current


def _forget() -> None:
    """Begin anew in a forked process: threads are not there any more, and a lock may be held."""
    global _current, _making  # noqa: PLW0603 # as above
    _making = threading.Lock()
    if _current is not None:
        _current.is_lost = True
        _lost.append(_current)  # kept: the other process closes what is in it
        _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
