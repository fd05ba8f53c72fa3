"""Buckets of the embedded S3: folders of real files, public or with keys.

A bucket is the folder ``buckets/<name>`` of the server's data folder; a private one has a file
``buckets/.keys/<name>`` with lines ``ACCESS_KEY_ID:SECRET_ACCESS_KEY``. Likewise
``buckets/.region/<name>`` names its region, ``buckets/.archived/<name>`` the prefixes of what lies
in an archive, a line each, and where there is a ``buckets/.requester-pays/<name>``, who reads pays.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from coexplorer.demo.samples import file_bytes, file_tree

REGION = "us-east-1"
"""Where buckets are that say nothing else."""

_KEYS, _REGION, _ARCHIVED, _REQUESTER_PAYS = ".keys", ".region", ".archived", ".requester-pays"

SAMPLE_KEYS = ("AKIADEMO", "demo-secret")
"""Access key id and secret of `SAMPLE_PRIVATE`."""

SAMPLE_PUBLIC = "institute-open-data"
SAMPLE_PRIVATE = "institute-private-data"
INPUT_BUCKET = "institute-input"
"""The deployment's own, which administrators may name without its name."""

SAMPLE_PREFIX = "sessions/ecephys_700708_2024-05-14_10-03-22"
"""Where both of the sample buckets have files."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SAMPLE_ID = "5e551011-0000-4000-8000-000000000000"
_LARGEST_SAMPLE_BYTES = 300_000


def make_bucket(
    data: Path,
    name: str,
    *,
    keys: tuple[str, str] | None = None,
    region: str = "",
    archived: Sequence[str] = (),
    requester_pays: bool = False,
) -> Path:
    """Make a bucket, if it is not there, and return its folder.

    Args:
        data: The server's data folder.
        name: As S3 allows it: 3 to 63 small letters, digits, dots and hyphens.
        keys: Access key id and secret access key; a bucket without them is public.
        region: Empty: `REGION`.
        archived: Prefixes of what lies in an archive, and can't be read before it is restored.
        requester_pays: Who reads it has to say that they pay.

    Raises:
        ValueError: S3 does not allow the name.
    """
    if not _is_bucket_name(name):
        raise ValueError(f"{name!r} is not a bucket name")
    folder = data / "buckets" / name
    folder.mkdir(mode=0o700, exist_ok=True)
    told = {
        _KEYS: ":".join(keys) if keys else "",
        _REGION: region,
        _ARCHIVED: "\n".join(archived),
        _REQUESTER_PAYS: "yes" if requester_pays else "",
    }
    for kind, text in told.items():
        if text:
            file = data / "buckets" / kind / name
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(f"{text}\n")
    return folder


def ensure_sample_buckets(data: Path) -> None:
    """Make a public and a private bucket with a few small files to create assets from."""
    for name, keys in ((SAMPLE_PUBLIC, None), (SAMPLE_PRIVATE, SAMPLE_KEYS)):
        folder = make_bucket(data, name, keys=keys) / SAMPLE_PREFIX
        for path, size in file_tree(_SAMPLE_ID):
            file = folder / path
            if size <= _LARGEST_SAMPLE_BYTES and not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(file_bytes(_SAMPLE_ID, path))


def find_bucket(data: Path, name: str) -> Path | None:
    """Return the folder of a bucket, or None if there is none of this name."""
    folder = data / "buckets" / name
    return folder if _is_bucket_name(name) and folder.is_dir() else None


def find_region(data: Path, name: str) -> str:
    """Return the region of a bucket."""
    return "".join(_read_lines(data, _REGION, name)) or REGION


def list_archived(data: Path, name: str) -> tuple[str, ...]:
    """Return the prefixes of a bucket's objects that lie in an archive."""
    return tuple(_read_lines(data, _ARCHIVED, name))


def is_archived(data: Path, name: str, key: str) -> bool:
    """Tell whether an object lies in an archive."""
    return key.startswith(list_archived(data, name))


def wants_payer(data: Path, name: str) -> bool:
    """Tell whether who reads a bucket pays for it, and has to say so."""
    return bool(_read_lines(data, _REQUESTER_PAYS, name))


def find_secret(data: Path, key_id: str) -> str | None:
    """Return the secret that goes with an access key id of any bucket; None: it is unknown."""
    for file in sorted((data / "buckets" / _KEYS).iterdir()):
        for line in _read_lines(data, _KEYS, file.name):
            known, _, secret = line.partition(":")
            if hmac.compare_digest(known.encode(), key_id.encode()):
                return secret
    return None


def has_key_id(data: Path, name: str, key_id: str) -> bool:
    """Tell whether an access key id is one of a private bucket's."""
    return key_id in {line.partition(":")[0] for line in _read_lines(data, _KEYS, name)}


def _read_lines(data: Path, kind: str, name: str) -> list[str]:
    file = data / "buckets" / kind / name
    if not _is_bucket_name(name) or not file.is_file():
        return []
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def is_private(data: Path, name: str) -> bool:
    """Tell whether a bucket wants keys."""
    return (data / "buckets" / _KEYS / name).exists()


def keys_open(data: Path, name: str, key_id: str, secret: str) -> bool:
    """Tell whether keys open a private bucket."""
    given = f"{key_id}:{secret}".encode()
    lines = (data / "buckets" / _KEYS / name).read_bytes().splitlines()
    return any(hmac.compare_digest(given, line.strip()) for line in lines)


def resolve_inside(root: Path, path: str) -> Path | None:
    """Return the place of a relative path below a folder, or None when it leads out of it."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\0" in path:
        return None
    place = root.joinpath(*parts)
    try:
        place = place.resolve()
        place.stat()
    except FileNotFoundError:
        pass
    except OSError:  # a name that is too long, say
        return None
    return place if place.is_relative_to(root.resolve()) else None


def _is_bucket_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and ".." not in name
