"""The confirmation of a delete: says what will be gone, and has it typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from coexplorer.models import Record
from coexplorer.text import clean, cut
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.messages import TextAbandoned, TextEntered
from coexplorer.tui.present import Line, Role, show_size
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.field import Field
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines

MOST_NAMES = 12


class ConfirmScreen(CommandScreen[bool]):
    """Gives True only when the wanted words were typed."""

    scope: ClassVar[Scope] = Scope.FORM
    DEFAULT_CSS = """
    ConfirmScreen #question {
        dock: bottom; height: auto; max-height: 100%; background: $background;
    }
    ConfirmScreen Lines { height: auto; }
    ConfirmScreen Rule, ConfirmScreen Footer, ConfirmScreen Horizontal { height: 1; }
    ConfirmScreen #sign { height: 1; background: $surface; }
    ConfirmScreen Field { width: 1fr; }
    """

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__()
        self._records = records
        self.words = build_words(records)

    def compose(self) -> ComposeResult:
        """What will be gone, and the field."""
        with Vertical(id="question"):
            yield Rule()
            yield Lines(id="gone")
            with Horizontal():
                yield Lines(id="sign")
                yield Field("confirm")
            yield Lines(id="wrong")
            yield Footer()

    def on_mount(self) -> None:
        """Show what will be gone."""
        sign = f" type {self.words}: "
        self.query_one("#sign", Lines).styles.width = len(sign)
        self.query_one("#sign", Lines).show([((sign, Role.LABEL),)])
        self.query_one(Footer).show_commands(self.iter_footer(), self.coexplorer.keymap)
        self.set_focus(self.query_one(Field))

    def iter_footer(self) -> list[Command]:
        """Offer to leave: what Enter takes is said above."""
        return [command for command in super().iter_footer() if command.id == "screen.close"]

    def on_resize(self) -> None:
        """Fit to the width."""
        self.query_one(Rule).show_title("Delete for ever")
        lines = build_gone(self._records, self.words, self.app.size.width)
        self.query_one("#gone", Lines).show(lines)

    def on_text_entered(self, event: TextEntered) -> None:
        """Compare the words."""
        event.stop()
        if event.text.strip() == self.words:
            self.dismiss(result=True)
        else:
            wrong = f"  that is not it: type {self.words}, or Esc"
            self.query_one("#wrong", Lines).show([((wrong, Role.BAD),)])

    def on_text_abandoned(self, event: TextAbandoned) -> None:
        """Leave everything as it is."""
        event.stop()
        self.dismiss(result=False)

    def do_screen_close(self) -> None:
        """Leave everything as it is."""
        self.dismiss(result=False)


def build_words(records: Sequence[Record]) -> str:
    """Return what is to be typed."""
    return "delete" if len(records) == 1 else f"delete {len(records)}"


def build_gone(records: Sequence[Record], words: str, cells: int) -> list[Line]:
    """Return the lines that say what will be gone."""
    size = sum(record.asset.size_bytes or 0 for record in records)
    files = sum(record.asset.files or 0 for record in records)
    one = len(records) == 1
    what = "This asset" if one else f"These {len(records):,} assets"
    lines: list[Line] = [
        ((f"{what} and all files ({files:,} files, {show_size(size)}) will be gone.", Role.BAD),),
        (("This cannot be undone.", Role.BAD),),
        (),
    ]
    for record in records[:MOST_NAMES]:
        asset = record.asset
        kept = asset.source is not None and asset.source.external
        note = "  (its files stay: external storage)" if kept else ""
        lines.append(((cut(f"  {clean(asset.name)}{note}", cells), Role.TITLE),))
    if len(records) > MOST_NAMES:
        lines.append(((f"  and {len(records) - MOST_NAMES:,} more", Role.DIM),))
    unarchived = sum(1 for record in records if not record.membership.archived)
    if unarchived:
        lines += [
            (),
            ((f"{unarchived:,} not archived yet: archived first, then deleted.", Role.WARN),),
        ]
    lines += [(), ((f"Type {words} and press Enter; Esc leaves everything as it is.", Role.TEXT),)]
    return [tuple((cut(text, cells), role) for text, role in line) for line in lines]
