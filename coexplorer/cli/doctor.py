"""``doctor``: what is wrong, and the way out; one line for each check."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.exits import leave
from coexplorer.cli.format import plural, wrap
from coexplorer.cli.narration import note, warn
from coexplorer.cli.output import Format, format_options, print_rows
from coexplorer.cli.row_kinds import Values
from coexplorer.cli.schema import FINDING
from coexplorer.cli.screen import paper_width
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.spelling import spell
from coexplorer.text import clean

if TYPE_CHECKING:
    from coexplorer.doctor import Finding

_INDENT = 23
_NARROW = 60
"""On fewer columns the sentences begin below the names of the checks."""

_COLORS = {"ok": "green", "warning": "yellow", "fault": "red", "skipped": None}
_SIGN_IN = {"settings", "profile", "token"}
_PLATFORM = {"network", "proxy", "certificates", "connection", "clock", "platform"}


@click.command("doctor")
@format_options(FINDING, columns=True)
@pass_invocation
def doctor_command(invocation: Invocation, *, columns: tuple[str, ...], style: Format) -> None:
    """Find what is wrong with the settings, the network, the token, the disk or the mount.

    Each check has one line, and below it what to do about it: ok, warning (it works, but not
    everything as well as it could), fault, or skipped. Nothing is changed, and no secret is shown.
    It also works without a profile or a network, and with broken settings.

    It ends with 0 if there is no fault, else with the code of the first one: 3 for settings,
    profile and token, 6 for the way to the platform, 9 for this machine and for files that can't
    be read or written.
    """
    from coexplorer.config.tokens import tell_waits_with
    from coexplorer.doctor import CheckState, diagnose
    from coexplorer.doctor.settings import Asked

    note("looking…")
    asked = Asked(invocation.profile, invocation.domain, invocation.token_file)
    tell_waits_with(warn)
    is_for_people = style is Format.TABLE and not columns
    found = diagnose(asked, tell=_print_lines if is_for_people else None)
    if not is_for_people:
        print_rows(FINDING, map(_describe, found), style, columns)
    faults = [each for each in found if each.state is CheckState.FAULT]
    warnings = sum(each.state is CheckState.WARNING for each in found)
    note(f"{plural(len(faults), 'fault')}, {plural(warnings, 'warning')}")
    if faults:
        leave(exits.LOCAL if faults[0].is_local else _code_of(faults[0].check))


def _describe(finding: Finding) -> Values:
    return {
        "check": finding.check,
        "state": finding.state,
        "message": spell(finding.message),
        "hint": spell(finding.hint) or None,
    }


def _print_lines(found: Iterable[Finding]) -> None:
    """Print a line for each, and what to do below it; on a terminal, broken between words."""
    columns = paper_width()
    indent = _INDENT if columns is None or columns >= _NARROW else 4
    for each in found:
        state = click.style(f"{each.state:<7}", fg=_COLORS[each.state], bold=True)
        head = f"{state}  {each.check:<12}  "
        texts = [spell(clean(text)) for text in (each.message, each.hint) if text]
        if columns is not None:
            texts = [line for text in texts for line in wrap(text, columns - indent)]
        if indent == _INDENT:
            click.echo(head + texts.pop(0))
        else:
            click.echo(head.rstrip())
        for text in texts:
            click.echo(" " * indent + text)
    sys.stdout.flush()


def _code_of(check: str) -> int:
    if check in _SIGN_IN:
        return exits.SIGN_IN
    return exits.PLATFORM if check in _PLATFORM else exits.LOCAL
