"""A platform and a token, told apart wherever they were typed or pasted. Pure.

People copy the two together, on two lines, and paste them into the first field there is, or each
into the other's. A token must not stand where it is shown, and must be sent nowhere but to the
platform that it is for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from coexplorer.config.domain import Address, is_token, parse_domain
from coexplorer.errors import ConfigError
from coexplorer.written import unwrap, unwrap_token

_SHORTEST_TOKEN = 16
"""Characters from which a second word that is no address may be a token of another form."""
_TOKEN = re.compile(r"cop_\S*", re.IGNORECASE)
_GLUED = re.compile(r"(?<=[^\s=\"'])(?=cop_|https?://)", re.IGNORECASE)
"""Where one was put in right behind another."""
_ADDRESS = re.compile(
    r"https?://\S+|localhost(:\d+)?|(?=.{4,99}$)([a-z0-9-]+\.)+[a-z]{2,15}(:\d+)?/?"
)


class Given(NamedTuple):
    """What stands in a field, each empty where there is none.

    Attributes:
        platform: A name, a host or an address.
        token: An access token.
    """

    platform: str = ""
    token: str = ""


def find_given(text: str) -> Given:
    """Return what a text surely is: a platform, a token or both, in any order, with words around.

    Both are empty where it is neither: that is for the field that it was put into.
    """
    words = _split(text)
    tokens = [word for word in words if is_token(word)]
    addresses = [word for word in words if is_address(word)]
    if len(words) == len(Given._fields) and (tokens or addresses):
        given = read_platform(text)
        if given.token:
            return given
    # The last of them: what stands behind another was put in later.
    return Given(addresses[-1] if addresses else "", tokens[-1] if tokens else "")


def find_tokens(text: str) -> list[tuple[int, int]]:
    """Return where tokens stand in a text, each as its begin and its end."""
    return [found.span() for found in _TOKEN.finditer(text)]


def is_address(text: str) -> bool:
    """Tell whether a text is surely a platform's address, and no token."""
    return not is_token(text) and _ADDRESS.fullmatch(unwrap(text)) is not None


def read_platform(text: str) -> Given:
    """Return what was put into the field of the platform."""
    words = _split(text)
    if words and all(map(is_token, words)):
        return Given(token=words[-1])
    if len(words) > 1 and all(map(is_address, words)):
        return Given(platform=words[-1])
    platform, token = _pair(words)
    surely = is_token(token) or (len(token) >= _SHORTEST_TOKEN and not is_address(token))
    return Given(platform, token) if platform and surely else Given(platform=unwrap(text))


def read_token(text: str) -> Given:
    """Return what was put into the field of the token."""
    words = _split(text)
    if len(words) == 1 and is_address(words[0]):
        return Given(platform=words[0])
    platform, token = _pair(words)
    surely = platform and (is_token(token) or is_address(platform))
    return Given(platform, token) if surely else Given(token=unwrap_token(text))


def find_fault(given: Given, address: Address) -> str:
    """Return why what was put into the field of the token is not sent; empty: nothing is wrong.

    Args:
        given: See `read_token`.
        address: Where it would go.
    """
    if given.platform and not _is_same(given.platform, address):
        return (
            f"this signs in to {address.domain}, and {given.platform} is another platform:"
            " nothing was sent"
            if given.token
            else "that is the address of a platform, not an access token: nothing was sent"
        )
    if not given.token:
        return "put in the access token first: it begins with cop_"
    return ""


def _is_same(platform: str, address: Address) -> bool:
    try:
        return parse_domain(platform).domain == address.domain
    except ConfigError:
        return False


def _split(text: str) -> list[str]:
    """Return the words, without what a shell file has around them."""
    return [
        unwrap_token(word) for word in _GLUED.sub(" ", unwrap(text)).split() if word != "export"
    ]


def _pair(words: list[str]) -> Given:
    """Return which of two words is which."""
    if len(words) != len(Given._fields):
        return Given()
    first, second = words
    turned = is_token(first) or (is_address(second) and not is_address(first))
    return Given(second, first) if turned else Given(first, second)
