"""What is in a bucket: its objects in the order of their keys, from any key on."""

from __future__ import annotations

import heapq
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from coexplorer.demo.buckets import find_bucket, resolve_inside
from coexplorer.demo.files import Content, Tree, find_content, open_real
from coexplorer.demo.samples import file_tree
from coexplorer.demo.store import Place, Store

HIGHEST = "\U0010ffff"
"""Behind a text, it is above all that begin with the text."""


class Found(NamedTuple):
    """An object of a listing, without its content."""

    key: str
    content: Content


class Page(NamedTuple):
    """One reply of a listing.

    Attributes:
        found: The objects.
        folders: Beginnings of keys up to a delimiter, once each.
        next: What the following page begins after; empty: this is the last one.
    """

    found: list[Found]
    folders: list[str]
    next: str


class _Cluster(NamedTuple):
    """Assets whose files lie below one prefix, or below that of another one here.

    Attributes:
        base: Begins each key; it is empty or ends with a slash.
        owners: The assets, the first of which has a key that several would have.
    """

    base: str
    owners: tuple[Place, ...]


class Objects:
    """The objects of one bucket.

    Args:
        data: The server's data folder.
        folder: The bucket's folder of real files, if it has one.
        clusters: The made-up files, in the order of their prefixes, none of which begins another.
    """

    def __init__(self, data: Path, folder: Path | None, clusters: Sequence[_Cluster]) -> None:
        self._data = data
        self._folder = folder
        self._clusters = clusters
        self._bases = [cluster.base for cluster in clusters]

    def find(self, key: str) -> Content | None:
        """Return the content of an object, None when there is none."""
        if self._folder is not None and key:
            place = resolve_inside(self._folder, key)
            # A key has one spelling ("a//b" is another one), and a link is no object.
            is_own = place is not None and str(place) == f"{self._folder.resolve()}/{key}"
            if is_own and place is not None and place.is_file():
                return open_real(place)
        for cluster in self._find_clusters(key, key):
            if key.startswith(cluster.base):
                return self._open(_list_keys(cluster).get(key))
        return None

    def list_page(self, prefix: str, delimiter: str, after: str, most: int) -> Page:
        """Return the objects below a prefix, and the folders if there is a delimiter.

        Args:
            prefix: Begins each key.
            delimiter: What ends a folder's name; empty: there are no folders.
            after: All keys are above this one.
            most: How many objects and folders at most.
        """
        found, folders = list[Found](), list[str]()
        if most <= 0:
            return Page(found, folders, "")
        at: str | None = after
        while at is not None:
            begin, at = at, None
            for key, content in self._iter(prefix, delimiter, begin):
                if len(found) + len(folders) == most:
                    return Page(found, folders, begin)
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                if end >= 0:
                    folders.append(key[: end + len(delimiter)])
                    at = folders[-1] + HIGHEST
                    break
                if content is not None:
                    found.append(Found(key, content))
                begin = key
        return Page(found, folders, "")

    def _iter(
        self, prefix: str, delimiter: str, after: str
    ) -> Iterator[tuple[str, Content | None]]:
        """Yield keys above one, in order; without a content: only a folder is told of it."""
        made_up = self._iter_made_up(prefix, delimiter, after)
        if self._folder is None:
            yield from made_up
            return
        last = None
        for key, content in heapq.merge(self._iter_real(prefix, after), made_up, key=_get_key):
            if key != last:
                yield key, content
            last = key

    def _iter_real(self, prefix: str, after: str) -> Iterator[tuple[str, Content]]:
        if self._folder is None:
            return
        keys = [key for key in _walk(self._folder, prefix) if key.startswith(prefix)]
        keys.sort()
        for key in keys[bisect_right(keys, after) :]:
            yield key, open_real(self._folder / key)

    def _iter_made_up(
        self, prefix: str, delimiter: str, after: str
    ) -> Iterator[tuple[str, Content | None]]:
        for cluster in self._find_clusters(prefix, max(prefix, after)):
            base = cluster.base
            if delimiter and base > after and delimiter in base[len(prefix) :]:
                yield base, None  # the folder is known without a look at what is in it
                continue
            keys = _list_keys(cluster)
            ordered = _sort_keys(cluster)
            first = max(bisect_right(ordered, after), bisect_left(ordered, prefix))
            for key in ordered[first:]:
                if not key.startswith(prefix):
                    break
                if (content := self._open(keys[key])) is not None:
                    yield key, content

    def _find_clusters(self, prefix: str, least: str) -> Iterator[_Cluster]:
        """Yield the clusters with keys that begin with a prefix, from that of a key on."""
        first = max(0, bisect_right(self._bases, least) - 1)
        for cluster in self._clusters[first:]:
            if cluster.base.startswith(prefix) or prefix.startswith(cluster.base):
                yield cluster
            elif cluster.base > prefix:
                return

    def _open(self, where: tuple[Place, str] | None) -> Content | None:
        if where is None:
            return None
        place, path = where
        return find_content(Tree(place.id, None, place.created), self._data, path)


