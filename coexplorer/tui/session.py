"""Opens the library around the app, in one task, and keeps the catalog fresh while it runs."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Collection
from contextlib import suppress

import anyio

import coexplorer
from coexplorer.config import Settings
from coexplorer.config.file import DEMO
from coexplorer.errors import CoexplorerError
from coexplorer.library import Library, open_library
from coexplorer.text import clean
from coexplorer.tui import opening
from coexplorer.tui.app import CoexplorerApp
from coexplorer.tui.terminal import jobs

_NEVER_USED = ("trio", "httpx._main")
"""What the HTTP client imports if it can, and goes without if it can't: another event loop than
the app's, and a command line of its own. They are a tenth of the app's memory."""


_GIL_S = 0.0005
"""A search in a thread gives way to the screen after this many seconds; Python's own 5 ms would be
added to a key several times."""


_LOOK_EVERY_S = 5.0
"""So often the app notices that the profile's token is somebody else's by now."""

_COLLECTED = (5_000, 10, 10)
"""When the collector looks for cycles (see `gc.set_threshold`): a key makes few, and a look at the
middle generation takes as long as drawing a row."""


def run_session(settings: Settings, spell: Callable[[str], str]) -> int:
    """Run the app; see `coexplorer.tui.run`."""
    for name in _NEVER_USED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: an import fails
    sys.setswitchinterval(_GIL_S)
    return asyncio.run(_run(settings, spell))


async def _run(settings: Settings, spell: Callable[[str], str] = str) -> int:
    run = _Run(spell)
    try:
        await run.open(settings)
    except asyncio.CancelledError:
        if run.ended_by is None:
            raise
    finally:
        # Also if the library could not be closed, on the same disk that took no draft.
        run.tell_unkept()
    app = run.app
    if app is not None and app.last_screen is not None:
        # The catalog is closed by now, so its files stay as they are until somebody changes them.
        with suppress(OSError):
            opening.keep(coexplorer.__version__, app.last_screen)
    # The demo takes its mounts with it.
    if app is not None and app.left_mounted and settings.profile != DEMO:
        folder = settings.mount_folder
        sys.stderr.write(spell(f"still mounted at {folder}; coexplorer umount {folder} ends it\n"))
    if app is not None and app.failure is not None:
        raise app.failure
    if app is not None and app.other is not None:
        raise app.other
    return run.code


class _Run:
    """One run: what is left to say of it when the library is closed.

    Attributes:
        app: None when it was ended before there was one.
    """

    def __init__(self, spell: Callable[[str], str]) -> None:
        self._spell = spell
        self.app: CoexplorerApp | None = None
        self._code = 0
        self._ended_by: int | None = None
        self._unfinished: list[str] = []

    @property
    def ended_by(self) -> int | None:
        """The signal that ended it, if one did."""
        return self._ended_by if self.app is None else self.app.ended_by

    @property
    def code(self) -> int:
        """The exit code; of a signal as a shell tells it."""
        return self._code if self.ended_by is None else 128 + self.ended_by

    async def _note_unfinished(self, library: Library, batches: Collection[int]) -> None:
        """Note how far changes of many assets had come when the app ended."""
        for batch in sorted(batches):
            with suppress(CoexplorerError):
                report = await library.changes.report(batch)
                if left := len(report.failed):
                    go_on = self._spell(f"coexplorer retry --batch {batch}")
                    self._unfinished.append(
                        f"{clean(report.title)}: {left:,} of {len(report.results):,} assets not"
                        f" done; go on with: {go_on}"
                    )

    def tell_unkept(self) -> None:
        """Print what was cut off, and what was being typed and has no place on the disk."""
        unkept = self.app.memory.tell_unkept() if self.app is not None else ()
        for line in (*self._unfinished, *unkept):
            # A terminal that hung up is gone: there is nobody left to tell.
            with suppress(OSError):
                sys.stderr.write(f"{clean(line)}\n")

    async def open(self, settings: Settings) -> None:
        """Open the library and the app, and return once both are closed."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def end_before_it_begins(number: int) -> None:
            self._ended_by = number
            if task is not None:
                task.cancel()

        for number in jobs.ENDING:
            loop.add_signal_handler(number, end_before_it_begins, number)
        async with open_library(settings, origin="tui") as library:
            # From here on the app takes signals.
            self.app = app = CoexplorerApp(library, library.settings, self._spell)
            async with anyio.create_task_group() as tasks:

                async def keep_fresh() -> None:
                    await app.shown.wait()
                    # What is loaded by now stays: the collector need not look at it, now or ever.
                    gc.freeze()
                    gc.set_threshold(*_COLLECTED)
                    gc.enable()
                    await library.run_background()

                async def watch_people() -> None:
                    await app.shown.wait()
                    while app.other is None:
                        await asyncio.sleep(_LOOK_EVERY_S)
                        if (other := await library.platform.find_other()) is not None:
                            app.leave_if_other(other)

                tasks.start_soon(keep_fresh)
                tasks.start_soon(watch_people)
                self._code = await app.run_async() or 0
                await self._note_unfinished(library, app.unfinished)
                tasks.cancel_scope.cancel()
