"""The tags panel: every tag with its count; one of them narrows the list."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from coexplorer.errors import CoexplorerError
from coexplorer.library.library import Library
from coexplorer.query import Query
from coexplorer.tui.columns import Role
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.messages import TextAbandoned, TextEntered, TextTyped
from coexplorer.tui.screens.base import HERE, CommandScreen
from coexplorer.tui.widgets.choices import NOTHING, Choice, Choices
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.field import Field
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines

TAGS = "tags"
"""What keys behind Enter wait for: the tags, of which it takes one."""


class ChosenTag(msgspec.Struct, frozen=True):
    """A tag, and what is to be done: search for it, or rename it."""

    tag: str
    renames: bool = False


class TagsScreen(CommandScreen[ChosenTag | None]):
    """Gives the chosen tag, or None.

    Args:
        library: Counts the tags.
        query: Of what they are counted: what the list shows.
        searching: It is a search, not the plain list.
    """

    scope: ClassVar[Scope] = Scope.TAGS
    DEFAULT_CSS = """
    TagsScreen #tags-panel {
        dock: right; width: 48; max-width: 100%; height: 100%; background: $surface;
        border-left: vkey $primary;
    }
    TagsScreen Horizontal { height: 1; }
    TagsScreen #tags-sign { width: 2; height: 1; }
    TagsScreen Field { width: 1fr; }
    TagsScreen Choices { height: 1fr; }
    """

    def __init__(self, library: Library, query: Query, *, searching: bool) -> None:
        super().__init__()
        self._library = library
        self._query = query
        self._searching = searching
        self._trouble = ""
        self._tags: list[tuple[str, int]] | None = None  # still being read
        self._entered: str | None = None
        self._renames = False
        self._rule, self._sign, self._footer = Rule(), Lines(id="tags-sign"), Footer()
        self._choices = Choices(fills=True)
        self._field = Field("tag", self._choices)
        self._field.is_filter = True

    def compose(self) -> ComposeResult:
        """A field that narrows, and the tags."""
        with Vertical(id="tags-panel"):
            yield self._rule
            with Horizontal():
                yield self._sign
                yield self._field
            yield self._choices
            yield self._footer

    def on_mount(self) -> None:
        """Read the tags."""
        self._sign.show([(("/ ", Role.LABEL),)])
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)
        self.set_focus(self._field)
        self._rule.show_title("tags")
        self._offer()
        self.start("tags", self._load)

    async def _load(self) -> None:
        try:
            tags = await self._library.assets.tag_counts(self._query, any_case=True)
        except CoexplorerError:
            self._trouble = "the tags can't be read"
            self._offer()
            await self.release_keys(TAGS)
            raise
        self._tags = tags
        of = " of what is found" if self._searching else ""
        self._rule.show_title(f"{len(tags):,} tags{of}")
        self._offer()
        if self._entered is not None:
            self._take(self._entered, renames=self._renames)
            await self.release_keys(TAGS)

    def _offer(self) -> None:
        """Offer what fits what is typed by now, or say why there is nothing."""
        field = self._field
        folded = field.value.casefold()
        fitting = [(tag, count) for tag, count in self._tags or () if folded in tag.casefold()]
        choices = [Choice(tag, text=f"{count:>7,}  {tag}") for tag, count in fitting]
        field.offer(choices, nothing=self._find_reason(field.value))
        field.step_choice(1)

    def _find_reason(self, typed: str) -> str:
        if self._tags is None:
            return self._trouble or "loading…"
        return NOTHING if typed else "no asset has a tag"

    def on_text_typed(self, event: TextTyped) -> None:
        """Narrow the list of tags."""
        event.stop()
        self._offer()

    def on_text_entered(self, event: TextEntered) -> None:
        """Take the tag that is highlighted, once there are any, and nothing that is not shown."""
        event.stop()
        self._enter(event.text, renames=False)

    def do_tags_rename(self) -> None:
        """Take the tag that is highlighted, to rename it."""
        self._enter(self._field.value, renames=True)

    def _enter(self, text: str, *, renames: bool) -> None:
        if self._tags is None and not self._trouble:
            self._entered, self._renames = text, renames
            self.hold_keys(TAGS)  # they are for the list that the tag narrows
        else:
            self._take(text, renames=renames)

    def _take(self, text: str, *, renames: bool) -> None:
        chosen = self._choices.chosen
        # Enter has put the highlighted tag into the text; the other key has not.
        if text in {tag for tag, _ in self._tags or ()} and not renames:
            self.dismiss(ChosenTag(text))
        elif chosen is not None and text.casefold() in chosen.value.casefold():
            self.dismiss(ChosenTag(chosen.value, renames))
        else:
            self._offer()  # what is typed may not have been looked for yet
            chosen = self._choices.chosen
            if chosen is not None:
                self.dismiss(ChosenTag(chosen.value, renames))
            else:
                self.say(
                    f"no tag is chosen: {self._find_reason(text)}", severity="warning", about=HERE
                )

    def on_text_abandoned(self, event: TextAbandoned) -> None:
        """Leave."""
        event.stop()
        self.dismiss(None)

    def on_choices_clicked(self, event: Choices.Clicked) -> None:
        """Take the clicked tag."""
        self.dismiss(ChosenTag(event.choice.value))

    def iter_footer(self) -> list[Command]:
        """Offer to rename and to leave; the list itself says what Enter does."""
        offered = ("tags.rename", "screen.close")
        return [command for command in super().iter_footer() if command.id in offered]

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Leave at a click outside the panel."""
        if event.widget is self:
            self.dismiss(None)
