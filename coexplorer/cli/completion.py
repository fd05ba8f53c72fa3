"""Shell completion: the script that turns it on, and what arguments and options complete to.

Values come from the local catalog, the journal and the settings, as they are on the disk: nothing
is asked of the platform but what is in an asset, and where there is nothing yet, nothing is offered
and nothing is said.

It is a list of what completes to what, so it is long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

import click

from coexplorer.errors import CoexplorerError, NoProfile
from coexplorer.text import size_text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from coexplorer.config import Settings
    from coexplorer.library.completions import Candidate
    from coexplorer.sharing.roles import Kind

Items: TypeAlias = "list[CompletionItem[str]]"

_WHERE = {
    "bash": "~/.local/share/bash-completion/completions/coexplorer",
    "zsh": "a folder of your $fpath, as _coexplorer",
    "fish": "~/.config/fish/completions/coexplorer.fish",
}


def _make_folder(place: str) -> str:
    """Return a line that makes the folder of a script, with what begins the next one."""
    folder = place.rpartition("/")[0]
    return f"mkdir -p {folder}\n{'':<6} " if place.startswith("~") else ""


_ASKED_S = 3.0
"""So long somebody who pressed TAB may wait for the platform."""

_HELP = """Print the completion script of your shell.

It completes commands, options, queries, and the names, tags and numbers that are known here.

bash looks into that folder if the package bash-completion is installed; without it, put
source <(coexplorer completion bash) into ~/.bashrc.

\b
""" + "\n".join(
    f"{shell:<6} {_make_folder(place)}coexplorer completion {shell} > {place}"
    for shell, place in _WHERE.items()
)


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """See `_HELP`; click keeps its lines as they are behind a backspace."""
    from coexplorer.cli.shells import SHELLS

    kind = next(each for each in SHELLS if each.name == shell)
    completer = kind(ctx.find_root().command, {}, "coexplorer", "_COEXPLORER_COMPLETE")
    click.echo(completer.source(), nl=False)


def register_shells() -> None:
    """Have click answer the shells in our way."""
    from click.shell_completion import add_completion_class

    from coexplorer.cli.shells import SHELLS

    for kind in SHELLS:
        add_completion_class(kind)


def _item(text: str, help: str | None = None) -> CompletionItem[str]:  # noqa: A002 - click's name
    # Commands come by here when they run, too, and need nothing of it then.
    from click.shell_completion import CompletionItem

    return CompletionItem(text, help=help)


def _find_settings(ctx: click.Context) -> Settings | None:
    """Return the settings that the command line means; None when it means none."""
    from coexplorer.config import load_settings
    from coexplorer.config.file import DEMO

    given = {**ctx.find_root().params, **ctx.meta.get("global", {})}
    try:
        try:
            return load_settings(
                profile=given.get("profile"),
                domain=given.get("domain"),
                token_file=given.get("token_file"),
            )
        except NoProfile:  # whoever tries the demo may have an alias that names it
            return load_settings(profile=DEMO)
    except (CoexplorerError, OSError, ValueError):
        return None


def _items(choices: Iterable[Candidate]) -> Items:
    return [_item(each.text, help=each.help) for each in choices]


def complete_query(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete fields of the query language and their values."""
    from coexplorer.library.completions import find_values
    from coexplorer.query import complete_at, format_term, format_text
    from coexplorer.query.tree import AllTags

    found = complete_at(incomplete, len(incomplete))
    if found is None:
        return _complete_metadata(ctx, incomplete)
    before = incomplete[: found.start]
    items = [_item(before + text, help=told) for text, told in found.choices]
    if found.kind == "value" and (settings := _find_settings(ctx)) is not None:
        known = {text for text, _ in found.choices}
        for text, told in find_values(settings.catalog_path, found.field, found.text):
            if text not in known:
                value = format_text(found.field, text)
                if before.endswith("("):
                    value = format_term(AllTags((text,)))[len("tag:all(") : -1]
                items.append(_item(before + value, help=told))
    return items


