"""Editing in place: the fields, their draft, and saving them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    EditConflict,
    InvalidField,
    JournalError,
    NotSignedIn,
    Refused,
)
from coexplorer.fields import FIELDS, Fields, Value, changed_fields, replace_values, with_fields_of
from coexplorer.library.entries import KEPT, Entry, State
from coexplorer.library.merge import rebase_text
from coexplorer.library.results import EditResult, describe_differs
from coexplorer.library.validate import describe_tidied, tidy_fields
from coexplorer.models import AssetId
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.actions import tagging
from coexplorer.tui.keys import key_of
from coexplorer.tui.main_state import Editing
from coexplorer.tui.screens.key_queue import CLOSE, OPEN

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench


async def start(screen: Workbench, field: str) -> None:
    """Open the fields of the asset under the cursor at one of them."""
    row = screen.rows.current
    if row is None:
        return
    record = await screen.library.assets.record(row.id)
    if record is None:
        screen.say(
            f"this asset is gone; {key_of('sync.refresh')} refreshes the list", severity="warning"
        )
        return
    unsent = (
        None if row.id in screen.rows.windows.ahead else await screen.library.log.find_text(row.id)
    )
    if unsent is not None:
        await take_up(screen, unsent, field=field)
        return
    # What is on its way is sent first: who goes on from what is shown must not conflict with it.
    shown = screen.rows.windows.ahead.asset(record.asset)
    await open_fields(screen, row.id, row.name, shown.fields, field=field)


async def take_up(screen: Workbench, entry: Entry, *, field: str = "") -> None:
    """Open the fields with a text that the platform does not have, and say which that is.

    Args:
        screen: The main screen.
        entry: The journal's entry with it: saving sends that one, unless it was discarded.
        field: The one that gets the cursor; empty: the first that it changes.
    """
    base, mine = entry.base, entry.mine
    if base is None or mine is None:
        return
    record = await screen.library.assets.record(entry.asset_id)
    if record is not None and entry.state is not State.CONFLICT:
        base, mine = rebase_text(base, mine, record.asset.fields)
    field = field or next(iter(changed_fields(base, mine)), "name")
    await open_fields(
        screen,
        entry.asset_id,
        entry.asset_name,
        base,
        mine=mine,
        field=field,
        kept=entry.id if entry.state in KEPT else None,
        kept_text=mine,  # also what was discarded is still in the log
    )
    at = datetime.fromtimestamp(entry.at, tz=external.local_time().tzinfo)
    screen.say(f"{entry.told} text of {at:%H:%M}, from change {entry.batch_id}")


async def choose(screen: Workbench, entry: Entry) -> None:
    """Show both versions of a text in conflict, to choose; the fields, where none is left."""
    screen.hold_keys(OPEN)
    try:
        conflict = await screen.library.changes.find_conflict(entry.id)
    except CoexplorerError as error:
        # Both can't be shown now, but the text can.
        screen.report(error)
        conflict = None
    finally:
        await screen.release_keys(OPEN)
    if conflict is None:
        await take_up(screen, entry)
    else:
        await resolve(screen, entry.asset_name, conflict, kept=entry.id)


async def open_fields(
    screen: Workbench,
    asset_id: AssetId,
    name: str,
    base: Fields,
    *,
    mine: Fields | None = None,
    field: str = "name",
    kept: int | None = None,
    kept_text: Fields | None = None,
) -> None:
    """Show fields instead of the facts.

    Args:
        screen: The main screen.
        asset_id: The asset.
        name: Its name, for the line above the fields.
        base: The fields as they were shown.
        mine: What was typed already, if anything was.
        field: The one that gets the cursor.
        kept: See `Editing`.
        kept_text: See `Editing`.
    """
    # The editors are imported when they are first needed, not before the first frame.
    from coexplorer.tui.widgets.fields import FieldsEditor  # noqa: PLC0415

    schema = await screen.library.assets.metadata_schema()
    editor = FieldsEditor(base, mine=mine, first=field, schema=schema)
    async with screen.state.fields_move:
        await _remove_fields(screen)
        # Painted once, with everything in its place.
        with screen.app.batch_update():
            size, height = screen.size_name, screen.app.size.height
            screen.state.editing = Editing(
                asset_id, name, base, editor, size, height, field, kept, kept_text
            )
            screen.set_size(screen.choose_size_of_fields(screen.state.editing))
            screen.rule.show_title(name)
            await screen.side.mount(editor, after=screen.rule)
            screen.show_footer()
    details = screen.feeds.details
    is_read = details.record is not None and details.record.asset.id == asset_id
    await (details.show() if is_read else details.load())
    await tagging.know_tags(screen)


def keep_draft(screen: Workbench, mine: Fields) -> None:
    """Write down what was typed, if it is anything."""
    editing = screen.state.editing
    if editing is None:
        return
    memory = screen.coexplorer.memory
    start = editing.kept_text or editing.base
    if tidy_fields(mine, start).same_as(start):
        memory.drop_draft()
    else:
        at = editing.editor.at
        kept = editing.kept
        before = memory.standing
        memory.save_draft(editing.asset_id, editing.name, editing.base, mine, at, kept=kept)
        if memory.standing != before:
            screen.show_footer()


def press_save(screen: Workbench) -> None:
    """Save what is in the fields."""
    editing = screen.state.editing
    if editing is not None and editing.editor.check():
        save(screen, editing.editor.mine)


def press_leave(screen: Workbench) -> None:
    """Leave the fields."""
    if screen.state.editing is not None:
        editing = screen.state.editing
        typed = editing.editor.typed
        if editing.kept_text is not None:
            mine = tidy_fields(editing.editor.mine, editing.kept_text)
            typed = not mine.same_as(editing.kept_text)
        screen.hold_keys(OPEN if typed else CLOSE)
        screen.start("leave", functools.partial(leave, screen, typed=typed))


async def leave(screen: Workbench, *, typed: bool) -> None:
    """Leave the fields; ask if something would be lost."""
    if typed and not await screen.prompt.confirm(
        "leave without saving?", yes="throw away what was typed", no="go on editing"
    ):
        return
    screen.coexplorer.memory.drop_draft()
    await _close(screen)


async def _close(screen: Workbench) -> None:
    async with screen.state.fields_move:
        was_open = await _remove_fields(screen)
    if was_open:
        screen.coexplorer.note_focus()
    await screen.release_keys(CLOSE)
    if was_open:
        await screen.feeds.details.load()


async def _remove_fields(screen: Workbench) -> bool:
    """Show the facts again instead of the fields; tell whether these were open."""
    editing, screen.state.editing = screen.state.editing, None
    if editing is None:
        return False
    with screen.app.batch_update():
        await editing.editor.remove()
        resized = screen.app.size.height != editing.height_before
        if resized and editing.size_before != "full":
            screen.set_size(screen.choose_size())
        else:
            screen.set_size(editing.size_before)
        if editing.size_before != "full":
            screen.set_focus(screen.rows)
        screen.show_footer()
    return True


def save(screen: Workbench, mine: Fields) -> None:
    """Close the fields and send them; the row shows at once what it will be."""
    editing = screen.state.editing
    if editing is None:
        return
    screen.hold_keys(CLOSE)
    if mine.same_as(editing.base):
        screen.coexplorer.memory.drop_draft()
        screen.start("close", functools.partial(_close_unchanged, screen, editing.kept))
        return
    work = functools.partial(
        _save,
        screen,
        editing.asset_id,
        editing.name,
        editing.base,
        mine,
        at=editing.editor.at,
        since=screen.coexplorer.keys_typed,
        kept=editing.kept,
    )
    screen.start("save", work)


async def _close_unchanged(screen: Workbench, kept: int | None) -> None:
    """Nothing is to be sent: neither is what was kept."""
    await _close(screen)
    if kept is not None:
        await _give_up(screen, kept)
        await screen.feeds.load_status()
        screen.say(f"the unsent text is given up: it is still in the log ({key_of('log.open')})")


async def _save(
    screen: Workbench,
    asset_id: AssetId,
    name: str,
    base: Fields,
    mine: Fields,
    *,
    at: str,
    since: int,
    kept: int | None = None,
) -> None:
    conflict: EditConflict | None = None
    try:
        # Counted before the fields close: an undo that is typed ahead takes this change.
        with screen.state.in_flight.one() as sending:
            async with shown_ahead(screen, asset_id, msgspec.structs.asdict(mine)):
                await _close(screen)
                sent = await _send(screen, asset_id, base, mine, kept)
            if isinstance(sent, EditConflict):
                conflict = sent
            else:
                sending.result = sent
                if asset_id == screen.state.resumed:
                    # The cursor may be anywhere: its list was loaded before this was taken up.
                    screen.state.resumed = None
                    screen.say(f"saved: {mine.name}")
                    screen.feeds.list.load(go_to=asset_id)
    except (InvalidField, JournalError) as error:
        # It is written down nowhere: the fields have it, and are there again.
        if not isinstance(error, InvalidField):
            screen.report(error)
        later = f"{clean(name)} could not be saved: its fields open when you are done here"
        await screen.coexplorer.until_idle(tell=later, since=since)
        field = error.field if isinstance(error, InvalidField) else at
        await open_fields(screen, asset_id, name, base, mine=mine, field=field, kept=kept)
        keep_draft(screen, mine)
        editing = screen.state.editing
        if isinstance(error, InvalidField) and not (editing and editing.editor.show_mistake(error)):
            screen.report(error)
    else:
        if conflict is not None:
            await resolve(screen, name, conflict, since=since, kept=kept)


async def _send(
    screen: Workbench, asset_id: AssetId, base: Fields, mine: Fields, kept: int | None
) -> EditResult | EditConflict:
    try:
        result = await _send_text(screen, asset_id, base, mine, kept)
    except (InvalidField, JournalError):
        raise
    except EditConflict as conflict:
        _drop_draft(screen, asset_id)
        return conflict
    except NotSignedIn:
        _drop_draft(screen, asset_id)
        raise
    except CoexplorerError as error:
        # The journal has the text now, unless it could not be written.
        entry = await _find_kept(screen, asset_id)
        if entry is not None:
            _drop_draft(screen, asset_id)
            how = "refused" if entry.state is State.REFUSED else "unsent"
            where = f"your text is kept as {how}: {key_of('log.open')}"
            error.hint = f"{error.hint}; {where}".lstrip("; ")
        raise
    else:
        _drop_draft(screen, asset_id)
        if tidied := describe_tidied(mine, base):
            screen.say(tidied)
        if result.differs:
            screen.say(describe_differs(result), severity="warning")
    return result


async def _send_text(
    screen: Workbench, asset_id: AssetId, base: Fields, mine: Fields, kept: int | None
) -> EditResult:
    """Send a text: as the entry that has an earlier one, if there is one."""
    library = screen.library
    if kept is not None and await library.changes.amend(kept, base, mine):
        return await library.changes.retry(kept)
    try:
        result = await library.changes.edit(asset_id, base, mine)
    except (InvalidField, JournalError):
        raise
    except CoexplorerError:
        await _give_up(screen, kept)  # the journal has the newer text now
        raise
    await _give_up(screen, kept)
    return result


def _drop_draft(screen: Workbench, asset_id: AssetId) -> None:
    """Forget the draft of what was sent; fields that were opened since keep theirs."""
    if screen.state.editing is None or screen.state.editing.asset_id != asset_id:
        screen.coexplorer.memory.drop_draft(asset_id)


async def _find_kept(screen: Workbench, asset_id: AssetId) -> Entry | None:
    """Return the newest text of an asset that the journal keeps."""
    kept = [entry for entry in await screen.library.log.kept() if entry.asset_id == asset_id]
    return kept[-1] if kept else None


@contextlib.asynccontextmanager
async def shown_ahead(
    screen: Workbench, asset_id: AssetId, values: Mapping[str, object]
) -> AsyncIterator[None]:
    """Show an asset as it will be once the platform has these values; see `Ahead.begin`.

    At the end it is shown as the catalog has it, but for what else of it is on its way.
    """
    ahead = screen.rows.windows.ahead
    screen.feeds.list.keep_place(asset_id, values)
    sent = ahead.begin(asset_id, values)
    try:
        screen.rows.redraw_rows()
        if screen.state.editing is None:  # else they follow when the fields close
            await _show_details_of(screen, asset_id)
        yield
    finally:
        ahead.end(sent)
        screen.feeds.list.load()
        await _show_details_of(screen, asset_id)


async def _show_details_of(screen: Workbench, asset_id: AssetId) -> None:
    row = screen.rows.current
    if row is not None and row.id == asset_id:
        await screen.feeds.details.load()


async def resolve(
    screen: Workbench,
    name: str,
    conflict: EditConflict,
    *,
    since: int | None = None,
    kept: int | None = None,
) -> None:
    """Let the user choose between theirs and mine, and save what was chosen.

    A third version is kept as it is typed, like any text: as a draft, and as unsent when the user
    leaves.

    Args:
        screen: The main screen.
        name: The asset's.
        conflict: What is to be decided.
        since: How many keys had been typed when the text was sent: whoever has typed on is not
            interrupted. None: the user asks for it now.
        kept: See `Editing`.
    """
    # Seldom needed, so imported late.
    from coexplorer.tui.screens.conflict import ConflictScreen  # noqa: PLC0415

    app = screen.coexplorer
    later = f"{conflict.tell(name)}: choose when you are done here"
    await app.until_idle(tell=later, since=app.keys_typed if since is None else since)
    asset_id, memory = conflict.asset_id, screen.coexplorer.memory
    if kept is None:
        entry = await _find_kept(screen, asset_id)
        kept = entry.id if entry is not None and entry.state is State.CONFLICT else None

    def keep_typed(field: str, values: Mapping[str, Value]) -> None:
        typed = replace_values(conflict.mine, values)
        memory.save_draft(asset_id, name, conflict.base, typed, field, kept=kept)

    shown = ConflictScreen(
        name, conflict, keep_typed, await screen.library.assets.metadata_schema()
    )
    chosen = await screen.app.push_screen_wait(shown)
    if chosen is None:
        await _keep_as_unsent(screen, conflict, shown.written, kept)
        screen.say(
            f"your text is kept as unsent: {key_of('log.open')} shows it", severity="warning"
        )
        return
    # Of the fields in conflict the user has now seen theirs; the others are merged as before.
    base = with_fields_of(conflict.base, conflict.theirs, conflict.fields)
    mine = replace_values(conflict.mine, chosen)
    at, since = conflict.fields[0], screen.coexplorer.keys_typed
    await _save(screen, asset_id, name, base, mine, at=at, since=since, kept=kept)


async def _keep_as_unsent(
    screen: Workbench, conflict: EditConflict, written: Mapping[str, Value], kept: int | None
) -> None:
    """Let the journal have what was written in a conflict; its draft stays where that fails."""
    if written:
        library, asset_id, base = screen.library, conflict.asset_id, conflict.base
        mine = replace_values(conflict.mine, written)
        if kept is None or not await library.changes.amend(kept, base, mine, check=False):
            await library.saves.keep(asset_id, base, mine, conflict)
            await _give_up(screen, kept)
        _drop_draft(screen, asset_id)


async def _give_up(screen: Workbench, kept: int | None) -> None:
    """Give up what the journal kept of an asset: there is a newer text of it."""
    if kept is not None:
        # It was sent or given up meanwhile; or it may have arrived, and stays until that is known.
        with contextlib.suppress(Refused, ApiError):
            await screen.library.changes.discard(kept)


ACTIONS: dict[str, Action] = {
    "edit.start": functools.partial(start, field="name"),
    **{f"edit.{field.name}": functools.partial(start, field=field.name) for field in FIELDS},
    "edit.save": press_save,
    "edit.leave": press_leave,
}
