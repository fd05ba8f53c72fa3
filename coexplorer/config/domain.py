"""What people call their platform → its address (pure)."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from coexplorer.errors import ConfigError

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# Tokens begin like this. None is ever looked up as a host, because name servers see what is asked.
_TOKEN = re.compile(r"(?:^|[^a-z0-9])cop_|cop_[a-z0-9]{16}", re.IGNORECASE)
_HINT = "give a name (acme), a host (codeocean.acme.com) or a URL (https://codeocean.acme.com)"


def is_token(text: str) -> bool:
    """Tell whether a text holds an access token, as it begins on Code Ocean."""
    return _TOKEN.search(text) is not None


class Address(NamedTuple):
    """A platform's address.

    Attributes:
        base_url: Scheme, host and port, without a final slash: ``https://codeocean.acme.com``.
        domain: Host, and the port where it is not the scheme's own.
    """

    base_url: str
    domain: str


def parse_domain(text: str) -> Address:
    """Understand a bare name, a host (with or without port) or any URL of a platform.

    A bare name is completed to ``NAME.codeocean.com`` (design: api.md). Loopback hosts speak
    plain HTTP unless a URL says otherwise; all others must speak HTTPS.

    Raises:
        ConfigError: It is not one of these, holds a user, password or token, or is plain HTTP
            elsewhere.
    """
    stripped = text.strip()
    if is_token(stripped):
        # Not echoed either: the screen may be shared.
        raise ConfigError("that is an access token, not the address of a platform", hint=_HINT)
    scheme, host, port = _split(stripped)
    if "." not in host and host != "localhost" and not _is_ip(host):
        host += ".codeocean.com"
    loopback = is_loopback(host)
    scheme = scheme or ("http" if loopback else "https")
    shown = f"[{host}]" if ":" in host else host
    if scheme == "http" and not loopback:
        raise ConfigError(
            f"{stripped} is plain HTTP, and a token must not cross the network unencrypted",
            hint=f"use https://{shown}" + (f":{port}" if port not in {None, 80, 443} else ""),
        )
    default_port = 80 if scheme == "http" else 443
    domain = shown if port in (None, default_port) else f"{shown}:{port}"
    return Address(f"{scheme}://{domain}", domain)


def name_profile(address: Address) -> str:
    """Return what a profile is called that nobody has named: the first part of its host (pure).

    An address of numbers, and this machine, have no such part, so the whole is taken.
    """
    host = (urlsplit(address.base_url).hostname or "").rstrip(".")
    if host == "localhost" or is_loopback(host):
        port = urlsplit(address.base_url).port
        return f"localhost-{port}" if port else "localhost"
    first, _, _ = host.partition(".")
    is_number = ":" in host or host.replace(".", "").isdigit()
    name = host.replace(":", "-").strip("-") if is_number else first
    return f"ip{name}" if not name[:1].isalnum() else name


def is_loopback(host: str) -> bool:
    """Tell whether a host (without port) is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _split(text: str) -> tuple[str, str, int | None]:
    """Return scheme (empty when not given), host and port."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise ConfigError("that is not the address of a platform", hint=_HINT) from None
    if parts.username is not None or parts.password is not None:
        # Not echoed: people paste URLs with their token in them.
        raise ConfigError("a platform's address can't contain a user or a password", hint=_HINT)
    if parts.scheme not in {"", "http", "https"} or not (_HOST.fullmatch(host) or _is_ip(host)):
        raise ConfigError(f"{text!r} is not the address of a platform", hint=_HINT)
    return parts.scheme, host, port


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
