"""Requests about capsules, pipelines and computations: models → requests. Pure.

No old dialect has any of them; `Call.since` says which version brought each (design: api.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from coexplorer.api.calls import LARGEST_PAGE, Call, Repeat
from coexplorer.api.forbidden import Act
from coexplorer.api.paging import PageStart
from coexplorer.computations import (
    MOST_AT_ONCE,
    Attachment,
    CapsuleSearch,
    NewRun,
    Workplace,
    WorkplaceKind,
)
from coexplorer.errors import NotFound
from coexplorer.lenient_json import encode_exactly
from coexplorer.models import AssetId, is_asset_id

_ONCE_A_CAPSULE: Final = "2.18"
_SINCE_SEARCH: Final = {WorkplaceKind.CAPSULE: "3.1", WorkplaceKind.PIPELINE: "4.0"}
_SINCE: Final = {
    WorkplaceKind.CAPSULE: _ONCE_A_CAPSULE,
    WorkplaceKind.PIPELINE: "4.1",
    WorkplaceKind.COMPUTATION: _ONCE_A_CAPSULE,
}
_SINCE_ATTACH: Final = _SINCE | {WorkplaceKind.COMPUTATION: "4.2"}
_SINCE_PANEL: Final = "3.9"
_SINCE_PERMISSIONS: Final = "4.3"
_SINCE_URLS: Final = "4.0"


def build_workplace(workplace: Workplace) -> Call:
    """Build the request for one capsule, pipeline or computation."""
    return _build(workplace, "GET", since=_SINCE[workplace.kind])


def build_attach(workplace: Workplace, attachments: Sequence[Attachment]) -> Call:
    """Build the request that attaches assets; what is attached already stays, and is no error.

    Raises:
        ValueError: None is to be attached, or more than `MOST_AT_ONCE`.
    """
    body = [_encode_attachment(each) for each in attachments]
    return _build_of_assets(workplace, "POST", body, Repeat.ALWAYS)


def build_detach(workplace: Workplace, ids: Sequence[AssetId]) -> Call:
    """Build the request that detaches assets.

    Raises:
        ValueError: None is to be detached, or more than `MOST_AT_ONCE`.
    """
    return _build_of_assets(workplace, "DELETE", list(ids), Repeat.UNTIL_GONE)


def _build_of_assets(
    workplace: Workplace, method: str, body: Sequence[object], repeat: Repeat
) -> Call:
    if not 1 <= len(body) <= MOST_AT_ONCE:
        raise ValueError(f"from 1 to {MOST_AT_ONCE} assets at once, not {len(body)}")
    return _build(
        workplace,
        method,
        "data_assets",
        act=Act.CHANGE,
        body=msgspec.json.encode(body),
        repeat=repeat,
        writes=True,
        rows=len(body),
        since=_SINCE_ATTACH[workplace.kind],
    )


def build_app_panel(workplace: Workplace) -> Call:
    """Build the request for the app panel of a capsule or pipeline: it tells what is attached."""
    pipelines = workplace.kind is WorkplaceKind.PIPELINE
    since = _SINCE[workplace.kind] if pipelines else _SINCE_PANEL
    return _build(workplace, "GET", "app_panel", since=since)


def build_permissions(workplace: Workplace) -> Call:
    """Build the request for who can see and change a capsule or pipeline."""
    return _build(workplace, "GET", "permissions", since=_SINCE_PERMISSIONS)


def build_list_computations(workplace: Workplace) -> Call:
    """Build the request for all computations of a capsule or pipeline; there are no pages."""
    since = _SINCE[workplace.kind]
    return _build(workplace, "GET", "computations", rows=LARGEST_PAGE, since=since)


def build_search_capsules(kind: WorkplaceKind, request: CapsuleSearch, place: PageStart) -> Call:
    """Build a search of capsules or pipelines; its token wins over its offset.

    Raises:
        ValueError: They are neither; or there is no such page.
    """
    if kind is WorkplaceKind.COMPUTATION:
        raise ValueError("computations can't be searched")
    if not 1 <= place.limit <= LARGEST_PAGE or place.offset < 0:
        raise ValueError(f"no such page: {place.limit} rows from {place.offset}")
    body: dict[str, object] = {"limit": place.limit}
    body |= {"next_token": place.token} if place.token else {"offset": place.offset}
    if request.sort_field is not None:
        order = "desc" if request.descending else "asc"
        body |= {"sort_field": request.sort_field, "sort_order": order}
    given = {
        "query": request.query or None,
        "ownership": request.ownership,
        "status": request.status,
        "favorite": request.favorite or None,
        "archived": request.archived,
    }
    body |= {key: value for key, value in given.items() if value is not None}
    return Call(
        "POST",
        f"{kind}/search",
        subject="search",
        body=msgspec.json.encode(body),
        rows=place.limit,
        since=_SINCE_SEARCH[kind],
    )


def build_run(new: NewRun) -> Call:
    """Build the request that starts a run; it is sent once, as each starts another.

    Raises:
        NotFound: What is to be run has no usable id.
        ValueError: It is neither a capsule nor a pipeline.
    """
    find_path(new.workplace)
    if new.workplace.kind is WorkplaceKind.COMPUTATION:
        raise ValueError("a computation can't be run")
    named = [
        {"param_name": each.param_name or each.name, "value": each.value}
        for each in new.named_parameters
    ]
    given = {
        f"{new.workplace.kind.word}_id": new.workplace.id,
        "version": new.version,
        "data_assets": [_encode_attachment(each) for each in new.data_assets],
        "parameters": new.parameters,
        "named_parameters": named,
        "nextflow_profile": new.nextflow_profile,
    }
    body = {key: value for key, value in given.items() if value not in (None, "", [], ())}
    return Call(
        "POST",
        "computations",
        subject=new.workplace.kind.word,
        act=Act.CHANGE,
        body=msgspec.json.encode(body),
        repeat=Repeat.UNSENT,
        writes=True,
        since=_ONCE_A_CAPSULE,
    )


def build_list_results(computation_id: str, path: str = "") -> Call:
    """Build the request for one level of a computation's results."""
    return _build(
        Workplace(WorkplaceKind.COMPUTATION, computation_id),
        "POST",
        "results",
        subject="folder",
        body=encode_exactly({"path": path}),
        rows=LARGEST_PAGE,
        since=_ONCE_A_CAPSULE,
    )


