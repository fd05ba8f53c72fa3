"""The main screen without its keys: widgets, state, sizes, marks. Actions and feeds work on it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Vertical

from coexplorer.config import Settings
from coexplorer.errors import CoexplorerError
from coexplorer.library.library import Library
from coexplorer.models import AssetId
from coexplorer.tui import external
from coexplorer.tui.commands import Scope, Situation
from coexplorer.tui.feeds.feeds import Feeds
from coexplorer.tui.keys import key_of
from coexplorer.tui.main_state import Editing, MainState
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.asset_list import AssetList
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.header import Header
from coexplorer.tui.widgets.prompt import Prompt
from coexplorer.tui.widgets.search_line import SearchLine
from coexplorer.tui.widgets.view_strip import ViewStrip

if TYPE_CHECKING:
    from coexplorer.tui.app_protocol import MainAppProtocol
    from coexplorer.tui.getting import Getting

TALL_ENOUGH = 30
"""Lines from which details are shown below the list by themselves."""
WIDE_ENOUGH = 160
"""Cells from which they can sit beside it (design: tui.md, Screen)."""
TWO_PANES = 20
"""Lines below which there is no room for list and details at once."""
LINES_OF_OTHERS = 16
"""Lines that are no rows where small details are shown, heads and keys among them."""
STILL_MARKED = "still marked"
"""What is said about marks that stayed; it goes with the last one. No work has this name: when some
ends well, what was said about it goes."""
SIZES = ("small", "tall", "full", "hidden")


class Workbench(CommandScreen[None]):
    """What actions and feeds work on; `screens.main.MainScreen` adds what leads to the actions."""

    scope: ClassVar[Scope] = Scope.MAIN

    def __init__(self, library: Library, settings: Settings) -> None:
        super().__init__()
        self.library = library
        self.settings = settings
        self.header = Header(id="header")
        self.strip = ViewStrip(id="views")
        self.search = SearchLine(id="search")
        self.rows = AssetList(columns=settings.columns, id="list")
        self.side = Vertical(id="side")
        self.rule = Rule(id="rule")
        self.details = Details(id="details")
        self.prompt = Prompt(id="prompt")
        self.footer = Footer(id="footer")
        self.state = MainState(settings.views)
        self.feeds = Feeds(self)
        self.getting: Getting | None = None
        self._said: set[str] = set()

    @property
    def coexplorer(self) -> MainAppProtocol:
        """The app, as far as it is the main screen's business."""
        return cast("MainAppProtocol", self.app)

    # What is going on

    @property
    def key_scope(self) -> Scope:
        """Keys belong to the fields while they are edited."""
        return Scope.EDIT if self.state.editing is not None else Scope.MAIN

    @property
    def leaving_key(self) -> str:
        """The key that leaves the field with the cursor."""
        if self.state.editing is not None and not getattr(self.focused, "leaves", False):
            return key_of("edit.leave")
        return super().leaving_key

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
        return list(self.state.marked) or ([row.id] if row else [])

    @property
    def marks_others(self) -> bool:
        """Whether others than the asset under the cursor are marked."""
        row = self.rows.current
        return any(row is None or marked != row.id for marked in self.state.marked)

    def situation(self) -> Situation:
        """Say what decides whether commands can run."""
        fault = self.state.browsing.fault
        return Situation(
            connected=True,
            current=self.rows.current is not None,
            rows=self.rows.windows.count,
            marked=len(self.state.marked),
            query_fault=fault.message if fault else "",
            can_repeat=self.state.last_action is not None,
            been_elsewhere=bool(self.state.browsing.places),
            mount_fault=external.find_mount_fault(),
        )

    def show_footer(self) -> None:
        """Show the keys that matter now."""
        notes = []
        if self.state.editing is not None:
            notes += self._tell_marks()
        elif self.state.marked:
            notes.append(self.state.marked.describe())
        if self.state.range_start is not None:
            notes.append(f"range: {key_of('mark.range')} ends it")
        if self.state.editing is not None and self.coexplorer.memory.standing:
            notes.insert(0, self.coexplorer.memory.standing)
        self.footer.show_commands(
            self.iter_footer(), self.coexplorer.keymap, note=" · ".join(notes)
        )

    def _tell_marks(self) -> list[str]:
        """Say that the fields belong to one asset, when others are marked."""
        editing, marked = self.state.editing, self.state.marked
        others = len(marked) - (editing is not None and editing.asset_id in marked)
        if editing is None or not others:
            return []
        all_marked = f"all {len(marked):,} marked"
        if editing.field == "tags":
            add, remove = key_of("tag.add"), key_of("tag.remove")
            return [f"only this one; {add} and {remove} tag {all_marked}"]
        return [f"only this one; {key_of('edit.external')} edits {all_marked}"]

    def show_marks(self) -> None:
        """Show what is marked."""
        self.rows.show_marks(frozenset(self.state.marked))
        if not self.state.marked:
            self.coexplorer.settle(STILL_MARKED)
        self.show_footer()

    async def drop_lost_marks(self) -> None:
        """Take away the marks of assets that are no more."""
        there = {row.id for row in await self.library.assets.rows(list(self.state.marked))}
        self.state.marked.drop([marked for marked in self.state.marked if marked not in there])
        self.show_marks()

    def report_once(self, error: CoexplorerError) -> None:
        """Report something that goes on failing in the background, the first time only."""
        if error.message not in self._said:
            self._said.add(error.message)
            self.report(error)

    async def tell_settled(self, asset_id: AssetId, state: str) -> None:
        """Tell how the making of an asset ended."""
        record = await self.library.assets.record(asset_id)
        name = record.asset.name if record is not None else asset_id
        self.say(f"{name} is {state}", severity="error" if state == "failed" else "information")

    # Sizes

    def choose_size(self) -> str:
        """Return how large the details are by themselves, in the terminal as it is."""
        if self.app.size.height >= TALL_ENOUGH:
            return self.state.size_chosen or "small"
        return "small" if self._leaves_room and self.state.size_chosen != "hidden" else "hidden"

    @property
    def _leaves_room(self) -> bool:
        """Whether the list is so short that small details fit below it."""
        height, count = self.app.size.height, self.rows.windows.count
        return height >= TWO_PANES and 0 < count < height - LINES_OF_OTHERS

    def fit_size(self) -> None:
        """On a low screen show details in the room that the list leaves, unless the user chose."""
        waits = self.state.editing is not None or self.size_name == "full" or self.search.typing
        if self.app.size.height >= TALL_ENOUGH or waits or not self.state.size_is_ours:
            return
        wanted = self.choose_size()
        if wanted != self.size_name:
            self.set_size(wanted)

    def choose_size_of_fields(self, editing: Editing) -> str:
        """Return how large the details are while fields are open, in the terminal as it is."""
        low = self.app.size.height < TWO_PANES
        return "full" if low or editing.size_before == "full" else "tall"

    def find_size_behind(self) -> str:
        """Return how large the details were before they were full, if the terminal is as it was."""
        size, height = self.state.size_behind
        return size if size and height == self.app.size.height else self.choose_size()

    def show_size(self, name: str) -> None:
        """Change all classes at once: with each change all styles are worked out again."""
        if name == "full" and not self.has_class("full"):
            now = next((each for each in SIZES if self.has_class(each)), "")
            self.state.size_behind = now, self.app.size.height
        others = {"beside"} if self.app.size.width < WIDE_ENOUGH else set()
        wanted = (self.classes - others - set(SIZES)) | {name}
        if wanted != self.classes:
            self.set_classes(wanted)

    def set_size(self, name: str) -> None:
        """Make the details this large."""
        self.show_size(name)
        if name == "full":
            self.set_focus(self.details)
        elif self.focused is None or self.focused is self.details:
            self.set_focus(self.rows)
        self.call_after_refresh(self.feeds.details.show)


Action = Callable[[Workbench], Coroutine[None, None, None] | None]
"""What a command of the main screen does."""
