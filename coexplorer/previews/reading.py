"""The process that `coexplorer.previews.helper` starts: it reads one file, tells, and ends.

It asks for bytes on its standard output and gets them on its standard input. Datasets are not read,
only what describes them; no link leads it to another file.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO, Final

import msgspec

from coexplorer.previews.helper import MOST_READ, FoundInside
from coexplorer.previews.kinds import FileKind
from coexplorer.previews.shapes import PicturePreview, TreeLine, TreePreview
from coexplorer.text import plural, size_text

_MOST_MEMORY: Final = 1024**3
_MOST_CPU_S: Final = 20
_MOST_NODES: Final = 5_000
_MOST_ATTRIBUTES: Final = 12
_MOST_PIXELS: Final = 64_000_000
PICTURE_PIXELS: Final = 320
"""Width and height at most of what a picture is made into; a terminal shows fewer."""
_LONGEST: Final = 200
TIMES: Final = " \N{MULTIPLICATION SIGN} "
_ASKS: Final = struct.Struct("<cQI")
_LENGTH: Final = struct.Struct("<I")
_BUFFER_BYTES: Final = 65_536


class _TooLargeError(Exception):
    """Nothing is wrong with the file, but it is too large for this."""


class AskedFile(io.RawIOBase):
    """A file whose bytes the other process has.

    Args:
        size: In bytes.
        asks: Where questions go.
        answers: Where bytes come from.
    """

    def __init__(self, size: int, asks: BinaryIO, answers: BinaryIO) -> None:
        super().__init__()
        self._size = size
        self._asks = asks
        self._answers = answers
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Any part of it can be."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Choose where the next read begins."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Ask for bytes."""
        view = memoryview(buffer).cast("B")
        length = min(len(view), MOST_READ, max(0, self._size - self._at))
        if not length:
            return 0
        self._asks.write(_ASKS.pack(b"R", self._at, length))
        self._asks.flush()
        head = self._answers.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise SystemExit(1)
        data = self._answers.read(_LENGTH.unpack(head)[0])
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def main(kind: str, size: int) -> None:
    """Read one file and tell."""
    asks, answers = sys.stdout.buffer, sys.stdin.buffer
    read = _READERS[FileKind(kind)]
    file = io.BufferedReader(AskedFile(size, asks, answers), _BUFFER_BYTES)
    try:
        answer = FoundInside(read(file))
    except MemoryError:
        answer = FoundInside(
            fault=f"it takes more than {size_text(_MOST_MEMORY)} of memory to read it"
        )
    except _TooLargeError as error:
        answer = FoundInside(fault=str(error))
    except Exception as error:  # noqa: BLE001 # whatever a library raises over a damaged file
        lines = str(error).strip().splitlines()
        answer = FoundInside(
            fault=f"damaged: {lines[0][:_LONGEST] if lines else type(error).__name__}"
        )
    data = msgspec.msgpack.encode(answer)
    asks.write(_ASKS.pack(b"A", 0, len(data)) + data)
    asks.flush()
    os._exit(0)  # nothing that a library would still do over a damaged file


