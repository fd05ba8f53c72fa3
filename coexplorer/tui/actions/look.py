"""Looking elsewhere: the browser, and what can be copied to the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from coexplorer.models import Asset, Record
from coexplorer.tui import external
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.actions import Action
    from coexplorer.tui.screens.main import MainScreen


def build_link(base_url: str, asset_id: str) -> str:
    """Return the address of an asset's web page."""
    return f"{base_url}/data-assets/{asset_id}"


async def open_page(screen: MainScreen) -> None:
    """Open the web page; where there is no browser, as over SSH, copy its link."""
    row = screen.rows.current
    if row is None:
        return
    link = build_link(screen.settings.base_url, row.id)
    if external.has_browser():
        screen.app.open_url(link)
        screen.say(f"opened {link}")
    else:
        await screen.coexplorer.copy(link)
        screen.say(f"copied {link}")


async def yank(screen: MainScreen) -> None:
    """Choose what to copy."""
    row = screen.rows.current
    record = await screen.library.record(row.id) if row is not None else None
    if record is None:
        return
    texts = build_texts(record, screen.settings.base_url)
    choices = [Choice(name, key=key, help=_hint(text)) for name, (key, text) in texts.items()]
    chosen = await screen.prompt.choose("copy", choices)
    if chosen is not None:
        await screen.coexplorer.copy(texts[chosen][1])
        screen.say(f"copied the {chosen}")


def _hint(text: str) -> str:
    """Return what a text looks like, in one line."""
    first, *rest = text.splitlines()
    return f"all fields, {len(rest) + 1} lines" if rest else first


def build_texts(record: Record, base_url: str) -> dict[str, tuple[str, str]]:
    """Return what can be copied of an asset: name of it → (key, text)."""
    asset = record.asset
    texts = {
        "id": ("i", asset.id),
        "name": ("n", asset.name),
        "link": ("l", build_link(base_url, asset.id)),
        "JSON": ("j", _format_json(asset)),
        "attach snippet": ("a", _attach_snippet(asset)),
    }
    if asset.source is not None and asset.source.bucket:
        path = f"s3://{asset.source.bucket}/{asset.source.prefix}"
        texts["S3 path"] = ("s", path)
    return texts


def _format_json(asset: Asset) -> str:
    return msgspec.json.format(asset.raw, indent=2).decode("utf-8", "replace")


def _attach_snippet(asset: Asset) -> str:
    """Return what attaches the asset to a capsule by the official SDK."""
    entry = msgspec.json.encode({"id": asset.id, "mount": asset.mount or asset.name}).decode()
    return f'{{"data_assets": [{entry}]}}'


ACTIONS: dict[str, Action] = {
    "asset.open": open_page,
    "asset.yank": yank,
}
