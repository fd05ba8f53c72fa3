"""The route to each address: direct or through a proxy, and whose certificates to trust there.

Nothing is set up before it is needed, so a wrong setting only affects the request that needs it,
and is reported like a platform that can't be reached.
"""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Final

import anyio
import anyio.to_thread
import httpcore
import httpx

from coexplorer.api.failures import Failure, FailureKind, build_unreachable
from coexplorer.api.heads import Backend, NoReply
from coexplorer.api.origin import parse_origin
from coexplorer.api.proxies import Proxy, find_proxy
from coexplorer.api.refusal_text import LONGEST_LINE
from coexplorer.api.trust import build_tls, find_sources
from coexplorer.errors import ConfigError

RAISED: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    ConfigError,
    OSError,
    ValueError,  # UnicodeError of a host's name among them
    ImportError,
    RuntimeError,  # httpcore's, of settings that do not go together
)
"""What may be raised while a request is built, and sent over a network."""

_PROXY_S: Final = 10.0
"""Seconds for a proxy's answer where the request names no limit for a connection."""

_FAILS: Final = "certificate verify failed: "
_DOCS: Final = "see docs/network.md"
_NO_PLATFORM: Final = "check the domain and its port, and whether a proxy is in the way"


class Stop(Enum):
    """Who ends the way to a platform."""

    PROXY = auto()
    CERTIFICATE = auto()
    PLATFORM = auto()


class NoTunnel(httpx.ProxyError):
    """A proxy took the connection and then made no way to the platform.

    Args:
        what: What it did, as a sentence's end.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class _Talk:
    """What is said to a proxy before the platform is heard: bounded like a connection.

    httpcore waits for its answer as long as for a reply's next bytes, or, with SOCKS, forever.

    Args:
        request: To follow; its trace is this one's from now on.
        scope: Gets a deadline while the proxy is to answer.
    """

    def __init__(self, request: httpx.Request, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._limit_s = request.extensions.get("timeout", {}).get("connect") or _PROXY_S
        self._stream: object = None
        self.is_on = False
        request.extensions["trace"] = self._trace

    async def _trace(self, event: str, info: Mapping[str, object]) -> None:
        if event == "http11.send_request_headers.started":
            # A request that is sent through the tunnel comes by here, too.
            self._turn(on=getattr(info.get("request"), "method", b"") == b"CONNECT")
        elif event == "socks.connect_tcp.complete":
            self._stream = info.get("return_value")
        elif event == "socks.setup_socks5_connection.started":
            self._turn(on=True)
        elif event in ("proxy.start_tls.started", "socks.setup_socks5_connection.complete"):
            self._turn(on=False)

    async def hang_up(self) -> None:
        """Close the connection to a SOCKS proxy that made no way: httpcore forgets it."""
        if self.is_on and isinstance(self._stream, httpcore.AsyncNetworkStream):
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()

    def _turn(self, *, on: bool) -> None:
        self.is_on = on
        self._scope.deadline = anyio.current_time() + self._limit_s if on else math.inf


async def _send_by_proxy(way: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
    """Send a request, and tell a proxy's failures from the platform's.

    Raises:
        NoTunnel: The proxy did not answer, or nothing that makes sense.
    """
    with anyio.CancelScope() as scope:
        talk = _Talk(request, scope)
        try:
            return await way.handle_async_request(request)
        except (httpx.ProxyError, httpx.PoolTimeout):
            raise
        except (httpx.TimeoutException, TimeoutError) as error:
            if talk.is_on:
                raise NoTunnel("did not answer") from error
            raise
        except (httpx.NetworkError, OSError) as error:
            if talk.is_on:
                raise NoTunnel("closed the connection instead of answering") from error
            raise
        except Exception as error:
            # httpcore asserts what a SOCKS proxy says, and socksio has errors of its own.
            if talk.is_on:
                raise NoTunnel("answered something that makes no sense") from error
            raise
        finally:
            await talk.hang_up()
    raise NoTunnel("did not answer")


class Network(httpx.AsyncBaseTransport):
    """Takes each request along its way.

    Args:
        limits: Of the connections of each way.
        environment: Variables that name proxies and certificates.
    """

    def __init__(self, limits: httpx.Limits, environment: Mapping[str, str] = os.environ) -> None:
        self._limits = limits
        self._environment = environment
        self._ways: dict[tuple[Proxy | None, bool], httpx.AsyncHTTPTransport] = {}
        self._making = anyio.Lock()
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            ConfigError: A variable that counts for its address is wrong.
        """
        origin = parse_origin(str(request.url))
        proxy = find_proxy(origin, self._environment)
        way = self._ways.get((proxy, origin.scheme == "https"))
        if way is None:
            async with self._making:
                way = await self._make_way(proxy, tls=origin.scheme == "https")
        if proxy is None:
            return await way.handle_async_request(request)
        return await _send_by_proxy(way, request)

    async def aclose(self) -> None:
        """Close all connections."""
        for way in self._ways.values():
            await way.aclose()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def _make_way(self, proxy: Proxy | None, *, tls: bool) -> httpx.AsyncHTTPTransport:
        if (proxy, tls) in self._ways:  # somebody else was faster
            return self._ways[proxy, tls]
        # Plain HTTP is this machine, which needs no list of certificates; a context without any
        # trusts nobody.
        context = await self._load_tls() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        by = None
        if proxy is not None:
            signed_in = (proxy.user, proxy.password.reveal()) if proxy.user else None
            own = context if proxy.url.startswith("https:") else None
            by = httpx.Proxy(proxy.url, auth=signed_in, ssl_context=own)
        way = httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, limits=self._limits, proxy=by
        )
        # httpx has no parameter for it: tests/api/test_surface.py.
        way._pool._network_backend = Backend(way._pool._network_backend)  # noqa: SLF001
        self._ways[proxy, tls] = way
        return way

    async def _load_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await anyio.to_thread.run_sync(build_tls, self._environment)
        return self._tls

    def describe(self, error: Exception, url: str, *, writes: bool) -> Failure:
        """Turn what was raised on the way to `url` into a failure; see `describe`."""
        proxy = self._find_proxy(url)
        return describe(error, writes=writes, proxy=proxy, environment=self._environment)

    def find_stop(self, error: Exception, url: str) -> Stop:
        """Tell who ended the way to `url`."""
        if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error):
            return Stop.CERTIFICATE
        kinds = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
        is_proxy = isinstance(error, kinds) and self._find_proxy(url) is not None
        return Stop.PROXY if is_proxy else Stop.PLATFORM

    def _find_proxy(self, url: str) -> Proxy | None:
        with suppress(ValueError, ConfigError):  # told by the request's own error
            return find_proxy(parse_origin(url), self._environment)
        return None


