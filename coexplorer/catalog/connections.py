"""Connections to the catalog's file: opened safely, lent to one thread at a time.

Opening, freezing, rebuilding and following a file that was replaced share one state, the
connections that are open: so all of it is here.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from coexplorer.catalog.disk import NoLocksError, code_of, ensure_lockable, explain_trouble
from coexplorer.catalog.migrations import MIGRATIONS, VERSION
from coexplorer.catalog.schema import APPLICATION_ID
from coexplorer.config.locking import open_lock, try_lock
from coexplorer.errors import CatalogError

BUSY_TIMEOUT_S: Final = 10.0
"""How long a statement waits for another process's transaction; each of ours is far shorter."""

IMPATIENT_S: Final = 0.1
"""How long the next ones wait when that was in vain: whoever holds the file hangs, and the user
waits once, not at every write. It ends with the first write that works."""

OPEN_TIMEOUT_S = 30.0
"""How long to wait for another process that makes the file or brings it up to date, since the last
sign that it goes on: each of them writes one to the lock's file while it works."""

_BEAT_S: Final = 1.0
_STEPS: Final = 100_000
"""So many steps of SQLite's machine take some milliseconds."""

_TELL_AFTER_S: Final = 3.0
_UPDATING: Final = "the catalog is being brought up to date after an update of coexplorer"

_tell: ContextVar[Callable[[str], None] | None] = ContextVar("_tell", default=None)


@contextlib.contextmanager
def telling_updates(tell: Callable[[str], None]) -> Iterator[None]:
    """Have it told when a catalog that is opened within has to be brought up to date for long."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


class _Teller:
    """Says once that something takes long."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._began = time.monotonic()

    def look(self) -> None:
        """Say it if it has taken long by now, and nobody has heard it."""
        tell = _tell.get()
        if self._sentence and tell and time.monotonic() - self._began > _TELL_AFTER_S:
            tell(self._sentence)
            self._sentence = ""


_LOOK_AGAIN_S: Final = 0.05
_DAMAGED: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_CONSTRAINT,  # what we write never breaks a rule of a whole file
        sqlite3.SQLITE_MISMATCH,
    }
)
_DAMAGE_TEXTS: Final = (
    "Could not decode to UTF-8",
    "no such table",
    "no such column",
    "no such index",
    "no such module",
    "has no column named",
    "constructor failed",
    "malformed",
    "incomplete input",
)
"""SQLite's words, without a code of their own, for a schema or a text with flipped bytes."""

_UNREADABLE: Final = (ValueError, TypeError, IndexError, OverflowError, MemoryError)
"""What comes of rows that hold what we never wrote: no UTF-8, no JSON, absurd numbers. msgspec's
errors are ValueErrors."""
_ROOM: Final = ("freelist_count", "page_count")
_MOST_FREE: Final = 0.1
_FROZEN: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)
"""With these a file may still be read, although nothing can be written beside it."""


