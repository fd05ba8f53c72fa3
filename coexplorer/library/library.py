"""The one interface for every front end: what a user can do with data assets.

A front end opens it with `coexplorer.library.open_library` and calls it from asyncio or trio. What
belongs together is a group, in a module of that name: `library.changes.undo` is in `changes.py`.

`assets` answers from the catalog at once, even offline; `platform` and `changes` ask the platform.
Every method may raise `CatalogError`; the ones that ask the platform may raise any `ApiError`
(`Unreachable` at once when the session is offline). Queries are parsed by the front end
(`coexplorer.query.parse_query`), so a mistake is found before anything is asked or sent.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream

from coexplorer.config import Settings
from coexplorer.library.assets import Assets
from coexplorer.library.background import Background
from coexplorer.library.changes import Changes
from coexplorer.library.context import Context
from coexplorer.library.creation import Creation
from coexplorer.library.edit import Editor
from coexplorer.library.events import Event
from coexplorer.library.files import Files
from coexplorer.library.log import Log
from coexplorer.library.platform import Platform
from coexplorer.library.runs import Runs
from coexplorer.library.saves import Saves
from coexplorer.library.status import Status
from coexplorer.library.sync import Sync
from coexplorer.library.workplaces import WorkplaceFinder


class Library:
    """Everything that a user can do. `open_library` makes it; its context closes it.

    Attributes:
        assets: What is known of assets, and which one is meant by a name.
        platform: What is asked of the platform itself, and the sign-in there.
        changes: Every change of what is there: made, planned, undone, redone, resent or given up.
        creation: New assets.
        saves: Texts that are kept, as they could not be sent, or in case they can't.
        log: What was done from this machine, and what waits for the user.
        files: The files of an asset.
        sync: Keeps the catalog true.
        runs: Runs of capsules and pipelines, whose results become assets.
        workplaces: Which capsule, pipeline or workstation is meant, and what is attached to it.
    """

    def __init__(self, context: Context, tasks: TaskGroup) -> None:
        self._context = context
        self.sync = Sync(context)
        self.assets = Assets(context, self.sync)
        self.platform = Platform(context)
        self.log = Log(context)
        editor = Editor(context)
        self.changes = Changes(context, editor, self.log)
        self.creation = Creation(context, editor)
        self.saves = Saves(context, self.log)
        self.files = Files(context, tasks)
        self.runs = Runs(context)
        self.workplaces = WorkplaceFinder(context)

    @property
    def settings(self) -> Settings:
        """What the session was opened with."""
        return self._context.settings

    @property
    def offline(self) -> bool:
        """Whether the session was opened without the network."""
        return self._context.offline

    async def status(self) -> Status:
        """Return the figures of the status line; never asks the network."""
        return await self._context.status(syncing=self.sync.busy)

    def subscribe(self) -> AbstractContextManager[MemoryObjectReceiveStream[Event]]:
        """Listen to events from now until the context ends."""
        return self._context.bus.subscribe()

    async def run_background(self) -> None:
        """Keep the catalog fresh until cancelled: sweeps, refreshes, drafts, unknown outcomes.

        Run it in a task of the front end's own group. Failures become `SyncFailed` events.
        """
        await Background(self._context, self.sync).run()
