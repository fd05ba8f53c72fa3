"""The first frame: painted before importing anything that painting it does not need.

Importing a toolkit takes ten times as long as painting a screen. So the app, when it ends, saves
the screen that it will open with (`keep`), and the next start writes it as one raw frame (`paint`),
while the app is still being imported. The app then takes over (`take`): the output layer knows what
is on the screen, so nothing flickers. Keys typed before that are kept for it, and a search is shown
as it is typed, with its results: see `_Typing`. From the first byte until the app has the terminal,
any signal restores the terminal: see `standing`.

A frame is painted only if the app would show the same: same terminal, size, settings and program.
If the catalog has changed since, only what is still true is painted, with the list as it is now
(`ListBehind`). Otherwise the app opens as usual. This module imports only what a bare interpreter
has already loaded.
"""

from __future__ import annotations

import os
import sys

from coexplorer.folders import find_folders

TYPE_CHECKING = False  # typing itself costs more than the frame
if TYPE_CHECKING:
    from _thread import RLock
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from coexplorer.tui.quickstart.standing import Painted, Standing
    from coexplorer.tui.terminal.cells import Row

    class ListBehind(Protocol):
        """Draws the list again on a screen that is painted; see `list_view`."""

        @property
        def rows(self) -> Sequence[Row]:
            """What is on the screen."""

        def paint(self) -> bytes:
            """Return what paints the list as it is now, and what else is true, on nothing."""

        def search(self, text: str, row: int) -> bytes:
            """Return what changes when `text` is searched for; its count goes to that row."""

        def close(self) -> None:
            """Let go of the catalog."""

    OpenList = Callable[[bytes, bytes, str, tuple[int, int]], ListBehind | None]
    """From rows and look of a frame, the catalog and the size; None when there can be none."""

FORMAT = "coexplorer frame 3"
_ASKED = ("TERM", "COLORTERM", "NO_COLOR", "TEXTUAL_THEME", "CODEOCEAN_DOMAIN", "CO_DOMAIN")
_TOKENS = ("CODEOCEAN_TOKEN", "CO_TOKEN", "API_SECRET", "CUSTOM_KEY")
"""The token may be another person's, whose list is another one (a test compares them)."""
_STDIN, _STDERR = 0, 2
SEARCH_ROW, SEARCH_COLUMN = 2, 2
"""Where the app shows the text of a search (a test compares them)."""
_SEARCH_ROOM = 20
"""Columns right of it, for the count."""


class _Typing:
    """Keeps what is typed on a frame, and shows a search that is: ``/`` and text.

    The app that is being imported next to it gets all of it when it takes over; it takes its keys
    from there on.

    Args:
        columns: The screen's.
        writing: Held while something is written.
        open_list: Opens the list; called when there is something to search for.
        list_behind: The list, when it is open already.
    """

    def __init__(
        self,
        columns: int,
        writing: RLock,
        open_list: Callable[[], ListBehind | None],
        list_behind: ListBehind | None,
    ) -> None:
        import _thread  # noqa: PLC0415 - not before there is something to paint

        self.list_behind = list_behind
        self._writing = writing
        self._open_list: Callable[[], ListBehind | None] | None = open_list
        self.typed = b""
        self.search = ""
        self.has_shown = False
        self._shows = True
        self._most = columns - SEARCH_COLUMN - _SEARCH_ROOM
        self._wake = os.pipe()
        self._done = _thread.allocate_lock()
        self._done.acquire()
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        import select  # noqa: PLC0415 - see above

        try:
            while True:
                ready, _, _ = select.select([_STDIN, self._wake[0]], [], [])
                if self._wake[0] in ready:
                    return
                data = os.read(_STDIN, 4096)
                if not data:
                    return
                self.typed += data
                self._show()
                if self.search and not select.select([_STDIN, self._wake[0]], [], [], 0)[0]:
                    self._find()
        except OSError:
            return  # the terminal is gone: the app sees it, too
        finally:
            if self.list_behind is not None:
                self.list_behind.close()
            self._done.release()

    def _find(self) -> None:
        """Show what the search finds, if it can be known without the app."""
        if self.list_behind is None and self._open_list is not None:
            self.list_behind, self._open_list = self._open_list(), None
        if self.list_behind is not None:
            found = self.list_behind.search(self.search, SEARCH_ROW)
            with self._writing:
                os.write(_STDERR, found)

    def _show(self) -> None:
        try:
            text = self.typed.decode()
        except UnicodeDecodeError:
            return  # the rest of a character is on its way
        sign, text = text[:1], text[1:]
        plain = sign == "/" and text.isascii() and text.isprintable() and len(text) <= self._most
        self._shows = self._shows and plain  # from the first other key on it is the app's business
        self.search = text if self._shows else ""
        if not self._shows:
            return
        self.has_shown = True
        place = f"\x1b[{SEARCH_ROW + 1};{SEARCH_COLUMN + 1}H"
        with self._writing:
            os.write(_STDERR, f"{place}\x1b[m{text}\x1b[7m \x1b[m".encode())

    def end(self) -> None:
        """Stop reading: the terminal is somebody else's from here on."""
        os.write(self._wake[1], b"x")
        self._done.acquire()
        for end in self._wake:
            os.close(end)


_on_screen: Painted | None = None
_typing: _Typing | None = None
_standing: Standing | None = None


