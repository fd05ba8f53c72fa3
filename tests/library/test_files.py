"""Files of an asset: listed, downloaded, resumed; and nothing leaves the target folder."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import NotFound, Refused
from coexplorer.library import Library
from coexplorer.library.part_files import find_target, name_part
from coexplorer.library.results import DownloadProgress
from coexplorer.models import AssetId, FileEntry
from tests.support.server import DERIVED, make_id

ID = AssetId(DERIVED)


async def all_files(library: Library, path: str = "") -> list[FileEntry]:
    found = []
    for entry in await library.files.list_folder(ID, path):
        found += await all_files(library, entry.path) if entry.is_folder else [entry]
    return found


async def test_whole_asset_is_downloaded_with_the_sizes_that_were_announced(
    library: Library, tmp_path: Path
) -> None:
    entries = await all_files(library)
    told: list[DownloadProgress] = []
    written = await library.files.download(ID, "", tmp_path / "out", progress=told.append)
    sizes = {str(path.relative_to(tmp_path / "out")): path.stat().st_size for path in written}
    assert sizes == {entry.path: entry.size_bytes for entry in entries}
    assert {each.path for each in told} == set(sizes)
    assert list((tmp_path / "out").rglob("*.part")) == []


async def test_one_file_is_downloaded_into_the_folder_itself(
    library: Library, tmp_path: Path
) -> None:
    entry = max(await all_files(library), key=lambda each: each.path.count("/"))
    (path,) = await library.files.download(ID, entry.path, tmp_path)
    assert path == tmp_path / entry.name


async def test_download_goes_on_where_an_earlier_one_ended(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    entry = max(await all_files(library), key=lambda each: each.size_bytes or 0)
    (whole,) = await library.files.download(ID, entry.path, tmp_path / "whole")
    content = whole.read_bytes()
    part = tmp_path / "half" / name_part(ID, entry.path)
    server.faults.add(FaultKind.SHORT, "GET", "/storage/**", times=1)
    server.faults.add(404, "GET", "/storage/**")
    with pytest.raises(NotFound):
        await library.files.download(ID, entry.path, tmp_path / "half")
    half = part.stat().st_size
    assert 0 < half < len(content)
    server.faults.clear()
    server.log.clear()
    (path,) = await library.files.download(ID, entry.path, tmp_path / "half")
    assert path.read_bytes() == content
    ranges = [request.headers.get("range") for request in server.requests("GET")]
    assert f"bytes={half}-" in ranges
    assert not part.exists()


async def test_a_part_without_the_mark_of_its_content_is_started_over(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    entry = max(await all_files(library), key=lambda each: each.size_bytes or 0)
    (whole,) = await library.files.download(ID, entry.path, tmp_path / "whole")
    (tmp_path / "half").mkdir()
    part = tmp_path / "half" / name_part(ID, entry.path)
    part.write_bytes(b"x" * 1000)
    server.log.clear()
    (path,) = await library.files.download(ID, entry.path, tmp_path / "half")
    assert path.read_bytes() == whole.read_bytes()
    assert not any(request.headers.get("range") for request in server.requests("GET"))


async def test_rest_of_another_version_is_never_put_behind_a_part(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    entry = max(await all_files(library), key=lambda each: each.size_bytes or 0)
    (whole,) = await library.files.download(ID, entry.path, tmp_path / "whole")
    (tmp_path / "half").mkdir()
    part = tmp_path / "half" / name_part(ID, entry.path)
    part.write_bytes(b"x" * 1000)
    part.with_suffix(".etag").write_text('"an older version"')
    server.log.clear()
    (path,) = await library.files.download(ID, entry.path, tmp_path / "half")
    assert path.read_bytes() == whole.read_bytes()
    asked = [request.headers for request in server.requests("GET", "/storage/*")]
    assert [(each.get("range"), each.get("if-range")) for each in asked] == [
        ("bytes=1000-", '"an older version"'),
        (None, None),
    ]
    assert [each.name for each in (tmp_path / "half").iterdir()] == [path.name]


async def test_part_that_was_broken_off_keeps_the_mark_of_its_version(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    entry = max(await all_files(library), key=lambda each: each.size_bytes or 0)
    (whole,) = await library.files.download(ID, entry.path, tmp_path / "whole")
    server.faults.add("short", "GET", "/storage/**", times=1)
    rule = server.faults.add(404, "GET", "/storage/**")
    with pytest.raises(NotFound):
        await library.files.download(ID, entry.path, tmp_path / "half")
    part = tmp_path / "half" / name_part(ID, entry.path)
    assert 0 < part.stat().st_size < whole.stat().st_size
    etag = part.with_suffix(".etag").read_text()
    server.faults.remove(rule)
    server.log.clear()
    await library.files.download(ID, entry.path, tmp_path / "half")
    (asked,) = server.requests("GET", "/storage/*")
    assert asked.headers["if-range"] == etag


async def test_file_of_the_same_size_from_another_asset_is_not_taken_for_ours(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    ids = [AssetId(make_id(number)) for number in (98, 99)]
    for asset_id, content in zip(ids, ("{1}", "{2}"), strict=True):
        folder = f"buckets/{asset_id}"
        (server.data / folder).mkdir(parents=True)
        (server.data / folder / "metadata.json").write_text(content)
        server.store.insert([replace(server.store.get(DERIVED), id=asset_id, folder=folder)])
    (path,) = await library.files.download(ids[0], "", tmp_path)
    assert await library.files.download(ids[0], "", tmp_path) == [path]
    with pytest.raises(Refused, match="a different file"):
        await library.files.download(ids[1], "", tmp_path)
    assert path.read_text() == "{1}"


async def test_part_that_is_too_long_is_begun_anew(library: Library, tmp_path: Path) -> None:
    entry = min(await all_files(library), key=lambda each: each.size_bytes or 0)
    (tmp_path / name_part(ID, entry.path)).write_bytes(b"x" * ((entry.size_bytes or 0) + 1))
    (path,) = await library.files.download(ID, entry.path, tmp_path)
    assert path.stat().st_size == entry.size_bytes


async def test_part_of_another_assets_file_is_not_continued(
    library: Library, tmp_path: Path
) -> None:
    entry = max(await all_files(library), key=lambda each: each.size_bytes or 0)
    (whole,) = await library.files.download(ID, entry.path, tmp_path / "whole")
    (tmp_path / "mixed").mkdir()
    for name in (name_part(AssetId("another"), entry.path), f"{entry.name}.part"):
        (tmp_path / "mixed" / name).write_bytes(b"other")
    (path,) = await library.files.download(ID, entry.path, tmp_path / "mixed")
    assert path.read_bytes() == whole.read_bytes()
    assert (tmp_path / "mixed" / f"{entry.name}.part").read_bytes() == b"other"


async def test_what_is_there_whole_is_not_fetched_again(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    written = await library.files.download(ID, "", tmp_path)
    server.log.clear()
    assert await library.files.download(ID, "", tmp_path) == written
    assert server.requests("GET", "**/files/urls*") == []


async def test_another_file_of_the_name_is_not_overwritten(
    library: Library, tmp_path: Path
) -> None:
    entry = (await all_files(library))[0]
    (tmp_path / entry.name).write_text("years of work")
    with pytest.raises(Refused, match="a different file"):
        await library.files.download(ID, entry.path, tmp_path)
    assert (tmp_path / entry.name).read_text() == "years of work"


@pytest.mark.parametrize("age_s", [-1000, 1000])
async def test_a_file_that_was_changed_is_not_taken_for_the_downloaded_one(
    library: Library, tmp_path: Path, age_s: int
) -> None:
    entry = (await all_files(library))[0]
    (path,) = await library.files.download(ID, entry.path, tmp_path)
    time_s = path.stat().st_mtime - age_s
    path.write_bytes(bytes(entry.size_bytes or 0))
    os.utime(path, (time_s, time_s))
    with pytest.raises(Refused, match="has been changed since it was downloaded"):
        await library.files.download(ID, entry.path, tmp_path)


async def test_a_file_that_nobody_knows_is_kept_and_not_said_to_have_come(
    library: Library, tmp_path: Path
) -> None:
    entry = (await all_files(library))[0]
    (tmp_path / entry.name).write_bytes(bytes(entry.size_bytes or 0))
    arrived: list[Path] = []
    kept: list[Path] = []
    await library.files.download(ID, entry.path, tmp_path, arrived=arrived.append, kept=kept.append)
    assert (arrived, kept) == ([], [tmp_path / entry.name])


async def test_what_one_command_got_is_not_the_file_of_another_folder(
    library: Library, server: DemoServer, tmp_path: Path
) -> None:
    mine = AssetId(make_id(97))
    for folder in ("one", "two"):
        path = server.data / f"buckets/{mine}" / folder
        path.mkdir(parents=True)
        (path / "same.txt").write_text(folder)
    server.store.insert([replace(server.store.get(DERIVED), id=mine, folder=f"buckets/{mine}")])
    (path,) = await library.files.download(mine, "one/same.txt", tmp_path)
    with pytest.raises(Refused, match="a different file"):
        await library.files.download(mine, "two/same.txt", tmp_path)
    assert path.read_text() == "one"


async def test_file_that_is_not_there_is_named(library: Library, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file nothing"):
        await library.files.download(ID, "nothing.txt", tmp_path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        *((path, "outside the target folder") for path in ("../evil", "a/../../evil", "", "a/..")),
        *((path, "no disk can have a file of this name") for path in ("a/\0", "x\0y")),
    ],
)
def test_path_that_leaves_the_folder_is_refused(tmp_path: Path, path: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        find_target(tmp_path / "out", path, below=".")


def test_absolute_path_stays_inside(tmp_path: Path) -> None:
    assert find_target(tmp_path, "/etc/passwd", below=".") == tmp_path / "etc" / "passwd"


def test_symbolic_link_on_the_way_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a").symlink_to(tmp_path)
    (folder / "b").mkdir()
    (folder / "b" / "c").symlink_to("/")
    for path, link in (("a/evil", "a"), ("b/c/d/evil", "b/c")):
        with pytest.raises(Refused, match=f"{folder / link} is a link"):
            find_target(folder, path, below=".")
