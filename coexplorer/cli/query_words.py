"""Commands that take a query as plain words: what is a word of it, and what is an option.

``-tag:test`` is a term of the query, ``-q`` an option, though not one of ours. To take it for
"not q" would list the wrong assets, and a pipe may act on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from coexplorer.cli.missing_values import is_negated

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_FIELD = r'(?:-|not:)?(?:([A-Za-z_][A-Za-z0-9_]*):(?!//)|"[^"]+":)'
_NEARLY = 0.8
"""How like the name of a command a word is that is taken for a slip."""


class QueryCommand(click.Command):
    """A command whose one argument is the words of a query."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Divide the command line into options and words.

        Raises:
            click.NoSuchOption: A word begins with a dash and is no term; says how to write one.
        """
        options, words = divide(self, ctx, args)
        return super().parse_args(ctx, [*options, "--", *words])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete an option, or a negated term that begins like one."""
        found = super().shell_complete(ctx, incomplete)
        return [*found, *_complete_term(self, ctx, incomplete)] if is_negated(incomplete) else found


class QueryGroup(click.Group):
    """A command that takes the words of a query, or a command below it; gets ``words``.

    Args:
        elsewhere: What people type for a command below it that there is not → what does it.
        extra: See `click.Group`.
    """

    def __init__(self, *, elsewhere: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(**extra)
        self._elsewhere = elsewhere or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the rest to the command below, if the first word names one.

        Raises:
            click.UsageError: It is nearly one.
            click.NoSuchOption: See `QueryCommand`.
        """
        if args and args[0] in self.commands:
            ctx.params["words"] = ()
            return super().parse_args(ctx, args)
        options, words = divide(self, ctx, args)
        first = words[0] if words else ""
        if first in self.commands:  # there are options before it
            ctx.params["words"] = ()
            return super().parse_args(ctx, args)
        from difflib import get_close_matches

        near = get_close_matches(first, self.commands, n=1, cutoff=_NEARLY)
        meant = f"{self.name} {near[0]}" if near else self._elsewhere.get(first.lower())
        if meant and not ctx.resilient_parsing:
            raise click.UsageError(
                f"there is no command {self.name} {first}. Did you mean coexplorer {meant}? As a"
                f" word of a query, put it in quotes: '\"{first}\"'",
                ctx,
            )
        rest = super().parse_args(ctx, options)
        ctx.params["words"] = tuple(words)
        return rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete a command, an option, or a word of a query."""
        found = super().shell_complete(ctx, incomplete)
        is_option = incomplete.startswith("-") and not is_negated(incomplete)
        return found if is_option else [*found, *_complete_term(self, ctx, incomplete)]


def _complete_term(
    command: click.Command, ctx: click.Context, incomplete: str
) -> list[CompletionItem[str]]:
    from coexplorer.cli.completion import complete_query

    return complete_query(ctx, command.params[0], incomplete)


def divide(
    command: click.Command, ctx: click.Context, args: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Divide a command line into options with their values, and words of a query.

    Raises:
        click.NoSuchOption: A word begins with a dash and is no term; says how to write one.
    """
    takes_value = {
        name: isinstance(each, click.Option) and not (each.is_flag or each.count)
        for each in command.get_params(ctx)
        for name in (*each.opts, *each.secondary_opts)
    }
    options: list[str] = []
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            words += rest
        elif not arg.startswith("-") or arg == "-" or is_negated(arg):
            words.append(arg)
        else:
            options += _take_option(ctx, arg, rest, takes_value)
    return options, words


def _take_option(
    ctx: click.Context, arg: str, rest: Iterator[str], takes_value: Mapping[str, bool]
) -> list[str]:
    """Return an option, with the value that follows it if it takes one."""
    if arg.startswith("--"):
        needs_next = "=" not in arg and takes_value.get(arg, False)
    else:
        needs_next = _needs_next(ctx, arg, takes_value)
    value = next(rest, None) if needs_next else None
    return [arg] if value is None else [arg, value]


def _needs_next(ctx: click.Context, arg: str, takes_value: Mapping[str, bool]) -> bool:
    """Tell whether the value of short options, such as ``-qn``, is the next word.

    Raises:
        click.NoSuchOption: One of them is unknown; says how to write a word that is left out.
    """
    for at, letter in enumerate(arg[1:], start=1):
        takes = takes_value.get(f"-{letter}")
        if takes is None and not ctx.resilient_parsing:
            word = arg[1:]
            raise click.NoSuchOption(
                arg,
                f"No such option {arg!r}. To leave out {word!r}, write not:{word}, or -- {arg}",
                ctx=ctx,
            )
        if takes:
            return at == len(arg) - 1
    return False


def is_term(word: str) -> bool:
    """Tell whether an argument is the term of a query, rather than a name (pure)."""
    from coexplorer.query import find_field

    found = re.match(_FIELD, word, re.IGNORECASE)
    return found is not None and (found[1] is None or find_field(found[1]) is not None)


def join_words(words: Sequence[str], query: str | None) -> str | None:
    """Return the query of a command that takes it as words, or as ``--query``.

    Raises:
        click.UsageError: Both are given, or a word is empty: a variable that is not set.
    """
    if not all(word.strip() for word in words):
        raise click.UsageError("a word of QUERY is empty; leave it out if nothing is meant")
    if words and query is not None:
        raise click.UsageError("give QUERY or --query, not both")
    return " ".join(words) if words else query
