"""Undo, redo, and the log of what was done here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from coexplorer.library.results import BatchReport
from coexplorer.tui.actions import edit

if TYPE_CHECKING:
    from coexplorer.tui.actions import Action
    from coexplorer.tui.screens.main import MainScreen


async def undo(screen: MainScreen) -> None:
    """Take the last change back, also when it is still on its way."""
    await _reverse(screen, screen.library.undo)


async def redo(screen: MainScreen) -> None:
    """Do again what was taken back."""
    await _reverse(screen, screen.library.redo)


async def _reverse(screen: MainScreen, work: Callable[[], Awaitable[BatchReport]]) -> None:
    # Of a change whose end nobody knows nothing can be undone: the one before it would be.
    waits = screen.sends.any
    if waits:
        screen.feeds.show_header("waiting for what is on its way")
    try:
        async with screen.sends.alone():
            _tell(screen, await work())
    finally:
        if waits:
            screen.feeds.show_header("")


def _tell(screen: MainScreen, report: BatchReport) -> None:
    done = len(report.applied)
    text = f"{report.title}: {done} {'asset' if done == 1 else 'assets'}"
    skipped = [
        f"{' and '.join(result.skipped_fields)} of {result.asset_name}"
        for result in report.results
        if result.skipped_fields
    ]
    if skipped:
        text += f"; left alone, because somebody changed it since: {', '.join(skipped[:3])}"
    failed = report.failed
    if failed:
        reason = next((r.error.message for r in failed if r.error is not None), "")
        text += f"; {len(failed)} failed ({reason}), L shows them"
    screen.say(text, severity="warning" if skipped or failed else "information")
    screen.feeds.load_list()


async def open_log(screen: MainScreen) -> None:
    """Show the log; an unsent edit that is taken up again comes back here."""
    from coexplorer.tui.screens.log import LogScreen  # noqa: PLC0415  needed here only

    entry = await screen.app.push_screen_wait(LogScreen(screen.library))
    await screen.feeds.load_status()
    if entry is None or entry.base is None or entry.mine is None:
        return
    await screen.library.discard(entry.id)
    await edit.open_fields(screen, entry.asset_id, entry.asset_name, entry.base, mine=entry.mine)
    edit.keep_draft(screen, entry.mine)


ACTIONS: dict[str, Action] = {
    "change.undo": undo,
    "change.redo": redo,
    "log.open": open_log,
}
