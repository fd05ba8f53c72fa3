"""What a check finds."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from coexplorer.errors import CoexplorerError, FileTrouble, MachineLacks

CHECKS: Final = {
    "settings": "`config.toml` can be read, and everything in it has an effect",
    "profile": "it is clear which profile and platform are meant, and where the token comes from",
    "network": "this machine is on a network, and knows the platform's name",
    "proxy": "the proxy that a variable names leads on, or `NO_PROXY` leaves the platform out",
    "certificates": "those that are trusted can be read, and the platform's is one of them",
    "connection": "the platform answers, whatever it says",
    "clock": "this machine's clock agrees with the platform's",
    "token": "it works; the line tells whose it is",
    "platform": "it has the API that coexplorer speaks, and in which version",
    "fuse": "a mount has what it needs: packages, fusermount3, /dev/fuse",
    "mounts": "each of your mounts answers",
    "folders": "coexplorer's folders can be written, and are closed to others",
    "locks": "their disks have the locks that SQLite needs",
    "disk": "there is room on them",
    "cache": "files that are read are kept on this disk: how much, and whether there is room",
    "buckets": "AWS credentials are found for the buckets of external assets, if you set any up",
    "catalog": "it can be read, is whole and less than a week old",
    "journal": "it can be read, and nothing in it waits to be sent",
    "texts": "no text that you typed in an editor was left there unsent",
    "versions": "Python, and each package that coexplorer needs, in a version that was tested",
}
"""Every check, in the order of the answer, and what it looks at."""


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Everything works, but not all of it as well as it could."""
    FAULT = "fault"
    SKIPPED = "skipped"
    """There was nothing to look at, or something else has to be fixed first."""


class Finding(msgspec.Struct, frozen=True):
    """What one check found.

    Attributes:
        check: Its name, one of `CHECKS`.
        message: One sentence, without a final full stop.
        hint: What to do next; empty when there is nothing to do.
        is_local: It is about this machine, whatever the check looks at: a file, say.
    """

    check: str
    state: CheckState
    message: str
    hint: str = ""
    is_local: bool = False


def pass_check(check: str, message: str) -> Finding:
    """Return that all is well."""
    return Finding(check, CheckState.OK, message)


def skip_check(check: str, why: str) -> Finding:
    """Return that nothing was looked at."""
    return Finding(check, CheckState.SKIPPED, why)


def tell_error(check: str, error: CoexplorerError, state: CheckState = CheckState.FAULT) -> Finding:
    """Return an error as what was found."""
    is_local = isinstance(error, FileTrouble | MachineLacks)
    return Finding(check, state, error.message, error.hint, is_local)
