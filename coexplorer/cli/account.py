"""``whoami``, and the check of a profile's token: who one is, where, and whether it still works."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli import exits
from coexplorer.cli.exits import leave
from coexplorer.cli.narration import note, tell_hint, warn
from coexplorer.cli.output import Format, format_options, print_line, print_object
from coexplorer.cli.row_kinds import Values
from coexplorer.cli.schema import USER
from coexplorer.cli.session import Invocation, pass_invocation, run_async, telling_waits
from coexplorer.config.environment import explain_missing
from coexplorer.errors import ApiError, CoexplorerError, ConfigError, NotSignedIn

if TYPE_CHECKING:
    from coexplorer.config import Settings
    from coexplorer.library import Library


class Checked(msgspec.Struct, frozen=True):
    """What a platform says to a token.

    Attributes:
        works: Whether it takes it; None: it could not be asked.
        user: Whose it is, as far as the platform tells: the owner of what is "mine".
        error: Why it does not work, or could not be asked.
    """

    works: bool | None
    user: str | None = None
    error: CoexplorerError | None = None


def check_token(settings: Settings) -> Checked:
    """Ask the platform for one row."""
    from coexplorer.library import open_library
    from coexplorer.models import Ownership, SearchRequest

    told = settings.warnings

    async def ask() -> str | None:
        async with open_library(settings, origin="cli") as library:
            for warning in library.settings.warnings:
                if warning not in told:
                    warn(warning)
            return await telling_waits(library, lambda: find_user(library))

    async def find_user(library: Library) -> str | None:
        mine = SearchRequest(ownership=Ownership.OWNED)
        first = await library.platform.find_first(mine)
        return None if first is None else first.owner or None

    try:
        user = run_async(ask)
    except NotSignedIn as error:
        error.hint = settings.advise_on_token() or error.hint
        return Checked(works=False, error=error)
    except (ApiError, ConfigError) as error:
        return Checked(works=None, error=error)
    return Checked(works=True, user=user)


@click.command("whoami")
@format_options(USER)
@pass_invocation
def whoami_command(invocation: Invocation, *, style: Format) -> None:
    """Show who you are, on which platform, and whether your token still works.

    The platform does not say when a token expires.
    """
    settings = invocation.load_settings()
    checked = check_token(settings)
    values: Values = {
        "profile": settings.profile,
        "domain": settings.domain,
        "url": settings.base_url,
        "user": checked.user,
        "token": settings.token_source.label,
        "works": checked.works,
        "error": checked.error and checked.error.message,
    }
    if style is not Format.TABLE:
        print_object(USER, values, style)
    else:
        who = checked.user or ("you (name not known)" if checked.works else "?")
        named = f" (from {settings.domain_from})" if settings.domain_from else ""
        print_line(f"{who} at {settings.domain}{named}, profile {settings.profile}")
        works = {True: "works", False: "does not work", None: "could not be tried"}
        print_line(f"the token (from {settings.token_source.label}) {works[checked.works]}")
    if lack := explain_missing(os.environ):
        note(f"{lack}: it is not used")
    if checked.error is not None:
        warn(checked.error.message)
        if checked.error.hint:
            tell_hint(checked.error.hint)
        leave(exits.code_of(checked.error))
