"""Running the embedded Code Ocean on loopback: in a thread, or as the main program.

Tests and the command line need only `DemoServer`.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from coexplorer.demo.app import build_app
from coexplorer.demo.asset import User
from coexplorer.demo.auth import SignIn, load_secrets
from coexplorer.demo.buckets import make_bucket
from coexplorer.demo.creation import fail_unfinished
from coexplorer.demo.deployment import Deployment
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.faults import FaultMiddleware, FaultPlan, FaultProtocol
from coexplorer.demo.folder import SECRETS, STORE, open_folder, tell_trouble
from coexplorer.demo.guesses import Guesses
from coexplorer.demo.hooks import GatedApp, Hooks, LoggedRequest, RecordingApp, RequestLog
from coexplorer.demo.metadata import SchemaField
from coexplorer.demo.routes_computations import fail_unfinished_runs
from coexplorer.demo.s3.routes import ROOT as S3_ROOT
from coexplorer.demo.s3.signing import KeyPair, derive_keys
from coexplorer.demo.store import Store
from coexplorer.errors import FileTrouble, explain_os

_TICK_S = 1.0
_START_TIMEOUT_S = 30.0


class DemoServer:
    """An embedded Code Ocean; `start` and `stop`, again and again, or use it in a ``with``.

    Args:
        data: Folder of all that it keeps, and of nothing else; made when it is not there.
        dialect: ``legacy`` or ``current``.
        port: 0 takes any free one, and keeps it over restarts.
        faults: Scripted trouble; None: none yet.
        creation_s: Seconds that a creation stays a draft at least.
        url_lifetime_s: Seconds for which the URL of a file is good.
        mounting_s: Seconds until an asset that is attached to a workstation has its files there.
        version: An earlier version of today's dialect, as ``(4, 2)``: calls that came later are
            not there.

    Raises:
        Refused: Another server runs on the folder, or it holds other things.
        FileTrouble: The disk is full, or the database can't be used.

    Attributes:
        faults: Scripted trouble; rules can be added at any time.
        store: The assets, capsules and computations; open from the beginning to `close`.
        hooks: Gates for tests.
        log: The requests that came.
    """

    def __init__(
        self,
        data: Path,
        *,
        dialect: str = Dialect.CURRENT,
        port: int = 0,
        faults: FaultPlan | None = None,
        creation_s: float = 0.0,
        url_lifetime_s: float = 900.0,
        mounting_s: float = 0.0,
        version: tuple[int, ...] | None = None,
    ) -> None:
        data = data.resolve()
        with ExitStack() as opened, tell_trouble(data):
            self._lock = opened.enter_context(open_folder(data))
            secrets = load_secrets(data / SECRETS)
            self.store = Store(data / STORE)
            opened.pop_all()
        self.faults = faults or FaultPlan()
        self.hooks = Hooks()
        self.log = RequestLog()
        self.sign_in = SignIn(secrets.users)
        self._port = port
        self._running: _Running | None = None
        self._deployment = Deployment(
            data=data,
            store=self.store,
            dialect=Dialect(dialect),
            users=secrets.users,
            sign_in=self.sign_in,
            signing_key=secrets.signing_key,
            hooks=self.hooks,
            creation_s=creation_s,
            url_lifetime_s=url_lifetime_s,
            mounting_s=mounting_s,
            version=version,
        )
        gated = GatedApp(build_app(self._deployment), self.hooks)
        self._app: ASGIApp = RecordingApp(FaultMiddleware(gated, self.faults), self.log)
        fail_unfinished(self._deployment)
        fail_unfinished_runs(self._deployment)

    @property
    def url(self) -> str:
        """Where it is: ``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def s3_url(self) -> str:
        """Where its S3-compatible storage is, which external assets' files are in."""
        return self.url + S3_ROOT

    @property
    def s3_keys(self) -> KeyPair:
        """The key pair that opens every bucket there."""
        return derive_keys(self._deployment.signing_key)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._deployment.data

    @property
    def dialect(self) -> Dialect:
        """Which platform it plays."""
        return self._deployment.dialect

    @property
    def users(self) -> tuple[User, ...]:
        """Who can sign in: the owner of most samples, a colleague, and a third who owns none."""
        return self._deployment.users

    @property
    def guesses(self) -> Guesses:
        """How it does what is not documented; other answers can be set at any time."""
        return self._deployment.guesses

    @guesses.setter
    def guesses(self, guesses: Guesses) -> None:
        self._deployment.guesses = guesses

    @property
    def mounting_s(self) -> float:
        """Seconds until an asset that is attached to a workstation has its files there."""
        return self._deployment.mounting_s

    @mounting_s.setter
    def mounting_s(self, seconds: float) -> None:
        self._deployment.mounting_s = seconds

    @property
    def admins(self) -> frozenset[str]:
        """Emails of the administrators; others can be set at any time."""
        return self._deployment.admins

    @admins.setter
    def admins(self, emails: frozenset[str]) -> None:
        self._deployment.admins = emails

    @property
    def metadata_fields(self) -> Sequence[SchemaField]:
        """The schema of the custom metadata; another one can be set at any time."""
        return self._deployment.metadata_fields

    @metadata_fields.setter
    def metadata_fields(self, fields: Sequence[SchemaField]) -> None:
        self._deployment.metadata_fields = fields

    def requests(
        self, method: str | None = None, path: str = "*", *, answered: bool = False
    ) -> list[LoggedRequest]:
        """Return the requests that came (`RequestLog.find_all`)."""
        return self.log.find_all(method, path, answered=answered)

    def make_bucket(
        self,
        name: str,
        *,
        keys: tuple[str, str] | None = None,
        region: str = "",
        archived: Sequence[str] = (),
        requester_pays: bool = False,
    ) -> Path:
        """Make a bucket and return its folder (`buckets.make_bucket`)."""
        return make_bucket(
            self.data,
            name,
            keys=keys,
            region=region,
            archived=archived,
            requester_pays=requester_pays,
        )

    def start(self) -> None:
        """Listen, and answer in a thread from now on.

        Raises:
            FileTrouble: The port can't be opened.
        """
        if self._running is not None:
            return
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        self._running = _Running(self._app, listener)

    def stop(self) -> None:
        """Break all connections and stop listening; the store stays open.

        A request that a gate holds is not carried any further, and all gates are gone.
        """
        running, self._running = self._running, None
        if running is not None:
            running.stop()
        self.hooks.release_all()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self.store.close()
        self._lock.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def run_until_signalled(
    server: DemoServer, on_ready: Callable[[], None], *, stop: threading.Event | None = None
) -> None:
    """Run a server as the main program until SIGINT or SIGTERM, and close it.

    Args:
        server: The server, not started.
        on_ready: Called once, when the server answers.
        stop: Ends it too, when it is set.

    Raises:
        FileTrouble: The port can't be opened.
    """
    stop = stop or threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, ask_to_stop) for number in numbers}
    try:
        with server:
            on_ready()
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_port(port: int) -> None:
    """Check that a port can be opened, before anything is made for its sake.

    Raises:
        FileTrouble: It can't be: another program has it, or it is not for every user.
    """
    _listen(port).close()


