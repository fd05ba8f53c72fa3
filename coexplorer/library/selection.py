"""What an asset was selected by; checked again when it is read right before it is changed.

The catalog may be minutes old, and a plan waits for its user: what a colleague changed in between
(tagged it ``keep``, renamed it) must count. Pure.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import msgspec

from coexplorer.errors import ChangedSince, NoLongerFits
from coexplorer.fields import Fields, changed_fields, tell_fields
from coexplorer.models import Asset, Record
from coexplorer.query import Flag, Query, format_query, fulfils, parse_query

_LOOKED_AT = {
    "state": "state",
    "type": "type",
    "failure_reason": "failure",
    "last_used": "last use",
    "size_bytes": "size",
    "files": "number of files",
    "owner": "owner",
    "source": "source",
    "contained": "parts",
}
"""What people look at before they delete an asset, besides its editable fields."""


def find_changes(known: Asset, now: Asset) -> tuple[str, ...]:
    """Name what is not as it was known, of what people look at before they delete an asset.

    What was not known, as some platforms do not say everything everywhere, is no change.
    """
    fields = (
        tell_fields([name])
        for name in changed_fields(known.fields, now.fields)
        if getattr(known, name.partition(".")[0]) is not None
    )
    others = (
        title
        for name, title in _LOOKED_AT.items()
        if (before := getattr(known, name)) is not None and before != getattr(now, name)
    )
    return (*fields, *others)


_RENAMED = "it is called "
_UNFIT = "it no longer matches the query"


def was_unfit(reason: str) -> bool:
    """Tell whether a reason in the journal is that the asset was renamed or fits no longer."""
    return reason.startswith((_RENAMED, _UNFIT))


class Fit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an asset must still be, or it is left out.

    Attributes:
        query: The query that found it, as text; empty: it was not found by one.
        at: Epoch seconds that the query's relative dates count back from.
        name: The name that it was given by; empty: it was not given by its name.
        seen: Its fields as they were then, to say what has changed.
        shown: All of it as it was shown, where it must be just so still: what is deleted is gone.
        tags: It must have one of these, spelled just so; empty: whichever it has.
        typed: Somebody typed a text for this very asset.
    """

    query: str = ""
    at: float = 0.0
    name: str = ""
    seen: Fields | None = None
    shown: Asset | None = None
    tags: tuple[str, ...] = ()
    typed: bool = False

    @property
    def keeps_text(self) -> bool:
        """Whether an edit of it is kept when it does not fit: somebody means this very asset."""
        return self.typed or bool(self.name)

    @property
    def depends_on_archived(self) -> bool:
        """Whether it matters that the asset is archived or not, which only a search tells."""
        if not self.query:
            return False
        query = _parse(self.query)
        return not query.asks_for_archived or any(map(_is_archived, query.terms))

    def whether_archived_or_not(self) -> Fit:
        """Return what it must be where we change, or have changed, whether it is archived."""
        if not self.query:
            return self
        terms = [term for term in _parse(self.query).terms if not _is_archived(term)]
        return msgspec.structs.replace(self, query=format_query(Query((*terms, Flag("any")))))

    def ensure(self, record: Record, seen: Fields | None = None) -> None:
        """Check an asset that was just read.

        Args:
            record: The asset.
            seen: Replaces `seen`, where that is known anyway.

        Raises:
            NoLongerFits: It is not what was selected any more.
            ChangedSince: It is not as it was shown.
        """
        name = record.asset.name
        if self.name and _compose(name) != _compose(self.name):
            raise NoLongerFits(f"{_RENAMED}{name!r} now")
        if self.tags and not set(self.tags) & set(record.asset.tags):
            raise NoLongerFits(f"it has no tag {' or '.join(self.tags)} any more")
        if self.query and not fulfils(_parse(self.query), record, self.at, or_unknown=True):
            before = self.seen or seen
            changed = changed_fields(before, record.asset.fields) if before else ()
            why = f": its {tell_fields(changed)} changed" if changed else ""
            if not changed and self.depends_on_archived:
                archived = record.membership.archived
                why = ": it is archived now" if archived else ": it is no longer archived"
            raise NoLongerFits(f"{_UNFIT}{why}")
        if self.shown is not None and (what := find_changes(self.shown, record.asset)):
            raise ChangedSince(what, name if name != self.shown.name else "")


def keep_shown(asset: Asset, fit: Fit | None = None) -> Fit:
    """Return what an asset must still be: just as it was shown, and what `fit` says."""
    shown = msgspec.structs.replace(asset, raw=b"{}", odd={})
    return msgspec.structs.replace(fit or Fit(), shown=shown)


def fit_query(query: Query, now: float) -> Fit:
    """Return what an asset must still be that a query found.

    Args:
        query: The query.
        now: Epoch seconds that its relative dates count back from.
    """
    return Fit(format_query(Query(query.terms)), now)


def _is_archived(term: object) -> bool:
    return isinstance(term, Flag) and term.name == "archived"


@lru_cache(maxsize=64)
def _parse(query: str) -> Query:
    """Each asset of a batch was found by the same few."""
    return parse_query(query)


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)
