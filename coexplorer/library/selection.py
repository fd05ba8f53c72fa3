"""What an asset was selected by, to be judged again when it is read right before it is changed.

The catalog may be minutes old, and a plan waits for its user: what a colleague changed meanwhile
(tagged it ``keep``, gave it another name) must count. Pure.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import msgspec

from coexplorer.errors import NoLongerFits
from coexplorer.fields import Fields, changed_fields
from coexplorer.models import Record
from coexplorer.query import Flag, Query, format_query, fulfils, parse_query


class Fit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an asset must still be, or it is left out.

    Attributes:
        query: The query that found it, as text; empty: it was not found by one.
        at: Epoch seconds that the query's relative dates count back from.
        name: The name that it was given by; empty: it was not given by its name.
        seen: Its fields as they were then, to say what has changed.
    """

    query: str = ""
    at: float = 0.0
    name: str = ""
    seen: Fields | None = None

    @property
    def asks_for_archived(self) -> bool:
        """Whether it matters that the asset is archived, which only a search tells."""
        return Flag("archived") in _parse(self.query).terms

    def after_archiving(self) -> Fit:
        """Return what it must be once it was archived by us."""
        if not self.query:
            return self
        terms = [term for term in _parse(self.query).terms if not _is_archived(term)]
        return msgspec.structs.replace(self, query=format_query(Query((*terms, Flag("any")))))

    def ensure(self, record: Record, seen: Fields | None = None) -> None:
        """Check an asset that was just read.

        Args:
            record: The asset.
            seen: In place of `seen`, where that is known anyway.

        Raises:
            NoLongerFits: It is not what was selected any more.
        """
        name = record.asset.name
        if self.name and _compose(name) != _compose(self.name):
            raise NoLongerFits(f"it is called {name!r} now")
        if self.query and not fulfils(_parse(self.query), record, self.at):
            before = self.seen or seen
            changed = changed_fields(before, record.asset.fields) if before else ()
            why = f": its {' and '.join(changed)} changed" if changed else ""
            if not changed and self.asks_for_archived and not record.membership.archived:
                why = ": it is not archived any more"
            raise NoLongerFits(f"it no longer fits the query{why}")


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