def _listen(port: int) -> socket.socket:
    # With the protocol named, as create_server does not, asyncio turns Nagle's algorithm off on
    # the connections; with it, each reply of headers and body waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise FileTrouble(f"port {port} is in use", hint="choose another --port") from None
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise FileTrouble(
                f"port {port} needs root", hint="choose a --port above 1023"
            ) from None
        reason, remedy = explain_os(error)
        raise FileTrouble(f"port {port} can't be opened: {reason}", hint=remedy) from None
    return listener


class _Running:
    """One run of uvicorn in a thread."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            _end_quietly(app),
            http=FaultProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=300,
        )
        self._server = _PromptServer(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="demo-server", daemon=True)
        self._thread.start()
        if not self._server.answering.wait(_START_TIMEOUT_S):
            raise TimeoutError("the embedded server did not start")

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._server.serve(sockets=[self._listener]))

    def stop(self) -> None:
        """Stop, and wait for the end of the thread."""
        self._server.stop_now()
        self._thread.join()


def _end_quietly(app: ASGIApp) -> ASGIApp:
    """Keep uvicorn from logging a failure for each request that the server's end cancels."""

    async def quiet_app(scope: Scope, receive: Receive, send: Send) -> None:
        # This is the top of the request's task, and nobody is left to answer.
        with suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return quiet_app


class _PromptServer(uvicorn.Server):
    """Starts and stops at once: uvicorn's own looks every tenth of a second whether it should."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop_now(self) -> None:
        """End `serve`, from any thread."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def main_loop(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.answering.set()
        counter = 0
        while not self._stop.is_set() and not await self.on_tick(counter):
            counter += 10  # uvicorn renews the date header when this is a multiple of ten
            try:
                await asyncio.wait_for(self._stop.wait(), _TICK_S)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in self.servers:
            listening.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the protocols learn of it in the loop's next turn
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listening in self.servers:
            await listening.wait_closed()
        await self.lifespan.shutdown()
