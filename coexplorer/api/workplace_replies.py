"""The platform's answers about capsules, pipelines and computations: replies → models. Pure.

As tolerant as `coexplorer.api.wire`: a strange row or value never breaks a reply, and counts as not
given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

import msgspec

from coexplorer.api.wire import LONGEST_ASSET, decode_reply
from coexplorer.assets import read_text, read_time, read_whole
from coexplorer.computations import (
    AttachedAsset,
    AttachOutcome,
    Capsule,
    Computation,
    PipelineProcess,
    RunParameter,
    Workplace,
    WorkplaceKind,
)
from coexplorer.lenient_json import decode_json
from coexplorer.models import AssetId, is_asset_id

_log = logging.getLogger(__name__)

MOST_LISTED: Final = 10_000
"""Rows of a list without pages: computations of one capsule, assets of one app panel."""

_MANY_COMMAS: Final = 1_000_000
"""A list of rows has no more; each could stand for something that takes memory."""

_MOST_PARTS: Final = 1_000
"""Inputs, parameters and steps that are kept of one computation, of each."""

_Read = TypeVar("_Read")
_Object = dict[str, object]

_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def read_capsule_of(workplace: Workplace) -> Callable[[bytes], Capsule]:
    """Return the reader of the answer to a get of a capsule or pipeline.

    It raises ValueError where the answer is none, or another one.
    """

    def read(body: bytes) -> Capsule:
        capsule = _capsule(decode_reply(body), workplace.kind)
        if capsule.id != workplace.id:
            raise ValueError(f"it is about another {workplace.kind.word}")
        return capsule

    return read


def read_capsule_rows(
    kind: WorkplaceKind,
) -> Callable[[Sequence[bytes | msgspec.Raw]], tuple[Capsule, ...]]:
    """Return the reader of a page's rows; those without a usable id are left out."""

    def read(rows: Sequence[bytes | msgspec.Raw]) -> tuple[Capsule, ...]:
        return _read_rows(rows, lambda obj: _capsule(obj, kind))

    return read


def read_computation_of(computation_id: str) -> Callable[[bytes], Computation]:
    """Return the reader of the answer to a get of a computation.

    It raises ValueError where the answer is none, or another one.
    """

    def read(body: bytes) -> Computation:
        computation = _computation(decode_reply(body))
        if computation.id != computation_id:
            raise ValueError("it is about another computation")
        return computation

    return read


def read_started(workplace: Workplace) -> Callable[[bytes], Computation]:
    """Return the reader of the answer to a run of a capsule or pipeline."""

    def read(body: bytes) -> Computation:
        return _computation(decode_reply(body), workplace)

    return read


def read_computations_of(workplace: Workplace) -> Callable[[bytes], tuple[Computation, ...]]:
    """Return the reader of a list of computations; rows without a usable id are left out.

    It raises ValueError where the answer is not a list, or longer than anybody can use.
    """

    def read(body: bytes) -> tuple[Computation, ...]:
        rows = _split_list(body)
        return _read_rows(rows, lambda obj: _computation(obj, workplace))

    return read


def read_outcomes_of(ids: Sequence[AssetId]) -> Callable[[bytes], tuple[AttachOutcome, ...]]:
    """Return the reader of the answer to an attach: an outcome for each asset, in their order.

    Of an asset that the platform does not mention nothing is known, nor of any where it answers
    without a body. It raises ValueError where the answer is not a list, or about others alone.
    """

    def read(body: bytes) -> tuple[AttachOutcome, ...]:
        rows = _read_rows(_split_list(body), _outcome) if body.strip() else ()
        found = {outcome.id: outcome for outcome in rows}
        if found and found.keys().isdisjoint(ids):
            raise ValueError("it is about other assets")
        return tuple(found.get(each, AttachOutcome(each)) for each in ids)

    return read


def read_attached(body: bytes) -> tuple[AttachedAsset, ...]:
    """Read from an app panel what is attached to a capsule or pipeline.

    Raises:
        ValueError: It is none, or longer than anybody can use.
    """
    return _attached(decode_reply(body).get("data_assets"), most=MOST_LISTED)


