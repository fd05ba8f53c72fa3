"""Shell completion: the script that turns it on, and what the arguments of commands complete to."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from coexplorer.query import complete_at

_WHERE = {
    "bash": "~/.local/share/bash-completion/completions/coexplorer",
    "zsh": "a folder of your $fpath, as _coexplorer",
    "fish": "~/.config/fish/completions/coexplorer.fish",
}


_HELP = "Print what makes your shell complete commands, options and queries.\n\n\b\n" + "\n".join(
    f"{shell:<6} coexplorer completion {shell} > {place}" for shell, place in _WHERE.items()
)


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """See `_HELP`; click keeps its lines as they are behind a backspace."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not a shell that can be served")
    completer = kind(ctx.find_root().command, {}, "coexplorer", "_COEXPLORER_COMPLETE")
    click.echo(completer.source())


def complete_query(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete fields of the query language and values that are known beforehand."""
    found = complete_at(incomplete, len(incomplete))
    if found is None:
        return []
    before = incomplete[: found.start]
    return [CompletionItem(before + text, help=told) for text, told in found.choices]
