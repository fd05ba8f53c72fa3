"""The command ``coexplorer`` itself: global options, the list of commands, and the way out.

Each command's module is imported when that command is run or completed, so that ``--help`` and the
shell never wait for a library (a test looks at `sys.modules`).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from coexplorer import __version__
from coexplorer.cli import exits
from coexplorer.cli.global_options import accept_everywhere, complete_profile
from coexplorer.cli.quiet import be_quiet
from coexplorer.cli.screen import terminal_width
from coexplorer.cli.values import FilledPath, check_texts
from coexplorer.spelling import choose, know, spell

if TYPE_CHECKING:
    from pathlib import Path

    from coexplorer.cli.session import Invocation
    from coexplorer.config import Settings

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Find and read": {
        "ls": ("listing", "List assets that match a query."),
        "show": ("show", "Show everything about assets."),
        "files": ("files", "List the files of assets."),
        "cat": ("content", "Print files of assets."),
        "head": ("content", "Print the beginning of files."),
        "tail": ("content", "Print the end of files."),
        "get": ("files", "Download files of assets."),
        "du": ("du", "Show which folders of assets take the space."),
        "open": ("show", "Open assets in the browser."),
        "stats": ("stats", "Count assets and bytes by type, owner, tag, month, …"),
        "duplicates": ("stats", "Find assets that look alike."),
        "lineage": ("lineage", "Show what an asset was made from, and what from it."),
        "uses": ("uses", "List the capsules and pipelines that use assets."),
    },
    "Change": {
        "edit": ("edit", "Change names, descriptions, tags, metadata and mount folders."),
        "tags": ("tags", "List, rename and merge tags."),
        "archive": ("archive", "Archive assets."),
        "unarchive": ("archive", "Bring assets back from the archive."),
        "rm": ("archive", "Delete archived assets for good."),
        "share": ("share", "Show and change who can see assets."),
        "attach": ("attach", "Attach assets to a workstation, a capsule or a pipeline."),
        "detach": ("attach", "Detach assets from there."),
        "attached": ("attach", "List what is attached there."),
        "transfer": ("transfer", "Move the files of assets to other storage (administrators)."),
        "metadata": ("metadata", "List the keys of custom metadata, and what each takes."),
        "create": ("create", "Create an asset: from S3, a run, a workstation, other assets."),
        "wait": ("create", "Wait until new assets are ready or failed."),
        "runs": ("runs", "List the runs of a capsule or pipeline."),
        "run": ("runs", "Run a capsule or pipeline."),
    },
    "Undo and resend": {
        "log": ("log", "Show what you changed, and what is waiting to be sent."),
        "undo": ("undo", "Undo the last change, or any other one."),
        "redo": ("undo", "Redo what you have undone."),
        "retry": ("retry", "Resend changes that could not be sent."),
        "discard": ("retry", "Give up changes that could not be sent."),
    },
    "Mount": {
        "mount": ("mount", "Mount assets as folders, for any editor and tool."),
        "umount": ("mount", "Unmount."),
        "status": ("mount", "Show your mounts, and what they could not send."),
    },
    "Set up": {
        "login": ("login", "Sign in to a platform."),
        "logout": ("login", "Forget a profile and its token."),
        "profiles": ("profiles", "List your profiles."),
        "whoami": ("account", "Show who you are, and whether your token works."),
        "config": ("configuration", "Read and change settings."),
        "doctor": ("doctor", "Find what is wrong: settings, network, token, disk, mount."),
        "sync": ("sync", "Read all assets into the local catalog."),
        "cache": ("cache", "Show or clear what is kept of files that were read."),
        "completion": ("completion", "Print the completion script of your shell."),
        "help": ("help_pages", "Show help for a command, or for search, output, exit-codes."),
    },
    "Try it out": {
        "demo": ("demo", "Try everything on sample data."),
        "serve": ("demo", "Run the embedded platform alone."),
    },
}
"""Title → command → its module in `coexplorer.cli`, and its line in ``--help``."""

COMMANDS = {name: told for group in GROUPS.values() for name, told in group.items()}
"""All commands, in the order of ``--help`` (a test compares them with the modules)."""

ALIASES = {
    **dict.fromkeys(("list", "find", "search", "query"), "ls"),
    **dict.fromkeys(("delete", "remove", "del"), "rm"),
    **dict.fromkeys(("info", "view", "describe", "stat"), "show"),
    **dict.fromkeys(("download", "cp", "pull"), "get"),
    **dict.fromkeys(("rename", "mv", "tag", "set", "update"), "edit"),
    **dict.fromkeys(("history", "journal"), "log"),
    **dict.fromkeys(("upload", "new", "add", "import", "capture", "combine"), "create"),
    **dict.fromkeys(("refresh", "update-catalog"), "sync"),
    **dict.fromkeys(("computations", "computation", "jobs"), "runs"),
    **dict.fromkeys(("start", "compute", "execute"), "run"),
    **dict.fromkeys(("signin", "auth", "sign-in"), "login"),
    **dict.fromkeys(("unmount", "fusermount"), "umount"),
    **dict.fromkeys(("restore",), "unarchive"),
    **dict.fromkeys(("permissions", "access", "grant", "publish", "unshare", "chmod"), "share"),
    **dict.fromkeys(("settings", "configure"), "config"),
    **dict.fromkeys(("who", "user", "account"), "whoami"),
    **dict.fromkeys(("meta", "fields", "schema"), "metadata"),
    **dict.fromkeys(("check", "diagnose", "diagnostics", "debug"), "doctor"),
    **dict.fromkeys(("browse", "web"), "open"),
    **dict.fromkeys(("usage", "df"), "stats"),
    **dict.fromkeys(("used-by", "usedby", "users"), "uses"),
    **dict.fromkeys(("version",), "--version"),
}
"""What people type who know other programs → what it is called here; only a hint."""


_WIDEST_HELP = 100
_NARROWEST_HELP = 38


class Root(click.Group):
    """Finds commands late, and translates every error into a sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"coexplorer.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return check_texts(accept_everywhere(_add_examples(command, cmd_name)))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        widest = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{n:<{widest}}", line) for n, (_, line) in group.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Guess what a mistyped command was meant to be."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            word = args[0].lower()
            near = [ALIASES[word]] if word in ALIASES else []
            near = near or difflib.get_close_matches(word, COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line once every option in it has its value."""
        if not ctx.resilient_parsing:
            from coexplorer.cli.missing_values import check_values

            check_values(self, ctx, args)
        return super().parse_args(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line; its help goes to a standard output that may be broken, too."""
        from coexplorer.cli.ending import end_with

        if click.formatting.FORCED_WIDTH is None:
            extra.setdefault("terminal_width", _help_width())
        try:
            return super().make_context(*args, **extra)
        except click.NoSuchOption as error:
            raise _guess_option(error) from None
        except OSError as error:
            raise click.exceptions.Exit(end_with(error) or exits.LOCAL) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever goes wrong leaves as one sentence and an exit code."""
        from coexplorer.cli.ending import end_with
        from coexplorer.cli.session import Invocation

        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except click.NoSuchOption as error:
            raise _guess_option(error) from None
        except click.UsageError as error:
            error.message = spell(error.message)  # type: ignore[misc]  # click sets it once
            raise
        except click.Abort:
            ctx.exit(end_with(KeyboardInterrupt()) or exits.INTERRUPTED)
        except (Exception, KeyboardInterrupt) as error:
            code = end_with(error)
            if code is None:
                raise
            ctx.exit(code)
        if isinstance(ctx.obj, Invocation) and ctx.obj.partial:
            ctx.exit(exits.PARTLY)
        return answer


@click.group(
    cls=Root,
    invoke_without_command=True,
    epilog="\b\nExamples:\n  coexplorer demo\n  coexplorer ls tag:raw --sort -size",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST_HELP},
)
@click.option(
    "--profile",
    metavar="NAME",
    shell_complete=complete_profile,
    help="Use this profile of config.toml.",
)
@click.option("--domain", metavar="DOMAIN", help="Use this platform: a name, host or URL.")
@click.option(
    "--token-file",
    type=FilledPath(),
    help="Read the token from the first line of a file.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only answers, warnings and errors.")
@click.option("--debug", is_flag=True, help="Write details to a log file (never the token).")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    profile: str | None,
    domain: str | None,
    token_file: Path | None,
    *,
    quiet: bool,
    debug: bool,
) -> None:
    """Find, edit and tidy your Code Ocean data assets. Without a command, the app opens.

    ASSET is a whole name, an id, or the beginning of one (6 characters or more); - reads a list
    of them. QUERY is the search language: words, tag:raw, -tag:test, size:>10GB, created:-30d,
    is:mine, sort:-size, …

    --profile, --domain, --token-file, --debug and -q also work after the command. More help:
    coexplorer help COMMAND, coexplorer help search.
    """
    from coexplorer.cli.session import Invocation

    invocation = Invocation(profile=profile, domain=domain, token_file=token_file, debug=debug)
    ctx.obj = invocation
    know(COMMANDS)
    choose({"profile": profile, "domain": domain, "token_file": token_file})
    ctx.color = find_color(os.environ)
    be_quiet(quiet=quiet)
    if debug:
        from coexplorer.cli.log_file import start_log
        from coexplorer.config import find_paths

        start_log(find_paths().log_file)
    if ctx.invoked_subcommand is None:
        from coexplorer.cli.start_app import open_app

        ctx.exit(open_app(_find_settings(ctx, invocation)))


check_texts(cli)


_ELSEWHERE = {"--version": "coexplorer --version", "--verbose": "--debug", "--format": "--output"}
"""What people type who know other programs → what is here."""


def _guess_option(error: click.NoSuchOption) -> click.UsageError:
    """Guess by the name alone: click counts the dashes as alike, and offers hidden options.

    Some versions of click choose among the guesses they are given once more; so this is a sentence.
    """
    if error.ctx is None or not error.option_name.startswith("--"):
        return error
    import difflib

    names = {
        name.lstrip("-"): name
        for each in error.ctx.command.get_params(error.ctx)
        for name in each.opts
        if isinstance(each, click.Option) and not each.hidden
    }
    near = difflib.get_close_matches(error.option_name.lstrip("-"), names, n=1)
    meant = _ELSEWHERE.get(error.option_name) or "".join(names[each] for each in near)
    guess = f" Did you mean {meant!r}?" if meant else ""
    return click.UsageError(f"{error.message}{guess}", error.ctx)


def _help_width() -> int:
    """Return the width of help as click would; its way there imports all of `shutil`."""
    return max(min(terminal_width(), _WIDEST_HELP) - 2, _NARROWEST_HELP)


def _add_examples(command: click.Command, name: str) -> click.Command:
    from coexplorer.cli.examples import format_examples

    if isinstance(command, click.Group):
        for each in command.commands.values():
            _add_examples(each, f"{name} {each.name}")
    command.epilog = format_examples(name)
    return command


def find_color(environ: Mapping[str, str]) -> bool | None:
    """Return whether the environment wants colors; None: wherever there is a terminal (pure).

    ``NO_COLOR`` goes first (no-color.org), then ``FORCE_COLOR`` and ``CLICOLOR_FORCE``, which want
    them in a pipe, too; then ``CLICOLOR=0``, and terminals that obey nothing.
    """
    if environ.get("NO_COLOR"):
        return False
    forced = [environ.get(name, "") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")]
    if any(value not in {"", "0"} for value in forced):
        return True
    if "0" in forced or environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return None


def _find_settings(ctx: click.Context, invocation: Invocation) -> Settings:
    """Load the settings; on a first start at a terminal, greet the user instead of failing."""
    from coexplorer.errors import NoProfile

    try:
        return invocation.find_settings()
    except NoProfile:
        from coexplorer.cli.start_app import is_usable

        if not is_usable():
            raise
    from coexplorer.tui import welcome

    answer = welcome()
    if answer == "demo" and (demo := cli.get_command(ctx, "demo")) is not None:
        with demo.make_context("demo", [], parent=ctx) as inner:
            demo.invoke(inner)
    if answer is None or answer == "demo":
        ctx.exit(0)
    return answer
