"""``create`` and ``wait``: from a request to an asset that is ready, or failed with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli import exits
from coexplorer.cli.asset_keys import ASSET, record_values
from coexplorer.cli.completion import complete_grant, complete_tags
from coexplorer.cli.deadline import Deadline, timeout_option
from coexplorer.cli.exits import leave
from coexplorer.cli.format import plural
from coexplorer.cli.metadata import meta_option, read_meta
from coexplorer.cli.narration import Progress, tell_hint, warn, warn_once
from coexplorer.cli.new_sources import NewSource, SourceOptions, build_placeholder, source_options
from coexplorer.cli.output import Format, format_options, print_line, print_rows
from coexplorer.cli.query_words import QueryCommand
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.share import read_change
from coexplorer.cli.targets import find_targets, read_targets, reading_options
from coexplorer.cli.values import TEXT, OneOf
from coexplorer.errors import TimeIsUp
from coexplorer.fields import SETS_LAST, FieldKind, build_new_fields
from coexplorer.library.metadata import describe_lacking
from coexplorer.models import AssetId, AssetState, NewAsset
from coexplorer.sharing.roles import list_roles
from coexplorer.text import UNTOLD

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import CreateProgress, EditResult, ReadyProgress
    from coexplorer.models import Record


def _field_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for every editable field but the name, which is the argument."""
    for field in reversed(SETS_LAST):
        if field.kind is FieldKind.SET:
            option = click.option(
                f"--{field.one}",
                field.name,
                multiple=True,
                metavar=field.one.upper(),
                shell_complete=complete_tags if field.name == "tags" else None,
                help=field.new_help,
            )
        elif field.name != "name":
            kind = TEXT if field.kind is FieldKind.TEXT else None
            option = click.option(field.option, field.name, type=kind, help=field.new_help)
        else:
            continue
        command = option(command)
    return command


@click.command("create")
@click.argument("name")
@_field_options
@meta_option
@source_options
@click.option(
    "--everyone",
    type=OneOf(list_roles("everyone")),
    multiple=True,  # so that two can be refused
    help="Share it at once: what everybody may do.",
)
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="ADDRESS:ROLE",
    shell_complete=complete_grant("user"),
    help="Share it at once with a user.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUP:ROLE",
    shell_complete=complete_grant("group"),
    help="Share it at once with a group.",
)
@click.option("--wait", "waits", is_flag=True, help="Wait until it is ready or failed.")
@timeout_option
@format_options(ASSET)
@pass_invocation
def create_command(
    invocation: Invocation,
    /,
    *,
    name: str,
    given: SourceOptions,
    meta: tuple[str, ...],
    everyone: tuple[str, ...],
    users: tuple[str, ...],
    groups: tuple[str, ...],
    waits: bool,
    deadline: Deadline | None,
    style: Format,
    **values: str | tuple[str, ...] | None,
) -> None:
    """Create an asset called NAME: from S3 or Google, a run, a workstation, other assets.

    What it is made from is checked before anything is sent. Keys come from a file or a prompt,
    never from the command line, and go to the platform and nowhere else: no log and no journal
    holds them.
    """
    source = NewSource(given)
    sharing = read_change(everyone, users, groups, (), gives_up=False)
    new = NewAsset(
        **msgspec.structs.asdict(build_new_fields(name, values)), source=build_placeholder(given)
    )
    typed = read_meta(meta)
    heard: list[CreateProgress] = []
    made: list[Record] = []
    shared: list[EditResult] = []

    async def work(library: Library) -> None:
        metadata = await library.creation.read_metadata(typed) if typed else None
        whole = msgspec.structs.replace(new, metadata=metadata)
        filled = await source.fill(library, whole)
        if lacking := await library.creation.list_lacking(filled):
            warn_once(describe_lacking(lacking))
        record = await library.creation.create(
            filled,
            sharing=sharing,
            shared=shared.append,
            failed_too=given.failed_too,
            heard=heard.append,
        )
        made.append(record)

    if deadline is not None:
        deadline.doing = lambda: _describe_create(heard)
    try:
        invocation.run(work, deadline=deadline)
    except TimeIsUp:
        if not made:
            raise
    except KeyboardInterrupt:
        warn(f"stopped: {_describe_stopped(heard)}")
        raise
    record = made[0]
    if waits:
        if style is Format.TABLE:
            print_line(f"created {record.asset.id} ({record.asset.state or UNTOLD})")
        _wait(invocation, [record.asset.id], deadline, style, made=record)
    else:
        _print([record], style)
    if sharing is not None:
        _end_sharing(invocation, record, shared, again=waits)


