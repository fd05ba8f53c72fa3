"""Everything that can go wrong, as one small tree.

Each error is one sentence for a person, and a hint that says what to do next. Errors are translated
once at each edge: HTTP to these (``api.failures``), these to errno (``fs.kernel.errnos``), to exit
codes (``cli``) and to notifications (``tui``). The tree is one table: all of it is here, so that
whoever adds an error sees its neighbors.

    CoexplorerError
    ├── ApiError                  the platform, or the way to it
    │   ├── NotSignedIn           401: no token, a wrong one, or one without the scope
    │   ├── Forbidden             403
    │   ├── NotFound              404: gone, or not shared with you
    │   ├── Rejected              400, 422 and other refusals of a request's content
    │   │   └── PlatformTooOld    the platform's version does not have this
    │   ├── Conflict              409, or a write of unknown outcome that met somebody else's change
    │   ├── RateLimited           429, after waiting as told
    │   ├── PlatformFault         5xx, after retries
    │   ├── Unreachable           no connection, a reset, a time-out, after retries
    │   └── BadReply              HTML instead of JSON, half a reply, a reply of another shape
    ├── QueryError                a mistake in a query, with its place
    ├── CatalogError              the local replica can't be used; the program works on without it
    ├── JournalError              the journal can't be written: nothing may be sent
    ├── AssetHeld                 another process here is changing the asset, and hangs
    ├── ConfigError               settings, profiles, tokens
    │   ├── NoProfile             nobody has signed in here yet
    │   └── FileTrouble           a file or folder can't be read or written: its disk, permissions
    ├── DocumentError             an edited text, or a list, that can't be read, with the line
    ├── InvalidField              a value that must not be sent, found before anything was
    ├── EditConflict              two people changed the same field: holds base, mine and theirs
    ├── AmbiguousAsset            a name or prefix that matches several assets or capsules
    ├── UnknownAssets             some of the given assets are unknown, or match several
    ├── Refused                   one of our own guards: nothing was sent (delete before archive, …)
    │   ├── NoLongerFits          the asset no longer matches its selection: left out
    │   ├── NotThere              there is nothing of this number or name on this machine
    │   ├── MachineLacks          this machine lacks what is needed, or does not allow it
    │   ├── WorkplaceOver         the workstation has ended: nothing can be attached to it
    │   └── ChangedSince          what was to be deleted is no longer as it was shown
    ├── TimeIsUp                  the time that --timeout gives is over
    └── UndoRefused               nothing to undo, or changed since, or a delete
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from coexplorer.fields import Fields
    from coexplorer.models import AssetId


NEW_TOKEN: Final = (
    "create a token that allows this on the platform's account page, and sign in with it:"  # noqa: S105
    " `coexplorer login`"
)
"""The hint where a token lacks a scope."""


# All statuses of HTTP that are more than an answer, in one place: `api.failures` repeats a request
# by them, and `library.refusals` decides by them what of a change waits for a later try.

SLOW_STATUSES = frozenset({408, 423, 425})
"""Statuses of HTTP that say: not now; the same may be asked again in a moment."""

FAILING_STATUSES = frozenset({500, 502, 503, 504})
"""Statuses of a platform in trouble: a read is repeated, a write's outcome is unknown."""

PASSING_STATUSES = SLOW_STATUSES | {402, 407, 421, 424}
"""Those, and others that tell of the way or the moment, not of what was asked for."""


class CoexplorerError(Exception):
    """Base of all errors that a user may see.

    Args:
        message: One sentence, without a final full stop, that says what happened.
        hint: What the user can do next; empty when there is nothing.

    Attributes:
        about: Id of the asset whose change failed, once that is known.
        entry: The journal's number of that change, once it has one.
    """

    about: str = ""
    entry: int | None = None

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ApiError(CoexplorerError):
    """The platform, or the way to it, said no.

    Args:
        message: See `CoexplorerError`.
        hint: See `CoexplorerError`.
        status: The HTTP status, if there was a reply.
        outcome_unknown: True when a write may have been carried out anyway (its reply was
            lost).
        retry_after_s: Seconds to wait, if the platform asked for that.

    Attributes:
        by_page: It was said with a web page, as proxies and firewalls do, never the platform.
        said: What the platform said to it, as one line; empty: nothing.
        of_storage: It was a file's storage that said no or was not reached, not the platform.
        too_long: The reply was longer than what is kept of one; of fewer rows it may not be.
    """

    by_page: bool = False
    said: str = ""
    of_storage: bool = False
    too_long: bool = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        outcome_unknown: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.outcome_unknown = outcome_unknown
        self.retry_after_s = retry_after_s


