"""The way to the platform: network, names, proxy, certificates, clock, and what is at its end."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio

import coexplorer
from coexplorer.api.network import Stop
from coexplorer.api.origin import Origin, parse_origin
from coexplorer.api.probe import ProbeResult, Way, ask_platform, try_way
from coexplorer.api.proxies import Proxy, find_proxy
from coexplorer.api.trust import build_tls, find_sources
from coexplorer.config import Settings
from coexplorer.doctor.findings import CheckState, Finding, pass_check, skip_check, tell_error
from coexplorer.errors import ApiError, ConfigError, Forbidden, NotSignedIn
from coexplorer.models import Dialect

ANSWER_S: Final = 15.0
"""How long a platform may take for one row."""

_ANYWHERE: Final = "https://codeocean.com"
"""Stands for a platform that is not known: what is set for all addresses holds for it too."""

_NOBODY: Final = ("192.0.2.1", "2001:db8::1")
"""Addresses of documentation: is there a way to any? Nothing is sent there."""

_NAME_S: Final = 8.0
_SHOWN_ADDRESSES: Final = 3
_CLOCK_SLACK_S: Final = 120.0
_DAY_S: Final = 86_400.0
_PROXY_NAMES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_SET_CLOCK: Final = "set it, or let the network set it: timedatectl set-ntp true"


def look_at_network(
    base_url: str, environment: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Find whoever is spoken to first: the platform, or the proxy that leads there."""
    if not base_url:
        has_way = any(map(_has_way, _NOBODY))
        yield pass_check("network", "this machine is on a network") if has_way else _tell_offline()
        return
    origin = parse_origin(base_url)
    if origin.is_loopback:
        yield pass_check("network", f"not needed: {origin.host} is this machine")
        return
    try:
        proxy = find_proxy(origin, environment)
    except ConfigError:
        yield skip_check("network", "correct the proxy's address first")
        return
    yield _look_up(*_find_first(origin, proxy), by_proxy=proxy is not None)


def _find_first(origin: Origin, proxy: Proxy | None) -> tuple[str, int]:
    if proxy is None:
        return origin.host, origin.port
    parts = urlsplit(proxy.url)
    return parts.hostname or "", parts.port or 0


def _look_up(host: str, port: int, *, by_proxy: bool) -> Finding:
    whose = "the proxy" if by_proxy else "the platform"
    addresses, reason = _find_addresses(host, port)
    if not addresses:
        if not any(map(_has_way, _NOBODY)):
            return _tell_offline()
        place = "its variable (docs/network.md)" if by_proxy else "the domain"
        return Finding(
            "network",
            CheckState.FAULT,
            f"the name of {whose}, {host}, can't be resolved: {reason}",
            f"check {place}, and whether you are on the network (or VPN) that knows it",
        )
    if not any(map(_has_way, addresses)):
        if not any(map(_has_way, _NOBODY)):
            return _tell_offline()
        return Finding(
            "network",
            CheckState.FAULT,
            f"there is no way from here to {whose}, {host}",
            "connect the network (or VPN) that it is in",
        )
    shown = ", ".join(addresses[:_SHOWN_ADDRESSES])
    is_name = host not in addresses
    return pass_check("network", f"{host} is {shown}" if is_name else f"there is a way to {host}")


def _find_addresses(host: str, port: int) -> tuple[list[str], str]:
    """Return the addresses of a name, and why there are none.

    A name server that does not answer is waited for as long as the system likes: not here.
    """
    answers: list[tuple[list[str], str]] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            answers.append(([], getattr(error, "strerror", None) or "it is no name"))
        else:
            answers.append((list(dict.fromkeys(str(each[4][0]) for each in found)), ""))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_NAME_S)
    return answers[0] if answers else ([], f"no name server answered within {_NAME_S:.0f} s")


def _tell_offline() -> Finding:
    return Finding(
        "network",
        CheckState.FAULT,
        "this machine is not connected to any network",
        "connect it; until then ls, the app and the mount show what is known here",
    )


def _has_way(address: str) -> bool:
    """Tell whether the kernel knows a way to an address; nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def look_at_way(base_url: str, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Go the whole way, without a token, and say what stops it."""
    origin = parse_origin(base_url or _ANYWHERE)
    proxy, told = _judge_proxy(origin, environment)
    trusted = _judge_certificates(origin, environment)
    if not base_url:
        yield told
        yield trusted
        yield skip_check("connection", "it is not known which platform is meant")
        yield _judge_clock(None)
        return
    if told.state is CheckState.FAULT or trusted.state is CheckState.FAULT:
        yield told
        yield trusted
        yield skip_check("connection", "fix the fault above first")
        yield _judge_clock(None)
        return
    way = anyio.run(_try, base_url)
    if way.error is None:
        by = f", through {proxy.place}" if proxy else ""
        yield told
        yield trusted
        yield pass_check("connection", f"{base_url} answers{by}")
    else:
        blamed = {Stop.PROXY: "proxy", Stop.CERTIFICATE: "certificates"}
        check = blamed.get(way.stopped_by or Stop.PLATFORM, "connection")
        fault = tell_error(check, way.error)
        yield fault if check == "proxy" else told
        yield fault if check == "certificates" else trusted
        yield (
            fault
            if check == "connection"
            else skip_check("connection", f"skipped because of the {check}")
        )
    yield _judge_clock(way.clock_offset_s)