def find_files(env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return where the settings are, and where the frame is kept.

    The frame stands beside the catalogs, which can be deleted at any time, too.

    Returns:
        None where it takes more to know than is at hand; then there is no frame.
    """
    found = find_folders(env, sys.platform)
    if found is None:
        return None
    config, cache, _ = found
    return os.path.join(config, "config.toml"), os.path.join(cache, "frame")


def build_key(env: Mapping[str, str], size: tuple[int, int], version: str, config: str) -> str:
    """Say what a frame depends on, beside the catalog.

    Args:
        env: The process's environment.
        size: Columns and rows.
        version: The program's.
        config: Where the settings are.
    """
    told = [f"{name}={env.get(name)!r}" for name in _ASKED]
    told += [f"{name}={_mark(env[name])}" for name in _TOKENS if env.get(name)]
    return " ".join([FORMAT, version, f"{size[0]}x{size[1]}", _stamp(config), *told])


def _mark(token: str) -> str:
    """Return what tells a token from another one, and tells nothing else of it."""
    from _blake2 import blake2b  # noqa: PLC0415 - see `coexplorer.config.people`

    return blake2b(token.encode(errors="replace"), digest_size=4).hexdigest()


def build_stamp(catalog: str) -> str:
    """Say in which state the catalog's files are; the same stamp means that nothing changed."""
    return f"{_stamp(catalog)} {_stamp(catalog + '-wal')}"


def _stamp(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return "none"
    return f"{found.st_size}:{found.st_mtime_ns}"


def keep(env: Mapping[str, str], version: str, frame: Frame) -> None:
    """Keep a frame for the next start.

    Raises:
        OSError: The file can't be written; there will be no first frame.
    """
    files = find_files(env)
    if files is None:
        return
    config, path = files
    head = [
        build_key(env, frame.size, version, config),
        frame.catalog,
        build_stamp(frame.catalog),
        str(frame.change),
        str(len(frame.rows)),
    ]
    data = b"\n".join([*(line.encode() for line in head), frame.look, frame.rows + frame.painting])
    new = f"{path}.{os.getpid()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
    os.replace(new, path)


class Frame:
    """A screen to open with.

    Args:
        size: Columns and rows.
        rows: The rows, for the one who takes over; opaque here.
        painting: What to write for them on an empty screen.
        look: How its list looks, in one line; opaque here.
        catalog: The catalog that they show.
        change: Its newest change number.
    """

    def __init__(
        self,
        size: tuple[int, int],
        rows: bytes,
        painting: bytes,
        *,
        look: bytes,
        catalog: str,
        change: int,
    ) -> None:
        self.size = size
        self.rows = rows
        self.painting = painting
        self.look = look
        self.catalog = catalog
        self.change = change


def paint(env: Mapping[str, str], version: str, open_list: OpenList) -> bool:
    """Paint the frame that was kept, as far as it is what the app will show; say whether it is.

    Args:
        env: The process's environment.
        version: The program's.
        open_list: Opens the list that is behind the frame.
    """
    global _on_screen, _typing, _standing  # noqa: PLW0603 - one process, one terminal
    files = find_files(env)
    if files is None or not (os.isatty(_STDIN) and os.isatty(1) and os.isatty(_STDERR)):
        return False
    config, frame_file = files
    try:
        with open(frame_file, "rb") as file:
            data = file.read()
        size = tuple(os.get_terminal_size(_STDIN))
        key, path, stamp, change, count, look, rest = data.split(b"\n", 6)
        columns, rows = size
        if key.decode() != build_key(env, (columns, rows), version, config):
            return False
        catalog = path.decode()
        is_true = stamp.decode() == build_stamp(catalog) or _is_unchanged(catalog, int(change))
        kept, painting = rest[: int(count)], rest[int(count) :]
    except (OSError, ValueError):
        return False
    # There is something to paint.
    from coexplorer.tui.quickstart import standing  # noqa: PLC0415
    from coexplorer.tui.terminal import jobs  # noqa: PLC0415

    terminal = jobs.read_settings(_STDIN)
    if terminal is None:
        return False

    def open_behind() -> ListBehind | None:
        return open_list(kept, look, catalog, (columns, rows))

    _on_screen = standing.Painted((columns, rows), kept, terminal)
    _standing = standing.Standing(terminal, _on_screen)
    _standing.begin()
    behind = None
    if not is_true:
        behind = open_behind() if os.path.exists(catalog) else None
        painting = b"" if behind is None else behind.paint()
        if not painting:
            give_up()
            return False
    _standing.paint(painting)
    _typing = _Typing(columns, _standing.writing, open_behind, behind)
    return True


def _is_unchanged(catalog: str, change: int) -> bool:
    """Look into a catalog whose files changed: a heartbeat in it is no change of what is shown."""
    from coexplorer.catalog.first_page import find_change_number  # noqa: PLC0415 - costs 10 ms

    return find_change_number(catalog) == change


def take() -> Painted | None:
    """Hand the screen over to the app; None when nothing was painted.

    The terminal stays to be given back until the app says that it has it (`hand_over`).
    """
    global _on_screen, _typing
    painted, _on_screen = _on_screen, None
    typing, _typing = _typing, None
    if typing is not None:
        typing.end()
        if painted is not None:
            painted.typed, painted.search = typing.typed, typing.search
            if typing.list_behind is not None:
                painted.drawn = typing.list_behind.rows
            painted.unknown += (SEARCH_ROW,) if typing.has_shown else ()
    return painted


def hand_over() -> None:
    """Leave the terminal to the app: it gives it back from here on."""
    global _standing
    standing, _standing = _standing, None
    if standing is not None:
        standing.ignore_signals()


def stop(*, group: bool) -> bool:
    """Stop the process, on a frame that the app has not taken over; tell whether there is one."""
    if _standing is None:
        return False
    _standing.stop(group=group)
    return True


def go_on() -> None:
    """After a stop that can't be caught, repaint the first frame."""
    if _standing is not None:
        _standing.go_on()


def give_up() -> None:
    """Give the terminal back as it was, when the app did not come to take over."""
    take()
    standing = _standing
    if standing is not None:
        sys.stderr.flush()
        standing.leave()
        hand_over()
