"""Which proxy to use for an address, from the environment variables that every tool reads (pure).

Written here, not left to httpx, which can't build a client if NO_PROXY has an IPv6 address
or a network, or if a password has a ``#``.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

import msgspec

from coexplorer.api.origin import Origin
from coexplorer.errors import ConfigError
from coexplorer.models import Secret

_KINDS: Final = {
    "http": ("http", 80),
    "https": ("https", 443),
    "socks": ("socks5", 1080),  # what desktops put into ALL_PROXY
    "socks5": ("socks5", 1080),
    "socks5h": ("socks5h", 1080),
}
"""Schemes of proxies: what httpx calls them, and their ports."""

_LARGEST_PORT: Final = 65_535


class Proxy(msgspec.Struct, frozen=True):
    """A proxy.

    Attributes:
        variable: Where it was found: ``HTTPS_PROXY``, ``all_proxy``…
        url: ``http://HOST:PORT``, without what it is signed in to with.
        place: ``HOST:PORT``, for messages.
        user: Empty when there is none.
        password: Likewise.
    """

    variable: str
    url: str
    place: str
    user: str = ""
    password: Secret = Secret("")


def find_proxy(origin: Origin, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that leads to an address; None: there is a direct way.

    This machine is never behind one.

    Raises:
        ConfigError: The variable's text is no proxy's address. It is never repeated: it may hold a
            password.
    """
    if origin.is_loopback:
        return None
    for name in (f"{origin.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if variable in environment:
                break
        else:
            continue
        text = environment[variable].strip()
        if not text:  # says that there is none, as in curl
            continue
        if is_exempt(origin, environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
            return None
        return parse_proxy(variable, text)
    return None


def parse_proxy(variable: str, text: str) -> Proxy:
    """Read a proxy's address: ``[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]``.

    User and password may hold any character, in percent signs or as it is.

    Raises:
        ConfigError: See `find_proxy`.
    """
    scheme, slashes, rest = text.partition("://")
    if not slashes:
        scheme, rest = "http", text
    kind = _KINDS.get(scheme.lower())
    if kind is None:
        known = scheme if scheme.isalnum() and len(scheme) <= len("socks5h") else ""
        raise ConfigError(
            f"{variable} names a proxy of an unknown kind" + (f" ({known})" if known else ""),
            hint=f"write it as http://HOST:PORT or socks5://HOST:PORT, or unset {variable}",
        )
    signed_in, _, place = rest.rpartition("@")
    for end in "/?#":
        place = place.partition(end)[0]
    host, port = _split_port(place)
    if not _is_host(host) or port is None:
        raise ConfigError(
            f"{variable} is not the address of a proxy",
            hint=f"write it as http://HOST:PORT, or unset {variable}",
        )
    user, _, password = (unquote(part) for part in signed_in.partition(":"))
    if not _is_utf8(user + password):
        raise ConfigError(
            f"{variable} holds a user name or a password that is not UTF-8",
            hint=f"write it in UTF-8, or unset {variable}",
        )
    shown = f"[{host}]" if ":" in host else host
    place = f"{shown}:{port or kind[1]}"
    return Proxy(variable, f"{kind[0]}://{place}", place, user, Secret(password))


def is_exempt(origin: Origin, no_proxy: str) -> bool:
    """Tell whether NO_PROXY names an address: by name, domain, IP address or network.

    What makes no sense in it is passed over.
    """
    entries = no_proxy.replace(",", " ").split()
    return any(entry == "*" or _names(entry, origin) for entry in entries)


def _names(entry: str, origin: Origin) -> bool:
    entry = entry.rpartition("://")[2].lower()
    host = origin.host.rstrip(".")
    address = _find_ip(host)
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, port = _split_port(entry)
    if port is None or port not in (0, origin.port):
        return False
    if address is not None:
        return _find_ip(name) == address
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(text: str) -> tuple[str, int | None]:
    """Return host and port; the port is 0 where none is given, and None where it is no number."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        whole = closed and ":" in host and (rest.startswith(":") or not rest)
        port = rest.removeprefix(":") if whole else "?"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if not port:
        return host, 0
    good = port.isascii() and port.isdecimal() and len(port) <= len(str(_LARGEST_PORT))
    return host, int(port) if good and 0 < int(port) <= _LARGEST_PORT else None


def _is_utf8(text: str) -> bool:
    """Tell whether a variable's text was UTF-8: Python puts surrogates where it was not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_host(host: str) -> bool:
    if _find_ip(host) is not None:
        return True
    if ":" in host or not host.isprintable():
        return False
    return bool(host) and not any(char in host for char in " @[]\\<>\"'`{}|^%")


def _find_ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
