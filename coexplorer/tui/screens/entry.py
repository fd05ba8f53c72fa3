"""One change of one asset, all of it: the log has room for its beginning only."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.library.entries import Batch, Entry
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.changes import build_entry_page
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer


class EntryScreen(CommandScreen[None]):
    """What a change did or wanted to do to an asset; scrolls.

    Args:
        batch: The change.
        entry: The asset's part of it.
    """

    scope: ClassVar[Scope] = Scope.FORM
    tells_keys: ClassVar[bool] = True
    DEFAULT_CSS = "EntryScreen Details { height: 1fr; }"

    def __init__(self, batch: Batch, entry: Entry) -> None:
        super().__init__()
        self._batch = batch
        self._entry = entry
        self._rule = Rule()
        self._details = Details()
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """The asset's name, the change, the keys."""
        yield self._rule
        yield self._details
        yield self._footer

    def on_mount(self) -> None:
        """Take the focus, so that arrows scroll."""
        self.set_focus(self._details)
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def on_resize(self) -> None:
        """Fit to the width."""
        self._rule.show_title(clean(self._entry.asset_name))
        cells, now = self.app.size.width, external.local_time()
        self._details.show(build_entry_page(self._batch, self._entry, cells, now))

    def iter_footer(self) -> list[Command]:
        """Offer to leave: what can be done with it, the log does."""
        return [command for command in super().iter_footer() if command.id == "screen.close"]

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
