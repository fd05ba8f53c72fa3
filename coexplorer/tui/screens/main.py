"""The main screen: the list with everything around it. What its keys do is in `actions/`."""

from __future__ import annotations

import asyncio
import functools
import os
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from coexplorer.config import Settings
from coexplorer.library.library import Library
from coexplorer.query import SortKey
from coexplorer.tui.actions import ACTIONS, browse, drafts, edit, search, tagging, triage
from coexplorer.tui.browsing import Browsing
from coexplorer.tui.columns import Role
from coexplorer.tui.feeds.news import News
from coexplorer.tui.last_screen import ListLook
from coexplorer.tui.messages import (
    FieldsEntered,
    FieldsTyped,
    HistoryWanted,
    RowChosen,
    RowsMissed,
    TextAbandoned,
    TextEntered,
    TextTyped,
    ViewClicked,
)
from coexplorer.tui.screens.base import Handler
from coexplorer.tui.screens.key_queue import START
from coexplorer.tui.terminal.capabilities import read_capabilities
from coexplorer.tui.views import build_views
from coexplorer.tui.widgets.asset_list import HEAD
from coexplorer.tui.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style

    from coexplorer.tui.terminal.cells import Pen


class MainScreen(Workbench):
    """Browse, search, edit in place, triage."""

    loads_first: ClassVar[bool] = True
    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    MainScreen #panes { layout: vertical; height: 1fr; }
    MainScreen AssetList { height: 1fr; width: 1fr; }
    MainScreen #side { height: auto; width: 1fr; }
    MainScreen #side Rule { dock: top; }
    MainScreen.small #side { height: 11; }
    MainScreen.tall #side { height: 65%; }
    MainScreen.full #side { height: 1fr; }
    MainScreen.full AssetList { display: none; }
    MainScreen.hidden #side { display: none; }
    MainScreen.beside #panes { layout: horizontal; }
    MainScreen.beside #side { height: 1fr; width: 42%; }
    MainScreen.beside.tall #side { width: 60%; }
    MainScreen Details { height: 1fr; }
    """

    def __init__(self, library: Library, settings: Settings) -> None:
        super().__init__(library, settings)
        self.news = News(self, self.feeds)

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        # Before anything is in it: a class that comes later has all styles worked out again.
        self.state.size_chosen = self.coexplorer.memory.remembered.details
        self.show_size(self.choose_size())
        yield self.header
        yield self.strip
        yield self.search
        with Container(id="panes"):
            yield self.rows
            with self.side:
                yield self.rule
                yield self.details
        yield self.prompt
        yield self.footer

    def on_mount(self) -> None:
        """Read the first rows; everything else follows them."""
        remembered = self.coexplorer.memory.remembered
        self.state.browsing.sort = SortKey(remembered.sort, remembered.descending)
        self.set_size(self.choose_size())
        self.set_focus(self.rows)
        if self.coexplorer.holds_output:
            self.start("take over", self._take_over)
        else:
            self.feeds.list.load(to_top=True)
        self.call_after_refresh(self._after_first_frame)

    def _after_first_frame(self) -> None:
        self.strip.show_views(build_views(self.state.saved_views), query=self.state.browsing.text)
        self.feeds.header.show()
        self.show_footer()
        self.start("listen", self.news.listen)
        self.start("waits", self.news.watch_waits)
        if not self.coexplorer.holds_output:
            self.restart("status", self.feeds.load_status)
            self.restart("counts", self.feeds.header.load_counts)
        self.start("drafts", functools.partial(drafts.offer_all, self))

    async def _take_over(self) -> None:
        """Replace the first frame once everything that it shows can be shown."""
        try:
            if text := self.coexplorer.typed_search:
                self.state.browsing.text = text
                await asyncio.gather(self.feeds.load_searched(), search.open_with(self, text))
                await self.release_keys(START)
            else:
                await self.feeds.load_start(to_top=True)
        finally:
            self.coexplorer.begin_output()

    async def show_start(self) -> None:
        """Show what the next start opens with."""
        self.state.browsing = Browsing(sort=self.state.browsing.sort)
        self.state.marked.clear()
        self.state.range_start = None
        self.search.show_text("")
        self.strip.show_views(build_views(self.state.saved_views), query="")
        self.show_marks()
        self.set_focus(self.rows)
        await self.feeds.load_start(to_top=True)

    def build_look(self, pen_of: Callable[[Style], Pen]) -> ListLook:
        """Return how the list looks, for the next start to draw it before the app is there."""
        place, footer = self.rows.region, self.footer.region
        return ListLook(
            left=place.x,
            top=place.y + HEAD,
            width=place.width,
            height=place.height - HEAD,
            columns=self.rows.columns,
            sort=self.state.browsing.sort,
            pens={role: pen_of(self.rows.find_style(f"role--{role}")) for role in Role},
            text=pen_of(self.rows.find_style("")),
            cursor=pen_of(self.rows.find_style("list--cursor")),
            blurred=pen_of(self.rows.find_style("list--cursor-blurred")),
            true_rows=(place.y, *range(footer.y, footer.bottom)),
            terminal=read_capabilities(os.environ.get("TERM", "")),
        )

    # Keys

    def run_key(self, key: str) -> bool:
        """Run a command, or what the user gave a key of their own."""
        # Whoever presses a key wants to see what it does: the first frame has stood long enough.
        self.coexplorer.begin_output()
        if super().run_key(key):
            return True
        action = self.coexplorer.keymap.quick.get(key) if self.state.editing is None else None
        if action is not None and self.rows.current is not None:
            self.begin(key, functools.partial(triage.quick, self, action))
        return action is not None

    def find_handler(self, command_id: str) -> Handler | None:
        """Return what carries a command out."""
        action = ACTIONS.get(command_id)
        return (
            super().find_handler(command_id) if action is None else functools.partial(action, self)
        )

    # Sizes

    def on_resize(self) -> None:
        """Fit what is shown to the terminal."""
        if self.state.editing is not None:
            # The fields stay, and keep the keys.
            self.show_size(self.choose_size_of_fields(self.state.editing))
        elif self.size_name == "full":
            # Somebody opened them to read; whoever has the keys keeps them.
            self.show_size("full")
        else:
            self.state.size_is_ours = True
            self.set_size(self.choose_size())
        self.call_after_refresh(self._fit)

    async def _fit(self) -> None:
        self.feeds.header.show()
        await self.feeds.details.show()

    # Facts from the widgets

    def on_row_highlighted(self) -> None:
        """Let the details follow, when the cursor rests."""
        if self.state.editing is None:
            self.feeds.details.follow_cursor()

    async def on_details_resized(self) -> None:
        """Lay the details out for their room: they may have been read before they had any."""
        await self.feeds.details.show()

    def on_rows_missed(self, event: RowsMissed) -> None:
        """Read the rows that are to be shown."""
        self.restart(
            "rows", functools.partial(self.feeds.list.load_rows, event.offset, event.limit)
        )

    def on_row_chosen(self, _event: RowChosen) -> None:
        """Open what was double-clicked."""
        self.perform("details.open")

    def on_view_clicked(self, event: ViewClicked) -> None:
        """Open a view."""
        browse.open_view(self, event.number)

    def on_text_typed(self, event: TextTyped) -> None:
        """Search as it is typed; complete tags."""
        if event.field == "search":
            search.take_text(self, event.text, event.cursor)
        elif event.field == "tags":
            tagging.complete_tags(self, event.text, event.cursor)

    def on_text_entered(self, event: TextEntered) -> None:
        """Leave the search, with its text in force."""
        if event.field == "search":
            search.finish(self, event.text)

    def on_text_abandoned(self, event: TextAbandoned) -> None:
        """Leave the search and clear it."""
        if event.field == "search":
            search.abandon(self)

    def on_history_wanted(self, event: HistoryWanted) -> None:
        """Offer earlier searches."""
        if event.field == "search":
            search.offer_history(self)

    def on_fields_typed(self, event: FieldsTyped) -> None:
        """Keep the draft: nobody loses words to a lost connection."""
        trouble = self.coexplorer.memory.trouble
        edit.keep_draft(self, event.mine)
        if self.coexplorer.memory.trouble != trouble:
            self.show_footer()

    def on_fields_entered(self, event: FieldsEntered) -> None:
        """Save the fields."""
        edit.save(self, event.mine)
