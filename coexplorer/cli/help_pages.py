"""``help``: that of a command, or a page about what all commands have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import click

from coexplorer.cli.exits import MEANINGS
from coexplorer.cli.schema import KINDS, VERSION
from coexplorer.query import FIELDS, FLAGS, SORT_FIELDS
from coexplorer.query.fields import FORMS
from coexplorer.text import guess_word


def _complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete commands, those below a command, and pages."""
    found: click.Command | None = ctx.find_root().command
    words = ctx.params.get("words") or ()
    for word in words:
        found = found.get_command(ctx, word) if isinstance(found, click.Group) else None
    names = found.list_commands(ctx) if isinstance(found, click.Group) else []
    return [
        name
        for name in [*names, *([] if words else TOPICS)]
        if name.startswith(incomplete) and not name.startswith("_")
    ]


@click.command("help")
@click.argument("words", metavar="[COMMAND...|TOPIC]", nargs=-1, shell_complete=_complete)
@click.pass_context
def help_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, or a page: search, output or exit-codes."""
    root = ctx.find_root()
    if len(words) == 1 and words[0] in TOPICS:
        click.echo("\n".join(TOPICS[words[0]]()))
        return
    found, parent = root.command, root
    for word in words:
        below = found.get_command(parent, word) if isinstance(found, click.Group) else None
        if below is None and found is not root.command and not isinstance(found, click.Group):
            raise click.UsageError(
                f"there is no help for {word!r}: {found.name} has no commands below it; give one"
            )
        if below is None:
            names = found.list_commands(parent) if isinstance(found, click.Group) else []
            known = [*TOPICS, *names] if found is root.command else names
            raise click.UsageError(f"there is no help for {word!r}{guess_word(word, known)}")
        parent = click.Context(below, info_name=word, parent=parent, **below.context_settings)
        found = below
    click.echo(found.get_help(parent))


def list_topics() -> Iterator[tuple[str, str]]:
    """Yield the pages that are about no single command, with what they tell."""
    yield "search", "The search language."
    yield "output", "Formats and their keys."
    yield "exit-codes", "What each exit code means."


def _columns(rows: list[tuple[str, str]]) -> Iterator[str]:
    formatter = click.HelpFormatter(width=min(100, click.HelpFormatter().width or 80))
    with formatter.indentation():
        formatter.write_dl(rows)
    yield formatter.getvalue().rstrip("\n")


def tell_search() -> Iterator[str]:
    """Yield the page about the search language."""
    yield "A query is a list of terms, separated by spaces."
    yield ""
    yield from _columns(
        [
            ("raw spikes", "both words, in name, description, tags or metadata"),
            ('"raw data"', "both words together"),
            ("tag:raw", "a field and its value"),
            ("tag:raw tag:test", "either: the same text field twice"),
            ("tag:all(raw,test)", "both tags"),
            ("-tag:raw", "not"),
            ("not:raw", "not, of a word"),
            ("size:1GB..5GB", "from, to; also <, <=, >, >="),
            (
                "created:>1w",
                "since a week ago (h, d, w, m for 30 days, y); 1w and -1w mean the same",
            ),
            ('"subject id":655019', "custom metadata"),
            *FORMS,
            ("8b4c61", "the beginning of an id, 6 characters or more"),
            ("8b4c61d0-…", "a whole id"),
            ("https://…/data-assets/8b4c61d0-…", "an asset's web page, the same as its id"),
        ]
    )
    yield ""
    yield "Fields:"
    rows = []
    for each in FIELDS:
        first, *others = re.split(r", | or ", each.example)
        rows.append((f"{each.name}:{first}", each.help))
        rows += [(f"{each.name}:{other}", "") for other in others]
    yield from _columns(rows)
    yield ""
    yield "Properties:"
    yield from _columns([(f"is:{name}", told) for name, told in FLAGS])
    yield ""
    yield "Order (a - before the field: descending):"
    yield from _columns([(f"sort:{name}", told) for name, told in SORT_FIELDS])
    yield ""
    yield "Several whole ids or web pages find each of these assets: paste them one per line, or"
    yield "separated by spaces or commas. In quotes an id is text, like any other word."
    yield ""
    yield "Archived assets are left out unless the query says is:archived or is:any, or names one"
    yield "by its whole id."
    yield "A * is a pattern in glob(…) alone; in quotes it is a character like any other."
    yield "Quote a query that contains special characters of your shell, such as >, *, ( or quotes:"
    yield "  coexplorer ls '-has:\"subject id\" name:glob(HCR_*)'"


def tell_output() -> Iterator[str]:
    """Yield the page about formats and keys."""
    yield "-o table, json, jsonl, csv, tsv or ids; --columns A,B chooses the keys in each of them."
    yield f"Keys (version {VERSION}). Sizes are in bytes, times are 2024-01-31T10:00:00Z."
    for kind in KINDS:
        yield ""
        yield f"{kind.name}: {', '.join(kind.commands)}"
        yield from _columns(
            [
                (key.name, f"{key.holds}{' or null' if key.nullable else ''}. {key.help}")
                for key in kind.keys
            ]
        )


def tell_exits() -> Iterator[str]:
    """Yield the page about exit codes."""
    yield from _columns([(str(code), meaning) for code, meaning in MEANINGS.items()])


TOPICS: dict[str, Callable[[], Iterator[str]]] = {
    "search": tell_search,
    "output": tell_output,
    "exit-codes": tell_exits,
}