def build_result_urls(computation_id: str, path: str) -> Call:
    """Build the request for the signed addresses of a result (v4.0+)."""
    return _build_result(computation_id, path, "urls", since=_SINCE_URLS)


def build_result_download_url(computation_id: str, path: str) -> Call:
    """Build the request for the signed address of a result on platforms before v4.0."""
    return _build_result(computation_id, path, "download_url", since=_ONCE_A_CAPSULE)


def _build_result(computation_id: str, path: str, what: str, *, since: str) -> Call:
    return _build(
        Workplace(WorkplaceKind.COMPUTATION, computation_id),
        "GET",
        f"results/{what}",
        subject="file",
        params=(("path", path),),
        since=since,
    )


def _encode_attachment(each: Attachment) -> dict[str, str]:
    return {"id": each.id} if each.mount is None else {"id": each.id, "mount": each.mount}


def _build(
    workplace: Workplace,
    method: str,
    below: str = "",
    *,
    subject: str = "",
    act: Act = Act.READ,
    params: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    repeat: Repeat = Repeat.ALWAYS,
    writes: bool = False,
    rows: int = 1,
    since: str,
) -> Call:
    """Build a call about one of them, or about what is `below` it."""
    path = find_path(workplace)
    return Call(
        method,
        f"{path}/{below}" if below else path,
        subject=subject or workplace.kind.word,
        act=act,
        params=params,
        body=body,
        repeat=repeat,
        writes=writes,
        rows=rows,
        since=since,
    )


def find_path(workplace: Workplace) -> str:
    """Say where a capsule, pipeline or computation is.

    Raises:
        NotFound: That can't be an id, and never becomes an address.
    """
    if not is_asset_id(workplace.id):
        raise NotFound(
            f"there is no {workplace.kind.word} {workplace.id[:80]!r}",
            hint="give its id as the platform shows it",
        )
    return f"{workplace.kind}/{quote(workplace.id, safe='')}"