def _bound() -> None:
    """Take what hostile files could use; libraries are loaded by now."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU_S, _MOST_CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))


class _Tree:
    """Nodes as they come, from top to bottom."""

    def __init__(self) -> None:
        self.nodes: list[TreeLine] = []

    def add(self, depth: int, label: str, value: str) -> TreeLine:
        node = TreeLine(depth, label[:_LONGEST], value[:_LONGEST], len(self.nodes) + 1)
        self.nodes.append(node)
        return node

    def close(self) -> None:
        """Say of each node where what is in it ends."""
        open_nodes: list[TreeLine] = []
        for place, node in enumerate(self.nodes):
            while open_nodes and open_nodes[-1].depth >= node.depth:
                open_nodes.pop().stop = place
            open_nodes.append(node)
        for node in open_nodes:
            node.stop = len(self.nodes)


def _read_hdf5(file: BinaryIO) -> TreePreview:
    import h5py  # noqa: PLC0415 - only where it is needed

    _bound()
    tree = _Tree()
    groups = datasets = 0
    seen: set[int] = set()
    is_cut = False
    with h5py.File(file, "r") as root:
        _add_attributes(tree, 0, root)
        waiting: list[tuple[int, Any, str]] = [(0, root, name) for name in reversed(list(root))]
        while waiting:
            depth, group, name = waiting.pop()
            if len(tree.nodes) >= _MOST_NODES:
                is_cut = True
                break
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                tree.add(depth, name, f"→ {_describe_link(link)}")
                continue
            try:
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if isinstance(item, h5py.Dataset):
                    datasets += 1
                    tree.add(depth, name, _describe_dataset(item))
                elif isinstance(item, h5py.Group):
                    groups += 1
                    if address in seen:
                        tree.add(depth, name, "the same group again")
                        continue
                    seen.add(address)
                    names = list(item)
                    tree.add(depth, f"{name}/", plural(len(names), "object"))
                    waiting += [(depth + 1, item, each) for each in reversed(names)]
                else:
                    tree.add(depth, name, "a named type")
                _add_attributes(tree, depth + 1, item)
            except (KeyError, OSError, RuntimeError, ValueError) as error:
                first = str(error).splitlines()
                tree.add(depth, name, f"damaged: {first[0] if first else type(error).__name__}")
    tree.close()
    title = f"HDF5, {plural(groups, 'group')}, {plural(datasets, 'dataset')}"
    note = f"the first {_MOST_NODES:,} objects and attributes" if is_cut else ""
    return TreePreview(title=title, note=note, nodes=tree.nodes)


def _describe_link(link: Any) -> str:
    outside = getattr(link, "filename", "")
    return f"{outside}: {link.path}" if outside else str(link.path)


def _describe_dataset(item: Any) -> str:
    shape = TIMES.join(f"{each:,}" for each in item.shape or ()) or "one value"
    parts = [f"{item.dtype} {shape}"]
    if item.shape:
        parts.append(size_text(int(item.size) * int(item.dtype.itemsize)))
    if item.compression:
        parts.append(str(item.compression))
    return ", ".join(parts)


def _add_attributes(tree: _Tree, depth: int, item: Any) -> None:
    for count, name in enumerate(item.attrs):
        if count >= _MOST_ATTRIBUTES:
            tree.add(depth, "@…", f"{len(item.attrs):,} attributes")
            return
        try:
            shape = item.attrs.get_id(name).shape
            if shape and max(shape) > _MOST_ATTRIBUTES:
                value = f"an array: {TIMES.join(f'{each:,}' for each in shape)}"
            else:
                value = _show(item.attrs[name])
        except (KeyError, OSError, RuntimeError, TypeError, ValueError):
            value = "can't be read"
        tree.add(depth, f"@{name}", value)


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    listed = value.tolist() if hasattr(value, "tolist") else value
    return str(listed)


def _read_parquet(file: BinaryIO) -> TreePreview:
    import pyarrow as pa  # noqa: PLC0415 - only where it is needed
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    _bound()
    metadata = pq.read_metadata(pa.PythonFile(file, mode="r"))
    tree = _Tree()
    for field in metadata.schema.to_arrow_schema():
        if len(tree.nodes) >= _MOST_NODES:
            break
        _add_field(tree, 0, field)
    tree.close()
    rows = plural(metadata.num_rows, "row")
    title = f"Parquet, {rows}, {plural(metadata.num_columns, 'column')}"
    groups = plural(metadata.num_row_groups, "row group")
    return TreePreview(title=title, note=f"{groups}, by {metadata.created_by}", nodes=tree.nodes)


def _add_field(tree: _Tree, depth: int, field: Any) -> None:
    tree.add(depth, field.name, f"{field.type}{'' if field.nullable else ', required'}")
    for place in range(field.type.num_fields if depth < _MOST_ATTRIBUTES else 0):
        _add_field(tree, depth + 1, field.type.field(place))


def _read_picture(file: BinaryIO) -> PicturePreview:
    Image: Any = import_module("PIL.Image")  # noqa: N806 - as it is called everywhere
    Image.init()
    _bound()
    Image.MAX_IMAGE_PIXELS = None  # we have bounds of our own, and a sentence for them
    with Image.open(file) as picture:
        width, height = picture.size
        title = f"{picture.format}, {width:,}{TIMES}{height:,} pixels"
        if width * height > _MOST_PIXELS:
            raise _TooLargeError(f"{title}: too large to be shown here")
        if picture.mode.startswith(("I", "F")):
            low, high = picture.getextrema()
            scale = 255 / max(high - low, 1e-9)
            small = picture.convert("F").point(lambda value: value * scale - low * scale)
            shown = small.convert("L").convert("RGB")
        else:
            picture.draft("RGB", (PICTURE_PIXELS, PICTURE_PIXELS))
            shown = picture.convert("RGBA")
            ground = Image.new("RGBA", shown.size, (128, 128, 128, 255))
            shown = Image.alpha_composite(ground, shown).convert("RGB")
        shown.thumbnail((PICTURE_PIXELS, PICTURE_PIXELS))
        return PicturePreview(
            title=title, width=shown.width, height=shown.height, pixels=shown.tobytes()
        )


_READERS: Final[dict[FileKind, Callable[[BinaryIO], TreePreview | PicturePreview]]] = {
    FileKind.HDF5: _read_hdf5,
    FileKind.PARQUET: _read_parquet,
    FileKind.PICTURE: _read_picture,
}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
