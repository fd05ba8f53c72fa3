"""The main screen: the list with everything around it. What its keys do is in `actions/`."""

from __future__ import annotations

import asyncio
import functools
import os
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Vertical

from coexplorer.config import Settings
from coexplorer.errors import CoexplorerError
from coexplorer.library.library import Library
from coexplorer.models import AssetId
from coexplorer.query import SortKey
from coexplorer.tui.actions import ACTIONS, browse, drafts, edit, search, tagging, triage
from coexplorer.tui.browsing import Browsing
from coexplorer.tui.columns import Role
from coexplorer.tui.commands import Scope, Situation
from coexplorer.tui.desk import Desk
from coexplorer.tui.feeds import Feeds
from coexplorer.tui.keys import key_of
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
from coexplorer.tui.screens.base import START, CommandScreen, Handler
from coexplorer.tui.terminal.capabilities import read_capabilities
from coexplorer.tui.views import build_views
from coexplorer.tui.widgets.assetlist import HEAD, AssetList
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.header import Header
from coexplorer.tui.widgets.prompt import Prompt
from coexplorer.tui.widgets.searchline import SearchLine
from coexplorer.tui.widgets.viewstrip import ViewStrip

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style

    from coexplorer.tui.terminal.cells import Pen

TALL_ENOUGH = 30
"""Lines from which details are shown below the list by themselves."""
WIDE_ENOUGH = 160
"""Cells from which they can sit beside it."""
SIZES = ("small", "tall", "full", "hidden")


