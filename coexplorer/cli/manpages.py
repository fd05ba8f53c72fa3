"""Manual pages, from the commands themselves: ``python -m coexplorer.cli.manpages FOLDER``."""

from __future__ import annotations

import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import click

from coexplorer import __version__
from coexplorer.cli.commands import COMMANDS, cli
from coexplorer.cli.examples import EXAMPLES
from coexplorer.cli.exits import MEANINGS
from coexplorer.cli.help_pages import tell_output, tell_search

_LINE = 72
_PLAIN = re.compile(r"^(['.])", re.MULTILINE)


def build_pages() -> dict[str, str]:
    """Return each page's file name and text, in troff's man macros."""
    root = click.Context(cli, info_name="coexplorer", **cli.context_settings)
    pages = {"coexplorer.1": "\n".join(_build_root(root)) + "\n"}
    for name in COMMANDS:
        command = cli.get_command(root, name)
        if command is None:
            raise AssertionError
        for title, each, ctx in _iter_commands(command, name, root):
            page = "\n".join(_build_page(title, each, ctx)) + "\n"
            pages[f"coexplorer-{title.replace(' ', '-')}.1"] = page
    return pages


def _iter_commands(
    command: click.Command, title: str, parent: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    name = title.rpartition(" ")[2]
    ctx = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield title, command, ctx
    if isinstance(command, click.Group):
        for below, each in sorted(command.commands.items()):
            yield from _iter_commands(each, f"{title} {below}", ctx)


def _build_root(ctx: click.Context) -> Iterator[str]:
    yield from _head("coexplorer", "find, edit and tidy Code Ocean data assets")
    yield from (".SH SYNOPSIS", ".B coexplorer", "[OPTIONS] [COMMAND] [ARGS]...")
    yield from (".SH DESCRIPTION", *_paragraphs(cli.help or ""))
    yield from _options(cli, ctx)
    yield ".SH COMMANDS"
    for name, (_, told) in COMMANDS.items():
        yield from (".TP", f".BR coexplorer\\-{_escape(name)} (1)", _wrap(told))
    yield from (".SH SEARCH LANGUAGE", *_verbatim(tell_search()))
    yield from (".SH OUTPUT", *_verbatim(tell_output()))
    yield ".SH EXIT STATUS"
    for code, meaning in MEANINGS.items():
        yield from (".TP", f".B {code}", _wrap(meaning))
    yield ".SH ENVIRONMENT"
    for name, told in _ENVIRONMENT:
        yield from (".TP", f".B {_escape(name)}", _wrap(told))


_ENVIRONMENT = (
    ("CODEOCEAN_DOMAIN, CO_DOMAIN", "The platform, if a token stands beside it."),
    ("CODEOCEAN_TOKEN, CO_TOKEN, API_SECRET, CUSTOM_KEY", "The token to sign in with there."),
    ("NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE", "Whether there are colors."),
    ("EDITOR, VISUAL", "The editor of edit."),
    ("XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_STATE_HOME", "Where settings, catalog and log are."),
)


def _build_page(title: str, command: click.Command, ctx: click.Context) -> Iterator[str]:
    first, _, rest = (command.help or "").partition("\n\n")
    summary = " ".join(first.split()).rstrip(".")
    yield from _head(f"coexplorer-{title.replace(' ', '-')}", summary)
    pieces = " ".join(command.collect_usage_pieces(ctx))
    yield from (".SH SYNOPSIS", f".B coexplorer {_escape(title)}", _escape(pieces))
    yield from (".SH DESCRIPTION", *_paragraphs(f"{first}\n\n{rest}"))
    yield from _options(command, ctx)
    if examples := EXAMPLES.get(title):
        yield ".SH EXAMPLES"
        for line, told in examples:
            yield from (".TP", f".B {_escape(line)}", _escape(told))
    yield from (".SH SEE ALSO", ".BR coexplorer (1)")


def _head(name: str, summary: str) -> Iterator[str]:
    built = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    day = time.strftime("%Y-%m-%d", built)
    yield f'.TH {_escape(name.upper())} 1 {day} "coexplorer {__version__}" "User Commands"'
    yield from (".SH NAME", f"{_escape(name)} \\- {_escape(summary)}")


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    yield ".SH OPTIONS"
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if isinstance(parameter, click.Option) and record is not None:
            yield from (".TP", f".B {_escape(record[0])}", _wrap(record[1]))


def _paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs; what click keeps as it is stays so."""
    for at, paragraph in enumerate(part for part in text.split("\n\n") if part.strip()):
        lines = [line.strip() for line in paragraph.split("\n")]
        if lines[0] == "\b":
            yield from _verbatim(lines[1:])
            continue
        if at:
            yield ".PP"
        yield _wrap(" ".join(lines))


def _verbatim(lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield ".nf"
    for line in lines:
        yield _escape(line) or "\\&"
    yield ".fi"


def _wrap(text: str) -> str:
    return "\n".join(_escape(line) for line in textwrap.wrap(text, _LINE)) or "\\&"


def _escape(text: str) -> str:
    """Return text that troff shows as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("'", "\\(aq")
    return _PLAIN.sub(r"\\&\1", text.replace("\b", ""))


def main() -> None:
    """Write all pages into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in build_pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