def describe(
    error: Exception,
    *,
    writes: bool,
    proxy: Proxy | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Failure:
    """Turn what was raised on the way into a failure.

    Its own text is used only if it comes from the operating system or the proxy: a protocol error
    quotes headers, and an address error may quote a password.

    Args:
        error: One of `RAISED`.
        writes: Whether the platform would have been changed.
        proxy: That leads there, if one does.
        environment: Says whose certificates are believed.
    """
    kind, hint = FailureKind.UNSENT, ""
    match error:
        case ConfigError():
            return build_unreachable(
                error.message, kind=FailureKind.FINAL, writes=False, hint=error.hint
            )
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            by = f" through the proxy {proxy.place}" if proxy else ""
            reason, hint = f"the connection{by} took too long", _blame(proxy)
        case httpx.ProxyError() if proxy is not None:
            return _describe_proxy(error, proxy)
        case httpx.ConnectError() | httpx.ProxyError():
            return _describe_connect(error, proxy, environment)
        case httpx.TimeoutException():
            reason, kind = "it stopped answering", FailureKind.SILENT
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            reason, kind = "the request can't be sent in this form", FailureKind.FINAL
        case httpx.HTTPError() | httpx.StreamError():
            reason, hint = _explain_break(error)
            kind = FailureKind.LOST
        case httpx.InvalidURL() | ValueError():
            its = f"its address, or that of its proxy {proxy.place}," if proxy else "its address"
            reason, kind, hint = f"{its} can't be used", FailureKind.FINAL, _blame(proxy)
        case ImportError():
            reason, kind = (
                f"a Python package is missing ({error.name or 'socksio'})",
                FailureKind.FINAL,
            )
            hint = "install coexplorer again, with all its dependencies"
        case _:
            reason = f"no connection ({_first_line(error)})"
    return build_unreachable(reason, kind=kind, writes=writes, hint=hint)


def _explain_break(error: httpx.HTTPError | httpx.StreamError) -> tuple[str, str]:
    """Say whether a reply ended too early, or is something else altogether; and what to do."""
    if isinstance(error, NoReply):
        return error.what, _NO_PLATFORM
    said = str(error).lower()
    ended = "disconnected" in said or "closed" in said
    if isinstance(error, httpx.RemoteProtocolError) and not ended:
        return "what it answered is not valid HTTP", _NO_PLATFORM
    return "the connection broke", ""


def _describe_proxy(error: httpx.ProxyError, proxy: Proxy) -> Failure:
    by = f"the proxy {proxy.place}"
    if isinstance(error, NoTunnel):
        return build_unreachable(
            f"{by} {error.what}", kind=FailureKind.UNSENT, writes=False, hint=_blame(proxy)
        )
    said = _first_line(error)
    if "407" in said or "authent" in said.lower() or "username" in said.lower():
        reason = f"{by} wants a user name and a password, or different ones ({said})"
        hint = f"put them into {proxy.variable}: http://USER:PASSWORD@{proxy.place}; {_DOCS}"
        return build_unreachable(reason, kind=FailureKind.FINAL, writes=False, hint=hint)
    hint = f"ask who runs the proxy, or {_blame(proxy)}"
    # What it says of the platform may pass; that it forbids it will not.
    kind = FailureKind.FINAL if said.startswith("4") else FailureKind.UNSENT
    return build_unreachable(f"{by} refused ({said})", kind=kind, writes=False, hint=hint)


def _describe_connect(
    error: httpx.TransportError, proxy: Proxy | None, environment: Mapping[str, str]
) -> Failure:
    said = _first_line(error)
    if "CERTIFICATE" in said:
        why = (said.partition(_FAILS)[2].rpartition(" (_ssl")[0] or said).rstrip(".")
        return build_unreachable(
            f"its certificate is not trusted: {why}",
            kind=FailureKind.FINAL,
            writes=False,
            hint=_advise_on_certificate(why, environment),
        )
    if "WRONG_VERSION_NUMBER" in said and (proxy is None or not proxy.url.startswith("https:")):
        return build_unreachable(
            f"no TLS is spoken there, as https needs ({said})",
            kind=FailureKind.FINAL,
            writes=False,
            hint="check the address and its port: it may be that of another service",
        )
    if proxy is None:
        return build_unreachable(f"no connection ({said})", kind=FailureKind.UNSENT, writes=False)
    reason = f"no connection through the proxy {proxy.place} ({said})"
    hint = _blame(proxy)
    kind = FailureKind.UNSENT
    if "SSL" in said and proxy.url.startswith("https:"):
        hint = f"most proxies speak plain HTTP: try {proxy.variable}=http://{proxy.place}; {_DOCS}"
        kind = FailureKind.FINAL
    return build_unreachable(reason, kind=kind, writes=False, hint=hint)


def _advise_on_certificate(why: str, environment: Mapping[str, str]) -> str:
    if "expired" in why or "not yet valid" in why:
        return "check this machine's clock; if it is right, whoever runs the platform must renew it"
    if "mismatch" in why or "not valid for" in why:
        return "check the domain: the certificate is for another host"
    sources = find_sources(environment)
    if sources:
        named = " and ".join(dict.fromkeys(f"{name}={value}" for name, value in sources))
        return (
            f"only the certificates in {named} are trusted: add the authority there, or unset it;"
            f" {_DOCS}"
        )
    return (
        "does your company's proxy inspect traffic? then name its authority's file: "
        f"SSL_CERT_FILE=FILE; {_DOCS}"
    )


def _blame(proxy: Proxy | None) -> str:
    if proxy is None:
        return ""
    return f"check {proxy.variable}, or leave the platform out of it with NO_PROXY; {_DOCS}"


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:LONGEST_LINE] if lines else "it broke off"


def build_limits(concurrency: int) -> httpx.Limits:
    """Say how many connections there may be for this many requests at once."""
    return httpx.Limits(
        max_connections=concurrency + 2,
        max_keepalive_connections=concurrency,
        keepalive_expiry=30.0,
    )