def _end_sharing(
    invocation: Invocation, record: Record, shared: list[EditResult], *, again: bool
) -> None:
    """Say what of the sharing was not done, and leave with the code of that.

    Args:
        invocation: This run.
        record: What was made.
        shared: What became of it; empty: it was cut off.
        again: Now that the asset is ready, try it once more.
    """
    if again and shared and shared[0].error is not None:
        first = shared[0]
        shared[:] = [invocation.run(lambda library: library.creation.share_again(first))]
    told = "it was stopped before that"
    hint = "coexplorer log shows how to go on"
    if shared:
        error = shared[0].error
        told, hint = ("", "") if error is None else (error.message, error.hint)
        told = told or shared[0].lacking
    if told:
        warn(f"{record.asset.name} is made, but not shared as asked: {told}")
        if hint:
            tell_hint(hint)
        leave(exits.PARTLY)


def _describe_create(heard: Sequence[CreateProgress]) -> str:
    """Say how far a request for a new asset got (pure)."""
    if not heard:
        return "nothing was sent yet, so no asset is made,"
    if heard[-1].asset_id is None:
        return "the new asset was asked for (`coexplorer log` shows whether it is made): no answer"
    return f"asset {heard[-1].asset_id} is made, and not ready"


def _describe_stopped(heard: Sequence[CreateProgress]) -> str:
    """Say what a signal leaves behind of a request for a new asset (pure)."""
    if not heard:
        return "nothing was sent, so no asset is made"
    if heard[-1].asset_id is None:
        return (
            "the new asset was asked for, and may still be made: look before you create it again"
            " (coexplorer retry)"
        )
    return f"asset {heard[-1].asset_id} is made, and not ready: coexplorer wait waits for it"


@click.command("wait", cls=QueryCommand)
@reading_options
@timeout_option
@format_options(ASSET)
@pass_invocation
def wait_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    deadline: Deadline | None,
    style: Format,
) -> None:
    """Wait until new assets (state:draft) are ready or failed."""
    if deadline is not None and style is Format.JSON:
        deadline.answer = b"[]\n"
    targets = read_targets(assets, query, reads=True)
    if deadline is not None:
        deadline.doing = "still looking for the assets"
    try:
        ids = invocation.run(lambda library: find_targets(library, targets), deadline=deadline)
    except TimeIsUp:
        # A program reads an answer; none of them is known to be ready.
        _answer([], style, deadline)
        raise
    if not ids:  # it was said; a script that waits for nothing has asked for something else
        _answer([], style, deadline)
        leave(exits.NOT_FOUND)
    _wait(invocation, ids, deadline, style)


