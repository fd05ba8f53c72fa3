"""The browser, and copying to the clipboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from coexplorer.models import Asset, Record
from coexplorer.text import plural, size_text
from coexplorer.tui import external
from coexplorer.tui.actions.marks import ONLY_ONE
from coexplorer.tui.keys import key_of
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench

SAFE_BYTES = 74_994
"""What every terminal that knows OSC 52 takes; some take no more."""
NO_CLIPBOARD = "this terminal has no clipboard; to select:"


def build_link(base_url: str, asset_id: str) -> str:
    """Return the address of an asset's web page."""
    return f"{base_url}/data-assets/{asset_id}"


async def open_page(screen: Workbench) -> None:
    """Open the web page; where there is no browser, as over SSH, copy its link."""
    row = screen.rows.current
    if row is None:
        return
    link = build_link(screen.settings.base_url, row.id)
    alone = f" ({ONLY_ONE}; {key_of('asset.copy')} copies all links)" if screen.marks_others else ""
    if external.has_browser():
        screen.app.open_url(link)
        screen.say(f"opened {link}{alone}")
    else:
        copied = await screen.coexplorer.copy(link)
        screen.say(f"{'copied' if copied else NO_CLIPBOARD} {link}{alone}")


async def copy(screen: Workbench) -> None:
    """Choose what to copy from the marked assets."""
    records = await screen.library.assets.records(screen.targets())
    if not records:
        screen.say(
            f"none of it is in the catalog any more; {key_of('sync.refresh')} refreshes",
            severity="warning",
        )
        return
    texts = build_texts(records, screen.settings.base_url)
    choices = [
        Choice(name, text=copied.title, key=copied.key, help=_hint(copied.text))
        for name, copied in texts.items()
    ]
    count = len(records)
    title = f"copy of {count:,} marked" if screen.state.marked else "copy"
    chosen = await screen.prompt.choose(title, choices)
    if chosen is None:
        return
    copied = texts[chosen]
    if not await screen.coexplorer.copy(copied.text):
        screen.say(f"{NO_CLIPBOARD} {_hint(copied.text)}", severity="warning")
        return
    said = f"copied {copied.title}" if count > 1 else f"copied the {copied.title}"
    if copied.left_out:
        said += f"; {plural(copied.left_out, 'asset')} without one"
    if len(copied.text.encode()) > SAFE_BYTES:
        said += f"; {size_text(len(copied.text.encode()))}: not every terminal takes that much"
    screen.say(said)


def _hint(text: str) -> str:
    """Return what a text looks like, in one line."""
    first, *rest = text.splitlines() or [""]
    return f"{first} … {len(rest) + 1:,} lines" if rest else first


class Copied(msgspec.Struct, frozen=True):
    """Something that can be copied.

    Attributes:
        title: What it is: ``id``, ``52 ids``.
        key: Its key in the menu.
        text: What goes to the clipboard.
        left_out: How many assets have nothing to copy.
    """

    title: str
    key: str
    text: str
    left_out: int = 0


def build_texts(records: Sequence[Record], base_url: str) -> dict[str, Copied]:
    """Return what can be copied of assets, by name: one line per asset, or one text for all."""
    assets = [record.asset for record in records]
    lists: dict[str, tuple[str, list[str]]] = {
        "id": ("i", [asset.id for asset in assets]),
        "name": ("n", [asset.name for asset in assets]),
        "link": ("l", [build_link(base_url, asset.id) for asset in assets]),
        "S3 path": ("s", [path for asset in assets if (path := _s3_path(asset))]),
    }
    texts = {}
    for name, (key, values) in lists.items():
        if values:
            left_out = len(assets) - len(values)
            texts[name] = Copied(_count(len(values), name), key, _join(values), left_out)
    texts["JSON"] = Copied("JSON", "j", _format_json(assets))
    texts["attach snippet"] = Copied("attach snippet", "a", _attach_snippet(assets))
    return texts


def _count(count: int, name: str) -> str:
    return name if count == 1 else plural(count, name)


def _join(values: Sequence[str]) -> str:
    """Return one line per value; no value may look like two."""
    if len(values) == 1:
        return values[0]
    return "\n".join(" ".join(value.splitlines()) for value in values)


def _s3_path(asset: Asset) -> str:
    if asset.source is None or not asset.source.bucket:
        return ""
    return f"s3://{asset.source.bucket}/{asset.source.prefix}"


def _format_json(assets: Sequence[Asset]) -> str:
    raw = assets[0].raw if len(assets) == 1 else b"[%b]" % b",".join(each.raw for each in assets)
    return msgspec.json.format(raw, indent=2).decode("utf-8", "replace")


def _attach_snippet(assets: Sequence[Asset]) -> str:
    """Return what attaches the assets to a capsule by the official SDK."""
    entries = [{"id": asset.id, "mount": asset.mount or asset.name} for asset in assets]
    if len(entries) == 1:
        return f'{{"data_assets": [{msgspec.json.encode(entries[0]).decode()}]}}'
    return msgspec.json.format(msgspec.json.encode({"data_assets": entries}), indent=2).decode()


ACTIONS: dict[str, Action] = {
    "asset.open": open_page,
    "asset.copy": copy,
}
