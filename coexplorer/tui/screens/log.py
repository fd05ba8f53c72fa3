"""The log: what was done, when, by which front end; what waits for the user is on top."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.library.entries import KEPT, Action, Entry
from coexplorer.library.library import Library
from coexplorer.text import cut
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.diffs import build_entry_details, build_entry_line
from coexplorer.tui.present import Line, Role
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.choices import Choice
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.picker import Picker
from coexplorer.tui.widgets.prompt import Prompt

MOST_ENTRIES = 300


class LogScreen(CommandScreen[Entry | None]):
    """Gives an unsent edit that is to be taken up again, or None."""

    scope: ClassVar[Scope] = Scope.LOG
    DEFAULT_CSS = """
    LogScreen #entry { height: 8; }
    """

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library
        self._entries: list[Entry] = []
        self._unsent = 0
        self._refused = 0
        self._rule = Rule()
        self._list = Picker()
        self._entry_rule = Rule()
        self._details = Lines(id="entry")
        self._prompt = Prompt()
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """The entries, what one of them holds, the keys."""
        yield self._rule
        yield self._list
        yield self._entry_rule
        yield self._details
        yield self._prompt
        yield self._footer

    def on_mount(self) -> None:
        """Read the log; what was said is in it, and need not cover it."""
        self.app.clear_notifications()
        self.set_focus(self._list)
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)
        self.start("log", self._load)

    def on_resize(self) -> None:
        """Fit to the width and the height."""
        self._details.styles.height = 8 if self.app.size.height >= 20 else 3  # noqa: PLR2004  a low screen
        self._show()

    async def _load(self) -> None:
        self._entries = await self._library.log(limit=MOST_ENTRIES)
        status = await self._library.status()
        self._unsent, self._refused = status.unsent, status.refused
        self._show()

    def _show(self) -> None:
        cells = self.app.size.width
        zone = datetime.now().astimezone().tzinfo
        unsent = f", {self._unsent:,} unsent" if self._unsent else ""
        unsent += f", {self._refused:,} refused" if self._refused else ""
        count = len(self._entries)
        last = "the last " if count == MOST_ENTRIES else ""
        self._rule.show_title(f"Log: {last}{count:,} change{'' if count == 1 else 's'}{unsent}")
        lines = [build_entry_line(entry, cells, zone) for entry in self._entries]
        notices = self._notices(cells)
        if notices:
            lines += [(("said in this session", Role.LABEL),), *notices]
        self._list.show(lines or [(("nothing was done here yet", Role.DIM),)])
        self._show_entry()

    def _notices(self, cells: int) -> list[Line]:
        zone = datetime.now().astimezone().tzinfo
        return [
            ((cut(f"  {datetime.fromtimestamp(at, tz=zone):%H:%M} {text}", cells), Role.DIM),)
            for at, text in reversed(self.coexplorer.notices)
        ]

    @property
    def _entry(self) -> Entry | None:
        at = self._list.at
        return self._entries[at] if at < len(self._entries) else None

    def _show_entry(self) -> None:
        entry = self._entry
        self._entry_rule.show_title("")
        cells = self.app.size.width
        self._details.show(build_entry_details(entry, cells) if entry else [])
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def iter_footer(self) -> list[Command]:
        """Offer what can be done with the entry under the cursor."""
        entry = self._entry
        hidden = set()
        if entry is None or entry.state not in KEPT:
            hidden |= {"log.retry", "log.edit", "log.discard"}
        elif entry.action is not Action.EDIT or entry.mine is None:
            hidden.add("log.edit")
        return [command for command in super().iter_footer() if command.id not in hidden]

    def on_picker_moved(self) -> None:
        """Show the entry under the cursor."""
        self._show_entry()

    def _find_waiting(self) -> Entry | None:
        entry = self._entry
        if entry is None or entry.state not in KEPT:
            self.say("this change does not wait for anything", severity="warning")
            return None
        return entry

    async def do_log_retry(self) -> None:
        """Send an unsent change again."""
        entry = self._find_waiting()
        if entry is None:
            return
        try:
            await self._library.retry(entry.id)
            self.say(f"sent: {entry.asset_name}")
        finally:
            await self._load()

    async def do_log_discard(self) -> None:
        """Give an unsent change up, or all of its plan; the texts stay in the log."""
        entry = self._find_waiting()
        if entry is None:
            return
        rest = [e for e in await self._library.kept() if e.batch_id == entry.batch_id]
        answer: str | None = "this one"
        if len(rest) > 1:
            answer = await self._prompt.choose(
                "give up",
                [
                    Choice("this one", key="t"),
                    Choice("all", text=f"all {len(rest):,} that are left of it", key="a"),
                ],
            )
            if answer is None:
                return
        try:
            if answer == "all":
                await self._library.discard_batch(entry.batch_id)
            else:
                await self._library.discard(entry.id)
        finally:
            await self._load()

    def do_log_edit(self) -> None:
        """Take an unsent text up again in the fields."""
        entry = self._find_waiting()
        if entry is None:
            return
        if entry.action is Action.EDIT and entry.mine is not None:
            self.dismiss(entry)
        else:
            self.say("only an edit has a text that can be taken up again", severity="warning")

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
