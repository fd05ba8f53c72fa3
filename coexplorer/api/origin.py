"""Where a token may go: to one origin, over HTTPS unless it is this machine (design: api.md)."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import msgspec

from coexplorer.errors import ConfigError


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port of an address, which together decide who is spoken to."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Tell whether it is this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def may_be_loopback(self) -> bool:
        """Tell whether a connection there could end on this machine, however it is written.

        ``127.1``, ``2130706433`` and ``0x7f.0.0.1`` are 127.0.0.1 to the operating system.
        """
        host = self.host.rstrip(".")
        if self.is_loopback or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            try:
                address = ip_address(socket.inet_aton(host))
            except (OSError, UnicodeError):
                return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address.is_loopback or address.is_unspecified

    def is_below(self, other: Origin) -> bool:
        """Tell whether its host is one of another's: ``bucket.storage.lab`` of ``storage.lab``."""
        ends_so = self.host.endswith(f".{other.host}")
        return ends_so and (self.scheme, self.port) == (other.scheme, other.port)

    @property
    def is_private_enough(self) -> bool:
        """Tell whether what is sent there can't be read on the way."""
        return self.scheme == "https" or (self.scheme == "http" and self.is_loopback)


def parse_origin(url: str) -> Origin:
    """Read the origin of an absolute address.

    Raises:
        ValueError: It is none, or not one of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no address of the web")
    return Origin(
        parts.scheme,
        parts.hostname.lower(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def find_origin(url: str) -> Origin | None:
    """Return the origin of an address from elsewhere, or None when it is not one of HTTP."""
    try:
        return parse_origin(url)
    except ValueError:
        return None


def parse_base_url(url: str) -> str:
    """Return where the API's paths start, with a slash at the end.

    Args:
        url: A deployment's address, with or without ``/api/v1``.

    Raises:
        ConfigError: No address, one that would send the token in clear text, or one that holds a
            password.
    """
    try:
        origin = parse_origin(url)
    except ValueError:
        raise ConfigError(
            "the platform's address is not a web address",
            hint="give the domain as in https://codeocean.example.org",
        ) from None
    parts = urlsplit(url)
    if parts.username is not None:
        raise ConfigError(
            "the platform's address holds a user name or password",
            hint="leave it out; sign in with a token: `coexplorer login`",
        )
    if not origin.is_private_enough:
        raise ConfigError(
            f"{origin.host} needs HTTPS, because otherwise anybody could read the token",
            hint=f"use https://{origin.host}",
        )
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return base + "/" if base.endswith("/api/v1") else base + "/api/v1/"
