"""A storage that counts: serves a folder with ranges, after a delay and at a rate.

    python benchmarks/range_server.py FOLDER

It prints its port. ``/set?delay=0.05&rate=25`` sets seconds before each answer and megabytes a
second of each connection (0: as fast as it goes). ``/stat`` tells requests and bytes since the last
time. An empty file ``NAME.virtual-SIZE`` is served as one of that many bytes, ``NAME``, that nobody
stores.
"""

from __future__ import annotations

import http.server
import random
import re
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

PATTERN = random.Random(1).randbytes(1_048_573)
"""A prime number of bytes: no two blocks of a virtual file are the same."""

_PIECE = 256 * 1024


class State:
    """What all connections share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.delay_s = 0.0
        self.rate = 0.0
        self.requests = 0
        self.sent_bytes = 0
        self.lock = threading.Lock()

    def note(self, *, requests: int = 0, sent: int = 0) -> None:
        with self.lock:
            self.requests += requests
            self.sent_bytes += sent

    def find(self, name: str) -> tuple[int, Path | None] | None:
        """Return the size of a file, and where it is unless it is virtual."""
        place = self.folder / name
        if place.is_file():
            return place.stat().st_size, place
        for virtual in self.folder.glob(f"{name}.virtual-*"):
            return int(virtual.name.rpartition("-")[2]), None
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: State

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        state = self.state
        if parts.path == "/stat":
            with state.lock:
                told = f"{state.requests} {state.sent_bytes}"
                state.requests = state.sent_bytes = 0
            self.send(200, told.encode())
        elif parts.path == "/set":
            given = dict(parse_qsl(parts.query))
            state.delay_s, state.rate = float(given["delay"]), float(given["rate"]) * 1e6
            self.send(200, b"")
        else:
            self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        self.state.note(requests=1)
        time.sleep(self.state.delay_s)
        name = unquote(urlsplit(self.path).path).strip("/")
        if not name:
            names = [re.sub(r"\.virtual-\d+$", "", p.name) for p in self.state.folder.iterdir()]
            page = "".join(f'<a href="{each}">{each}</a>\n' for each in names).encode()
            self.send(200, page if with_body else b"", {"Content-Type": "text/html"})
            return
        found = self.state.find(name)
        if found is None:
            self.send(404, b"")
            return
        size, place = found
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, size - 1
        if asked:
            first, last = int(asked[1]), min(last, int(asked[2] or last))
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Length": str(last - first + 1),
            "ETag": f'"{size}"',
            "Last-Modified": "Sat, 01 Nov 2025 00:00:00 GMT",
        }
        if asked:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.send(206 if asked else 200, b"", headers)
        if with_body:
            for piece in self.read(place, first, last + 1):
                self.wfile.write(piece)
                self.state.note(sent=len(piece))

    def read(self, place: Path | None, start: int, stop: int) -> Iterator[bytes]:
        """Yield a part of a file, no faster than the rate."""
        began = time.monotonic()
        at = start
        file = None if place is None else place.open("rb")
        try:
            if file is not None:
                file.seek(start)
            while at < stop:
                length = min(_PIECE, stop - at)
                piece = make(at, length) if file is None else file.read(length)
                yield piece
                at += length
                if self.state.rate:
                    time.sleep(max(0, began + (at - start) / self.state.rate - time.monotonic()))
        finally:
            if file is not None:
                file.close()

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def make(offset: int, length: int) -> bytes:
    """Return a part of a virtual file."""
    start = offset % len(PATTERN)
    return (PATTERN + PATTERN[: length + 1])[start : start + length]


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those who go before the end."""


if __name__ == "__main__":
    Handler.state = State(Path(sys.argv[1]))
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