class MainScreen(CommandScreen[None]):
    """Browse, search, edit in place, triage."""

    scope: ClassVar[Scope] = Scope.MAIN
    loads_first: ClassVar[bool] = True
    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    MainScreen #panes { layout: vertical; height: 1fr; }
    MainScreen AssetList { height: 1fr; width: 1fr; }
    MainScreen #side { height: auto; width: 1fr; }
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
        super().__init__()
        self.library = library
        self.settings = settings
        self.feeds = Feeds(self)
        self.header = Header(id="header")
        self.strip = ViewStrip(id="views")
        self.search = SearchLine(id="search")
        self.rows = AssetList(columns=settings.columns, id="list")
        self.side = Vertical(id="side")
        self.rule = Rule(id="rule")
        self.details = Details(id="details")
        self.prompt = Prompt(id="prompt")
        self.footer = Footer(id="footer")
        self.desk = Desk(settings.views)
        self._said: set[str] = set()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        # Before anything is in it: a class that comes later has all styles worked out again.
        self.desk.size_chosen = self.coexplorer.memory.remembered.details
        self._show_size(self.choose_size())
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
        self.desk.browsing.sort = SortKey(remembered.sort, remembered.descending)
        self.set_size(self.choose_size())
        self.set_focus(self.rows)
        if self.coexplorer.holds_output:
            self.start("take over", self._take_over)
        else:
            self.feeds.load_list(to_top=True)
        self.call_after_refresh(self._after_first_frame)

    def _after_first_frame(self) -> None:
        self.strip.show_views(build_views(self.desk.saved_views), query=self.desk.browsing.text)
        self.feeds.show_header()
        self.show_footer()
        self.start("listen", self.feeds.listen)
        self.start("waits", self.feeds.watch_waits)
        if not self.coexplorer.holds_output:
            self.restart("status", self.feeds.load_status)
            self.restart("counts", self.feeds.load_counts)
        self.start("drafts", functools.partial(drafts.offer_all, self))

    async def _take_over(self) -> None:
        """Let the first frame go when everything that it shows can be shown."""
        try:
            if text := self.coexplorer.typed_search:
                self.desk.browsing.text = text
                await asyncio.gather(self.feeds.load_searched(), search.open_with(self, text))
                await self.release_keys(START)
            else:
                await self.feeds.load_start(to_top=True)
        finally:
            self.coexplorer.begin_output()

    async def show_start(self) -> None:
        """Show what the next start opens with."""
        self.desk.browsing = Browsing(sort=self.desk.browsing.sort)
        self.desk.marked.clear()
        self.desk.range_start = None
        self.search.show_text("")
        self.strip.show_views(build_views(self.desk.saved_views), query="")
        self.show_marks()
        self.set_focus(self.rows)
        await self.feeds.load_start(to_top=True)

    def build_look(self, pen_of: Callable[[Style], Pen]) -> bytes:
        """Return how the list looks, for the next start to draw it before the app is there."""
        from coexplorer.tui.quickstart.list_view import ListLook, encode_look  # noqa: PLC0415  at the exit

        place, footer = self.rows.region, self.footer.region
        return encode_look(
            ListLook(
                left=place.x,
                top=place.y + HEAD,
                width=place.width,
                height=place.height - HEAD,
                columns=self.rows.columns,
                sort=self.desk.browsing.sort,
                pens={role: pen_of(self.rows.find_style(f"role--{role}")) for role in Role},
                text=pen_of(self.rows.find_style("")),
                cursor=pen_of(self.rows.find_style("list--cursor")),
                blurred=pen_of(self.rows.find_style("list--cursor-blurred")),
                true_rows=(place.y, *range(footer.y, footer.bottom)),
                terminal=read_capabilities(os.environ.get("TERM", "")),
            )
        )

    # What is going on

    @property
    def key_scope(self) -> Scope:
        """Keys belong to the fields while they are edited."""
        return Scope.EDIT if self.desk.editing is not None else Scope.MAIN

    @property
    def size_name(self) -> str:
        """How large the details are: one of `SIZES`."""
        return next(name for name in SIZES if self.has_class(name))

    @property
    def details_shown(self) -> bool:
        """Whether details can be seen."""
        return self.size_name != "hidden"

    @property
    def details_small(self) -> bool:
        """Whether they have room for the main facts only."""
        return self.size_name == "small" and not self.has_class("beside")

    def targets(self) -> list[AssetId]:
        """Return what an action works on: the marked ones, else the one under the cursor."""
        row = self.rows.current
        return list(self.desk.marked) or ([row.id] if row else [])

    @property
    def marks_others(self) -> bool:
        """Whether others than the asset under the cursor are marked."""
        row = self.rows.current
        return any(row is None or marked != row.id for marked in self.desk.marked)

    def situation(self) -> Situation:
        """Say what decides whether commands can run."""
        fault = self.desk.browsing.fault
        return Situation(
            connected=True,
            current=self.rows.current is not None,
            rows=self.rows.windows.count,
            marked=len(self.desk.marked),
            query_fault=fault.message if fault else "",
            can_repeat=self.desk.last_action is not None,
            been_elsewhere=bool(self.desk.browsing.places),
            mount_fault=self.coexplorer.mount_fault,
        )

    def run_key(self, key: str) -> bool:
        """Run a command, or what the user gave a key of their own."""
        # Whoever presses a key wants to see what it does: the first frame has stood long enough.
        self.coexplorer.begin_output()
        if super().run_key(key):
            return True
        action = self.coexplorer.keymap.quick.get(key) if self.desk.editing is None else None
        if action is not None and self.rows.current is not None:
            self.begin(key, functools.partial(triage.quick, self, action))
        return action is not None

    def find_handler(self, command_id: str) -> Handler | None:
        """Return what carries a command out."""
        action = ACTIONS.get(command_id)
        return (
            super().find_handler(command_id) if action is None else functools.partial(action, self)
        )

    def show_footer(self) -> None:
        """Show the keys that matter now."""
        notes = []
        if self.desk.editing is not None:
            notes += edit.tell_marks(self)
        elif self.desk.marked:
            notes.append(self.desk.marked.describe())
        if self.desk.range_start is not None:
            notes.append(f"range: {key_of('mark.range')} ends it")
        self.footer.show_commands(
            self.iter_footer(), self.coexplorer.keymap, note=" · ".join(notes)
        )

    def show_marks(self) -> None:
        """Show what is marked."""
        self.rows.show_marks(frozenset(self.desk.marked))
        self.show_footer()

    async def drop_lost_marks(self) -> None:
        """Take away the marks of assets that are no more."""
        there = {row.id for row in await self.library.rows(list(self.desk.marked))}
        self.desk.marked.drop([marked for marked in self.desk.marked if marked not in there])
        self.show_marks()

    def report_once(self, error: CoexplorerError) -> None:
        """Report something that goes on failing in the background, the first time only."""
        if error.message not in self._said:
            self._said.add(error.message)
            self.report(error)

    async def tell_settled(self, asset_id: AssetId, state: str) -> None:
        """Tell how the making of an asset ended."""
        record = await self.library.record(asset_id)
        name = record.asset.name if record is not None else asset_id
        self.say(f"{name} is {state}", severity="error" if state == "failed" else "information")

    # Sizes

    def on_resize(self) -> None:
        """Fit what is shown to the terminal."""
        if self.desk.editing is not None:
            # The fields stay, and keep the keys.
            self._show_size(edit.choose_size(self, self.desk.editing))
        else:
            self.set_size(self.choose_size())
        self.call_after_refresh(self._fit)

    async def _fit(self) -> None:
        self.feeds.show_header()
        await self.feeds.show_details()

    def choose_size(self) -> str:
        """Return how large the details are by themselves, in the terminal as it is."""
        if self.app.size.height < TALL_ENOUGH:
            return "hidden"
        return self.desk.size_chosen or "small"

    def _show_size(self, name: str) -> None:
        """Change all classes at once: with each change all styles are worked out again."""
        others = {"beside"} if self.app.size.width < WIDE_ENOUGH else set()
        wanted = (self.classes - others - set(SIZES)) | {name}
        if wanted != self.classes:
            self.set_classes(wanted)

    def set_size(self, name: str) -> None:
        """Make the details this large."""
        self._show_size(name)
        if name == "full":
            self.set_focus(self.details)
        elif self.focused is None or self.focused is self.details:
            self.set_focus(self.rows)
        self.call_after_refresh(self.feeds.show_details)

    # Facts from the widgets

    def on_row_highlighted(self) -> None:
        """Let the details follow, when the cursor rests."""
        if self.desk.editing is None:
            self.feeds.follow_cursor()

    async def on_details_resized(self) -> None:
        """Lay the details out for their room: they may have had none when they were read."""
        await self.feeds.show_details()

    def on_rows_missed(self, event: RowsMissed) -> None:
        """Read the rows that are to be shown."""
        self.restart("rows", functools.partial(self.feeds.load_rows, event.offset, event.limit))

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
        """Keep the draft: a lost connection takes nobody's words."""
        edit.keep_draft(self, event.mine)

    def on_fields_entered(self, event: FieldsEntered) -> None:
        """Save the fields."""
        edit.save(self, event.mine)
