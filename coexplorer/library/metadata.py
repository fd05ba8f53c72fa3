"""The deployment's schema of custom metadata: asked for now and then, kept in the catalog.

Where it can't be read (an old platform has none), keys are edited as text, and the platform judges.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeVar

from coexplorer.errors import ApiError, CatalogError, CoexplorerError, InvalidField, Unreachable
from coexplorer.fields import FieldKind, field_named
from coexplorer.library.context import Context
from coexplorer.library.refusals import is_final
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema, decode_schema, encode_schema
from coexplorer.text import clean

T = TypeVar("T")

TRUST_S: Final = 3600.0
"""A sweep asks again for a schema that is older."""

_UNREAD: Final = "the deployment's schema of custom metadata can't be read"
NO_SCHEMA: Final = f"{_UNREAD}, so values are sent as text, unless there was a number or a list"

_log = logging.getLogger(__name__)


async def known_schema(context: Context) -> MetadataSchema:
    """Return the schema as it was last read; `UNKNOWN` where it never was."""
    schema, _ = await _load(context)
    return schema or UNKNOWN


async def ensure_schema(context: Context) -> MetadataSchema:
    """Return the schema, and ask for it if it is not known."""
    schema, _ = await _load(context)
    return await refresh_schema(context) if schema is None else schema


async def keep_fresh(context: Context) -> None:
    """Ask for the schema again if it is old."""
    schema, at = await _load(context)
    if schema is None or not 0 <= time.time() - at < TRUST_S:
        await refresh_schema(context)


async def refresh_schema(context: Context, *, required: bool = False) -> MetadataSchema:
    """Ask for the schema; return what is known where it can't be read now.

    Args:
        context: What the session's modules share.
        required: Raise why it can't be read now, if nothing is known.

    Raises:
        CoexplorerError: See `required`.
    """
    before, at = await _load(context)
    try:
        client = await context.client()
        schema = MetadataSchema(await client.metadata_schema())
    except CoexplorerError as error:
        _log.info("no schema of the custom metadata: %s", error)
        if before is not None and before.known:
            context.tell(_tell_kept(error, at))
            return before
        is_missing = isinstance(error, ApiError) and error.status == HTTPStatus.NOT_FOUND
        if not (is_missing or is_final(error)):  # a sign-in page or trouble says nothing of it
            if required:
                raise
            if not isinstance(error, Unreachable):  # which everything else meets, too
                context.tell(f"{_UNREAD} ({error.message})")
            return UNKNOWN
        schema = UNKNOWN
    try:
        await context.run(context.catalog.note_metadata_schema, encode_schema(schema), time.time())
    except CatalogError as error:
        context.note_catalog_problem(error)
    return schema


def _tell_kept(error: CoexplorerError, at: float) -> str:
    """Say that an old copy of the schema is used, and why."""
    day = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    return f"{_UNREAD} now, so it is shown as of {day} UTC ({error.message})"


async def judge_metadata(
    context: Context, judge: Callable[[MetadataSchema], T], *, warn: bool = True
) -> T:
    """Return what `judge` makes of values, by the schema, which is read again before it says no.

    Args:
        context: What the session's modules share.
        judge: Is called in a thread.
        warn: Tell people where the schema can't be read.

    Raises:
        InvalidField: A value is not allowed.
    """
    schema = await ensure_schema(context)
    if not schema.known and warn:
        schema = await refresh_schema(context)
        if not schema.known:
            context.tell(NO_SCHEMA)
    try:
        return await context.read(judge, schema)
    except InvalidField:
        fresh = await refresh_schema(context)
        if fresh == schema:
            raise
        return await context.read(judge, fresh)


def describe_lacking(keys: Sequence[str]) -> str:
    """Say which required keys a new asset lacks (pure); the platform may take it anyway."""
    named = " and ".join(f"'{clean(key)}'" for key in keys)
    return f"your deployment requires {named}, which you did not give"


def touches_metadata(names: Iterable[str]) -> bool:
    """Tell whether one of the fields that are named is a key of custom metadata."""
    return any(field_named(name).kind in (FieldKind.KEY, FieldKind.MAP) for name in names)


async def _load(context: Context) -> tuple[MetadataSchema | None, float]:
    try:
        found = await context.read(context.catalog.metadata_schema)
    except CatalogError as error:
        context.note_catalog_problem(error)
        found = None
    if found is None:
        return None, 0.0
    text, at = found
    return decode_schema(text), at