def _split_list(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """Split a bare list into its rows, which are still JSON."""
    if body.count(b",") > _MANY_COMMAS:
        raise ValueError("a list that is longer than anybody can use")
    try:
        rows: Sequence[bytes | msgspec.Raw] = _ROWS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        rows = _split_strange_list(body)
    if len(rows) > MOST_LISTED:
        raise ValueError("a list that is longer than anybody can use")
    return rows


def _split_strange_list(body: bytes) -> list[bytes]:
    if len(body) > LONGEST_ASSET:
        raise ValueError("a long list that is not as it should be")
    reply = decode_json(body)
    if isinstance(reply, dict) and isinstance(reply.get("results"), list):
        reply = reply["results"]
    if reply is None:
        return []
    if not isinstance(reply, list):
        raise ValueError("a reply that is not a list")
    return [msgspec.json.encode(row) for row in reply]


def _read_rows(
    rows: Sequence[bytes | msgspec.Raw], read: Callable[[_Object], _Read]
) -> tuple[_Read, ...]:
    found = []
    for row in rows:
        if len(memoryview(row)) > LONGEST_ASSET:
            continue
        try:
            found.append(read(decode_reply(bytes(row))))
        except ValueError as error:
            _log.info("left out a row of a list: %s", error)
    return tuple(found)


def _capsule(obj: _Object, kind: WorkplaceKind) -> Capsule:
    tags = obj.get("tags", obj.get("keywords"))  # as it was called before 3.1
    return Capsule(
        id=_id(obj),
        kind=kind,
        name=_text(obj, "name"),
        status=_text(obj, "status").lower(),
        created=read_time(obj.get("created")),
        last_accessed=read_time(obj.get("last_accessed")),
        owner=_text(obj, "owner"),
        owner_email=_text(obj, "owner_email"),
        slug=_text(obj, "slug"),
        description=_text(obj, "description"),
        field=_text(obj, "field"),
        tags=_texts(tags),
        archived=_flag(obj, "archived"),
    )


def _computation(obj: _Object, workplace: Workplace | None = None) -> Computation:
    exit_code = obj.get("exit_code")
    return Computation(
        id=_id(obj),
        name=_text(obj, "name"),
        state=_text(obj, "state").lower(),
        end_status=_text(obj, "end_status").lower(),
        exit_code=exit_code if type(exit_code) is int and abs(exit_code) < 2**31 else None,
        created=read_time(obj.get("created")),
        run_time_s=read_time(obj.get("run_time")),
        has_results=_flag(obj, "has_results"),
        cloud_workstation=_flag(obj, "cloud_workstation") is True,
        owner=_text(obj, "owner"),
        owner_email=_text(obj, "owner_email"),
        workplace=workplace,
        data_assets=_attached(obj.get("data_assets"), most=_MOST_PARTS),
        parameters=_parameters(obj.get("parameters")),
        nextflow_profile=_text(obj, "nextflow_profile"),
        processes=tuple(_process(each) for each in _objects(obj.get("processes"))),
    )


def _process(obj: _Object) -> PipelineProcess:
    return PipelineProcess(
        name=_text(obj, "name"),
        capsule_id=_text(obj, "capsule_id"),
        version=read_whole(obj.get("version")),
        public=_flag(obj, "public"),
        parameters=_parameters(obj.get("parameters")),
    )


def _parameters(value: object) -> tuple[RunParameter, ...]:
    return tuple(
        RunParameter(_text(each, "name"), _text(each, "param_name"), _text(each, "value"))
        for each in _objects(value)
    )


def _attached(value: object, *, most: int) -> tuple[AttachedAsset, ...]:
    """Read assets that are attached; they may be ids alone. An asset comes once."""
    if isinstance(value, list):
        value = [{"id": each} if isinstance(each, str) else each for each in value]
    found: dict[AssetId, AttachedAsset] = {}
    for each in _objects(value, most):
        asset_id = each.get("id")
        if isinstance(asset_id, str) and is_asset_id(asset_id):
            found[AssetId(asset_id)] = AttachedAsset(
                AssetId(asset_id),
                mount=_text(each, "mount"),
                name=_text(each, "name"),
                kind=_text(each, "kind").lower(),
                accessible=_flag(each, "accessible"),
            )
    return tuple(found.values())


def _outcome(obj: _Object) -> AttachOutcome:
    return AttachOutcome(
        AssetId(_id(obj)),
        ready=_flag(obj, "ready"),
        external=_flag(obj, "external"),
        mount=_text(obj, "mount"),
        mount_state=_text(obj, "mount_state").strip().lower(),
        job_id=_text(obj, "job_id"),
    )


def _id(obj: _Object) -> str:
    """Read an id.

    Raises:
        ValueError: There is none, or it can't be one.
    """
    found = obj.get("id")
    if not isinstance(found, str) or not is_asset_id(found):
        raise ValueError("it has no usable id")
    return found


def _text(obj: _Object, key: str) -> str:
    return read_text(obj.get(key)) or ""


def _texts(value: object) -> tuple[str, ...]:
    texts = (read_text(each) for each in (value if isinstance(value, list) else ()))
    return tuple(dict.fromkeys(text for text in texts if text is not None))


def _flag(obj: _Object, key: str) -> bool | None:
    value = obj.get(key)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _objects(value: object, most: int = _MOST_PARTS) -> list[_Object]:
    """Return the objects of a list, as many as are kept."""
    items = value[:most] if isinstance(value, list) else ()
    return [cast("_Object", each) for each in items if isinstance(each, dict)]
