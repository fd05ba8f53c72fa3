"""Exit codes: each tells a script something that it would do otherwise.

One rule for all that changes assets (`of_outcomes`): `OK` when each of them is as was asked for,
also if it was already that way; the code of the failure when none is and all failed alike;
otherwise `PARTLY`. What was left out, as it has changed since it was selected, counts as refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from coexplorer import errors

OK = 0
CRASHED = 1
USAGE = 2
SIGN_IN = 3
NOT_FOUND = 4
REFUSED = 5
PLATFORM = 6
PARTLY = 7
CONFLICT = 8
LOCAL = 9
ASSET_FAILED = 10
TIMED_OUT = 11
SIGNALLED = 128
HUNG_UP = 129
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143

MEANINGS = {
    OK: "done; also when a query finds nothing, or everything was already that way",
    CRASHED: "a mistake in coexplorer itself; the message names the file with the details",
    USAGE: "wrong usage: an option, a mistake in a query, a value that can't be sent",
    SIGN_IN: "not signed in, or the settings are wrong",
    NOT_FOUND: "no such asset, file, change, tag or mount, or not shared with you, or a name that"
    " fits several; a list on standard input that names none",
    REFUSED: "the platform refused it, or coexplorer did for safety, or you said no when it asked",
    PLATFORM: "trouble with the platform or the way to it; trying again later may help",
    PARTLY: "done for some assets and not for others, or answered from a part of them",
    CONFLICT: "the same field was changed elsewhere; your text is kept",
    LOCAL: "trouble on this machine: a full disk, a file that can't be read or written, no FUSE",
    ASSET_FAILED: "the asset or the run that was waited for ended in failed",
    TIMED_OUT: "the time that --timeout gave is over, whatever was waited for",
    HUNG_UP: "the terminal went away (SIGHUP)",
    INTERRUPTED: "interrupted with Ctrl-C",
    BROKEN_PIPE: "the reader of the output went away",
    TERMINATED: "ended by SIGTERM",
}
"""What the documentation says of each code."""

_CODES: tuple[tuple[type[errors.CoexplorerError], int], ...] = (
    (errors.NotSignedIn, SIGN_IN),
    (errors.Forbidden, REFUSED),
    (errors.NotFound, NOT_FOUND),
    (errors.Rejected, REFUSED),
    (errors.Conflict, CONFLICT),
    (errors.ApiError, PLATFORM),
    (errors.QueryError, USAGE),
    (errors.InvalidField, USAGE),
    (errors.FileTrouble, LOCAL),
    (errors.ConfigError, SIGN_IN),
    (errors.EditConflict, CONFLICT),
    (errors.AmbiguousAsset, NOT_FOUND),
    (errors.UnknownAssets, NOT_FOUND),
    (errors.NotThere, NOT_FOUND),
    (errors.MachineLacks, LOCAL),
    (errors.Refused, REFUSED),
    (errors.UndoRefused, REFUSED),
    (errors.TimeIsUp, TIMED_OUT),
    (errors.CatalogError, LOCAL),
    (errors.JournalError, LOCAL),
    (errors.AssetHeld, LOCAL),
)


def of_outcomes(failures: Iterable[int], *, any_done: bool) -> int:
    """Return the exit code of what was done to several assets (pure).

    Args:
        failures: The code of each that is not as was asked for.
        any_done: Whether something was done, or was already that way.
    """
    codes = set(failures)
    if not codes:
        return OK
    return codes.pop() if len(codes) == 1 and not any_done else PARTLY


def code_of(error: errors.CoexplorerError) -> int:
    """Return the exit code of an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return USAGE


def leave(code: int) -> None:
    """End the command with an exit code; zero just goes on to the end."""
    import click  # not every start needs it

    if code:
        click.get_current_context().exit(code)