async def _try(base_url: str) -> Way:
    return await try_way(base_url, limit_s=ANSWER_S)


def _judge_proxy(origin: Origin, environment: Mapping[str, str]) -> tuple[Proxy | None, Finding]:
    named = [name for name in _PROXY_NAMES if environment.get(name, "").strip()]
    if origin.is_loopback:
        return None, pass_check("proxy", f"not needed: {origin.host} is this machine")
    try:
        proxy = find_proxy(origin, environment)
    except ConfigError as error:
        return None, tell_error("proxy", error)
    if proxy is not None:
        signed_in = ", with a user name" if proxy.user else ""
        told = f"{proxy.variable} leads through {proxy.place}{signed_in}"
        return proxy, pass_check("proxy", told)
    if named:
        told = f"{named[0]} is set, but NO_PROXY leaves {origin.host} out: it is reached directly"
        return None, pass_check("proxy", told)
    return None, pass_check("proxy", "none is set")


def _judge_certificates(origin: Origin, environment: Mapping[str, str]) -> Finding:
    is_needed = origin.scheme == "https"
    try:
        build_tls(environment)
    except ConfigError as error:
        return tell_error(
            "certificates", error, CheckState.FAULT if is_needed else CheckState.WARNING
        )
    named = " and ".join(f"{name}={value}" for name, value in find_sources(environment))
    if not is_needed:
        return pass_check("certificates", "not needed: this platform speaks plain HTTP")
    store = f"those in {named} are trusted" if named else "the system's own are trusted"
    return pass_check("certificates", store)


def _judge_clock(offset_s: float | None) -> Finding:
    now = time.time()
    installed = Path(coexplorer.__file__).stat().st_mtime
    if installed - now > _DAY_S:
        day = datetime.fromtimestamp(now, UTC).date()
        told = f"this machine's clock says {day}, a day before coexplorer was installed"
        return Finding("clock", CheckState.FAULT, told, _SET_CLOCK)
    if offset_s is None:
        return skip_check("clock", "there was no answer to compare it with")
    if abs(offset_s) <= _CLOCK_SLACK_S:
        return pass_check("clock", f"within {abs(offset_s):.0f} s of the platform's")
    way = "behind" if offset_s > 0 else "ahead of"
    told = f"this machine's clock is {_span(abs(offset_s))} {way} the platform's"
    return Finding("clock", CheckState.WARNING, told, _SET_CLOCK)


def _span(seconds: float) -> str:
    """Return a time span in its largest unit (pure)."""
    for unit, name in ((_DAY_S, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"


def look_at_token(settings: Settings) -> Iterator[Finding]:
    """Ask the platform who one is, and how it is spoken to."""
    try:
        token = settings.load_token()
    except ConfigError as error:
        yield tell_error("token", error)
        yield skip_check("platform", "it won't say without a token")
        return

    async def ask() -> ProbeResult:
        return await ask_platform(settings.base_url, token, limit_s=ANSWER_S)

    try:
        answer = anyio.run(ask)
    except (NotSignedIn, Forbidden) as error:
        yield tell_error("token", error)
        yield skip_check("platform", "it won't say without a working token")
    except ApiError as error:
        yield skip_check("token", "it could not be asked about")
        yield tell_error("platform", error)
    else:
        who = (
            f"you are {answer.user}"
            if answer.user
            else "you own no assets there, so your name can't be told"
        )
        yield pass_check("token", f"the token from {settings.token_source.label} works: {who}")
        yield _judge_platform(answer.dialect, settings.dialect)


def _judge_platform(dialect: Dialect, configured: Dialect | None) -> Finding:
    if configured is not None and configured is not dialect:
        told = f"the settings say that it speaks {configured}, but it speaks {dialect}"
        return Finding(
            "platform", CheckState.WARNING, told, "remove the line dialect in config.toml"
        )
    if dialect is Dialect.LEGACY:
        return Finding(
            "platform",
            CheckState.WARNING,
            "an old platform, with the API of version 2.10",
            "everything that it has can be used; for more, ask who runs it to update it",
        )
    return pass_check("platform", "it speaks the current API")
