"""Where a token comes from. It is read when it is needed, and only a `Secret` holds it."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from coexplorer.errors import ConfigError, explain_os
from coexplorer.models import Secret

if TYPE_CHECKING:
    import subprocess

KEYRING_SERVICE = "coexplorer"
"""The service's name in a keyring; the account there is ``PROFILE@DOMAIN``."""

COMMAND_TIMEOUT_S = 60.0
"""Long: ``pass`` may be asking for a passphrase."""

_TELL_AFTER_S = 5.0
"""So long a program may take without anybody being told."""
_hearers: list[Callable[[str], None]] = []
_running: set[subprocess.Popen[bytes]] = set()


def tell_waits_with(tell: Callable[[str], None]) -> None:
    """Pass a sentence to `tell`, from whichever thread, when a token is waited for."""
    _hearers[:] = [tell]


def end_programs() -> None:
    """End the programs that are asked for a token; nobody waits for one any more."""
    for program in tuple(_running):
        _kill(program.pid)


def _kill(pid: int) -> None:
    """Kill a process with those that it has started; a shell's own end leaves them alive."""
    with contextlib.suppress(OSError, ValueError):  # Linux alone says which they are
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            _kill(int(child))
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


class TokenSource(Protocol):
    """Something that yields a token for exactly one domain."""

    @property
    def label(self) -> str:
        """What it is, for people; never the token."""
        ...

    def load(self) -> Secret | None:
        """Return the token, or None if there is none here. May block, so call it in a thread.

        Raises:
            ConfigError: There should be one, but it can't be read.
        """
        ...


class ReadOnce:
    """A token source that is asked once per run: a program may ask for a passphrase, or hang."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._secret: Secret | None = None
        self._error: ConfigError | None = None
        self._reading = threading.Lock()

    @property
    def label(self) -> str:
        """See `TokenSource`."""
        return self._source.label

    def load(self) -> Secret | None:
        """See `TokenSource`."""
        with self._reading:  # several threads of doctor want it at once
            if self._error is not None:
                raise self._error
            if self._secret is None:
                try:
                    self._secret = self._source.load()
                except ConfigError as error:
                    self._error = error
                    raise
            return self._secret


class ReadAgain:
    """A token that was read already, and after that whatever its source gives.

    Args:
        first: The token that was read.
        find_source: Finds the source again: the user may have signed in again meanwhile.
    """

    def __init__(self, first: TokenSource, find_source: Callable[[], TokenSource]) -> None:
        self._first: TokenSource | None = first
        self._find_source = find_source
        self._label = first.label

    @property
    def label(self) -> str:
        """See `TokenSource`."""
        return self._label

    def load(self) -> Secret | None:
        """See `TokenSource`."""
        source, self._first = self._first or self._find_source(), None
        return source.load()


class TokenFile(msgspec.Struct, frozen=True):
    """``--token-file``: its first line."""

    path: Path

    @property
    def label(self) -> str:
        """See `TokenSource`."""
        return f"the token file {self.path}"

    def load(self) -> Secret | None:
        """See `TokenSource`."""
        try:
            # A pipe (`<(pass show …)`) has no mode worth checking; a file in the open does.
            mode = self.path.stat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                raise ConfigError(
                    f"others can read the token file {self.path}",
                    hint=f"run: chmod 600 {self.path}",
                )
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = explain_os(error)[0] if isinstance(error, OSError) else "it is not text"
            raise ConfigError(
                f"the token file {self.path} can't be read: {reason}",
                hint="give a file that holds the token in its first line",
            ) from None
        return _build_secret(text, self.label)


class GivenToken(msgspec.Struct, frozen=True):
    """A token that came with the settings: from the environment or from ``config.toml``."""

    label: str
    secret: Secret

    def load(self) -> Secret | None:
        """See `TokenSource`."""
        return _build_secret(self.secret.reveal(), self.label)


class TokenCommand(msgspec.Struct, frozen=True):
    """``token_command`` of a profile: the first line that a program prints."""

    command: str

    @property
    def label(self) -> str:
        """See `TokenSource`."""
        return "token_command"

    def load(self) -> Secret | None:
        """See `TokenSource`. The program keeps the terminal: it may ask for a passphrase."""
        import subprocess  # noqa: PLC0415 - few profiles have a command

        with subprocess.Popen(  # noqa: S602 - the user's own line, from their own 0600 file
            self.command, shell=True, stdout=subprocess.PIPE
        ) as program:
            output = _read_output(program)
        if program.returncode != 0:
            raise ConfigError(
                f"token_command failed with exit code {program.returncode}",
                hint="run it by hand and see what it says",
            )
        text = output.decode("utf-8", "replace")
        how = "it has to print the token in its first line; run it by hand and see what it prints"
        return _build_secret(text, self.label, how=how)


_PREFIX: Final = "cop_"
"""What a token of the platform begins with, mostly."""


def _read_output(program: subprocess.Popen[bytes]) -> bytes:
    """Return what a program prints.

    Raises:
        ConfigError: It takes too long.
    """
    import atexit  # noqa: PLC0415 - few profiles have a command
    import subprocess  # noqa: PLC0415 - likewise

    atexit.register(end_programs)
    _running.add(program)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return program.communicate(timeout=min(_TELL_AFTER_S, COMMAND_TIMEOUT_S))[0]
        for tell in _hearers:
            tell(
                f"waiting for token_command to print the token (at most {COMMAND_TIMEOUT_S:.0f} s)"
            )
        return program.communicate(timeout=max(0.0, COMMAND_TIMEOUT_S - _TELL_AFTER_S))[0]
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"token_command gave no token within {COMMAND_TIMEOUT_S:.0f} s",
            hint="run it by hand and see what it waits for",
        ) from None
    finally:
        if program.poll() is None:
            _kill(program.pid)
        _running.discard(program)


class KeyringToken(msgspec.Struct, frozen=True):
    """The desktop's keyring, if the ``keyring`` package and a usable keyring exist."""

    account: str

    @property
    def label(self) -> str:
        """See `TokenSource`."""
        return "the keyring"

    def load(self) -> Secret | None:
        """See `TokenSource`. A keyring that is not there or is locked is like an empty one."""
        try:
            import keyring  # noqa: PLC0415 - optional, and slow to import
            from keyring.errors import KeyringError  # noqa: PLC0415 - likewise
        except ImportError:
            return None
        text: str | None = None
        with contextlib.suppress(KeyringError):
            text = keyring.get_password(KEYRING_SERVICE, self.account)
        return _build_secret(text, self.label) if text else None


