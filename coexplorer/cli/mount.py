"""``mount``, ``umount`` and ``status``: assets as folders."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coexplorer.cli.completion import complete_mounts
from coexplorer.cli.format import moment_text
from coexplorer.cli.missing_values import MayStandAlone
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.row_kinds import Values, time_text
from coexplorer.cli.schema import MOUNT
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import FOLDER, NUMBER
from coexplorer.errors import CoexplorerError
from coexplorer.text import clean, plural

if TYPE_CHECKING:
    from coexplorer.config import Paths, Settings
    from coexplorer.fs.mount_records import Mount
    from coexplorer.models import AssetId

_DEFAULT_DELETIONS = 10
_MOST_NAMED = 10


class _MountCommand(click.Command):
    """Lets ``--allow-delete FOLDER`` be what the manual says: the number may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give the option its number, where a number does not follow."""
        given = [
            f"{arg}={_DEFAULT_DELETIONS}"
            if arg == "--allow-delete" and not "".join(args[at + 1 : at + 2]).lstrip("-").isdigit()
            else arg
            for at, arg in enumerate(args)
        ]
        return super().parse_args(ctx, given)


@click.command("mount", cls=_MountCommand)
@click.argument("folder", type=FOLDER, required=False)
@click.option(
    "-f", "--foreground", is_flag=True, help="Stay in the foreground, and report what happens."
)
@click.option("--read-only", is_flag=True, help="Refuse all changes.")
@click.option("--allow-untag", is_flag=True, help="Let `rm tags/T/A` remove tag T from asset A.")
@click.option(
    "--allow-delete",
    cls=MayStandAlone,
    type=NUMBER,
    default=None,
    metavar="[N]",
    help=f"Let `mv archived/A deleted/` delete for good, at most N assets ({_DEFAULT_DELETIONS}).",
)
@click.option(
    "--no-wait", is_flag=True, help="Do not wait until all assets are read for the first time."
)
@click.option("--allow-other", is_flag=True, help="Let other users of this machine read it.")
@click.option(
    "--files/--no-files",
    default=None,
    help="Show each asset's data as all/NAME/files, read-only (with --allow-other: only if asked).",
)
@pass_invocation
def mount_command(
    invocation: Invocation,
    folder: Path | None,
    *,
    foreground: bool,
    read_only: bool,
    allow_untag: bool,
    allow_delete: int | None,
    no_wait: bool,
    allow_other: bool,
    files: bool | None,
) -> None:
    """Mount assets as folders, for any editor and tool.

    FOLDER is an empty folder, or a new one (default: the profile's own). The mount goes to the
    background once it has read the assets; `coexplorer umount FOLDER` ends it.
    """
    from coexplorer.config import expand_home
    from coexplorer.fs.mount_records import ensure_records, log_file
    from coexplorer.fs.mountpoints import find_real_path, is_mountpoint
    from coexplorer.fs.mounts import check_fuse, ensure_answering, ensure_mountable

    check_fuse()
    settings = _with_token(invocation)
    place = expand_home(folder or settings.mount_folder).absolute()
    ensure_records(settings.paths, place)
    # Of a mount that hangs even this question would never be answered.
    is_made = not is_mountpoint(find_real_path(place)) and not os.path.lexists(place)
    place = ensure_mountable(settings.paths, place)

    def serve(on_ready: Callable[[], None]) -> None:
        from coexplorer.fs.core.volume import MountOptions
        from coexplorer.fs.mount import serve
        from coexplorer.spelling import spell

        options = MountOptions(
            read_only=read_only,
            allow_untag=allow_untag,
            allow_delete=allow_delete or 0,
            allow_other=allow_other,
            files=not allow_other if files is None else files,
            spell=spell,
        )
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        logging.getLogger("httpx").setLevel(logging.WARNING)
        serve(settings, place, options, on_ready)

    if foreground:
        serve(lambda: click.echo(f"mounted at {place}. Press Ctrl-C to stop.", err=True))
        return
    from coexplorer.fs.daemon import run_in_background

    try:
        run_in_background(serve, log_file(settings.paths, place))
    except CoexplorerError:
        if is_made:
            with suppress(OSError):
                place.rmdir()
        raise
    ensure_answering(place, log_file(settings.paths, place))
    click.echo(f"mounted at {place}", err=True)
    if not no_wait:
        _wait_for_assets(place)


def _wait_for_assets(place: Path) -> None:
    """Wait until a new mount shows all assets: a loop over none would do nothing, and succeed."""
    from coexplorer.cli.narration import draws, note, show_wait
    from coexplorer.fs.mount_status import wait_until_read

    told: list[str] = []

    def tell(so_far: str) -> None:
        if not told:
            note("reading all assets for the first time; the mount stays if you stop this (Ctrl-C)")
        if [so_far] != told and draws():
            show_wait(f"{so_far} assets")
        told[:] = [so_far]

    try:
        wait_until_read(place, tell)
    finally:
        if draws():
            show_wait("")


def _with_token(invocation: Invocation) -> Settings:
    """Ask for the token while there is a terminal: the mount has none in the background.

    Once the platform does not take it any more, the mount looks for the one that is there then.
    """
    import msgspec

    from coexplorer.config import load_settings
    from coexplorer.config.tokens import GivenToken, ReadAgain, TokenSource

    settings = invocation.find_settings()
    first = GivenToken(f"token of {settings.profile}", settings.load_token())
    profile = settings.profile if settings.saved else invocation.profile

    def find_source() -> TokenSource:
        found = load_settings(
            profile=profile, domain=invocation.domain, token_file=invocation.token_file
        )
        is_same = (found.profile, found.base_url) == (settings.profile, settings.base_url)
        return found.token_source if is_same else first

    source = ReadAgain(first, find_source)
    return msgspec.structs.replace(settings, token_source=source)


@click.command("umount")
@click.argument("folder", type=FOLDER, shell_complete=complete_mounts)
@click.option("--force", is_flag=True, help="Unmount even if it is in use, or hangs.")
def umount_command(folder: Path, *, force: bool) -> None:
    """Unmount. Unfinished saves are sent first, or kept for later."""
    from coexplorer.config import expand_home, find_paths
    from coexplorer.fs.mount_records import list_mounts
    from coexplorer.fs.mounts import unmount

    # No resolve: that would ask the mount, which may hang.
    paths, place = find_paths(), expand_home(folder).absolute()
    mounts = [mount for mount in list_mounts(paths) if mount.folder == str(place)]
    before = {mount.journal: _count_if_possible(mount.journal) for mount in mounts}
    ended = unmount(paths, place, force=force)
    click.echo(f"unmounted {folder}", err=True)
    if not ended:
        from coexplorer.cli.narration import warn

        warn(
            "the mount did not end by itself, so it was killed: text that was written to a file and"
            " not closed is lost; coexplorer log shows what was kept"
        )
    for mount in mounts:
        _tell_rescued(paths, mount)
        if mount.journal:
            _tell_unsent(mount, before[mount.journal])
            _tell_kept(mount)


def _tell_unsent(mount: Mount, before: int) -> None:
    """Say what a mount could not send any more when it ended, or what else still waits."""
    from coexplorer.cli.narration import warn

    waiting = _count_if_possible(mount.journal)
    many = waiting - before
    if waiting and many <= 0:
        verb = "waits" if waiting == 1 else "wait"
        told = f"{plural(waiting, 'change')} {verb} for you: coexplorer log, or coexplorer retry"
        click.echo(_spell_for(mount, told), err=True)
    if many > 0:
        text = "text was" if many == 1 else "texts were"
        it = "it" if many == 1 else "them"
        warn(
            _spell_for(
                mount,
                f"{many:,} {text} not sent: coexplorer log --entries shows {it}, coexplorer retry"
                f" sends {it}",
            )
        )


def _spell_for(mount: Mount, text: str) -> str:
    """Return a sentence with the commands in it as they are typed for a mount's profile."""
    from coexplorer.config import load_settings
    from coexplorer.spelling import add_options

    with suppress(CoexplorerError):
        if str(load_settings().journal_path) == mount.journal:
            return text
    return add_options(text, f"--profile {shlex.quote(mount.profile)}", ("log", "retry"))


def _count_if_possible(journal: str) -> int:
    """Count what waits in a journal; 0 where there is none, or it can't be read."""
    with suppress(CoexplorerError):
        if journal and Path(journal).is_file():
            return _count_unsent(Path(journal))
    return 0


def _tell_rescued(paths: Paths, mount: Mount) -> None:
    """Say where a mount has put what there was no room for in the journal's folder."""
    from coexplorer.cli.narration import warn
    from coexplorer.fs.rescued import describe_rescued, find_rescued, list_rescued

    folder = find_rescued(paths, mount.pid)
    if mount.pid and folder in list_rescued(paths):
        warn(f"the disk with the journal has no room: {describe_rescued(folder)}")


def _tell_kept(mount: Mount) -> None:
    """Say which of a user's own files are not on the platform, and where they are."""
    from coexplorer.fs.core.kept_files import KeptFiles, find_kept_folder
    from coexplorer.fs.core.scratch import is_perhaps_temporary

    files = KeptFiles(find_kept_folder(Path(mount.journal)))
    try:
        kept = files.list()
    except OSError:
        return
    if not kept:
        return
    own = [(asset_id, name) for asset_id, name in kept if not is_perhaps_temporary(name)]
    names = _find_names(mount, {asset_id for asset_id, _ in own[:_MOST_NAMED]})
    click.echo(
        f"kept for the next mount, not on the platform (in {files.folder}, by asset id):", err=True
    )
    for asset_id, name in own[:_MOST_NAMED]:
        title = names.get(asset_id, "an asset that is not known here")
        path = f"{title}/{name.decode(errors='replace')}"
        click.echo(f"  {clean(path)}  ({clean(asset_id)})", err=True)
    if len(own) > _MOST_NAMED:
        click.echo(f"  … and {len(own) - _MOST_NAMED:,} more", err=True)
    if others := len(kept) - len(own):
        click.echo(f"  and {plural(others, 'temporary file')} of editors and tools", err=True)


def _find_names(mount: Mount, ids: set[AssetId]) -> dict[AssetId, str]:
    """Return what assets are called, as far as an ended mount's catalog or journal knows."""
    import anyio

    from coexplorer.config import load_settings
    from coexplorer.library import open_library

    async def look(settings: Settings) -> dict[AssetId, str]:
        async with open_library(settings, origin="cli", offline=True) as library:
            names = {}
            for asset_id in ids:
                if known := library.assets.peek(asset_id):
                    names[asset_id] = known.fields.name
                    continue
                for entry in await library.log.entries_about(asset_id, limit=1):
                    names[asset_id] = entry.asset_name  # it was deleted since
        return {asset_id: name for asset_id, name in names.items() if name}

    for profile in (mount.profile, None):  # None: that of the environment, which has no name
        try:
            settings = load_settings(profile=profile)
            if str(settings.journal_path) == mount.journal:
                return anyio.run(look, settings)
        except CoexplorerError:
            continue
    return {}


@click.command("status")
@click.option("--all", "everything", is_flag=True, help="Include mounts of other users.")
@format_options(MOUNT, columns=True)
def status_command(*, everything: bool, columns: tuple[str, ...], style: Format) -> None:
    """Show your mounts, and what they could not send.

    Mounts of other users, and those made with another home folder, are only shown with --all.
    """
    from coexplorer.config import find_paths
    from coexplorer.config.fuse import can_list_mounts
    from coexplorer.fs.mount_records import list_mounts
    from coexplorer.fs.mountpoints import answers
    from coexplorer.fs.rescued import describe_rescued, list_rescued

    mounts = [
        mount
        for mount in list_mounts(find_paths(), uid=None if everything else os.getuid())
        if everything or mount.pid or not answers(Path(mount.folder))
    ]
    if style is not Format.TABLE or columns:
        print_rows(MOUNT, map(_describe_mount, mounts), style, columns)
        return
    if not can_list_mounts():
        click.echo("nothing is mounted: the mount needs Linux, with /proc")
    elif not mounts:
        click.echo("nothing is mounted")
    else:
        _print_mounts([(mount, _describe_mount(mount)) for mount in mounts])
    for rescued in list_rescued(find_paths()):
        print_line(describe_rescued(rescued))


def _describe_mount(mount: Mount) -> Values:
    from coexplorer.fs.mount_status import list_unkept
    from coexplorer.fs.mountpoints import answers

    state = "mounted"
    if not mount.pid:
        state = "unknown"
    elif not mount.alive:
        state = "dead"
    elif not answers(Path(mount.folder)):
        state = "hangs"
    known = state == "mounted"
    unkept = list_unkept(Path(mount.folder)) if known else []
    return {
        "folder": mount.folder,
        "state": state,
        "profile": mount.profile or None,
        "url": mount.url or None,
        "read_only": mount.read_only,
        "since": time_text(mount.started or None),
        "pid": mount.pid or None,
        "unsent": _count_unsent(Path(mount.journal)) if known else None,
        "only_in_memory": unkept if known else None,
    }


def _print_mounts(found: Sequence[tuple[Mount, Values]]) -> None:
    """Print a table, and below it what is to be done."""
    head = [
        Column("FOLDER", flexible=True, keeps=True),
        Column("STATE"),
        Column("PROFILE", flexible=True),
        Column("SINCE", spare=1),
        Column("UNSENT", right=True),
        Column("PLATFORM", flexible=True, spare=2),
    ]
    rows = [
        (
            mount.folder,
            f"{values['state']}{', read-only' if mount.read_only else ''}",
            mount.profile,
            moment_text(mount.started) if mount.started else "",
            "" if values["unsent"] is None else str(values["unsent"]),
            mount.url,
        )
        for mount, values in found
    ]
    print_table(head, rows)
    from coexplorer.fs.mount_status import describe_unkept

    for mount, values in found:
        folder = clean(shlex.quote(mount.folder))
        match values["state"]:
            case "mounted":
                if values["unsent"]:
                    print_line("coexplorer log shows what could not be sent")
                if isinstance(unkept := values["only_in_memory"], list) and unkept:
                    print_line(f"{clean(describe_unkept(unkept, folder))}: free some disk space")
            case "unknown":
                print_line(f"{folder}: there is no record of it in this home")
            case _:
                print_line(f"to end it: coexplorer umount --force {folder}")


def _count_unsent(journal_path: Path) -> int:
    """Count what waits for the user in a mount's journal."""
    from contextlib import closing

    from coexplorer.library.journal import Journal

    with closing(Journal(journal_path, origin="cli")) as journal:
        return journal.count_pending()
