"""The details of the asset under the cursor."""

from __future__ import annotations

import asyncio
import time

import msgspec
from textual.worker import Worker

from coexplorer.fields import FIELDS, EditableField, FieldKind
from coexplorer.library.used_by import FRESH_S, Uses, describe_uses
from coexplorer.metadata.schema import UNKNOWN
from coexplorer.models import Asset, AssetId, Record
from coexplorer.text import clean
from coexplorer.tui.columns import FLIGHT, Line, Role
from coexplorer.tui.facts import LABEL, UsesTold, build_facts, build_rest, show_age
from coexplorer.tui.feeds.screen_protocol import ScreenProtocol

DETAILS_PAUSE_S = 0.12
"""Details follow when the cursor has rested for so long: while a key is held they stay."""

STILL_S = 1.5
"""What uses an asset is asked when its opened details have stood still for so long."""

_ASKING = "asking the platform…"
_LATER: UsesTold = ("…", Role.DIM)

GONE = "this asset is not in the catalog: deleted, or not shared with you any more"


class DetailsFeed:
    """Feeds the pane below the list, or beside it."""

    def __init__(self, screen: ScreenProtocol) -> None:
        self._screen = screen
        self._library = screen.library
        self.record: Record | None = None
        self._schema = UNKNOWN
        self._moved_at = 0.0
        self._resting: Worker[None] | None = None
        self._asking: Worker[None] | None = None
        self._asked_of: AssetId | None = None
        self._told_asking = _LATER
        self._uses: dict[AssetId, Uses] = {}
        self._rendered: dict[str, tuple[str, int, list[Line]]] = {}

    def follow_cursor(self) -> None:
        """Read the asset under the cursor once the cursor has rested a little."""
        self._moved_at = asyncio.get_running_loop().time()
        self._stop_asking()
        # A worker for each move of a held key would take longer than the move.
        if self._resting is None or self._resting.is_cancelled:
            self._resting = self._screen.restart("details", self._load_rested)

    async def _load_rested(self) -> None:
        loop = asyncio.get_running_loop()
        while (left_s := self._moved_at + DETAILS_PAUSE_S - loop.time()) > 0:  # noqa: ASYNC110  the cursor may go on meanwhile
            await asyncio.sleep(left_s)
        self._resting = None
        await self.load()

    async def load(self) -> None:
        """Read the asset whose fields are open, or else the one under the cursor."""
        self._schema = await self._library.assets.metadata_schema()
        shown = self._wanted
        while True:
            self.record = None if shown is None else await self._library.assets.record(shown)
            if shown == self._wanted:
                break
            shown = self._wanted  # fields were opened or closed meanwhile
        if self.record is not None:
            asset = self._screen.rows.windows.ahead.asset(self.record.asset)
            self.record = msgspec.structs.replace(self.record, asset=asset)
        await self.show()
        self._ask_uses()

    def _is_opened(self) -> bool:
        return self._screen.details_shown and not self._screen.details_small

    def _ask_uses(self) -> None:
        """Ask what uses the asset once its details have stood still, if nobody knows yet."""
        record = self.record
        if record is None or not self._is_opened() or self._find_uses(record) is not None:
            return
        if self._asking is not None and not self._asking.is_finished:
            if self._asked_of == record.asset.id:
                return
            self._stop_asking()
        self._asked_of, self._told_asking = record.asset.id, _LATER
        self._asking = self._screen.restart("uses", self._load_uses)

    async def _load_uses(self) -> None:
        asset_id = self._asked_of
        await asyncio.sleep(STILL_S)
        shown = self.record is not None and self.record.asset.id == asset_id == self._wanted
        if asset_id is None or not shown or not self._is_opened():
            return
        self._told_asking = (_ASKING, Role.DIM)
        await self.show()

        def stall(why: str) -> None:
            self._told_asking = (f"{_ASKING} {clean(why)}, trying again", Role.WARN)
            self._screen.call_later(self.show)

        found = await self._library.workplaces.uses([asset_id], stalled=stall)
        self._uses[asset_id] = found[asset_id]
        await self.show()

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _find_uses(self, record: Record) -> Uses | None:
        """Return what this session knows of what uses an asset; a failure only for a while."""
        asset_id = record.asset.id
        kept = self._library.workplaces.known_uses([asset_id]).get(asset_id)
        if kept is not None:
            return kept
        failed = self._uses.get(asset_id)
        if failed is None or failed.is_whole or time.time() - failed.asked_at > FRESH_S:
            return None
        return failed

    async def forget_uses(self) -> None:
        """Ask anew what uses the asset that is shown."""
        self._uses.clear()
        self._library.workplaces.forget_uses()
        self._ask_uses()

    def _tell_uses(self, record: Record) -> UsesTold:
        uses = self._find_uses(record)
        if uses is None:
            return self._told_asking if self._asked_of == record.asset.id else _LATER
        time_text = show_age(time.time() - uses.asked_at)
        role = Role.TEXT if uses.is_whole else Role.WARN
        return (f"{clean(describe_uses(uses).removeprefix('used by '))} (asked {time_text})", role)

    @property
    def _wanted(self) -> AssetId | None:
        editing, row = self._screen.state.editing, self._screen.rows.current
        return editing.asset_id if editing is not None else row.id if row is not None else None

    async def show(self) -> None:
        """Show what was read last, in the pane's width."""
        screen = self._screen
        cells = screen.details.size.width
        if not screen.details_shown or not cells:
            return
        record, editing = self.record, screen.state.editing
        if editing is not None and (record is None or record.asset.id != editing.asset_id):
            # Nothing below the fields is about another asset.
            screen.details.show_facts(
                [((GONE, Role.WARN),)] if record is None else (), same_asset=True
            )
            return
        if record is None:
            screen.rule.show_title("")
            screen.details.show_facts((), same_asset=True)
            return
        same = screen.state.details_of == record.asset.id
        screen.state.details_of = record.asset.id
        if editing is not None:
            # The fields are above, as they are typed.
            screen.details.show_facts(
                build_rest(record, cells, None, used=self._tell_uses(record)), same_asset=same
            )
            return
        texts = {
            field.name: self._render_text(field, record.asset, cells - LABEL)
            for field in FIELDS
            if field.kind is FieldKind.TEXT
        }
        facts = build_facts(
            record,
            cells,
            texts,
            short=screen.details_small,
            schema=self._schema,
            used=self._tell_uses(record),
        )
        flight = f"{FLIGHT} " if record.asset.id in screen.rows.windows.ahead else ""
        screen.rule.show_title(f"{flight}{record.asset.name}")
        screen.details.show_facts(facts, same_asset=same)

    def _render_text(self, field: EditableField, asset: Asset, cells: int) -> list[Line]:
        text = field.text_of(asset)
        if not text:
            return []
        rendered = self._rendered.get(field.name)
        if rendered is None or rendered[:2] != (text, cells):
            # Markdown is imported when the first description is shown, not before the first frame.
            from coexplorer.tui.markdown import render_markdown  # noqa: PLC0415

            rendered = (text, cells, render_markdown(text, max(10, cells)))
            self._rendered[field.name] = rendered
        return rendered[2]
