"""``docs/cli.md``, from the commands themselves: ``make docs``; a test keeps it current."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from coexplorer.cli.commands import COMMANDS, cli
from coexplorer.cli.examples import EXAMPLES
from coexplorer.cli.exits import MEANINGS
from coexplorer.cli.schema import KINDS, VERSION
from coexplorer.query import FIELDS, FLAGS, SORT_FIELDS
from coexplorer.query.fields import FORMS, HAS_FIELDS

_PLAIN = "Written by `make docs` from the program itself; a test keeps it current."


_NAMING = """\
# Which asset is meant

A name is the whole name, in its own case. An id may be shortened to its beginning, of 6
characters or more, if that fits only one asset. Part of a name never changes an asset; it is
only a hint: "did you mean run_10 (8316a00d)?". Two assets of one name, or a name that is also
the beginning of another asset's id, are refused and both are named. So is a name that somebody
has changed since. Before something is changed by its name, the platform is asked for new assets
and, for up to ten names, for older ones that were given the name since; among more than a
thousand with a similar name one may be missed, so scripts should give ids.
`--query 'id:ID is:any'` always means the id.

Commands that only look (`show`, `files`, `get`, `lineage`, `uses`, `open`) take the beginning of a
name, or a shorter one of an id, too, if it fits only one asset, and say which one that is.

`-` reads a list from standard input. A line is one name or id, whole; several on one line are
refused. What `-o ids`, `csv`, `tsv`, `jsonl` and `json` print is understood, as is a table whose
titles name a column `id` or `asset_id`, separated by commas, semicolons or tabs; there the id
counts. In our own tables and JSON without such a column the whole name in `name` does. A cell in
quotes may hold delimiters and line breaks; a quote in it is doubled. Blank rows, byte order marks,
Windows' line ends, empty lines, lines that come twice, and Excel's own first line `sep=;` do no
harm; items may end in NUL. A line `# …` is a comment unless an asset is called so. A line `id` or
`name` alone is a title when nothing follows it, and so is `id` above an id; `name` above names is
one unless an asset is called so, which is refused. When a line is unknown or fits several assets,
each such line is named with its number, and nothing is done; the same happens when a list can be
read in two ways: a quote is not closed, a row has two ids or more cells than titles, a key is in
an object twice.

An empty list is reported: what changes or waits for assets ends with 4 then, because the command
that feeds the list may have failed. A standard input that is closed is an error.

What `--query` selects is judged by the query again when each asset is read, right before
it is changed; what no longer fits is left out and named. Before that, all assets are read again if
that was not done within the last minute (or ten times as long as it takes); else only what the
platform itself finds for the query. `--refresh` reads all assets again in any case. Only searches
tell whether an asset is archived, mine, shared or a favorite, so `is:mine`, `is:shared` and
`is:favorite` are only as fresh as that reading.
"""


_ASKING = """\
# When it asks

`edit`, `archive` and `unarchive` of one asset that is named, on the command line or in a list, are
done at once: they can be taken back. Several assets, whatever `--query` or a tag finds, and every
`rm` are shown and asked about on the terminal, also while a list comes on standard input; so is a
`retry` without numbers that would send more than 20 assets of one change. Where there is no
terminal, as in a job, nothing is done and the command ends with 2, unless it has `--yes`.
`--dry-run` shows all, asks nothing, and ends with the code that the real run would end with, as far
as anybody can tell before.

The value of an option that selects must not be empty: `ls --owner "$WHO"` of a variable that is
not set is refused, and does not list everybody's. Only new values of `edit` (`--description ""`)
may be empty.
"""


_OUTPUT = f"""\
# Output

`-o` takes `table` (for people, the default), `json` (an array), `jsonl` (an object a line), `csv`,
`tsv` and, where rows have an id, `ids`. `--json`, `--json-lines`, `--csv`, `--tsv` and `--ids` are
other names for them. Two different ones are an error. `--columns A,B` chooses the keys and their
order in every format.

This is version {VERSION} of the keys below. A key that is renamed, removed or given another
meaning raises the version, and the change log says so; keys may be added at any time, so don't
count on their order without `--columns`.

Sizes are whole numbers of bytes. Times are RFC 3339 in UTC: `2024-01-31T10:00:00Z`. What is not
known, or has never been, is null in JSON and empty elsewhere. An object's keys that are marked as
details are in JSON, and in CSV or TSV only if `--columns` names them. `sync` and `whoami`
answer with one object: in JSON, without an array around it.

CSV is RFC 4180 in UTF-8: commas, quotes, CRLF. A list of texts is one cell, in which commas
separate them as in a line of CSV. So that no spreadsheet runs a name, a text that begins like a
formula (with `=`, `+`, `-`, `@`, a tab or a line break, also after apostrophes) gets an apostrophe
before it; take one away to have the text. What a terminal would obey is written as `\\x1b`,
`\\u202e` or `\\U000e0001`, into a pipe, too: control characters but tabs and line feeds, a carriage
return without one, and characters that turn the direction of text. Backslashes right before such
an escape, or before what looks like one, are doubled; all others stay single. There is no byte
order mark: in Excel, use "Data, From text/CSV" and choose UTF-8. `coexplorer archive -` and its
like read the file back, with a mark or without.