def _complete_metadata(ctx: click.Context, incomplete: str) -> Items:
    """Complete a key of custom metadata, which stands in quotes, or its value."""
    from coexplorer.library.completions import find_metadata_keys, find_metadata_values
    from coexplorer.query import Match, find_key_at, format_term
    from coexplorer.query.compare import OPERATORS
    from coexplorer.query.scan import quote
    from coexplorer.query.tree import How

    typed, settings = find_key_at(incomplete, len(incomplete)), _find_settings(ctx)
    if typed is None or settings is None:
        return []
    start, key, value = typed
    before = incomplete[:start]
    if value is None:
        choices = find_metadata_keys(settings.catalog_path, key)
        return [_item(f"{before}{quote(each.text)}:", help=each.help) for each in choices]
    how: How = next((how for how, operator in OPERATORS.items() if value[:1] == operator), "")
    known = find_metadata_values(settings.catalog_path, key, value[bool(how) :].removeprefix('"'))
    terms = [(Match(key, each.text, custom=True, how=how), each.help) for each in known]
    return [_item(before + format_term(term), help=told) for term, told in terms]


def complete_metadata(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete ``KEY=VALUE``: a key of the schema, then a value that it allows."""
    from coexplorer.library.completions import find_allowed, find_schema_keys

    settings = _find_settings(ctx)
    if settings is None:
        return []
    key, equals, typed = incomplete.partition("=")
    if not equals:
        found = find_schema_keys(settings.catalog_path, key)
        return [_item(f"{each.text}=", help=each.help) for each in found]
    before, comma, last = typed.rpartition(",")
    rest = last.lstrip()
    begin = f"{key}={before}{comma}{last[: len(last) - len(rest)]}"
    return [_item(f"{begin}{each.text}") for each in find_allowed(settings.catalog_path, key, rest)]


def complete_metadata_keys(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> Items:
    """Complete a key of the custom metadata."""
    from coexplorer.library.completions import find_schema_keys

    settings = _find_settings(ctx)
    return [] if settings is None else _items(find_schema_keys(settings.catalog_path, incomplete))


def complete_assets(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete names and ids of assets."""
    from coexplorer.library.completions import find_assets

    settings = _find_settings(ctx)
    return [] if settings is None else _items(find_assets(settings.catalog_path, incomplete))


def complete_paths(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete paths in the asset that was named before; the platform is asked, for a moment."""
    import anyio

    from coexplorer.cli.session import run_async
    from coexplorer.config.tokens import FirstOf, TokenCommand
    from coexplorer.library import open_library

    settings, asset = _find_settings(ctx), ctx.params.get("asset")
    if settings is None or not isinstance(asset, str) or asset == "-":
        return []
    sources = settings.token_source.sources if isinstance(settings.token_source, FirstOf) else ()
    if any(isinstance(each, TokenCommand) for each in sources):
        return []  # it may ask something, and somebody is typing
    folder = incomplete[: incomplete.rfind("/") + 1]
    items: Items = []

    async def ask() -> None:
        with anyio.move_on_after(_ASKED_S):
            async with open_library(settings, origin="cli") as library:
                asset_id = await library.assets.resolve(asset, guess=True)
                for entry in await library.files.list_folder(asset_id, folder.rstrip("/")):
                    path = f"{entry.path}/" if entry.is_folder else entry.path
                    if path.startswith(incomplete):
                        told = "" if entry.is_folder else size_text(entry.size_bytes)
                        items.append(_item(path, help=told or None))

    with contextlib.suppress(CoexplorerError, OSError, ValueError):
        run_async(ask)
    return items


def complete_assets_or_query(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> Items:
    """Complete names and ids of assets, or a query, for commands that take both."""
    found = complete_assets(ctx, parameter, incomplete)
    if found and ":" not in incomplete:
        return found
    return [*found, *complete_query(ctx, parameter, incomplete)]


def complete_tags(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete one tag."""
    from coexplorer.library.completions import find_tags

    settings = _find_settings(ctx)
    return [] if settings is None else _items(find_tags(settings.catalog_path, incomplete))


def complete_tag_list(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Complete the last of several tags that commas separate."""
    before, comma, last = incomplete.rpartition(",")
    found = complete_tags(ctx, parameter, last.lstrip())
    return [
        _item(f"{before}{comma}{each.value}", help=each.help)
        for each in found
        if "," not in str(each.value)
    ]


def complete_grant(kind: Kind) -> Callable[[click.Context, click.Parameter, str], Items]:
    """Return what completes ``NAME:ROLE``: owners, whom assets were shared with, and roles."""

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
        from coexplorer.library.completions import find_members, find_values
        from coexplorer.sharing.roles import LEVELS

        name, colon, typed = incomplete.rpartition(":")
        if colon:
            return [
                _item(f"{name}:{level.name}", help=level.help)
                for level in LEVELS
                if kind in level.kinds and level.name.startswith(typed.lower())
            ]
        settings = _find_settings(ctx)
        if settings is None:
            return []
        known = [each.text for each in find_members(settings.journal_path, kind, incomplete)]
        if kind == "user":
            owners = find_values(settings.catalog_path, "owner", incomplete)
            known += [each.text for each in owners if "@" in each.text]
        return [_item(f"{text}:") for text in dict.fromkeys(known)]

    return complete


def complete_members(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete users and groups that assets were shared with from here."""
    from coexplorer.library.completions import find_members

    settings = _find_settings(ctx)
    return [] if settings is None else _items(find_members(settings.journal_path, "", incomplete))


def complete_workplaces(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete the ids of capsules, pipelines and workstations that were attached to from here."""
    from coexplorer.library.completions import find_workplaces

    settings = _find_settings(ctx)
    return [] if settings is None else _items(find_workplaces(settings.journal_path, incomplete))


def complete_capsules(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete the ids of capsules and pipelines that were attached to from here."""
    from coexplorer.library.completions import find_workplaces

    settings = _find_settings(ctx)
    if settings is None:
        return []
    return _items(find_workplaces(settings.journal_path, incomplete, to_run=True))


def complete_field(field: str) -> Callable[[click.Context, click.Parameter, str], Items]:
    """Return what completes the values of a field of the query language, known or in use."""

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
        from coexplorer.library.completions import find_values
        from coexplorer.query import find_field

        known = find_field(field)
        sign = "-" if field == "sort" and incomplete.startswith("-") else ""
        typed = incomplete.removeprefix(sign)
        choices = known.choices if known else ()
        items = [
            _item(sign + text, help=told)
            for text, told in choices
            if text.startswith(typed.lower())
        ]
        if not choices and (settings := _find_settings(ctx)) is not None:
            items += _items(find_values(settings.catalog_path, field, typed))
        return items

    return complete


def complete_names(
    names: Iterable[str],
) -> Callable[[click.Context, click.Parameter, str], Items]:
    """Return what completes the last of several names that commas separate."""
    known = tuple(names)

    def complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
        before, comma, last = incomplete.rpartition(",")
        given = {each.strip() for each in before.split(",")}
        return [
            _item(f"{before}{comma}{name}")
            for name in known
            if name.startswith(last.strip().lower()) and name not in given
        ]

    return complete


def complete_profiles(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete names of profiles."""
    from coexplorer.config import find_paths
    from coexplorer.config.embedded import is_running
    from coexplorer.config.file import DEMO, load_config_file

    found: dict[str, str] = {}
    with contextlib.suppress(CoexplorerError, OSError, ValueError):
        profiles = load_config_file(find_paths().config_file).profiles.values()
        found = {each.name: each.domain for each in profiles}
    with contextlib.suppress(CoexplorerError, OSError):
        if is_running(find_paths().demo_dir):
            found.setdefault(DEMO, "runs now")
    return [_item(name, help=told) for name, told in found.items() if name.startswith(incomplete)]


def complete_settings(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete paths of settings: those that are set, and those that each profile may have."""
    from coexplorer.config import find_paths
    from coexplorer.config.file import list_possible, load_config_file

    try:
        config = load_config_file(find_paths().config_file)
    except (CoexplorerError, OSError, ValueError):
        return []
    known = list_possible(config)
    if ctx.info_name != "set":
        pass
    elif incomplete.startswith("keys."):
        from coexplorer.tui.command_registry import BY_ID

        known = list(dict.fromkeys([*known, *(f"keys.{each}" for each in BY_ID)]))
    elif not incomplete or "keys.".startswith(incomplete):
        known += ["keys."]
    return [_item(key) for key in known if key.startswith(incomplete)]


def complete_changes(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete numbers of changes."""
    from coexplorer.library.completions import find_changes

    settings = _find_settings(ctx)
    found = [] if settings is None else find_changes(settings.journal_path)
    return _items(each for each in found if each.text.startswith(incomplete))


def complete_entries(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete numbers of entries that are kept to be sent again or given up."""
    from coexplorer.library.completions import find_kept_entries

    settings = _find_settings(ctx)
    found = [] if settings is None else find_kept_entries(settings.journal_path)
    return _items(each for each in found if each.text.startswith(incomplete))


def complete_mounts(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Complete folders that are mounted by us."""
    from coexplorer.config import find_paths
    from coexplorer.fs.mount_records import list_mounts

    try:
        mounts = list_mounts(find_paths())
    except (CoexplorerError, OSError, ValueError):
        return []
    return [
        _item(mount.folder, help=mount.profile)
        for mount in mounts
        if mount.pid and mount.folder.startswith(incomplete)
    ]
