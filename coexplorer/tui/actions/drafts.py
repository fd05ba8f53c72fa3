"""Text that was being typed when an app ended, offered again at the next start."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from coexplorer.fields import FIELD_BY_NAME, FieldKind, changed_fields, same_value
from coexplorer.library.drafts import EditDraft, FormDraft, TextDraft, drop_file, holds
from coexplorer.text import clean, cut
from coexplorer.tui import external
from coexplorer.tui.actions import edit, editor, new
from coexplorer.tui.changes import tell_when
from coexplorer.tui.columns import cut_middle
from coexplorer.tui.memory import Memory
from coexplorer.tui.tag_text import format_tags
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Workbench

SHOWN = 40
"""Cells of a draft's text that are shown when it is offered."""


async def offer_all(screen: Workbench) -> None:
    """Offer one draft after the other, until one is taken up."""
    memory = screen.coexplorer.memory
    edits = memory.edits.take()
    for at, (path, edited) in enumerate(edits):
        if await _is_written_down(screen, edited):
            drop_file(path)
        elif await _is_wanted(
            screen, path, f"you were editing {_name(path, edited)}", typed=_tell_typed(edited)
        ):
            await _edit_on(screen, path, edited)
            _drop_held(memory, edited, edits[at + 1 :])
            return
    for path, form in memory.forms.take():
        name = form.texts.get("name") or "a new asset"
        if await _is_wanted(screen, path, f"you were making {name}"):
            await _fill_in_on(screen, path, form)
            return
    for path, text in memory.texts.take():
        written = _read(text)
        if written == text.before:
            _forget(path, text)
        elif await _is_wanted(screen, path, "you were writing in your editor", text):
            await _write_on(screen, path, text, written)
            return


async def _is_written_down(screen: Workbench, draft: EditDraft) -> bool:
    """Tell whether a text was sent, or is kept in the journal: then nothing of it can be lost."""
    library = screen.library
    entry = await library.log.find_text(draft.asset_id)
    if entry is not None and entry.mine is not None and draft.mine.same_as(entry.mine):
        return True
    record = await library.assets.record(draft.asset_id)
    if record is None:
        return False
    now = record.asset.fields
    return all(same_value(draft.mine, now, name) for name in changed_fields(draft.base, draft.mine))


def _name(path: Path, draft: EditDraft) -> str:
    """Say which text it is: two windows may have left one each of the same asset."""
    name = cut_middle(clean(draft.name), SHOWN)
    with suppress(OSError):
        return f"{name}, {tell_when(path.lstat().st_mtime, external.local_time())}"
    return name


def _tell_typed(draft: EditDraft) -> str:
    """Return the fields that were typed in, and how one of them begins."""
    names = changed_fields(draft.base, draft.mine)
    if not names:
        return ""
    field = FIELD_BY_NAME[draft.field if draft.field in names else names[0]]
    of_set = field.kind is FieldKind.SET
    text = format_tags(field.set_of(draft.mine)) if of_set else field.text_of(draft.mine)
    return f"{' and '.join(names)}: {cut(clean(' '.join(text.split())), SHOWN)}"


def _drop_held(memory: Memory, taken: EditDraft, others: Sequence[tuple[Path, EditDraft]]) -> None:
    """Forget older drafts, all of whose words are in the one that was taken up."""
    for path, older in others:
        if holds(taken, older) and not memory.edits.is_ours(path):
            drop_file(path)


async def _is_wanted(
    screen: Workbench,
    path: Path,
    question: str,
    text: TextDraft | None = None,
    *,
    typed: str = "",
) -> bool:
    await screen.coexplorer.until_calm()  # no key that a field was to get answers the question
    answer = await screen.prompt.choose(
        question,
        [
            Choice("go on", help=typed or "with what was typed"),
            Choice("later", help="ask again at the next start"),
            Choice("throw away", help="what was typed is lost"),
        ],
    )
    # It came up of itself, so keys that were meant for the list may have chosen.
    if answer == "throw away" and await screen.prompt.confirm(
        f"{question}: really throw away what was typed?",
        yes="throw it away",
        no="ask again at the next start",
    ):
        _forget(path, text)
    return answer == "go on"


async def _edit_on(screen: Workbench, path: Path, draft: EditDraft) -> None:
    await edit.open_fields(
        screen,
        draft.asset_id,
        draft.name,
        draft.base,
        mine=draft.mine,
        field=draft.field,
        kept=draft.kept,
    )
    edit.keep_draft(screen, draft.mine)
    if not screen.coexplorer.memory.edits.is_ours(path):
        drop_file(path)
    screen.state.resumed = draft.asset_id
    screen.show_footer()


async def _fill_in_on(screen: Workbench, path: Path, draft: FormDraft) -> None:
    memory = screen.coexplorer.memory
    memory.save_form(draft.texts, draft.switched, draft.field)
    if not memory.forms.is_ours(path):
        drop_file(path)
    await new.fill_in(screen, draft)


async def _write_on(screen: Workbench, path: Path, draft: TextDraft, written: str) -> None:
    texts = screen.coexplorer.memory.texts
    screen.coexplorer.memory.save_text(draft.before, written)
    if texts.unkept is None:
        # It is this app's now: whatever becomes of the editor, no start finds it twice or never.
        _forget(path, draft, keep=texts.is_ours(path))
    await editor.write(screen, draft.before, written)


def _read(draft: TextDraft) -> str:
    """Return what the editor saved last, if it was still open; else what it had given back."""
    if draft.path:
        try:
            return Path(draft.path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            pass
    return draft.text


def _forget(path: Path, text: TextDraft | None, *, keep: bool = False) -> None:
    if not keep:
        drop_file(path)
    if text is not None and text.path:
        Path(text.path).unlink(missing_ok=True)
