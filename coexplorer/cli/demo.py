"""``serve`` and ``demo``: the embedded platform."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coexplorer.cli import exits
from coexplorer.cli.demo_data import DEFAULT_ASSETS, Samples, fill, load_faults, load_schema
from coexplorer.cli.demo_server import ServerProcess
from coexplorer.cli.exits import leave
from coexplorer.cli.format import plural
from coexplorer.cli.narration import note, warn
from coexplorer.cli.output import print_line
from coexplorer.cli.program_path import find_call
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.start_app import is_usable, open_app
from coexplorer.cli.tour import give_tour
from coexplorer.cli.values import FilledPath, SamplesDate
from coexplorer.config import find_paths, load_settings
from coexplorer.config.embedded import announce, claim, is_running
from coexplorer.config.file import DEMO
from coexplorer.config.paths import ensure_private_dir
from coexplorer.errors import CoexplorerError, ConfigError

if TYPE_CHECKING:
    from coexplorer.demo.server import DemoServer

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST_ASSETS = 100_000


def _data_options(command: Command) -> Command:
    """Add what ``serve`` and ``demo`` have in common."""
    for option in (
        click.option(
            "--import",
            "export",
            type=FilledPath(exists=True, dir_okay=False),
            help="Load assets from a file, one JSON object a line, as ls --raw prints them.",
        ),
        click.option(
            "--as-admin",
            is_flag=True,
            help="Let the first user change and delete all imported assets, as an admin can.",
        ),
        click.option(
            "--schema",
            type=FilledPath(exists=True, dir_okay=False),
            help="Take the schema of the custom metadata from a file, as the platform's"
            " GET custom_metadata gives it.",
        ),
        click.option(
            "--faults",
            "script",
            type=FilledPath(exists=True, dir_okay=False),
            help="Play scripted trouble; see docs/embedded.md.",
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            default=0,
            help="Port (default: any that is free).",
        ),
        click.option("--fresh", is_flag=True, help="Throw away last time's data and start over."),
        click.option(
            "--dialect",
            type=click.Choice(["legacy", "3.0", "current"]),
            default="current",
            help="Speak like a platform of today, of version 3.0 or of version 2.10.",
        ),
        click.option(
            "--seed",
            type=int,
            help="Use different sample assets; the same number always gives the same ones.",
        ),
        click.option(
            "--date",
            type=SamplesDate(),
            help="The last day of the samples, as 2026-11-20, or `today`; by default 2026-03-12,"
            " so that their names and ids are the same every day.",
        ),
        click.option(
            "--assets",
            "count",
            type=click.IntRange(0, _MOST_ASSETS),
            help=f"Number of sample assets (default: {DEFAULT_ASSETS:,}).",
        ),
    ):
        command = option(command)
    return command


@click.command("serve")
@click.option(
    "--data",
    "folder",
    type=FilledPath(file_okay=False),
    help="Folder for its data.",
)
@_data_options
@click.option("--json", "as_json", is_flag=True, help="Print {url, users} on the first line.")
@click.option("--until-stdin-ends", is_flag=True, hidden=True)
def serve_command(
    *,
    port: int,
    folder: Path | None,
    fresh: bool,
    dialect: str,
    seed: int | None,
    date: str | None,
    count: int | None,
    export: Path | None,
    as_admin: bool,
    schema: Path | None,
    script: Path | None,
    as_json: bool,
    until_stdin_ends: bool,
) -> None:
    """Run the embedded platform alone, until Ctrl-C.

    With --import you can rehearse on a copy of your own assets: try a bulk edit there before you do
    it for real. Lines that are not assets are named and left out; the exit code is 7 then.
    """
    from coexplorer.demo.folder import empty_folder, tell_trouble
    from coexplorer.demo.server import DemoServer, check_port, run_until_signalled

    check_port(port)
    os.umask(0o077)  # all that this process makes is the platform's data, and nobody else's
    data = folder or ensure_private_dir(find_paths().state_dir / "serve")
    if fresh:
        with tell_trouble(data):
            empty_folder(data)
    fields = load_schema(schema)
    server = DemoServer(data, dialect=dialect, port=port, faults=load_faults(script))
    try:
        if fields is not None:
            server.metadata_fields = fields
        with tell_trouble(data):
            samples = Samples(count, seed, date)
            left_out = fill(server, samples, export=export, as_admin=as_admin)
        stop = threading.Event()
        if until_stdin_ends:
            _stop_with_parent(stop)
        run_until_signalled(server, lambda: _tell(server, as_json=as_json), stop=stop)
    finally:
        server.close()
    leave(exits.PARTLY if left_out else exits.OK)


def _tell(server: DemoServer, *, as_json: bool) -> None:
    """Say where the server is and how to sign in."""
    if as_json:
        users = [{"email": user.email, "token": user.token} for user in server.users]
        keys = server.s3_keys
        storage = {
            "url": server.s3_url,
            "access_key_id": keys.id,
            "secret_access_key": keys.secret,
        }
        told = {"url": server.url, "users": users, "s3": storage}
        click.echo(msgspec.json.encode(told))
        sys.stdout.flush()
        return
    total = plural(server.store.count(), "asset")
    print_line(f"Code Ocean ({server.dialect} API) with {total} at {server.url}")
    for user in server.users:
        print_line(f"  as {user.email}:")
        print_line(f"    export CODEOCEAN_DOMAIN={server.url} CODEOCEAN_TOKEN={user.token}")
    keys = server.s3_keys
    print_line("  files of external assets (S3):")
    print_line(
        f"    export AWS_ENDPOINT_URL_S3={server.s3_url} AWS_ACCESS_KEY_ID={keys.id}"
        f" AWS_SECRET_ACCESS_KEY={keys.secret}"
    )
    print_line(f"Data is kept in {server.data}. Press Ctrl-C to stop.")
    sys.stdout.flush()


def _stop_with_parent(stop: threading.Event) -> None:
    """End with the process that started this one, however that ends: its end of the pipe closes."""

    def watch() -> None:
        # Not through sys.stdin: the interpreter can't end while a thread holds that object's lock.
        while os.read(0, 4096):
            pass
        # No signal: one that comes while the server is being stopped can hang a traced program.
        stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@click.command("demo")
@_data_options
@click.option("--tour", is_flag=True, help="Show commands at work instead of the app.")
@click.option(
    "--no-app", is_flag=True, help="Serve the demo without opening the app (Ctrl-C stops it)."
)
@pass_invocation
def demo_command(
    invocation: Invocation,
    *,
    fresh: bool,
    dialect: str,
    seed: int | None,
    date: str | None,
    count: int | None,
    port: int,
    export: Path | None,
    as_admin: bool,
    schema: Path | None,
    script: Path | None,
    tour: bool,
    no_app: bool,
) -> None:
    """Try everything on an embedded platform with sample data; nothing leaves this machine.

    While it runs, --profile demo uses it from other terminals. Your changes are kept for the next
    time; --fresh starts over.
    """
    if invocation.profile not in {None, DEMO} or invocation.domain or invocation.token_file:
        raise ConfigError(
            "the demo signs in by itself", hint="leave --profile, --domain and --token-file out"
        )
    paths, samples = find_paths(), Samples(count, seed, date)
    if port and not is_running(paths.demo_dir):
        from coexplorer.demo.server import check_port

        check_port(port)
    with claim(paths.demo_dir):
        if fresh:
            _forget_demo(paths.demo_dir)
        elif samples.options and (paths.demo_dir / "server" / "store.sqlite").exists():
            warn("the assets of the last time are kept; --fresh makes new ones")
            samples = Samples()
        options = ["--dialect", dialect, "--port", str(port), *samples.options]
        options += [] if export is None else ["--import", str(export)]
        options += ["--as-admin"] if as_admin else []
        options += [] if schema is None else ["--schema", str(schema)]
        options += [] if script is None else ["--faults", str(script)]
        process = ServerProcess(paths.demo_dir / "server", options)
        with process as server, announce(paths.demo_dir, server):
            try:
                if no_app:
                    _stay(server.url)
                elif tour or not is_usable():
                    note(f"an embedded platform runs at {server.url}, for --profile demo")
                    give_tour()
                else:
                    leave(_open_app())
            finally:
                _unmount()


def _open_app() -> int:
    """Open the app, which says how other terminals get there; what is printed here it covers."""
    call = find_call()
    told = f"In another terminal, while this one runs: {call} --profile demo ls"
    code = open_app(msgspec.structs.replace(load_settings(profile=DEMO), notices=(told,)))
    note(f"the demo has ended; what you changed in it is kept: {call} demo")
    return code


def _unmount() -> None:
    """End the demo's mounts while the platform that they stand on is still there."""
    from coexplorer.fs.mount_records import list_mounts
    from coexplorer.fs.mounts import unmount

    paths = find_paths()
    for mount in list_mounts(paths):
        if mount.profile == DEMO:
            try:
                unmount(paths, Path(mount.folder), force=False)
            except CoexplorerError as error:
                warn(f"{mount.folder} stays mounted: {error.message}")
            else:
                note(f"unmounted {mount.folder}")


def _stay(url: str) -> None:
    """Wait for Ctrl-C."""
    print_line(
        f"Try it in another terminal: {find_call()} --profile demo ls   ({url})."
        " Press Ctrl-C to stop."
    )
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def _forget_demo(demo_dir: Path) -> None:
    from coexplorer.demo.folder import empty_folder

    empty_folder(demo_dir / "server")
    for name in ("catalog", "journal"):
        for path in demo_dir.glob(f"{name}.sqlite3*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
