"""What the app remembers between runs, in a small private file beside the journal.

``….tui.json`` holds searches, last tags, theme and order. What is being typed is in drafts (see
`coexplorer.library.drafts`); where one can't be kept in its place the user hears of it at once, and
where it can't be kept at all it is printed when the app ends. What else can't be read or written is
forgotten, and nothing else goes wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from coexplorer.fields import FieldKind, Fields, changed_fields, field_named, tell_fields
from coexplorer.library.drafts import (
    AllDrafts,
    EditDraft,
    FormDraft,
    TextDraft,
    load_file,
    save_file,
)
from coexplorer.metadata.showing import show_field
from coexplorer.models import AssetId
from coexplorer.tui.tag_text import format_tags

KEPT_SEARCHES = 100
KEPT_TAGS = 20


class Remembered(msgspec.Struct):
    """What is kept of the last runs.

    Attributes:
        searches: Texts of the search box, the last one first.
        tags: Tags that were added or removed by key, the last one first.
        theme: Name of the theme; empty for our own choice.
        sort: Field of the order.
        descending: Its direction.
        details: How large the details are; empty for our own choice.
    """

    searches: list[str] = []
    tags: list[str] = []
    theme: str = ""
    sort: str = "created"
    descending: bool = True
    details: str = ""


class Memory:
    """Reads and writes those files.

    Args:
        journal_path: They lie beside it, since they belong to the same profile and domain.
    """

    def __init__(self, journal_path: Path) -> None:
        self._file = journal_path.with_suffix(".tui.json")
        drafts = AllDrafts(journal_path)
        self.edits, self.forms, self.texts = drafts.edits, drafts.forms, drafts.texts
        self._draft_of: AssetId | None = None
        self._trouble = ""
        self.tell: Callable[[str], None] = lambda _: None
        self.remembered = load_file(self._file, Remembered) or Remembered()

    def save(self) -> None:
        """Write what is remembered."""
        save_file(self._file, self.remembered)

    def remember_search(self, text: str) -> None:
        """Put a search on top of the history."""
        _put_first(self.remembered.searches, text.strip(), KEPT_SEARCHES)
        self.save()

    def remember_tag(self, tag: str) -> None:
        """Put a tag on top of those used last."""
        _put_first(self.remembered.tags, tag, KEPT_TAGS)
        self.save()

    def save_draft(
        self,
        asset_id: AssetId,
        name: str,
        base: Fields,
        mine: Fields,
        field: str,
        *,
        kept: int | None = None,
    ) -> None:
        """Keep what is being typed, and in which field; see `EditDraft`."""
        self._draft_of = asset_id
        self.edits.save(EditDraft(asset_id, name, base, mine, os.getpid(), field, kept))
        self._tell_trouble()

    def drop_draft(self, asset_id: AssetId | None = None) -> None:
        """Forget what this app was typing, of this asset if one is given."""
        if asset_id is None or asset_id == self._draft_of:
            self.edits.drop()

    def save_form(self, texts: dict[str, str], switched: dict[str, bool], field: str) -> None:
        """Keep what is being filled in; the caller leaves secrets out."""
        self.forms.save(FormDraft(texts, switched, os.getpid(), field))
        self._tell_trouble()

    def save_text(self, before: str, text: str, path: str = "") -> None:
        """Keep what is being written in $EDITOR."""
        self.texts.save(TextDraft(before, text, path, os.getpid()))
        self._tell_trouble()

    @property
    def trouble(self) -> str:
        """Why a draft is not in its place, in a few words; empty: nothing is wrong."""
        for kind in (self.edits, self.forms, self.texts):
            if kind.error is not None:
                return (kind.error.strerror or str(kind.error)).lower()
        return ""

    @property
    def standing(self) -> str:
        """Where what is typed is kept, in a few words; empty: in its place."""
        kinds = (self.edits, self.forms, self.texts)
        if any(kind.unkept is not None for kind in kinds):
            return f"draft not kept: {self.trouble}"
        places = [kind.elsewhere.parent for kind in kinds if kind.elsewhere is not None]
        return f"draft kept in {places[0]} for now: {self.trouble}" if places else ""

    def _tell_trouble(self) -> None:
        """Say it once when a draft can't be kept in its place, and once when it can again."""
        kinds = (self.edits, self.forms, self.texts)
        if any(kind.unkept is not None for kind in kinds):
            told = (
                f"what you type can't be kept at the moment ({self.trouble}):"
                " make room, or save it before you leave"
            )
        elif places := [kind.elsewhere.parent for kind in kinds if kind.elsewhere is not None]:
            told = f"what you type is kept in {places[0]} for now ({self.trouble}): make room"
        else:
            told = ""
        if told != self._trouble:
            self._trouble = told
            self.tell(told or "what you type is kept in its place again")

    def tell_unkept(self) -> Iterator[str]:
        """Yield lines about what is not kept in its place as the app ends, the texts included."""
        for kind in (self.edits, self.forms, self.texts):
            if kind.unkept is not None:
                kind.save(kind.unkept)  # type: ignore[arg-type]  # of the same kind
            if kind.elsewhere is not None:
                yield f"what you were typing is in {kind.elsewhere}: the next start offers it"
            if kind.unkept is not None:
                yield f"what you were typing could not be kept ({self.trouble}); this is it:"
                yield from describe_draft(kind.unkept)


def describe_draft(draft: EditDraft | FormDraft | TextDraft) -> Iterator[str]:
    """Yield what was typed, line by line, as people read it."""
    match draft:
        case EditDraft():
            for name in changed_fields(draft.base, draft.mine):
                field = field_named(name)
                of_set = field.kind is FieldKind.SET
                text = format_tags(field.set_of(draft.mine)) if of_set else ""
                text = text or show_field(field, draft.mine)
                yield f"--- {tell_fields([name])} of {draft.name}"
                yield from text.split("\n")
        case FormDraft():
            for name, text in draft.texts.items():
                if text:
                    yield f"--- {name} of the new asset"
                    yield from text.split("\n")
        case TextDraft():
            yield from draft.text.split("\n")


def _put_first(texts: list[str], text: str, most: int) -> None:
    if not text:
        return
    if text in texts:
        texts.remove(text)
    texts.insert(0, text)
    del texts[most:]