class FirstOf(msgspec.Struct):
    """Several sources in order; the first that has a token wins.

    Attributes:
        used: What the token came from, or should have; empty until it was read.
    """

    sources: tuple[TokenSource, ...]
    profile: str
    used: str = ""

    @property
    def label(self) -> str:
        """See `TokenSource`."""
        if self.used:
            return self.used
        # A keyring that nothing here can read gives no token.
        usable = [each for each in self.sources if not is_vain(each)] or self.sources
        return " or ".join(source.label for source in usable)

    def load(self) -> Secret | None:
        """See `TokenSource`."""
        for source in self.sources:
            self.used = source.label
            secret = source.load()
            if secret is not None:
                return secret
        self.used = ""
        return None


def is_vain(source: TokenSource) -> bool:
    """Tell whether a source is the keyring, and the package that reads it is missing."""
    import importlib.util  # noqa: PLC0415 - what only reads needs none

    return isinstance(source, KeyringToken) and importlib.util.find_spec("keyring") is None


def save_in_keyring(account: str, token: Secret) -> None:
    """Put a token in the keyring.

    Raises:
        ConfigError: When there is no usable keyring.
    """
    hint = "leave --keyring out to keep the token in config.toml, which only you can read"
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
        from keyring.errors import KeyringError  # noqa: PLC0415 - likewise
    except ImportError:
        raise ConfigError("the keyring package is not installed", hint=hint) from None
    try:
        keyring.set_password(KEYRING_SERVICE, account, token.reveal())
    except KeyringError:
        raise ConfigError("this machine has no keyring that can be used", hint=hint) from None


def remove_from_keyring(account: str) -> None:
    """Forget a token that may be in the keyring, where there is one."""
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
        from keyring.errors import KeyringError  # noqa: PLC0415 - likewise
    except ImportError:
        return
    with contextlib.suppress(KeyringError):
        keyring.delete_password(KEYRING_SERVICE, account)


def holds_token(line: str) -> bool:
    """Tell whether a line has a token of the form that the platform gives today."""
    from coexplorer.written import unwrap_token  # noqa: PLC0415 - what only reads needs none

    return unwrap_token(line).startswith(_PREFIX)


def _build_secret(text: str, label: str, *, how: str = "put the token in its first line") -> Secret:
    """Take the first line as the token.

    Raises:
        ConfigError: When it is empty or can't be a token, or a later line is one; the text itself
            is never shown.
    """
    from coexplorer.written import trim, unwrap_token  # noqa: PLC0415 - what only reads needs none

    first, *others = trim(text).split("\n")
    token = unwrap_token(first)
    if not token:
        raise ConfigError(f"{label} holds no token", hint=how)
    if not token.startswith(_PREFIX) and any(map(holds_token, others)):
        # What a program says before it would be sent as a token, and be refused as a wrong one.
        raise ConfigError(f"{label} has the token, but not in the first line", hint=how)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigError(
            f"{label} does not hold a token",
            hint="a token is one word of letters, digits and signs, mostly cop_…",
        )
    return Secret(token)
