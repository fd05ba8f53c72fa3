"""Buckets of the embedded S3: folders of real files, public or with keys.

A bucket is the folder ``buckets/<name>`` of the server's data folder; a private one has a file
``buckets/.keys/<name>`` with lines ``ACCESS_KEY_ID:SECRET_ACCESS_KEY``.
"""

from __future__ import annotations

import hmac
import re
from pathlib import Path, PurePosixPath

from coexplorer.demo.samples import file_bytes, file_tree

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


def make_bucket(data: Path, name: str, *, keys: tuple[str, str] | None = None) -> Path:
    """Make a bucket, if it is not there, and return its folder.

    Args:
        data: The server's data folder.
        name: As S3 allows it: 3 to 63 small letters, digits, dots and hyphens.
        keys: Access key id and secret access key; a bucket without them is public.

    Raises:
        ValueError: S3 does not allow the name.
    """
    if not _is_bucket_name(name):
        raise ValueError(f"{name!r} is not a bucket name")
    folder = data / "buckets" / name
    folder.mkdir(mode=0o700, exist_ok=True)
    if keys is not None:
        file = data / "buckets" / ".keys" / name
        file.touch(mode=0o600)
        file.write_text(":".join(keys) + "\n")
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


def is_private(data: Path, name: str) -> bool:
    """Tell whether a bucket wants keys."""
    return (data / "buckets" / ".keys" / name).exists()


def keys_open(data: Path, name: str, key_id: str, secret: str) -> bool:
    """Tell whether keys open a private bucket."""
    given = f"{key_id}:{secret}".encode()
    lines = (data / "buckets" / ".keys" / name).read_bytes().splitlines()
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
