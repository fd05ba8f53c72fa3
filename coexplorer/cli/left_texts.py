"""Texts that an editor left: told of, listed, found by number, and swept."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coexplorer.cli.format import moment_text, plural
from coexplorer.cli.narration import confirm, note, warn
from coexplorer.cli.output import print_line
from coexplorer.config import find_paths
from coexplorer.errors import NotThere, Refused
from coexplorer.query import Flag, Query

if TYPE_CHECKING:
    from coexplorer.cli.session import Invocation
    from coexplorer.library import Library
    from coexplorer.library.left_texts import Author, LeftText
    from coexplorer.models import AssetId

_NAMED = 2
"""So many assets of a text are named in a list."""


async def find_origin(library: Library) -> Author:
    """Say for which platform and user a text is written now."""
    from coexplorer.library.left_texts import Author

    settings = library.settings
    mine = await library.assets.window(Query((Flag("any"), Flag("mine"))), limit=1)
    user = mine[0].owner if mine else ""
    return Author(settings.platform, user, settings.profile, settings.person)


def sweep_texts() -> None:
    """Remove texts that nobody has touched for long, and say so."""
    from coexplorer.library import left_texts

    for path in left_texts.sweep_texts(find_paths().state_dir, time.time()):
        warn(f"removed a text that nobody has touched for {left_texts.KEPT_DAYS} days: {path}")


def offer_left(ids: Sequence[AssetId], origin: Author) -> None:
    """Say that a text of the same assets was left before, before another one is begun."""
    chosen = frozenset(ids)
    left = [each for each in _list_own(origin)[0] if chosen & set(each.assets)]
    if len(left) > 1:
        warn(
            f"{len(left)} texts of the same assets were left, the last one"
            f" {moment_text(left[0].at)}; coexplorer edit --resume lists them"
        )
    elif left:
        how = f"; {tell_resume(left[0].path)} goes on with it" if left[0].before is not None else ""
        warn(
            f"a text of the same assets was left in {left[0].path} ({moment_text(left[0].at)}){how}"
        )


def tell_resume(path: Path) -> str:
    """Return the command that goes on with a text (pure)."""
    return f"coexplorer edit --resume {shlex.quote(str(path))}"


def print_left(origin: Author) -> int:
    """Print the texts that an editor left and that nothing was made of; return how many."""
    found, others = _list_own(origin)
    if len(found) > 1:
        print_line(
            f"{len(found)} texts were typed and not sent, the last one"
            f" {moment_text(found[0].at)}: coexplorer edit --resume lists them"
        )
    for left in found if len(found) == 1 else ():
        print_line(
            f"typed and not sent, {moment_text(left.at)}, about {_tell_assets(left)}: {left.path}"
        )
        if left.before is not None:
            print_line("  coexplorer edit --resume goes on with it; remove the file to give it up")
    _tell_others(others, origin)
    return len(found)


def find_left(invocation: Invocation, given: str) -> LeftText | None:
    """Return the text that is meant; None: there are several, and they were listed.

    Args:
        invocation: This run.
        given: Its number in the list, or its path; empty: the only one.

    Raises:
        NotThere: There is none of this number or path.
        Refused: There is none at all, or it was written for another platform or user.
    """
    # Not offline: of a new token the platform is asked whose it is.
    origin = invocation.run(find_origin)
    own, others = _list_own(origin)
    found = [each for each in own if each.before is not None]
    path = Path(given).absolute()
    if given and (other := next((each for each in others if each.path == path), None)):
        return _check_origin(other, origin)
    if not found:
        _tell_others(others, origin)
        raise Refused(
            f"no text for {origin.platform} was left in an editor",
            hint="coexplorer edit ASSET begins one",
        )
    if not given and len(found) > 1:
        for number, each in enumerate(found, start=1):
            print_line(f"{number}  {moment_text(each.at)}  about {_tell_assets(each)}  {each.path}")
        note("coexplorer edit --resume NUMBER goes on with one; remove a file to give it up")
        _tell_others(others, origin)
        return None
    if not given:
        return found[0]
    numbered = {str(number): each for number, each in enumerate(found, start=1)}
    named = next((each for each in found if each.path == path), None) or numbered.get(given)
    if named is None:
        raise NotThere(
            f"no text {given!r} was left in an editor", hint="coexplorer edit --resume lists them"
        )
    return named


def _list_own(origin: Author) -> tuple[list[LeftText], list[LeftText]]:
    """Return the texts for a platform and user, and all others, newest first."""
    from coexplorer.library.left_texts import list_left

    left = list_left(find_paths().state_dir)
    own = [each for each in left if origin.is_same(each.origin)]
    return own, [each for each in left if not origin.is_same(each.origin)]


def _check_origin(left: LeftText, here: Author) -> LeftText:
    """Return a text that nobody knows the platform of, once the user says that it is this one.

    Raises:
        Refused: It was written for another platform or user, or nothing can be made of it.
    """
    if left.before is None:
        raise NotThere(
            f"nobody knows any more what {left.path} was made from, so it can't be sent",
            hint="open it, and change the assets anew: coexplorer edit ASSET",
        )
    origin = left.origin
    if origin is not None and here.is_former(origin):
        raise Refused(
            f"this text was written by {origin.user or 'another person'}, who used profile"
            f" {here.profile} before",
            hint="it is sent with a token of theirs alone; yours: coexplorer edit --resume lists"
            " them",
        )
    if origin is not None:
        whom = f" ({origin.user})" if origin.user and origin.platform == here.platform else ""
        raise Refused(
            f"this text was written for {origin.platform}{whom}, not for {here.platform}",
            hint=f"{origin.call} edit --resume {shlex.quote(str(left.path))}",
        )
    question = f"Nobody noted which platform this text is for. Is it {here.platform}?"
    if not confirm(question):
        raise Refused("nothing was sent", hint="choose the profile: coexplorer --profile NAME edit")
    return msgspec.structs.replace(left, origin=here)


def _tell_others(others: Sequence[LeftText], here: Author) -> None:
    """Say that there are texts for other platforms or users, and how to get at them."""
    known = [each.origin for each in others if each.origin is not None]
    former = sum(here.is_former(each) for each in known)
    if former:
        told = plural(former, "text")
        warn(f"not here: {told} of who used profile {here.profile} before; kept for them")
    counts = Counter((each.platform, each.call) for each in known if not here.is_former(each))
    for (platform, call), count in counts.items():
        warn(f"not here: {plural(count, 'text')} for {platform}: {call} edit --resume")
    if unknown := sum(each.origin is None for each in others):
        folder = find_paths().state_dir / "edits"
        told = "of an earlier version, nobody knows for which platform"
        warn(f"not here: {plural(unknown, 'text')} {told}: see {folder}")


def _tell_assets(left: LeftText) -> str:
    count = len(left.assets)
    named = ", ".join(left.names[:_NAMED])
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return f"{named}{more}" if named else plural(count, "asset")
