"""Where the user is: the search's text, its order, and earlier places. Pure."""

from __future__ import annotations

import msgspec

from coexplorer.errors import QueryError
from coexplorer.models import AssetId
from coexplorer.query import Query, SortKey, parse_partial

NEWEST_FIRST = SortKey("created", descending=True)
KEPT_PLACES = 50


class Visit(msgspec.Struct, frozen=True):
    """Where somebody was: a search and the asset under the cursor."""

    text: str
    sort: SortKey
    asset_id: AssetId | None


class Browsing(msgspec.Struct):
    """The search in force.

    Attributes:
        text: As typed.
        sort: The order, unless the text gives one.
        places: Earlier places, the latest one last.
    """

    text: str = ""
    sort: SortKey = NEWEST_FIRST
    places: list[Visit] = []
    _parsed: tuple[str, Query, QueryError | None] | None = None

    @property
    def query(self) -> Query:
        """What the text asks for, as far as it can be read, in the order that is in force."""
        query = self._parse()[1]
        return query if query.sort else msgspec.structs.replace(query, sort=(self.sort,))

    @property
    def fault(self) -> QueryError | None:
        """The text's mistake; the rest of it still filters, but nothing acts on many."""
        return self._parse()[2]

    @property
    def order(self) -> SortKey:
        """What the list is sorted by."""
        return self.query.sort[0]

    def sort_by(self, sort: SortKey) -> None:
        """Change the order; an order in the text gives way."""
        self.sort = sort
        if self._parse()[1].sort:
            words = (word for word in self.text.split(" ") if not word.startswith("sort:"))
            self.text = " ".join(words).strip()

    def leave(self, asset_id: AssetId | None) -> None:
        """Remember this place before going to another one."""
        place = Visit(self.text, self.sort, asset_id)
        if not self.places or self.places[-1] != place:
            self.places.append(place)
            del self.places[:-KEPT_PLACES]

    def go_back(self, here: AssetId | None) -> Visit | None:
        """Swap this place with the last one; None if there is none."""
        current = Visit(self.text, self.sort, here)
        while self.places:
            place = self.places.pop()
            if place != current:
                self.places.append(current)
                self.text, self.sort = place.text, place.sort
                return place
        return None

    def _parse(self) -> tuple[str, Query, QueryError | None]:
        if self._parsed is None or self._parsed[0] != self.text:
            query, fault = parse_partial(self.text)
            self._parsed = (self.text, query, fault)
        return self._parsed
