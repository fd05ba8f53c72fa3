"""What the environment says of a platform, a token and a workstation, by the usual names. Pure.

Capsules have the token as a secret: the user's guide calls it ``API_SECRET``, its examples
``CUSTOM_KEY``; scripts call it ``CO_TOKEN``, and the platform ``CO_DOMAIN``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from coexplorer.config.domain import parse_domain
from coexplorer.errors import ConfigError
from coexplorer.models import Secret

DOMAINS: Final = ("CODEOCEAN_DOMAIN", "CO_DOMAIN")
TOKENS: Final = ("CODEOCEAN_TOKEN", "CO_TOKEN", "API_SECRET", "CUSTOM_KEY")
"""The first one that is set counts."""

SESSION: Final = "CO_COMPUTATION_ID"
"""What a cloud workstation, and any other run, has its own id in."""

_ANYBODYS: Final = ("API_SECRET", "CUSTOM_KEY")
"""Other services have these, too: only what looks like a token of a platform goes to one."""

_BEGINNING: Final = "cop_"


class Credentials(msgspec.Struct, frozen=True):
    """A platform and a token for it.

    Attributes:
        domain: As it is given: a name, host or URL.
        domain_from: The variable.
        token_from: The variable.
    """

    domain: str
    token: Secret
    domain_from: str
    token_from: str


def find_credentials(env: Mapping[str, str]) -> Credentials | None:
    """Return what the environment signs in to, and how; None if a platform or a token is missing.

    ``CODEOCEAN_DOMAIN`` and ``CODEOCEAN_TOKEN`` belong together, as do ``CO_DOMAIN`` and
    ``CO_TOKEN``; any other token is for the one platform that is named.

    Raises:
        ConfigError: Two platforms are named, and which of them the token is for is not clear.
    """
    for pair in zip(DOMAINS, TOKENS[: len(DOMAINS)], strict=True):
        if all(env.get(name) for name in pair):
            return _build(env, *pair)
    domains = [name for name in DOMAINS if env.get(name)]
    token = next((name for name in TOKENS if _is_token(env, name)), None)
    if token is None or not domains:
        return None
    if len({parse_domain(env[name]) for name in domains}) > 1:
        raise ConfigError(
            f"{' and '.join(domains)} name different platforms, and {token} is for one of them",
            hint=f"unset one of them, or name a profile: {domains[0]} goes with"
            f" {TOKENS[0]}, {domains[1]} with {TOKENS[1]}",
        )
    return _build(env, domains[0], token)


def find_session(env: Mapping[str, str]) -> str:
    """Return the id of the computation that a program runs in; empty: it runs in none."""
    return env.get(SESSION, "").strip()


def explain_missing(env: Mapping[str, str]) -> str:
    """Say what the environment lacks to sign in with, if it has a part of it; empty: it has none.

    A platform alone is nothing to tell of: it chooses a profile.
    """
    token = next((name for name in TOKENS if _is_token(env, name)), None)
    has_domain = any(env.get(name) for name in DOMAINS)
    if token is not None:
        return "" if has_domain else f"{token} is set, but not {DOMAINS[0]}, its platform"
    other = next((name for name in _ANYBODYS if env.get(name, "").strip()), None)
    if other is None or not has_domain:
        return ""
    return f"{other} is set, but does not begin with {_BEGINNING}, so it is no token of a platform"


def _build(env: Mapping[str, str], domain: str, token: str) -> Credentials:
    return Credentials(env[domain], Secret(env[token]), domain, token)


def _is_token(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").strip()
    return bool(text) and (name not in _ANYBODYS or text.startswith(_BEGINNING))
