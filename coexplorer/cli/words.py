"""Commands that take a query as plain words: what is a word of it, and what is an option.

``-tag:test`` is a term of the query, ``-q`` an option, though not one of ours. To take it for
"not q" would list the wrong assets, and a pipe may act on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import click

_TERM = re.compile(r'-("|[A-Za-z_][A-Za-z0-9_.-]*:)')
"""A negated field or a negated quote; a field that there is not is told by the query's parser."""


class QueryCommand(click.Command):
    """A command whose one argument is the words of a query."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Divide the command line into options and words.

        Raises:
            click.NoSuchOption: A word begins with a dash and is no term; says how to write one.
        """
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                words += rest
            elif not arg.startswith("-") or arg == "-" or _TERM.match(arg):
                words.append(arg)
            else:
                options += self._take_option(ctx, arg, rest)
        return super().parse_args(ctx, [*options, "--", *words])

    def _take_option(self, ctx: click.Context, arg: str, rest: Iterator[str]) -> list[str]:
        """Return an option, with the value that follows it if it takes one."""
        takes_value = {
            name: isinstance(each, click.Option) and not (each.is_flag or each.count)
            for each in self.get_params(ctx)
            for name in (*each.opts, *each.secondary_opts)
        }
        if arg.startswith("--"):
            needs_next = "=" not in arg and takes_value.get(arg, False)
        else:
            needs_next = self._needs_next(ctx, arg, takes_value)
        value = next(rest, None) if needs_next else None
        return [arg] if value is None else [arg, value]

    def _needs_next(self, ctx: click.Context, arg: str, takes_value: Mapping[str, bool]) -> bool:
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
                    f"No such option {arg!r}. For what does not hold {word!r}, write not:{word},"
                    f" or -- {arg}",
                    ctx=ctx,
                )
            if takes:
                return at == len(arg) - 1
        return False