class Connections:
    """A writer, and readers that are lent to one thread at a time.

    If nothing can be written (a full disk, a read-only file system), a catalog that was closed
    properly is read as it is, and each write raises `CatalogError`.

    Args:
        path: The catalog's file; its folder is created (private) if it is missing.

    Attributes:
        problem: One line when the catalog was rebuilt or can only be read; otherwise empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self._frozen: CatalogError | None = None
        self._patient = True
        self._guard = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._closed = False
        self._generation = 0
        self._file: tuple[int, int] | None = None
        with self.told():
            try:
                self._prepare()
                self._writer = _connect(path)
            except (sqlite3.OperationalError, OSError) as error:
                if not _is_whole(path, error):
                    raise
                self._freeze(error)
                self._writer = self._open_reader()
            self._file = _identify(path)

    def close(self) -> None:
        """Close every connection; the ones in use as soon as they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._writing, contextlib.suppress(sqlite3.Error):
            self._writer.close()

    @property
    def why_frozen(self) -> str:
        """Why it can only be read; empty if it can be written."""
        return "" if self._frozen is None else self._frozen.message

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole catalog to a new, private file."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with self.told():
            connection, generation = self._borrow()
            try:
                with contextlib.closing(sqlite3.connect(path)) as copy:
                    connection.backup(copy)
            finally:
                self._give_back(connection, generation)

    def follow_file(self) -> bool:
        """Switch to the file that is at the path now, if it is a different one and not empty.

        Somebody deleted the catalog (it is only a copy), and another process made a new one. Open
        connections would go on in a file that nobody else ever sees.

        Returns:
            Whether it is a different file now: nothing that was read before still holds.
        """
        found = _identify(self.path)
        if self._frozen is not None or found is None or found == self._file:
            return False
        with self.told(), self._writing:
            writer = _connect(self.path)
            (swept,) = writer.execute("SELECT synced_at IS NOT NULL FROM sync").fetchone()
            if not swept:  # ours still knows more
                writer.close()
                return False
            with self._guard:
                idle, self._idle = self._idle, []
                self._generation += 1
            for connection in (self._writer, *idle):
                connection.close()
            self._writer, self._file = writer, found
        return True

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a reader inside one transaction, so everything it reads is from one moment."""
        with self.told():
            connection, generation = self._borrow()
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            finally:
                self._give_back(connection, generation)

    def fetch_one(self, statement: str, values: Sequence[object]) -> tuple[Any, ...] | None:
        """Return the first row of one statement, which sees one moment without a transaction."""
        with self.told():
            connection, generation = self._borrow()
            try:
                rows = connection.execute(statement, values).fetchall()
            finally:
                self._give_back(connection, generation)
        return rows[0] if rows else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer inside one transaction: all or nothing."""
        with self.told(), self._writing:
            self._begin()
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, and mark damage so that the next start rebuilds."""
        try:
            yield
        except (sqlite3.Error, *_UNREADABLE) as error:
            if not isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            # The error itself may quote a row.
            raise self._translate(error) from None
        except OSError as error:
            reason, hint = _explain(self.path, error)
            raise CatalogError(
                f"the catalog {self.path} can't be used: {reason}", hint=hint
            ) from error

    def _begin(self) -> None:
        """Begin a write; after one that waited in vain the next ones hardly wait."""
        if self._frozen is not None:
            raise CatalogError(self._frozen.message, hint=self._frozen.hint)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._be_patient(False)
            raise
        self._be_patient(True)

    def _be_patient(self, patient: bool) -> None:  # noqa: FBT001 - be_patient(False) reads well
        if patient is not self._patient:
            self._patient = patient
            wait_s = BUSY_TIMEOUT_S if patient else IMPATIENT_S
            self._writer.execute(f"PRAGMA busy_timeout = {round(wait_s * 1000)}")

    def _freeze(self, error: sqlite3.Error | OSError) -> None:
        """Continue with what the file holds, without ever writing."""
        reason, hint = _explain(self.path, error)
        self._frozen = CatalogError(
            f"the catalog {self.path} can't be written: {reason}", hint=hint
        )
        self.problem = f"{self._frozen.message}; showing what it knew before"

    def _translate(self, error: Exception) -> CatalogError:
        if is_damage(error):
            hint = "start again: it will be rebuilt from the platform, and no edit is lost"
            try:
                _mark(self.path).touch(mode=0o600)
            except OSError:  # where nothing can be written, nothing is rebuilt either
                hint = f"delete {self.path}: it is only a copy of what the platform has"
            return CatalogError(f"the catalog {self.path} is damaged", hint=hint, is_damaged=True)
        reason, hint = _explain(self.path, error)
        return CatalogError(f"the catalog {self.path} can't be used: {reason}", hint=hint)

    def _borrow(self) -> tuple[sqlite3.Connection, int]:
        with self._guard:
            if self._closed:
                raise CatalogError("the catalog is closed")
            generation = self._generation
            connection = self._idle.pop() if self._idle else None
        return (self._open_reader() if connection is None else connection), generation

    def _open_reader(self) -> sqlite3.Connection:
        if self._frozen is not None:
            return _connect_frozen(self.path)
        if self._file is not None and _identify(self.path) != self._file:
            # Opening it would make an empty one, or read another than the writer writes.
            raise CatalogError(
                f"the catalog {self.path} was deleted", hint="the next sync makes a new one"
            )
        connection = _connect(self.path)
        connection.execute("PRAGMA query_only = 1")
        return connection

    def _give_back(self, connection: sqlite3.Connection, generation: int) -> None:
        with self._guard:
            if not self._closed and generation == self._generation:
                self._idle.append(connection)
                return
        connection.close()

    def _prepare(self) -> None:
        """Prepare the file: private, current schema, intact; rebuilt if it can't be used."""
        ensure_lockable(self.path)
        with _one_at_a_time(self.path) as beat:
            if _mark(self.path).exists():
                self._rebuild()
            try:
                self._migrate(beat)
            except (sqlite3.DatabaseError, *_UNREADABLE) as error:
                if not is_damage(error):
                    raise
                self._rebuild()
                self._migrate(beat)

    def _rebuild(self) -> None:
        self.problem = "the catalog was damaged and has been rebuilt from the platform"
        for path in (self.path, *_companions(self.path), _mark(self.path)):
            path.unlink(missing_ok=True)

    def _migrate(self, beat: Callable[[], None]) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = _connect(self.path)
        try:
            version = find_version(connection, self.path)
            if version == VERSION:
                connection.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchone()
                return
            connection.set_progress_handler(beat, _STEPS)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for _, migrate in MIGRATIONS[version:]:
                migrate(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
            if version:
                _give_back_room(connection)
        finally:
            connection.close()


def _give_back_room(connection: sqlite3.Connection) -> None:
    """Make the file smaller, if a migration left much of it empty and nobody reads it just now."""
    free, pages = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _ROOM)
    if free > pages * _MOST_FREE:
        with contextlib.suppress(sqlite3.OperationalError):  # locked, or a disk without room for it
            connection.execute("VACUUM")


