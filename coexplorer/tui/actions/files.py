"""The files of the asset under the cursor: browsed on a screen, got in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coexplorer.tui.actions.marks import ONLY_ONE
from coexplorer.tui.keys import key_of

if TYPE_CHECKING:
    from coexplorer.tui.getting import Getting
    from coexplorer.tui.workbench import Action, Workbench


async def show_files(screen: Workbench) -> None:
    """Browse the files of the asset under the cursor."""
    from coexplorer.tui.getting import Getting  # noqa: PLC0415  needed here only
    from coexplorer.tui.screens.files import FilesScreen  # noqa: PLC0415  likewise

    row = screen.rows.current
    record = None if row is None else await screen.library.assets.record(row.id)
    if record is None:
        screen.say(
            f"it is not in the catalog any more; {key_of('sync.refresh')} refreshes",
            severity="warning",
        )
        return
    if screen.marks_others:
        screen.say(ONLY_ONE)
    if screen.getting is None:
        screen.getting = Getting(screen.library)
    start = partial(_start_getting, screen, screen.getting)
    await screen.app.push_screen_wait(
        FilesScreen(screen.library, record.asset, screen.getting, start)
    )


def _start_getting(screen: Workbench, getting: Getting) -> None:
    """Get files in a worker of the main screen, which outlives the browser."""

    def say(text: str, severity: str) -> None:
        screen.say(text, severity=severity)

    worker = screen.start("get", partial(getting.run, say))
    getting.stop = worker.cancel


ACTIONS: dict[str, Action] = {"files.show": show_files}
