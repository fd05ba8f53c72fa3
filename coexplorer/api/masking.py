"""Takes out of texts what works like a key: tokens, keys, parameters of signed addresses. Pure."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

_MASK: Final = "…"
_SHORTEST: Final = 8
"""A shorter value opens nothing, and may be a word of the sentence."""

_QUERY: Final = re.compile(r"(\?|%3[Ff])[\w.~%-]+(?:=|%3[Dd])[^\s\"'<>]*")
_PARAMETER: Final = re.compile(
    r"\b((?:x-(?:amz|goog|ms)-[\w-]+|signature|sig|awsaccesskeyid|key-pair-id|policy|credential"
    r"|security-token)(?:=|%3d))[^\s\"'<>]+",
    re.IGNORECASE,
)


def mask_queries(text: str) -> str:
    """Return a text without the parameters of the addresses in it, whole or quoted in part."""
    return _PARAMETER.sub(rf"\1{_MASK}", _QUERY.sub(rf"\1{_MASK}", text))


def mask_secrets(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return a reply without secrets of the request: whoever answers may repeat one.

    Args:
        body: The reply.
        secrets: As they are; found as they stand in JSON, in an address, in a page, and in the
            header that they are sent in, too. Shorter ones than 8 characters are left: they open
            nothing, and half of a sentence would be gone.
    """
    found: set[str] = set()
    given = [each for each in secrets if len(each) >= _SHORTEST]
    # Who cuts the prefix off a token (``cop_…``) has the part that matters.
    bare = (each.partition("_")[2] for each in given)
    for secret in [*given, *(each for each in bare if len(each) >= _SHORTEST)]:
        header = b64encode(f"{secret}:".encode("utf-8", "surrogatepass")).decode()
        spelled = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        found |= {secret, header, *spelled, *_spell_in_address(secret)}
        # A key may have lines, and be repeated without their ends.
        found |= {line for line in secret.splitlines() if len(line) >= _SHORTEST}
    for text in sorted(found, key=len, reverse=True):
        body = body.replace(text.encode("utf-8", "surrogatepass"), b"...")
    return body


def _spell_in_address(value: str) -> set[str]:
    exact = value.encode("utf-8", "surrogatepass")
    return {quote(exact, safe=""), quote_plus(exact), escape(value)}


def mask_addresses(body: bytes, addresses: Iterable[str]) -> bytes:
    """Return a reply without what stands in the parameters of addresses that were asked.

    Args:
        body: The reply.
        addresses: Which they were; whoever answers may repeat a part of one in any spelling.
    """
    found: set[str] = set()
    for address in addresses:
        query = urlsplit(address).query
        for raw in {query, *(part.partition("=")[2] for part in query.split("&"))}:
            for value in (raw, unquote(raw), unquote_plus(raw)):
                found |= {value, *_spell_in_address(value)}
    for text in sorted(found, key=len, reverse=True):
        if len(text) >= _SHORTEST:
            body = body.replace(text.encode("utf-8", "surrogatepass"), _MASK.encode())
    return body
