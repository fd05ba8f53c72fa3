"""The log: every change on one line, which unfolds into its assets; undo, resend or discard.

What it shows is read by `coexplorer.tui.log_pages`, as the cursor nears the end of what is shown.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.worker import Worker, get_current_worker

from coexplorer.errors import CoexplorerError
from coexplorer.library.entries import DONE, KEPT, Action, Batch, Entry, State
from coexplorer.library.library import Library
from coexplorer.library.results import BatchReport
from coexplorer.text import clean, plural
from coexplorer.tui import external
from coexplorer.tui.changes import (
    build_log_title,
    describe_origin,
    describe_purpose,
    describe_reversal,
    name_change,
)
from coexplorer.tui.columns import Role, wrap
from coexplorer.tui.commands import Command, Scope, rename
from coexplorer.tui.diffs import build_entry_details, describe_entry
from coexplorer.tui.keys import key_of
from coexplorer.tui.log_pages import LogLine, LogPages, has_text
from coexplorer.tui.screens.base import HERE, CommandScreen
from coexplorer.tui.screens.entry import EntryScreen
from coexplorer.tui.screens.key_queue import OPEN
from coexplorer.tui.screens.plan import PlanScreen
from coexplorer.tui.widgets.choices import Choice
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.picker import Picker
from coexplorer.tui.widgets.prompt import Prompt

SENT_UNASKED = 5
"""Changes that are sent again at once; more are asked for."""
FOLLOW_S = 2.0
"""So often it is asked whether others have written to the journal."""
SHOW_EVERY_S = 0.5
"""So often the changes follow what is sent again."""
NOT_WAITING = "this change is not waiting for anything"
LOW = 20
"""Lines of a screen below which the details are short."""


class TakenUp(msgspec.Struct, frozen=True):
    """A text that is taken up again.

    Attributes:
        entry: It.
        compares: Theirs and the user's are looked at first, as they are in conflict.
    """

    entry: Entry
    compares: bool = False


class LogScreen(CommandScreen[TakenUp | None]):
    """Gives an unsent edit that is to be taken up again, or None."""

    scope: ClassVar[Scope] = Scope.LOG
    tells_keys: ClassVar[bool] = True
    DEFAULT_CSS = """
    LogScreen #entry { height: 8; }
    """

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library
        self._pages = LogPages(library)
        self._rows: list[LogLine] = []
        self._busy = ""
        self._worker: Worker[None] | None = None
        self._stopping = False
        self._rule = Rule()
        self._list = Picker()
        self._entry_rule = Rule()
        self._details = Lines(id="entry")
        self._prompt = Prompt()
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """The changes, what is to be said of one of them, the keys."""
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
        self._rule.show_title(build_log_title(None))
        self.start("log", self._load)
        self.start("follow", self._follow)

    async def _follow(self) -> None:
        """Read again what other windows and commands do meanwhile, until the log is left."""
        log = self._library.log
        seen = await log.version()
        while True:
            await asyncio.sleep(FOLLOW_S)
            if self._busy or self.app.screen is not self:
                continue  # it is read again at the end of that
            with suppress(CoexplorerError):
                before, seen = seen, await log.version()
                if seen != before:
                    await self._load()

    def on_resize(self) -> None:
        """Fit to the width and the height."""
        self._details.styles.height = 8 if self.app.size.height >= LOW else 3
        self._show()

    # Reading

    async def _load(self) -> None:
        """Read what is shown again, and keep the cursor where it is."""
        await self._pages.load()
        self._show()

    async def _load_more(self) -> None:
        """Read more where the cursor is."""
        row = self._row
        if row is not None and await self._pages.load_more(row, near_end=self._is_near_end):
            self._show()

    @property
    def _is_near_end(self) -> bool:
        shown = sum(1 for row in self._rows if row.batch is not None)
        return self._list.at >= shown - max(1, self._list.size.height)

    # Showing

    def _show(self) -> None:
        if self._pages.count is None:
            return
        cells, now = self.app.size.width, external.local_time()
        row, at = self._row, self._list.at
        change = row.batch.id if row is not None and row.batch is not None else 0
        below = at - self._place_of(change)
        self._rows = list(self._pages.iter_rows(self.coexplorer.notices, cells, now))
        self._show_title()
        self._list.show([self._pages.build_line(row, cells, now) for row in self._rows])
        if change:
            # The cursor stays with its change, though new ones are above it.
            self._list.move_to(self._place_of(change) + below)
        self._show_details()

    def _place_of(self, change: int) -> int:
        """Return the line that a change is on; the first line if it is not shown."""
        places = (at for at, row in enumerate(self._rows) if row.batch and row.batch.id == change)
        return next(places, 0)

    def _show_title(self) -> None:
        pages = self._pages
        title = build_log_title(pages.count, pages.kept)
        self._rule.show_title(f"{title} · {self._busy}" if self._busy else title)

    @property
    def _row(self) -> LogLine | None:
        at = self._list.at
        return self._rows[at] if at < len(self._rows) else None

    def _show_details(self) -> None:
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)
        row = self._row
        cells = self.app.size.width
        if row is not None and row.text:
            self._details.show([((part, Role.TEXT),) for part in wrap(row.text, cells)])
        elif row is None or row.batch is None or row.more:
            self._details.show([])
        elif row.entry is not None:
            self._details.show(build_entry_details(row.entry, cells))
        else:
            self.restart("details", partial(self._load_details, row.batch))

    async def _load_details(self, batch: Batch) -> None:
        """Show everything about a change."""
        cells, now = self.app.size.width, external.local_time()
        lines = await self._pages.load_details(batch, cells, now)
        row = self._row
        if row is not None and row.batch is batch and row.entry is None:
            self._details.show(lines)
            self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def iter_footer(self) -> list[Command]:
        """Offer what can be done with the line under the cursor."""
        row = self._row
        batch, entry = (row.batch, row.entry) if row is not None else (None, None)
        hidden = set()
        if batch is None:
            hidden.add("log.unfold")
        if batch is None or not batch.standing:
            hidden.add("log.undo")
        kept = batch is not None and (entry.state in KEPT if entry is not None else batch.kept > 0)
        if not kept:
            hidden |= {"log.retry", "log.discard"}
        if batch is not None and not self._pages.is_editable(batch, entry):
            hidden.add("log.edit")
        if not self._pages.waiting:
            hidden.add("log.retry_all")
        shown = [command for command in super().iter_footer() if command.id not in hidden]
        is_one = batch is not None and (entry is not None or batch.total == 1)
        verb = "show" if is_one else "unfold"
        is_head = row is not None and entry is None and not row.more
        if batch is not None and is_head and not is_one and self._pages.is_unfolded(batch):
            verb = "fold"
        shown = rename(shown, "log.unfold", verb)
        return rename(shown, "screen.close", "stop") if self._busy else shown

    def on_picker_moved(self) -> None:
        """Show everything about the line under the cursor, and read more near the end."""
        self.coexplorer.settle(HERE)
        self._show_details()
        self.restart("more", self._load_more)

    # Doing

    async def do_log_unfold(self) -> None:
        """Show the assets of the change under the cursor, or fold them again; or all of one."""
        row = self._row
        if row is None or row.batch is None:
            return
        batch = row.batch
        if row.more:
            await self._load_more()
            return
        entry = await self._pages.find_single(batch, row.entry)
        if entry is not None:
            if entry.state is State.CONFLICT and has_text(entry):
                self.dismiss(TakenUp(entry, compares=True))
            else:
                await self.app.push_screen_wait(EntryScreen(batch, entry))
            return
        await self._toggle(batch)

    async def do_log_fold(self) -> None:
        """Fold the change whose assets the cursor is among."""
        row = self._row
        if row is not None and row.batch is not None and self._pages.is_unfolded(row.batch):
            await self._toggle(row.batch)

    async def _toggle(self, batch: Batch) -> None:
        await self._pages.toggle(batch)
        self._show()
        at = next(i for i, each in enumerate(self._rows) if each.batch is batch)
        self._list.move_to(at)
        self._show_details()

    async def do_log_undo(self) -> None:
        """Take the change under the cursor back, whichever it is."""
        batch = self._find_change()
        if batch is None or self._is_working():
            return
        library = self._library
        batch = await library.log.batch(batch.id)  # more of it may be done by now
        if batch.total > 1:
            origin = describe_origin(batch, external.local_time())
            await self._see_through(
                PlanScreen(
                    library,
                    partial(library.changes.plan_undo, batch.id, look=False),
                    batch.standing + batch.kept,
                    title=f"{describe_purpose(batch)}, {origin}",
                    origin=origin,
                    way_back=_tell_way_back(),
                )
            )
            return
        async with _Work(self, describe_purpose(batch)):
            self._tell(batch, await library.changes.undo(batch.id))

    def _tell(self, batch: Batch, report: BatchReport) -> None:
        """Say how a single change was taken back."""
        text, is_well = describe_reversal(batch, report)
        self.say(text, severity="information" if is_well else "warning")

    async def do_log_retry(self) -> None:
        """Send again what is kept of the change under the cursor, or the one asset's part."""
        batch, entry = self._find_change(), self._row.entry if self._row else None
        if batch is None or self._is_working():
            return
        kept = await self._pages.find_kept(batch, entry)
        if not kept:
            self.say(NOT_WAITING, severity="warning", about=HERE)
        elif len(kept) > 1:
            await self._see_through(
                PlanScreen(
                    self._library,
                    None,
                    len(kept),
                    resumes=batch.id,
                    only={each.asset_id for each in kept},
                    way_back=_tell_way_back(),
                )
            )
        else:
            async with _Work(self, f"sending {kept[0].asset_name}"):
                await self._library.changes.retry(kept[0].id)
                self.say(f"sent: {kept[0].asset_name}")

    async def do_log_retry_all(self) -> None:
        """Send everything unsent again, one change after another; Esc stops between two of them."""
        if self._is_working():
            return
        unsent = [
            each
            for each in await self._library.log.unsent()
            if each.action is not Action.DELETE and not each.is_named_only
        ]
        if len(unsent) > SENT_UNASKED:
            answer = await self._prompt.choose(
                f"send {len(unsent):,} changes again",
                [
                    Choice("no", text="leave them as they are", key="n"),
                    Choice("all", text=f"send all {len(unsent):,}", key="a"),
                ],
            )
            if answer != "all":
                return
        deletes = self._pages.waiting - len(unsent)
        sent, failures, shown_at = 0, dict[str, int](), 0.0
        async with _Work(self, "sending"):
            for at, entry in enumerate(unsent):
                if self._stopping:
                    break
                self._busy = (
                    f"sending {at + 1:,} of {len(unsent):,}; {key_of('screen.close')} stops"
                )
                self._show_title()
                try:
                    await self._library.changes.retry(entry.id)
                    sent += 1
                except CoexplorerError as error:
                    failures[error.message] = failures.get(error.message, 0) + 1
                if time.monotonic() - shown_at >= SHOW_EVERY_S:
                    await self._load()
                    shown_at = time.monotonic()
        parts = [f"{sent:,} of {len(unsent):,} sent"]
        parts += [f"{count:,} x {message}" for message, count in failures.items()]
        if deletes > 0:
            parts.append(f"{plural(deletes, 'delete')} left: {key_of('log.retry')} on it sends it")
        self.say("; ".join(parts), severity="warning" if failures else "information")

    async def do_log_discard(self) -> None:
        """Give up what is kept of the change, or of the one asset; the texts stay in the log."""
        batch, entry = self._find_change(), self._row.entry if self._row else None
        if batch is None or self._is_working():
            return
        kept = await self._pages.find_kept(batch, entry)
        if not kept:
            self.say(NOT_WAITING, severity="warning", about=HERE)
            return
        if not await self._confirm_discard(batch, kept):
            return
        try:
            if len(kept) > 1:
                ours = {each.id for each in kept}
                count = await self._library.changes.discard_batch(batch.id, ours)
                self.say(f"discarded: {plural(count, 'change')}; the log keeps what they were")
            elif (await self._library.changes.discard(kept[0].id)).state in DONE:
                self.say("it had arrived, so it was not given up; undo takes it back")
            else:
                back = f"{key_of('log.edit')} opens its text in the fields"
                way = back if has_text(kept[0]) else "the log keeps what it was"
                self.say(f"discarded: {_name_part(kept[0])}; {way}")
        finally:
            await self._load()

    async def _confirm_discard(self, batch: Batch, kept: list[Entry]) -> bool:
        many = len(kept) > 1
        what = f"what is left of: {name_change(batch)}" if many else _name_part(kept[0])
        answer = await self._prompt.choose(
            f"discard {what}",
            [
                Choice("no", text="leave it as it is", key="n"),
                Choice("all", text=f"discard all {len(kept):,}", key="a")
                if many
                else Choice("all", text="discard it", key="y"),
            ],
        )
        return answer == "all"

    async def do_log_edit(self) -> None:
        """Take an unsent or discarded text up again in the fields."""
        batch, entry = self._find_change(), self._row.entry if self._row else None
        if batch is None:
            return
        kept = await self._pages.find_kept(batch, entry)
        if len(kept) > 1:
            self.say("unfold it and choose one of its assets", severity="warning", about=HERE)
        elif not kept:
            discarded = await self._pages.find_discarded(batch, entry)
            if discarded is not None:
                self.dismiss(TakenUp(discarded))
            else:
                self.say(NOT_WAITING, severity="warning", about=HERE)
        elif has_text(kept[0]):
            self.dismiss(TakenUp(kept[0]))
        else:
            self.say("only an edit has a text to edit again", severity="warning", about=HERE)

    def do_screen_close(self) -> None:
        """Leave; what is being sent is stopped first: behind its request, then at once."""
        if self._busy and not self._stopping:
            self._stopping = True
            again = f"{key_of('screen.close')} again cancels it"
            self._busy = f"stopping after the request on its way; {again}"
            self._show_title()
        elif self._worker is not None:
            self._worker.cancel()
        else:
            self.dismiss(None)

    def _find_change(self) -> Batch | None:
        row = self._row
        if row is None or row.batch is None:
            self.say("there is no change on this line", severity="warning", about=HERE)
            return None
        return row.batch

    def _is_working(self) -> bool:
        if self._busy:
            self.say(f"{self._busy} is still running: one press is enough", about=HERE)
        return bool(self._busy)

    async def _see_through(self, shown: PlanScreen) -> None:
        """Show a change on the screen of plans: with a bar there, and Esc stops it."""
        await self.app.push_screen_wait(shown)
        await shown.wait_ended()
        if shown.failure is not None:
            self.report(shown.failure)
        await self._load()

    def begin_work(self, what: str) -> None:
        """Say what is being done; pressing again begins nothing."""
        self._busy, self._stopping = what, False
        self._worker = get_current_worker()
        self._show_title()
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    async def end_work(self) -> None:
        """Show how things stand now that it is over."""
        self._busy, self._worker = "", None
        self.coexplorer.settle(HERE)
        await self._load()


def _name_part(entry: Entry) -> str:
    return f"{describe_entry(entry)} of {clean(entry.asset_name)}"


def _tell_way_back() -> str:
    """Say how to take back what the log did; the undo of the list may be about another change."""
    return f"{key_of('log.undo')} on its line in the log undoes it"


class _Work:
    """Keeps the log busy while something of it is sent."""

    def __init__(self, screen: LogScreen, what: str) -> None:
        self._screen = screen
        self._what = what

    async def __aenter__(self) -> None:
        self._screen.begin_work(self._what)
        await self._screen.release_keys(OPEN)  # Esc stops it, and must not wait for its end

    async def __aexit__(self, *_: object) -> None:
        await self._screen.end_work()
