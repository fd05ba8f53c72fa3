"""Who signed in to a profile: each person has a catalog and a journal of their own.

A profile's name and platform do not say whose assets are known: on a shared account a colleague
signs in after you, and a token in the environment may be anybody's. So the files' names hold a
number for each person. A token is known again by its keyed hash; the token itself is not kept.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from coexplorer.models import Secret

_MOST_MARKS = 12
"""Tokens of one person that are known again; each run of a capsule may have a new one."""


class Person(msgspec.Struct, frozen=True):
    """Somebody who signed in.

    Attributes:
        number: In the names of their files.
        user: What the platform calls them; empty: not known.
        marks: Keyed hashes of their tokens, the newest last.
        is_proven: The platform was asked whose the tokens are. Until then the number is theirs
            alone: what is typed meanwhile is not to be found by somebody else.
    """

    number: int
    user: str = ""
    marks: tuple[str, ...] = ()
    is_proven: bool = True


class People(msgspec.Struct, frozen=True):
    """Everybody who signed in to a profile on this machine.

    Attributes:
        key: Of the hashes, in hexadecimal.
        current: The number of who was last proven to be here.
        persons: In the order in which they came.
    """

    key: str = ""
    current: int = 0
    persons: tuple[Person, ...] = ()

    def find_token(self, token: Secret) -> Person | None:
        """Return whose token this is; None: it was never seen."""
        if not self.persons:
            return None
        mark = _make_mark(self.key, token)
        return next((each for each in self.persons if mark in each.marks), None)

    def find_user(self, user: str) -> Person | None:
        """Return the person whom the platform calls so; None: there is none, or no name."""
        named = user.casefold()
        return next((each for each in self.persons if named and each.user == named), None)

    @property
    def next_number(self) -> int:
        """The number of somebody new."""
        return 1 + max((each.number for each in self.persons), default=-1)

    def add(self, token: Secret, number: int, user: str, *, is_proven: bool = True) -> People:
        """Return the same with a token of the person with that number (pure but for a new key)."""
        key = self.key or os.urandom(16).hex()
        known = next((each for each in self.persons if each.number == number), Person(number))
        mark = _make_mark(key, token)
        marks = (*(each for each in known.marks if each != mark), mark)[-_MOST_MARKS:]
        person = Person(number, user.casefold() or known.user, marks, is_proven)
        # Somebody of an earlier version has files, and was not written down.
        before = self.persons or ((Person(0),) if number else ())
        others = [_without(each, mark) for each in before if each.number != number]
        persons = tuple(sorted([*others, person], key=lambda each: each.number))
        return People(key, number if is_proven else self.current, persons)


def _without(person: Person, mark: str) -> Person:
    return msgspec.structs.replace(
        person, marks=tuple(each for each in person.marks if each != mark)
    )


def load_people(path: Path) -> People:
    """Read who signed in; nobody, where the file is missing or can't be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=People)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return People()


def note_token(
    path: Path, token: Secret, number: int, user: str = "", *, is_proven: bool = True
) -> None:
    """Write down whose token this is, and that they were here last.

    Args:
        path: The file.
        token: Theirs.
        number: Theirs.
        user: What the platform calls them; empty: it does not say.
        is_proven: False: nobody could be asked, so the number is only kept for this token.

    Raises:
        OSError: It can't be written.
    """
    import fcntl  # noqa: PLC0415 - seldom written

    from coexplorer.config.locking import open_lock  # noqa: PLC0415 - likewise
    from coexplorer.config.paths import ensure_private_dir, write_private  # noqa: PLC0415 - likewise

    ensure_private_dir(path.parent)
    lock = open_lock(path.parent / ".people.lock")
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        people = load_people(path).add(token, number, user, is_proven=is_proven)
        write_private(path, msgspec.json.encode(people).decode())


def _make_mark(key: str, token: Secret) -> str:
    try:  # hashlib reads OpenSSL, which takes longer than a list of assets
        from _blake2 import blake2b  # noqa: PLC0415
    except ImportError:
        from hashlib import blake2b  # noqa: PLC0415
    return blake2b(token.reveal().encode(), key=bytes.fromhex(key), digest_size=20).hexdigest()