def _identify(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another at the same path; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the last pages, no more
    connection.execute("PRAGMA cache_size = -8000")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _connect_frozen(path: Path) -> sqlite3.Connection:
    """Open the file as immutable: without shared memory, locks or a log beside it."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro&immutable=1",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )


def _explain(path: Path, error: Exception) -> tuple[str, str]:
    """Return what is wrong with the file or its disk, and what to do about it."""
    if isinstance(error, NoLocksError):
        # In the sentence itself: where the program goes on without the file, no hint is shown.
        return f"{error.strerror}; set XDG_CACHE_HOME to a folder on a local disk", ""
    return explain_trouble(path, error)


def _is_whole(path: Path, error: sqlite3.Error | OSError) -> bool:
    """Tell whether a catalog that could not be opened because of `error` can be read as it is.

    Whatever is still in a log beside it would be missing, so there must be no log.
    """
    if isinstance(error, sqlite3.Error) and code_of(error) not in _FROZEN:
        return False
    log, _ = _companions(path)
    try:
        if not path.stat().st_size or (log.exists() and log.stat().st_size):
            return False
        with contextlib.closing(_connect_frozen(path)) as connection:
            return find_version(connection, path) == VERSION
    except (sqlite3.Error, OSError, CatalogError, *_UNREADABLE):
        return False


def is_damage(error: Exception) -> bool:
    """Tell whether an error, met while reading the file, shows that its bytes were changed."""
    if isinstance(error, UnicodeEncodeError):  # of what was asked for, not of what was read
        return False
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, _UNREADABLE)
    return code_of(error) in _DAMAGED or any(text in str(error) for text in _DAMAGE_TEXTS)


def find_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version; 0 for an empty file.

    Raises:
        CatalogError: It is another program's file, or a newer coexplorer's.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise CatalogError(f"{path} is not a coexplorer catalog", hint="move that file away")
        return 0
    if version > VERSION:
        raise CatalogError(
            f"the catalog {path} was made by a newer coexplorer",
            hint="update coexplorer; this one works without that file",
        )
    return version


def _mark(path: Path) -> Path:
    """Return the file that says: damaged, rebuild at the next start."""
    return path.with_name(path.name + ".damaged")


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[Callable[[], None]]:
    """Let one process at a time make or rebuild the file.

    Yields:
        What it calls now and then, so that those that wait know that it goes on.
    """
    lock = open_lock(path.with_name(path.name + ".lock"))
    try:
        waits = _Teller(f"{_UPDATING}, by another process: waiting for it")
        deadline, last = time.monotonic() + OPEN_TIMEOUT_S, b""
        while not try_lock(lock):
            now = os.pread(lock, 100, 0)
            if now != last:
                deadline, last = time.monotonic() + OPEN_TIMEOUT_S, now
                waits.look()
            if time.monotonic() > deadline:
                raise CatalogError(
                    f"the catalog {path} can't be used: another process is still opening it",
                    hint="find the process that hangs, and end it",
                )
            time.sleep(_LOOK_AGAIN_S)
        works = _Teller(f"{_UPDATING}; that is done once")
        beaten_at = -_BEAT_S

        def beat() -> None:
            nonlocal beaten_at
            now_s = time.monotonic()
            if now_s - beaten_at >= _BEAT_S:
                beaten_at = now_s
                os.pwrite(lock, f"{os.getpid()} {now_s:020.3f}\n".encode(), 0)
                works.look()

        yield beat
    finally:
        os.close(lock)
