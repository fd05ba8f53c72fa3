"""Who can sign in: the users, their tokens and scopes, and the key that signs URLs.

Kept in ``secrets.json`` (0600) of the server's data folder, so a token stays valid over restarts.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from coexplorer.demo.asset import User
from coexplorer.demo.folder import SECRETS_BEGIN, UNFINISHED_SECRETS
from coexplorer.demo.people import PEOPLE
from coexplorer.errors import Refused


class Secrets(msgspec.Struct, frozen=True):
    """What is kept between runs. `signing_key` is hexadecimal."""

    users: tuple[User, ...]
    signing_key: str


class SignedIn(msgspec.Struct, frozen=True):
    """A user, and whether the token may write."""

    user: User
    may_write: bool


class SignIn:
    """Checks of ``Authorization`` headers.

    Args:
        users: The people who can sign in.
    """

    def __init__(self, users: Sequence[User]) -> None:
        self._by_token = {user.token: SignedIn(user, True) for user in users}
        self._by_token.update((user.read_token, SignedIn(user, False)) for user in users)
        self._expired: set[str] = set()

    def check(self, header: str | None) -> SignedIn | None:
        """Return who a header signs in: Basic, token as user name, no password (manual)."""
        token = parse_token(header)
        if token is None or token in self._expired:
            return None
        return self._by_token.get(token)

    def issue(self, user: User) -> str:
        """Give a user one more token, and return it."""
        token = _new_token()
        self._by_token[token] = SignedIn(user, True)
        return token

    def expire(self, token: str) -> None:
        """Refuse a token from now on."""
        self._expired.add(token)

    def renew(self) -> None:
        """Take expired tokens again."""
        self._expired.clear()


def parse_token(header: str | None) -> str | None:
    """Return the token in an ``Authorization`` header, None when it is not in the manual's form."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:  # no Base64, or not of UTF-8
        return None
    token, colon, password = text.partition(":")
    return token if colon and not password else None


def load_secrets(path: Path) -> Secrets:
    """Read the secrets of a data folder, or make and keep new ones.

    Files that a full disk cut short are made again; who is not in an older file yet is added.

    Raises:
        Refused: The file is not the server's.
        OSError: It can't be written; it is then as it was.
    """
    content = path.read_bytes() if path.exists() else b""
    try:
        kept = msgspec.json.decode(content, type=Secrets)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if not content.startswith(SECRETS_BEGIN[: len(content)]):
            raise Refused(
                f"{path} does not belong to the embedded platform",
                hint="choose an empty folder, or a new one",
            ) from None
        kept = Secrets((), secrets.token_hex(32))
    known = {user.email for user in kept.users}
    added = tuple(
        User(str(uuid.uuid4()), email, name, _new_token(), _new_token())
        for email, name in PEOPLE
        if email not in known
    )
    if not added:
        return kept
    made = msgspec.structs.replace(kept, users=kept.users + added)
    _write_secrets(path, made)
    return made


def _write_secrets(path: Path, made: Secrets) -> None:
    """Write the secrets, all or nothing.

    Raises:
        OSError: They can't be written.
    """
    unfinished = path.with_name(UNFINISHED_SECRETS)
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(made))
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def sign(key: str, *parts: str) -> str:
    """Return the signature of parts, hexadecimal."""
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    message = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(bytes.fromhex(key), message.encode(), "sha256").hex()


def _new_token() -> str:
    return "cop_" + secrets.token_urlsafe(24)


def signature_matches(good: str, given: str) -> bool:
    """Compare signatures without telling by the time it takes how much of one is right."""
    return hmac.compare_digest(good.encode(), given.encode())