def _wait(
    invocation: Invocation,
    ids: list[AssetId],
    deadline: Deadline | None,
    style: Format,
    *,
    made: Record | None = None,
) -> None:
    """Wait for all of them, tell, and leave with the exit code that it deserves.

    Args:
        invocation: This run.
        ids: Of the assets.
        deadline: When it has to have ended.
        style: How assets are printed.
        made: The only one of them, just made: as it was then.
    """
    settled: dict[AssetId, Record] = {}
    states: dict[AssetId, str] = {}
    if deadline is not None:
        deadline.doing = lambda: _describe_rest(len(ids) - len(settled), [*states.values()])

    async def work(library: Library) -> None:
        left_s = None if deadline is None else deadline.left_s
        await wait_for(library, ids, left_s, settled, states)

    try:
        invocation.run(work, deadline=deadline)
    except TimeIsUp:
        if style is not Format.TABLE:  # the id of what was made must not be lost
            known = [*settled.values()] or ([made] if made is not None else [])
            _print(known, style)
        raise
    records = [settled[each] for each in ids if each in settled]
    if style is Format.TABLE or len(records) == len(ids):
        _answer(records, style, deadline)
    else:  # a program is told of all of them, in the state that each is in
        known = invocation.run(partial(_read_all, ids=ids, settled=settled), offline=True)
        _answer(known, style, deadline)
    for record in records:
        if record.asset.state == AssetState.FAILED:
            reason = record.asset.failure_reason or "the platform gave no reason"
            warn(f"{record.asset.name} failed: {reason}")
    if deadline is not None and len(records) < len(ids):
        warn(deadline.sentence)
        leave(exits.TIMED_OUT)
    failed = [record for record in records if record.asset.state == AssetState.FAILED]
    if failed:
        leave(exits.ASSET_FAILED)


async def _read_all(
    library: Library, *, ids: Sequence[AssetId], settled: Mapping[AssetId, Record]
) -> list[Record]:
    """Return what is known of assets, those that have not settled included."""
    found = [settled.get(each) or await library.assets.record(each) for each in ids]
    return [each for each in found if each is not None]


def _describe_rest(count: int, states: Sequence[str]) -> str:
    """Say what became of the assets that did not settle, as far as it is known (pure)."""
    known = sorted(set(states))
    if len(states) < count or not known:
        return f"{plural(count, 'asset')} not ready"
    untold = "a state that the platform does not tell"
    words = [untold if each == UNTOLD else each for each in known]
    return f"{plural(count, 'asset')} still in {' or '.join(words)}"


async def wait_for(
    library: Library,
    ids: list[AssetId],
    timeout_s: float | None,
    settled: dict[AssetId, Record],
    states: dict[AssetId, str],
) -> None:
    """Wait for assets side by side.

    Args:
        library: The library.
        ids: Of the assets.
        timeout_s: How long; None: as long as it takes.
        settled: Filled in with those that settled in time.
        states: Filled in with the states of those that have not.
    """
    import anyio

    def show(progress: ReadyProgress) -> None:
        state = states[progress.asset_id] = progress.state or UNTOLD
        if not progress.state:
            warn_once(
                f"the platform does not say in which state {progress.asset_id[:8]} is:"
                " waiting until it says ready or failed"
            )
        elif progress.state != AssetState.DRAFT:
            warn_once(
                f"{progress.asset_id[:8]} is in a state that is not known here"
                f" ({progress.state[:40]}): waiting until it is ready or failed"
            )
        waited = f"{state}, {progress.waited_s:.0f} s"
        bar.update(len(settled), len(ids), waited)

    async def wait_one(asset_id: AssetId) -> None:
        settled[asset_id] = await library.creation.wait_ready(asset_id, progress=show)
        states.pop(asset_id, None)

    with Progress("waiting") as bar, anyio.move_on_after(timeout_s):
        async with anyio.create_task_group() as group:
            for asset_id in ids:
                group.start_soon(wait_one, asset_id)


def _answer(records: list[Record], style: Format, deadline: Deadline | None) -> None:
    if deadline is not None:
        deadline.answer = b""
    _print(records, style)


def _print(records: list[Record], style: Format) -> None:
    if style is Format.TABLE:
        for record in records:
            print_line(f"{record.asset.id}  {record.asset.state or UNTOLD:<6} {record.asset.name}")
    else:
        print_rows(ASSET, map(record_values, records), style)