class NotSignedIn(ApiError):
    """401: no token, a wrong one, an expired one, or one without the scope."""


class Forbidden(ApiError):
    """403: the asset can be read but not changed, or not even that.

    Attributes:
        unexplained: The platform did not say whether the token or the person lacks the right.
    """

    unexplained: bool = False


class NotFound(ApiError):
    """404: gone, or not shared with this user."""


class Rejected(ApiError):
    """400 and similar: the platform does not accept the content of the request."""


class PlatformTooOld(Rejected):
    """The platform's version does not have what was asked for; the message says which has."""


def tell_too_old(since: str, status: int | None = None) -> PlatformTooOld:
    """Return the error of a platform that is older than a version."""
    return PlatformTooOld(
        f"this platform is too old for this: that takes version {since}",
        hint="ask who runs the platform for an update",
        status=status,
    )


class Conflict(ApiError):
    """409, or a write of unknown outcome that met somebody else's change."""


class RateLimited(ApiError):
    """429, after waiting as long as the platform asked."""


class PlatformFault(ApiError):
    """5xx after the retries."""


class Unreachable(ApiError):
    """No connection, a reset or a time-out, after the retries."""


class BadReply(ApiError):
    """The reply is not what the API says: HTML, half a JSON, another shape."""


class QueryError(CoexplorerError):
    """A mistake in a query.

    Args:
        message: What is wrong, e.g. ``size: expected a number and a unit, as in >10GB``.
        start: Index of the first character of the mistake in the query's text.
        end: Index after its last character.
        hint: See `CoexplorerError`.

    Attributes:
        text: The whole query, once the parser has put it in; to show the place in it.
    """

    def __init__(self, message: str, *, start: int, end: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.start = start
        self.end = end
        self.text = ""


class CatalogError(CoexplorerError):
    """The local replica is corrupt, too new, locked, or its disk is full.

    Args:
        message: See `CoexplorerError`.
        hint: See `CoexplorerError`.
        is_damaged: That is the reason; opened again, it is rebuilt.
    """

    def __init__(self, message: str, *, hint: str = "", is_damaged: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_damaged = is_damaged


class JournalError(CoexplorerError):
    """The journal can't be read or written; nothing may be sent without it.

    Args:
        message: See `CoexplorerError`.
        hint: See `CoexplorerError`.
        disk_is_full: That is the reason.
    """

    def __init__(self, message: str, *, hint: str = "", disk_is_full: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.disk_is_full = disk_is_full


class AssetHeld(CoexplorerError):
    """Another process on this machine is changing the asset and does not finish."""


class ConfigError(CoexplorerError):
    """A setting, a profile or a token source is missing or wrong."""


class OtherPerson(ConfigError):
    """A token is another person's than what is known and what waits to be sent."""


class DocumentError(CoexplorerError):
    """A text of many assets can't be read: a document edited by hand, or a list.

    Args:
        message: What is wrong.
        line: Number of the line, from 1.
        hint: See `CoexplorerError`; where a document comes back from an editor, nothing else helps.
    """

    def __init__(
        self, message: str, *, line: int, hint: str = "open the text again and fix that line"
    ) -> None:
        super().__init__(f"line {line}: {message}", hint=hint)
        self.line = line


class FileTrouble(ConfigError):
    """A file or folder on this machine can't be read or written: its disk, permissions, limits."""

    @classmethod
    def of(cls, what: object, done: str, error: OSError, *, hint: str = "") -> Self:
        """Build one from what the operating system said.

        Args:
            what: What can't be used: a path, or ``the log PATH``.
            done: What can't be done with it: ``read``, ``written``.
            error: What the operating system said.
            hint: What else helps beside mending the file or its disk.
        """
        reason, remedy = explain_os(error)
        return cls(
            f"{what} can't be {done}: {reason}", hint=f"{remedy}, {hint}" if hint else remedy
        )


class NoProfile(ConfigError):
    """Nobody has signed in here yet: a first start."""


class InvalidField(CoexplorerError):
    """A value that must not be sent.

    Args:
        field: The name of the field, or of the key: ``tags``, ``metadata.age``.
        message: What is wrong with it.

    Attributes:
        field: See above.
        reason: What is wrong, without the name of the field.
    """

    def __init__(self, field: str, message: str) -> None:
        from coexplorer.fields import tell_fields  # noqa: PLC0415 # help is shown without the table

        told = tell_fields([field])
        super().__init__(f"{told}: {message}", hint=f"change the {told} and try again")
        self.field = field
        self.reason = message


def be(names: Sequence[str]) -> str:
    """Return the verb that follows the names of fields: ``was`` or ``were``."""
    return "was" if len(names) == 1 and names[0] != "tags" else "were"


def name_changes(numbers: Iterable[int]) -> str:
    """Return ``change 3``, or ``changes 3 and 5``: numbers of the log."""
    each = [str(number) for number in dict.fromkeys(numbers)]
    return f"change{'s' if len(each) > 1 else ''} {' and '.join(each)}"


class EditConflict(CoexplorerError):
    """The same field was changed since it was read.

    Args:
        asset_id: The asset.
        fields: Names of the fields that both sides changed, in the order of `Fields`.
        base: What the front end had shown.
        mine: What the user wants.
        theirs: What the platform has now.
        own: The numbers of the same user's changes that did all of it; empty: nobody knows who.
    """

    def __init__(
        self,
        asset_id: AssetId,
        fields: Sequence[str],
        *,
        base: Fields,
        mine: Fields,
        theirs: Fields,
        own: Sequence[int] = (),
    ) -> None:
        self.fields = tuple(fields)
        self.own = tuple(own)
        super().__init__(
            f"{self.tell('this asset')} since you read it",
            hint="look at both versions and choose, or edit again from theirs",
        )
        self.asset_id = asset_id
        self.base = base
        self.mine = mine
        self.theirs = theirs

    def tell(self, name: str) -> str:
        """Say who changed what of the asset that is called so."""
        from coexplorer.fields import tell_fields  # noqa: PLC0415 # as above

        names = tell_fields(self.fields)
        if self.own:
            return f"you changed the {names} of {name} elsewhere ({name_changes(self.own)})"
        # It may have been the same user, in a browser or on another machine.
        return f"the {names} of {name} {be(self.fields)} changed elsewhere"


class AmbiguousAsset(CoexplorerError):
    """A name or the start of an id that matches several assets, or capsules.

    Args:
        text: What the user typed.
        candidates: ``(id, name)`` of the matches, best first; never empty.
        what: What they are, in the plural.
    """

    def __init__(
        self, text: str, candidates: Sequence[tuple[str, str]], what: str = "assets"
    ) -> None:
        super().__init__(
            f"{text!r} matches several {what}", hint="give the full id of the one you mean"
        )
        self.candidates = tuple(candidates)


class UnknownAssets(CoexplorerError):
    """Some of the given assets are unknown, or can be read as several; nothing was done.

    Args:
        problems: A line for each of them, in the order in which they were given.
        of: How many were given.
        unclear: How many of the problems are names that fit several assets.
    """

    def __init__(self, problems: Sequence[str], *, of: int, unclear: int = 0) -> None:
        missing = len(problems) - unclear
        told = [f"{missing:,} of {of:,} not found"] if missing else []
        if unclear:
            told.append(
                f"{unclear:,} of {of:,} not clear" if not missing else f"{unclear:,} not clear"
            )
        hints = ["give ids where a name fits several"] if unclear else []
        if missing:
            hints.append("give whole names or ids; leave out column titles and deleted assets")
        super().__init__(
            f"{' and '.join(told)}, so nothing was done", hint="; ".join(reversed(hints))
        )
        self.problems = tuple(problems)


class Refused(CoexplorerError):
    """One of our own guards: nothing was sent."""


class NoLongerFits(Refused):
    """An asset no longer is what it was selected for, so it was left out."""


class ChangedSince(Refused):
    """Somebody changed an asset after it was shown for a delete.

    Args:
        what: What of it differs, in people's words.
        name: What it is called now; empty: as before.
    """

    def __init__(self, what: Sequence[str], name: str = "") -> None:
        called = f"; it is called {name!r} now" if name else ""
        super().__init__(
            f"its {' and '.join(what)} {be(what)} changed elsewhere since it was shown{called}",
            hint="it was not deleted: look at it again, then delete it if you still want to",
        )
        self.what = tuple(what)


class WorkplaceOver(Refused):
    """A cloud workstation has ended, so nothing can be attached to it or detached any more."""


class TimeIsUp(CoexplorerError):
    """The time that was given for something is over."""


class NotThere(Refused):
    """There is nothing of this number or name: a change, an entry, a mount, a tag."""


class MachineLacks(Refused):
    """This machine lacks what is needed for it, or does not allow it: FUSE, a folder."""


class UndoRefused(CoexplorerError):
    """There is nothing to undo, it can't be undone, or somebody changed it since."""


class StillSending(UndoRefused):
    """A change can't be undone yet: another command or window is still sending it."""


_PERMISSION: Final = (
    "permission denied",
    "check its permissions, and those of the folders above it",
)
_FULL_TABLE: Final = (
    "too many files are open",
    "end other programs, or raise the limit: ulimit -n",
)
_TROUBLES: Final = {
    errno.ENOSPC: ("the disk is full", "free some disk space"),
    errno.EDQUOT: ("your disk quota is used up", "free some of your disk space, or ask for more"),
    errno.EROFS: ("its disk is read-only", "choose a folder that can be written"),
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EMFILE: _FULL_TABLE,
    errno.ENFILE: _FULL_TABLE,
    errno.EIO: ("its disk can't be read or written", "check the disk"),
    errno.ESTALE: ("its network disk has lost it", "mount that disk again"),
    errno.ENOENT: ("it is not there", "see whether its folder is there"),
    errno.ENOTDIR: ("part of its path is a file, not a folder", "move that file away"),
    errno.EISDIR: ("it is a folder, not a file", "move that folder away"),
    errno.ENAMETOOLONG: ("its path is too long", "choose a shorter one"),
    errno.ELOOP: ("its symbolic links lead in a circle", "fix the links"),
    errno.EFBIG: ("it would be larger than a file may be", "raise the limit: ulimit -f"),
}
_OF_THE_MACHINE: Final = {
    errno.EADDRINUSE: ("the port is in use", "choose another port"),
    errno.EADDRNOTAVAIL: ("the address is not one of this machine", "choose another address"),
    errno.EAFNOSUPPORT: ("this machine has no such network", "choose another address"),
    errno.ENETUNREACH: ("the network can't be reached", "connect this machine to it"),
    errno.ECONNREFUSED: ("nobody answers there", "see whether it still runs"),
    errno.EAGAIN: ("no more processes can be started", "end other programs, or raise: ulimit -u"),
    errno.ENOMEM: ("there is not enough memory", "end other programs"),
    errno.ENOEXEC: ("it is not a program that runs here", "check its first line"),
}
"""What is not about a file, or not about its disk."""


def explain_os(error: OSError) -> tuple[str, str]:
    """Return what is wrong with a file or its disk, and what to do about it, for people.

    Args:
        error: What the operating system said; its own words are terse, and carry numbers.
    """
    number = error.errno or 0
    known = _TROUBLES.get(number) or _OF_THE_MACHINE.get(number)
    return known or (error.strerror or str(error), "check the file and its disk")


def describe_os(error: OSError) -> CoexplorerError:
    """Return what the operating system said, where nobody knows what it was asked for."""
    if error.filename:
        name = error.filename
        shown = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
        return FileTrouble.of(shown, "used", error)
    if error.errno in _TROUBLES:
        return FileTrouble.of("a file", "used", error)
    reason, remedy = explain_os(error)
    known = error.errno in _OF_THE_MACHINE
    return FileTrouble(
        f"this machine refused it: {reason}",
        hint=remedy if known else "coexplorer doctor looks for what is wrong",
    )
