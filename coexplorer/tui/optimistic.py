"""Assets as they will be once the platform has the changes on their way. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from coexplorer.models import Asset, AssetId, Row


class Sent(msgspec.Struct, frozen=True, eq=False):
    """One change on its way.

    Attributes:
        values: What it sets, by the names that `Row` and `Asset` have for it.
    """

    asset_id: AssetId
    values: Mapping[str, object]


class Ahead:
    """All changes on their way. Of one asset there may be several: later ones win."""

    def __init__(self) -> None:
        self._sent: dict[AssetId, list[Sent]] = {}
        self._rows: dict[AssetId, tuple[Row, Row]] = {}

    def begin(self, asset_id: AssetId, values: Mapping[str, object]) -> Sent:
        """Show an asset with these values from now on; give the result to `end`."""
        sent = Sent(asset_id, values)
        self._sent.setdefault(asset_id, []).append(sent)
        self._rows.pop(asset_id, None)
        return sent

    def end(self, sent: Sent) -> None:
        """Show the asset without this change: the platform has answered."""
        left = self._sent[sent.asset_id]
        left.remove(sent)
        if not left:
            del self._sent[sent.asset_id]
        self._rows.pop(sent.asset_id, None)

    def __bool__(self) -> bool:
        return bool(self._sent)

    def __contains__(self, asset_id: object) -> bool:
        return asset_id in self._sent

    def row(self, row: Row) -> Row:
        """Return the row as it is shown; the same object for the same row while it stays."""
        if row.id not in self._sent:
            return row
        known, shown = self._rows.get(row.id, (None, row))
        if known is not row:
            shown = msgspec.structs.replace(row, **self._find_values(row))
            self._rows[row.id] = row, shown
        return shown

    def asset(self, asset: Asset) -> Asset:
        """Return the asset as it is shown."""
        if asset.id not in self._sent:
            return asset
        return msgspec.structs.replace(asset, **self._find_values(asset))

    def _find_values(self, of: Row | Asset) -> dict[str, object]:
        merged = {name: value for sent in self._sent[of.id] for name, value in sent.values.items()}
        return {name: value for name, value in merged.items() if name in of.__struct_fields__}
