"""An app that is a job of a shell: signals end, stop and resume it, and its work ends with it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from textual import events
from textual.app import App

from coexplorer.tui import opening
from coexplorer.tui.terminal import jobs
from coexplorer.tui.terminal.driver import QuietDriver
from coexplorer.tui.terminal.reading import PastesBracketed

_Result = TypeVar("_Result")
_LONGEST_END_S = 0.1
"""So long the app stays for work that was cancelled and has something to finish."""


class JobApp(App[_Result], Generic[_Result]):
    """Handles signals between two messages.

    Attributes:
        ended_by: The signal that ended the app, if one did.
        brackets_pastes: Whether the terminal puts brackets around what is pasted; None while that
            is not known.
        alt_keys: Keys with Alt that do something; any other one counts as Esc and the key.
        keys_typed: How many keys and pastes have come.
        typed_at: When the last one came, by the monotonic clock.
    """

    alt_keys: Collection[str] = ()

    def __init__(self) -> None:
        super().__init__(driver_class=QuietDriver)
        self._woken = False
        self._resumed_at = 0.0
        self._leaving = False
        self._work: set[asyncio.Task[Any]] = set()
        self.ended_by: int | None = None
        self.brackets_pastes: bool | None = None
        self.keys_typed = 0
        self.typed_at = float("-inf")

    def on_pastes_bracketed(self, event: PastesBracketed) -> None:
        """Note it: what the terminal says of the mode counts more than its name."""
        event.stop()
        if event.said or self.brackets_pastes is None:
            self.brackets_pastes = event.bracketed

    async def run_async(self, **how: Any) -> _Result | None:
        """Run as a job of a shell: signals end, stop and resume the app between two messages."""
        with self._signals():
            return await super().run_async(**how)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in jobs.ENDING:
            loop.add_signal_handler(number, self.end_by, number)
        loop.add_signal_handler(signal.SIGTSTP, self.stop_job)
        loop.add_signal_handler(signal.SIGCONT, self._go_on)
        try:
            yield
        finally:
            # Whoever runs the app goes on with those that end it.
            loop.remove_signal_handler(signal.SIGTSTP)
            loop.remove_signal_handler(signal.SIGCONT)

    def end_by(self, number: int) -> None:
        """Leave because of a signal."""
        self.ended_by = number
        self.exit()

    @property
    def has_ended(self) -> bool:
        """Whether the app is leaving or has left: work that goes on has nobody to tell."""
        return self._leaving or not self.is_running

    @contextmanager
    def working(self) -> Iterator[None]:
        """Wrap what a worker does in this, so that the end waits for it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("work is done in a task")
        self._work.add(task)
        try:
            yield
        finally:
            self._work.discard(task)

    async def on_exit_app(self) -> None:
        """End all work while everything that it touches is still there.

        What can't end at once, as when a journal that another process holds is waited for, goes
        on without the app.
        """
        self._leaving = True
        self.workers.cancel_all()
        if self._work:
            await asyncio.wait(self._work, timeout=_LONGEST_END_S)

    def stop_job(self, *, group: bool = False) -> None:
        """Give the terminal back to the shell, and stop until the shell wakes this job.

        Args:
            group: Stop all processes of the job, as the terminal's own Ctrl-Z does.
        """
        driver = self._driver
        if not isinstance(driver, QuietDriver) or not driver.is_active:
            # A first frame may stand; or an editor has the terminal, and gave it back itself.
            if self.is_headless:
                self.tell_no_shell()
            elif not opening.stop(group=group):
                self._note_stop(jobs.stop(0, group=group))
            return
        driver.suspend_application_mode()
        stopped = jobs.stop(driver.fileno, group=group)
        self._note_stop(stopped)
        if stopped.ended_by is None:
            driver.resume_application_mode()
            self.repaint()
            if not stopped.went_on:
                self.tell_no_shell()

    def tell_no_shell(self) -> None:
        """Say that there is no shell that could wake the app."""

    def _note_stop(self, stopped: jobs.Stopped) -> None:
        if stopped.went_on:
            self._resumed_at = time.monotonic()
        # The loop hears of the same signal, too.
        self._woken = stopped.went_on
        if stopped.ended_by is not None:
            self.end_by(stopped.ended_by)

    def _go_on(self) -> None:
        """Take the terminal again after a stop that can't be caught."""
        driver = self._driver
        if self._woken:
            self._woken = False
        elif isinstance(driver, QuietDriver) and driver.is_active:
            stopped = jobs.await_foreground(driver.fileno)
            self._note_stop(stopped)
            if stopped.ended_by is None:
                driver.take_again()
                self.repaint()
        else:
            opening.go_on()

    async def on_event(self, event: events.Event) -> None:
        """Take what is typed, except what follows the key that stops: that was meant for the shell.

        Whoever types ahead has typed it before the shell had the terminal.
        """
        typed = isinstance(event, (events.InputEvent, events.Paste)) and not event.is_forwarded
        if typed and event.time < self._resumed_at:
            return
        if typed and isinstance(event, events.Paste):
            self.brackets_pastes = True
        if typed and isinstance(event, events.Key | events.Paste):
            self.keys_typed += 1
            self.typed_at = event.time
            await self.take_key(event)
        else:
            await super().on_event(event)

    async def take_key(self, event: events.Key | events.Paste) -> None:
        """Handle a key or a paste; this base hands it to what has the focus."""
        await super().on_event(event)

    def repaint(self) -> None:
        """Send the whole screen again, whatever the terminal shows."""
        self.screen.refresh(layout=True, repaint=True)