class ObjectIndex:
    """The buckets, with what external assets put into them.

    Args:
        data: The server's data folder.
        store: The assets; asked again when it has changed.
    """

    def __init__(self, data: Path, store: Store) -> None:
        self._data = data
        self._store = store
        self._version = -1
        self._clusters: dict[str, list[_Cluster]] = {}

    def list_buckets(self) -> list[str]:
        """Return the names of all buckets, sorted."""
        self._look()
        real = {path.name for path in (self._data / "buckets").iterdir()}
        known = {name for name in real if find_bucket(self._data, name) is not None}
        return sorted(known | self._clusters.keys())

    def find(self, bucket: str) -> Objects | None:
        """Return what is in a bucket, None when there is none of this name."""
        self._look()
        folder, clusters = find_bucket(self._data, bucket), self._clusters.get(bucket)
        if folder is None and clusters is None:
            return None
        return Objects(self._data, folder, clusters or ())

    def _look(self) -> None:
        version = self._store.external_version
        if version == self._version:
            return
        by_bucket: dict[str, list[Place]] = {}
        for place in self._store.external_places():
            by_bucket.setdefault(place.source.bucket, []).append(place)
        self._clusters = {name: _cluster(places) for name, places in by_bucket.items()}
        self._version = version


def _cluster(places: Iterable[Place]) -> list[_Cluster]:
    clusters = list[_Cluster]()
    for base, place in sorted(((_find_base(place), place) for place in places), key=_get_key):
        if clusters and base.startswith(clusters[-1].base):
            last = clusters[-1]
            clusters[-1] = last._replace(owners=(*last.owners, place))
        else:
            clusters.append(_Cluster(base, (place,)))
    return clusters


def _find_base(place: Place) -> str:
    prefix = place.source.prefix.strip("/")
    return f"{prefix}/" if prefix else ""


@lru_cache(maxsize=16)
def _list_keys(cluster: _Cluster) -> dict[str, tuple[Place, str]]:
    keys: dict[str, tuple[Place, str]] = {}
    for place in cluster.owners:
        base = _find_base(place)
        for path, _ in file_tree(place.id):
            keys.setdefault(base + path, (place, path))
    return keys


@lru_cache(maxsize=16)
def _sort_keys(cluster: _Cluster) -> list[str]:
    return sorted(_list_keys(cluster))


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    """Yield the keys of the real files below the folder that a prefix names; links are none."""
    start = resolve_inside(folder, prefix.rpartition("/")[0])
    if start is None:
        return
    for at, _, names in os.walk(start):
        for name in names:
            place = Path(at, name)
            key = os.fspath(place.relative_to(folder.resolve()))
            if place.is_symlink() or not place.is_file() or not _is_text(key):
                continue
            yield key


def _is_text(name: str) -> bool:
    """Tell whether a name is UTF-8, as every key is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _get_key(pair: tuple[str, object]) -> str:
    return pair[0]
