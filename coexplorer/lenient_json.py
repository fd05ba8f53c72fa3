"""JSON as platforms really send it: read leniently, and sent back as it came. Pure."""

from __future__ import annotations

import codecs
import re
from typing import Final, cast

import msgspec

_ESCAPED: Final = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")

_STAND_IN: Final = "\udc01"
"""Begins the pair of surrogates that stands for a byte which is no UTF-8. No text has such a pair,
not even a broken one: the half of a character that is cut off stands alone."""

_BYTE: Final = re.compile(_STAND_IN + "([\udc80-\udcff])")
_ENCODED_BYTE: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\udc01\\udc([89a-f][0-9a-f])")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode what is no UTF-8 to what stands for it: it may have to go back as it came."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return "".join(f"{_STAND_IN}{chr(0xDC00 + byte)}" for byte in broken), error.end


codecs.register_error("coexplorer.keep", _keep_bytes)


def decode_exactly(raw: bytes) -> object:
    """Decode like `decode_json`, but keep surrogates that stand alone: see `escape_surrogates`.

    Raises:
        ValueError: Not JSON, or nested too deeply.
    """
    try:
        return cast("object", msgspec.json.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return decode_loosely(raw)


def escape_surrogates(text: str) -> str:
    r"""Return text that UTF-8 can hold: a surrogate that stands alone becomes ``\udc80``."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return paired.encode("utf-8", "backslashreplace").decode()


def unescape_surrogates(text: str) -> str:
    """Return what `escape_surrogates` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def decode_json(raw: bytes) -> object:
    r"""Decode JSON, including what strict decoders refuse but platforms have sent.

    Invalid UTF-8 and lone surrogates become U+FFFD; numbers that are not numbers (NaN) become None.

    Raises:
        ValueError: Not JSON, or nested too deeply.
    """
    try:
        return cast("object", msgspec.json.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(raw)


def encode_exactly(obj: object) -> bytes:
    """Encode what is sent back as it came: what is no UTF-8 too, and lone surrogates, escaped.

    Raises:
        ValueError: It holds something that JSON can't say.
    """
    try:
        return msgspec.json.encode(obj)
    except UnicodeEncodeError:
        import json  # noqa: PLC0415 # as below

        text = json.dumps(obj, allow_nan=False, separators=(",", ":")).encode()
        return _ENCODED_BYTE.sub(lambda found: found[1] + bytes([int(found[2], 16)]), text)


def encode_text(text: str) -> bytes:
    """Encode a text as it came: with bytes that are no UTF-8, and surrogates that stand alone."""
    pieces = _BYTE.split(text)
    return b"".join(
        bytes([ord(piece) - 0xDC00]) if at % 2 else piece.encode("utf-8", "surrogatepass")
        for at, piece in enumerate(pieces)
    )


def has_broken_bytes(value: object) -> bool:
    """Tell whether a text that came holds bytes that are no UTF-8."""
    return isinstance(value, str) and _BYTE.search(value) is not None


def encode_json(obj: object) -> bytes:
    """Encode anything that `decode_json` or the standard library returns, compactly.

    Raises:
        ValueError: It holds something that JSON can't say, or is nested too deeply.
    """
    try:
        try:
            return msgspec.json.encode(obj)
        except UnicodeEncodeError:
            return msgspec.json.encode(clean_value(obj))
    except (msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise ValueError("a value that JSON can't say") from error


def _decode_leniently(raw: bytes) -> object:
    return clean_value(decode_loosely(raw))


def decode_loosely(raw: bytes) -> object:
    """Decode what no strict decoder takes, with what no text can hold: see `encode_exactly`.

    Raises:
        ValueError: Not JSON, or nested too deeply.
    """
    import json  # noqa: PLC0415 # needed once in a blue moon, and this module is imported everywhere

    text = raw.decode("utf-8-sig", "coexplorer.keep")
    try:
        return cast(
            "object",
            json.loads(text, strict=False, parse_int=_parse_int, parse_constant=lambda _: None),
        )
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def _parse_int(digits: str) -> int | float:
    # Python refuses to read integers of thousands of digits; as a float they are merely infinite.
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def clean_value(value: object) -> object:
    """Return a value without what strict JSON can't hold: lone surrogates, infinities and NaN."""
    match value:
        case str():
            value = _BYTE.sub("\N{REPLACEMENT CHARACTER}", value)
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case float():
            return value if value - value == 0 else None  # infinities and NaN
        case dict():
            return {str(clean_value(key)): clean_value(item) for key, item in value.items()}
        case list():
            return [clean_value(item) for item in value]
        case _:
            return value