TSV escapes a tab, a line end and a backslash as `\\t`, `\\n`, `\\r`, `\\\\`, and a quote at the
beginning of a cell as `\\"`; what a terminal would obey is written as in CSV; lists are JSON.
"""


def build_reference() -> str:
    """Return the whole page as Markdown."""
    root = click.Context(cli, info_name="coexplorer", **cli.context_settings)
    parts = [
        "# Commands",
        _PLAIN,
        "<!-- walk: none from here, tests/cli/test_help.py lets commands read their examples -->",
        _clean_help(cli),
        _usage("coexplorer [OPTIONS] [COMMAND]"),
        *_options(cli, root),
        "Without a command the app opens.",
    ]
    for name in COMMANDS:
        command = cli.get_command(root, name)
        if command is None:
            raise AssertionError
        parts += _describe(command, root, name)
    parts += [*_unwrap(_NAMING), *_unwrap(_ASKING), *_describe_output(), *_describe_query()]
    parts += _describe_exits()
    return "\n\n".join(parts) + "\n"


def _unwrap(text: str) -> list[str]:
    return [paragraph.replace("\n", " ") for paragraph in text.strip().split("\n\n")]


def _describe(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    ctx = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield f"## {ctx.command_path.removeprefix('coexplorer ')}"
    yield _clean_help(command)
    yield _usage(f"{ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}")
    yield from _options(command, ctx)
    if examples := EXAMPLES.get(ctx.command_path.removeprefix("coexplorer ")):
        width = max(len(line) for line, _ in examples)
        yield _usage("\n".join(f"{line:<{width}}  # {told}" for line, told in examples))
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            found = command.get_command(ctx, each)
            if found is not None:
                yield from _describe(found, ctx, each)


def _clean_help(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "")
    paragraphs = text.split("\n\n")
    shown = []
    for paragraph in paragraphs:
        if paragraph.startswith("\b\n"):
            shown.append(_usage(paragraph.removeprefix("\b\n")))
        else:
            shown.append(paragraph.replace("\n", " ").replace("<", "\\<"))
    return "\n\n".join(shown)


def _usage(line: str) -> str:
    return f"```\n{line}\n```"


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    records = [
        parameter.get_help_record(ctx)
        for parameter in command.get_params(ctx)
        if isinstance(parameter, click.Option)
    ]
    rows = [f"| {_code(option)} | {_cell(told)} |" for option, told in filter(None, records)]
    yield "\n".join(["| option | |", "|---|---|", *rows])


def _code(text: str) -> str:
    """Return code for a table's cell; in code a backslash before < would be shown."""
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def _describe_output() -> Iterator[str]:
    yield from _unwrap(_OUTPUT)
    for kind in KINDS:
        commands = ", ".join(f"`{each}`" for each in kind.commands)
        yield f"**{kind.name}** ({commands})"
        rows = [
            f"| `{key.name}` | {key.holds}{' or null' if key.nullable else ''}"
            f"{', detail' if key.detail else ''} | {_cell(key.help)} |"
            for key in kind.keys
        ]
        yield "\n".join(["| key | holds | |", "|---|---|---|", *rows])


def _describe_query() -> Iterator[str]:
    yield "# The search language"
    yield (
        "Words must all be found (in name, description, tags or metadata). The same text field,"
        " type or state given twice means either; different fields must all hold. `-` means not;"
        ' quotes keep words together; `"subject id":655019` looks into custom metadata.'
        " A whole id, or the address of an asset's web page, finds that asset, several of them"
        " each; spaces, commas or line ends stand between them. The first 6 characters of an"
        " id, or more, are a word that also finds the ids that begin with it."
        " Archived assets are left out unless the query says `is:archived` or `is:any`, or names"
        " one by its whole id."
        " A `*` is a pattern in `glob(…)` alone: elsewhere it stands in quotes, as a character."
        " What the platform does not say (the size of an external asset, say) is found by no"
        " comparison, only by a negated one: `-size:>1GB`. Sorting takes it for the smallest."
    )
    rows = [f"| `{each.name}:` | {_cell(each.help)} | {_code(each.example)} |" for each in FIELDS]
    yield "\n".join(["| field | finds | example |", "|---|---|---|", *rows])
    forms = [f"| {_code(form)} | {_cell(told)} |" for form, told in FORMS]
    yield "\n".join(["| form | finds |", "|---|---|", *forms])
    yield "\n".join(
        ["| missing | |", "|---|---|", *(f"| `has:{n}` | {t} |" for n, t in HAS_FIELDS)]
    )
    yield "\n".join(["| flag | |", "|---|---|", *(f"| `is:{n}` | {t} |" for n, t in FLAGS)])
    yield "\n".join(
        ["| order | |", "|---|---|", *(f"| `sort:{name}` | {told} |" for name, told in SORT_FIELDS)]
    )


def _describe_exits() -> Iterator[str]:
    yield "# Exit codes"
    rows = [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    yield "\n".join(["| code | |", "|---|---|", *rows])


if __name__ == "__main__":
    sys.stdout.write(build_reference())
