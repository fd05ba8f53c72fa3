"""``files`` and ``get``."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from coexplorer.cli import exits
from coexplorer.demo.asset import Bucket
from coexplorer.demo.samples import file_bytes, file_tree
from coexplorer.demo.samples.files import build_code
from coexplorer.text import clean
from tests.support.program import Program
from tests.support.rawserver import Asked, raw_server, reply
from tests.support.server import COMBINED, DERIVED, OUTSIDE, RAW, make_id


@pytest.fixture
def asset(program: Program) -> str:
    """An asset with real files."""
    folder = program.server.make_bucket("lab-data") / "session"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "deep" / "b.bin").write_bytes(bytes(range(256)) * 4000)
    (folder / "deep" / "er" / "c.txt").write_text("gamma")
    args = ("--bucket", "lab-data", "--prefix", "session", "--public", "--wait", "--ids")
    return program.ok("create", "session", *args).out.strip()


def test_files_lists_one_level_or_all(program: Program, asset: str) -> None:
    assert {line.split()[0] for line in program.ok("files", asset).lines[1:]} == {"a.txt", "deep/"}
    deep = program.ok("files", asset, "deep", "--json").json
    assert {(each["path"], each["is_folder"]) for each in deep} == {
        ("deep/b.bin", False),
        ("deep/er", True),
    }
    rows = program.ok("files", asset, "--recursive", "--tsv").lines[1:]
    assert {row.split("\t")[0] for row in rows} == {
        "a.txt",
        "deep",
        "deep/b.bin",
        "deep/er",
        "deep/er/c.txt",
    }


def test_get_brings_all_of_it(program: Program, asset: str, tmp_path: Path) -> None:
    target = tmp_path / "here"
    written = program.ok("get", asset, "--to", str(target)).lines
    assert len(written) == 3
    assert (target / "a.txt").read_text() == "alpha"
    assert (target / "deep" / "er" / "c.txt").read_text() == "gamma"
    assert (target / "deep" / "b.bin").stat().st_size == 1_024_000


def test_get_brings_one_file_and_goes_on_where_it_ended(
    program: Program, asset: str, tmp_path: Path
) -> None:
    rule = program.server.faults.add("short", "GET", "/**b.bin*", times=1)
    program("get", asset, "deep/b.bin", "--to", str(tmp_path / "here"))
    program.server.faults.remove(rule)
    (path,) = program.ok("get", asset, "deep/b.bin", "--to", str(tmp_path / "here")).lines
    assert Path(path).read_bytes() == bytes(range(256)) * 4000
    assert not list((tmp_path / "here").rglob("*.part"))


def test_get_of_what_is_not_there_is_not_found(
    program: Program, asset: str, tmp_path: Path
) -> None:
    done = program("get", asset, "nowhere.txt", "--to", str(tmp_path / "here"))
    assert done.code == 4


@pytest.fixture
def pair(program: Program, asset: str) -> list[str]:
    """Ids of two assets of one name whose files have the same names and sizes."""
    folder = program.server.make_bucket("lab-data") / "other"
    folder.mkdir()
    (folder / "a.txt").write_text("ALPHA")
    args = ("--bucket", "lab-data", "--prefix", "other", "--public", "--wait", "--ids")
    return [asset, program.ok("create", "session", *args).out.strip()]


def test_files_takes_ids_from_standard_input(program: Program, pair: list[str]) -> None:
    ids = "\n".join(pair)
    table = program.ok("files", "-", stdin=ids).lines
    assert table[0].split() == ["ASSET", "PATH", "SIZE"]
    assert {tuple(line.split()[:2]) for line in table[1:]} == {
        (pair[0][:8], "a.txt"),
        (pair[0][:8], "deep/"),
        (pair[1][:8], "a.txt"),
    }
    found = program.ok("files", "-", "--json-lines", stdin=ids).lines
    assert len([line for line in found if pair[1] in line]) == 1


def test_get_puts_each_of_many_into_a_folder_of_its_own(
    program: Program, pair: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "here"
    places = [target / f"session~{each[:8]}" / "a.txt" for each in pair]
    for _ in range(2):  # the second time they are there
        done = program.ok("get", "-", "a.txt", "--to", str(target), stdin="\n".join(pair))
        assert done.lines == [str(place) for place in places]
    assert [place.read_text() for place in places] == ["alpha", "ALPHA"]


@pytest.mark.parametrize("command", ["files", "get"])
def test_one_of_many_that_can_not_be_had_is_named_and_the_others_come(
    program: Program, pair: list[str], command: str, tmp_path: Path
) -> None:
    to = ("--to", str(tmp_path)) if command == "get" else ()
    ids = "\n".join([COMBINED, *pair])
    done = program(command, "-", "a.txt" if command == "get" else "", *to, stdin=ids)
    assert done.code == 7
    assert done.err.startswith(f"coexplorer: {COMBINED[:8]}: ")
    assert done.out.count("a.txt") == 2
    assert program(command, "-", *to, stdin=COMBINED).code == 5


def test_two_assets_files_of_one_name_and_size_are_not_taken_for_each_other(
    program: Program, pair: list[str], tmp_path: Path
) -> None:
    program.ok("get", pair[0], "a.txt", "--to", str(tmp_path))
    done = program("get", pair[1], "a.txt", "--to", str(tmp_path))
    assert done.code == 5
    assert "is a different file" in done.err
    assert (tmp_path / "a.txt").read_text() == "alpha"


def test_open_takes_many_and_sends_no_browser_a_flood(program: Program, pair: list[str]) -> None:
    links = program.ok("open", "-", "--print", stdin="\n".join(pair)).lines
    assert links == [f"{program.server.url}/data-assets/{each}" for each in pair]
    assert program.ok("open", "--query", "name:session", "--print").out.count(pair[1]) == 1
    program.server.store.insert(
        replace(program.server.store.get(pair[0]), id=make_id(number)) for number in range(50, 80)
    )
    program.ok("sync")
    done = program("open", "--query", "name:session")
    assert done.code == 2
    assert "too many" in done.err


@pytest.mark.parametrize(
    ("source", "place", "tool"),
    [
        (Bucket("lab", "gcp", "", external=True), "gs://lab", "gcloud storage"),
        (Bucket("lab", "minio", "x/", external=True), "minio://lab/x", "its own tools"),
    ],
)
@pytest.mark.parametrize("command", [("files",), ("get",), ("get", "README.md")])
@pytest.mark.parametrize("status", [None, 403, 404])
def test_files_outside_of_the_platform_are_said_to_be_there(
    program: Program,
    source: Bucket,
    place: str,
    tool: str,
    command: tuple[str, ...],
    status: int | None,
) -> None:
    program.server.store.update(OUTSIDE, source=source)
    if status is not None:  # nobody knows how real platforms refuse it
        program.server.faults.add(status, "POST", "data_assets/*/files")
    done = program(command[0], OUTSIDE, *command[1:])
    assert (done.code, done.out) == (5, "")
    assert f"are outside Code Ocean, in {place}: " in done.err
    assert tool in done.err


@pytest.mark.parametrize("status", [None, 403, 404])
@pytest.mark.parametrize("is_known", [True, False])
def test_files_in_a_bucket_are_listed_and_downloaded_from_there(
    program: Program, tmp_path: Path, status: int | None, *, is_known: bool
) -> None:
    source = Bucket("open-data", "aws", "runs/a b", external=True)
    program.server.store.update(OUTSIDE, source=source)
    program.env["AWS_ENDPOINT_URL_S3"] = program.server.s3_url
    if is_known:
        program.ok("ls")
    if status is not None:  # nobody knows how real platforms refuse it
        program.server.faults.add(status, "POST", "data_assets/*/files")
    listed = program.ok("files", OUTSIDE, "--recursive", "--json").json
    sizes = {each["path"]: each["size"] for each in listed if not each["is_folder"]}
    assert sizes == dict(file_tree(OUTSIDE))
    smallest = min(sizes, key=lambda path: sizes[path])
    for _ in range(2):  # the second time it is there
        (path,) = program.ok("get", OUTSIDE, smallest, "--to", str(tmp_path)).lines
        assert Path(path).read_bytes() == file_bytes(OUTSIDE, smallest)
    asked = program.server.requests("GET", "/s3/**")
    assert len([each for each in asked if smallest in each.path]) == 1
    assert not any(each.authorized for each in asked)


def test_files_of_an_external_asset_that_is_gone_are_not_said_to_be_elsewhere(
    program: Program,
) -> None:
    program.ok("ls")
    program.server.store.delete(OUTSIDE)
    done = program("files", OUTSIDE)
    assert done.code == 4
    assert "no such" in done.err


ODD_FOLDERS: dict[str, bytes] = {
    "null": b'{"items":null}',
    "no objects": b'{"items":[1,{"name":"a.txt","type":"file","size":5},null]}',
    "more": b'{"items":[{"name":"a.txt","size":5}],"has_more":true}',
    "a token": b'{"items":[{"name":"a.txt","size":5}],"next_token":"t"}',
    "elsewhere": b'{"items":[{"name":"a.txt","size":5},{"path":"../../b"}]}',
}


@pytest.mark.parametrize("kind", ODD_FOLDERS)
@pytest.mark.parametrize("command", [("files",), ("files", "--recursive"), ("get",)])
def test_a_part_of_an_asset_never_ends_with_0(
    program: Program, command: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path == "/storage":
            return [reply(200, b"alpha")]
        if asked.path.endswith("/files/urls"):
            return [reply(200, {"download_url": f"{server.url}/storage"})]
        if asked.path.endswith("/files"):
            return [reply(200, ODD_FOLDERS[kind])]
        if asked.path.endswith("/search"):
            return [reply(200, {"has_more": False, "results": []})]
        return [reply(200, {"id": DERIVED, "name": "n", "state": "ready"})]

    to = ("--to", str(tmp_path / "to")) if command == ("get",) else ()
    with raw_server(answer) as server:
        program.env["CODEOCEAN_DOMAIN"] = server.url
        done = program(*command, DERIVED, *to)
    assert done.code == (6 if kind == "null" else 7)
    assert done.err.startswith("coexplorer: the platform ")
    assert ("a.txt" in done.out) is (kind != "null")


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (reply(401), 3),
        (reply(500), 6),
        (b"", 6),
        (b"\0" * 100, 6),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, 6),
    ],
    ids=["401", "500", "nothing", "no HTTP", "put off"],
)
def test_what_came_before_the_end_is_named(
    program: Program, answers: bytes, code: int, tmp_path: Path
) -> None:
    """Trouble that every other file would meet ends the download; what is there stays there."""

    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.path == "/storage":
            return [reply(200, b"alpha")]
        if asked.path.endswith("/files/urls"):
            there = "path=a.txt" in asked.target
            return [reply(200, {"download_url": f"{server.url}/storage"}) if there else answers]
        if not asked.path.endswith("/files"):
            return [reply(200, {"id": DERIVED, "name": "n", "state": "ready"})]
        names = ("a.txt", "b.txt", "c.txt", "d.txt")
        return [reply(200, {"items": [{"name": name, "size": 5} for name in names]})]

    with raw_server(answer) as server:
        program.env["CODEOCEAN_DOMAIN"] = server.url
        done = program("get", DERIVED, "--to", str(tmp_path / "to"))
    assert done.code == code
    assert done.lines == [str(tmp_path / "to" / "a.txt")], done.err
    assert (tmp_path / "to" / "a.txt").read_bytes() == b"alpha"
    assert not (tmp_path / "to" / "b.txt").exists()


@pytest.mark.parametrize("status", [401, 403])
def test_a_storage_that_refuses_every_file_is_not_asked_for_all(
    program: Program, tmp_path: Path, status: int
) -> None:
    program.server.faults.add(status, "GET", "/storage/**")
    done = program("get", RAW, "--to", str(tmp_path / "out"))
    assert done.code == exits.PLATFORM, done
    assert "the file's storage" in done.err
    assert "sign in" not in done.err
    assert len({each.path for each in program.server.requests("GET", "/storage/**")}) <= 3


def test_get_takes_several_and_patterns(program: Program, asset: str, tmp_path: Path) -> None:
    def got(name: str, *args: str) -> set[str]:
        folder = tmp_path / name
        program.ok("get", asset, *args, "--to", str(folder))
        return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}

    assert got("1", "a.txt", "deep/er", "a.txt") == {"a.txt", "er/c.txt"}
    assert got("2", "--include", "*.txt") == {"a.txt", "deep/er/c.txt"}
    assert got("3", "--include", "c.*", "--exclude", "*.txt") == {"deep/er/c.txt", "deep/b.bin"}
    none = ("--exclude", "*.txt", "--include", "c.*", "--to", str(tmp_path / "4"))
    assert program("get", asset, *none).code == exits.NOT_FOUND
    program.server.log.clear()
    assert got("5", "--exclude", "deep/") == {"a.txt"}
    assert len(program.server.requests("POST", "*/files")) <= 1, "what is left out is not listed"
    done = program("get", asset, "--include", "*.nwb", "--to", str(tmp_path / "6"))
    assert done.code == exits.NOT_FOUND
    assert "no file fits these patterns" in done.err
    done = program("get", asset, "none", "a.txt", "--to", str(tmp_path / "7"))
    assert (done.code, (tmp_path / "7" / "a.txt").read_text()) == (7, "alpha")
    assert "no file none" in done.err


def test_no_file_of_several_takes_the_place_of_another(
    program: Program, asset: str, tmp_path: Path
) -> None:
    bucket = program.server.data / (program.server.store.get(asset).folder or "")
    for name in ("one", "two"):
        (bucket / name / "deep").mkdir(parents=True)
        (bucket / name / "same.txt").write_text(name)
    for pair in (["one/same.txt", "two/same.txt"], ["./one/deep/", "deep"]):
        done = program("get", asset, *pair, "--to", str(tmp_path / "no"))
        assert done.code == exits.REFUSED, done
        assert all(each.strip("./") in done.err for each in pair)
        assert not (tmp_path / "no").exists()
    pair = ["deep/er/c.txt", "./deep"]
    told = program.ok("get", asset, *pair, "--to", str(tmp_path / "in")).lines
    assert len(told) == len(set(told))
    assert set(told) == {str(each) for each in (tmp_path / "in").rglob("*") if each.is_file()}
    assert [each.name for each in (tmp_path / "in").iterdir()] == ["deep"]


def test_get_brings_a_file_and_a_folder_of_one_name(program: Program, tmp_path: Path) -> None:
    nasty = f"{RAW[:-2]}{build_code('nasty', 0):02x}"
    store = program.server.store
    store.insert([replace(store.get(DERIVED), id=nasty, name="nasty")])
    count = len(program.ok("files", nasty, "--recursive", "-o", "jsonl").lines)
    told = program.ok("get", nasty, "--to", str(tmp_path / "all")).lines
    again = program.ok("get", nasty, "--to", str(tmp_path / "all")).lines
    assert again == told, "all of it is there"
    assert (tmp_path / "all" / "a").is_file()
    assert (tmp_path / "all" / "a~" / "inside.txt").is_file()
    assert (tmp_path / "all" / "x~").is_file()
    assert len(list((tmp_path / "all").rglob("*"))) == count
    assert str(tmp_path / "all" / "a~" / "inside.txt") in told
    program.ok("get", nasty, "a/", "--to", str(tmp_path / "folder"))
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["a~"]
    program.ok("get", nasty, "a/inside.txt", "--to", str(tmp_path / "file"))
    assert (tmp_path / "file" / "inside.txt").is_file()


def test_a_name_can_be_typed_as_it_is_shown(program: Program, tmp_path: Path) -> None:
    nasty = f"{RAW[:-2]}{build_code('nasty', 0):02x}"
    store = program.server.store
    store.insert([replace(store.get(DERIVED), id=nasty, name="nasty")])
    exact = program.ok("files", nasty, "-0").out.split("\0")
    odd = [path for path in exact if clean(path) != path]
    assert odd
    for number, path in enumerate(odd):
        wanted = program.ok("cat", nasty, path).out
        assert program.ok("cat", nasty, clean(path)).out == wanted
        assert program.ok("files", nasty, clean(path)).lines
        program.ok("get", nasty, clean(path), "--to", str(tmp_path / str(number)))
        assert [each.name for each in (tmp_path / str(number)).iterdir()] == [path]


def test_files_draws_a_tree_with_the_size_of_each_folder(program: Program, asset: str) -> None:
    rows = [line.split(maxsplit=2) for line in program.ok("files", asset, "--tree").lines[1:]]
    assert [row[-1].replace("│", " ").split()[-1] for row in rows] == [
        ".",
        "deep/",
        "er/",
        "c.txt",
        "b.bin",
        "a.txt",
    ]
    below = program.ok("files", asset, "deep", "--tree").lines[1:]
    assert below[0].split() == ["1.0", "MB", "2", "deep/"]
    assert below[-1].endswith("└── b.bin")


def test_files_lists_a_file_and_guesses_what_is_meant(program: Program, asset: str) -> None:
    assert program.ok("files", asset, "deep/b.bin", "-o", "tsv").lines[1].startswith("deep/b.bin\t")
    done = program("files", asset, "deap")
    assert done.code == 4
    assert "did you mean deep/?" in done.err
    assert "has no folder none" in program("files", asset, "none/x").err


def test_a_path_may_begin_as_one_on_a_disk(program: Program, asset: str) -> None:
    assert program.ok("cat", asset, "./a.txt").out == "alpha"
    for path in ("deep", "deep/er/c.txt"):
        assert (
            program.ok("files", asset, f"./{path}").lines == program.ok("files", asset, path).lines
        )
    whole = program.ok("files", asset, "--recursive").lines
    assert program.ok("files", asset, ".", "--recursive").lines == whole


def test_files_prints_exact_paths_for_xargs(program: Program) -> None:
    nasty = f"{RAW[:-2]}{build_code('nasty', 0):02x}"
    store = program.server.store
    store.insert([replace(store.get(DERIVED), id=nasty, name="nasty")])
    paths = program.ok("files", nasty, "--recursive", "-0").out.split("\0")
    assert {"two\nlines.txt", "escape\x1b[2J.csv", "a", "a/inside.txt"} <= set(paths)
    assert "a.b" not in paths
    assert program.ok("cat", nasty, "--", *paths[:-1]).out
    shown = program.ok("files", nasty).out
    assert "escape\\x1b[2J.csv" in shown
    assert "\x1b" not in shown
    assert program("files", nasty, "-0", "-o", "csv").code == 2
