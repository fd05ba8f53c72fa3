"""``serve`` and ``demo`` as programs of their own."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import httpx
import pytest

from coexplorer.cli.values import find_last_moment
from tests.support.odd import write_export
from tests.support.program import TIMEOUT_S, program_command


@contextmanager
def serving(*args: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """Run ``serve --json`` and give the process and its first line."""
    with subprocess.Popen(
        program_command("serve", "--json", *args), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def count_assets(told: dict[str, object]) -> int:
    return len(list_assets(told))


def list_assets(told: dict[str, object]) -> list[dict[str, object]]:
    users = told["users"]
    assert isinstance(users, list)
    credentials = base64.b64encode(f"{users[0]['token']}:".encode()).decode()
    request = Request(  # noqa: S310 - loopback
        f"{told['url']}/api/v1/data_assets?limit=1000",
        headers={"Authorization": f"Basic {credentials}"},
    )
    with urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310 - loopback
        results: list[dict[str, object]] = json.load(reply)["results"]
    return results


def test_serve_says_where_it_is_and_who_can_sign_in(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path / "d"), "--assets", "30", "--dialect", "legacy") as (
        _,
        told,
    ):
        assert str(told["url"]).startswith("http://127.0.0.1:")
        users = told["users"]
        assert isinstance(users, list)
        assert [set(user) for user in users] == [{"email", "token"}] * 3
        assert count_assets(told) == 30
        storage = told["s3"]
        assert isinstance(storage, dict)
        assert set(storage) == {"url", "access_key_id", "secret_access_key"}
        assert storage["url"] == f"{told['url']}/s3"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_quietly_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with serving("--data", str(tmp_path / "d"), "--assets", "0") as (process, _):
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 0


def test_serve_keeps_its_data_until_it_shall_not(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "d"), "--dialect", "legacy")
    with serving(*data, "--assets", "7") as (_, told):
        before = told["users"]
    with serving(*data) as (_, told):
        assert (count_assets(told), told["users"]) == (7, before)
    done = run("serve", *data, "--assets", "9")
    assert done.returncode == 2
    assert "leave --assets out to go on with it" in done.stderr
    assert "--fresh" in done.stderr
    with serving(*data, "--assets", "9", "--fresh") as (_, told):
        assert count_assets(told) == 9


def list_samples(data: Path, *args: str) -> list[dict[str, object]]:
    data_args = ("--data", str(data), "--dialect", "legacy", "--fresh")
    with serving(*data_args, "--assets", "9", *args) as (_, told):
        return list_assets(told)


def test_the_samples_are_the_same_every_day_unless_others_are_asked_for(tmp_path: Path) -> None:
    data = tmp_path / "d"
    samples = list_samples(data)
    assert "ecephys_491000_2021-08-04_09-17-24" in {one["name"] for one in samples}
    assert list_samples(data, "--date", "2026-03-12", "--seed", "1") == samples
    names = {one["name"] for one in samples}
    for others in (("--date", "today"), ("--date", "2026-03-13"), ("--seed", "2")):
        assert {one["name"] for one in list_samples(data, *others)} != names, others
    last = find_last_moment("2030-06-01")
    created = [int(str(one["created"])) for one in list_samples(data, "--date", "2030-06-01")]
    assert last - 30 * 86_400 < max(created) <= last


@pytest.mark.parametrize(
    "day", ["tomorrow", "2026-02-30", "12.03.2026", "1999-01-01", "2100-01-01"]
)
def test_a_day_that_the_samples_cannot_have_is_refused(tmp_path: Path, day: str) -> None:
    data = tmp_path / "d"
    done = run("serve", "--data", str(data), "--date", day)
    assert done.returncode == 2
    assert day in done.stderr
    assert not data.exists()


@pytest.mark.parametrize(
    "option", [("--assets", "9"), ("--seed", "2"), ("--date", "today"), ("--import", "export")]
)
def test_other_assets_than_those_that_are_kept_are_refused(
    tmp_path: Path, option: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").write_text('{"id": "one", "name": "one"}\n')
    list_samples(tmp_path / "d")
    done = run("serve", "--data", "d", "--dialect", "legacy", *option)
    assert done.returncode == 2
    assert "--fresh" in done.stderr


@pytest.mark.parametrize("option", [("--assets", "9"), ("--seed", "2"), ("--date", "today")])
def test_what_samples_an_import_shall_have_is_no_question(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    (tmp_path / "export").write_text('{"id": "one", "name": "one"}\n')
    data = ("--data", str(tmp_path / "d"), "--import", str(tmp_path / "export"))
    done = run("serve", *data, *option)
    assert done.returncode == 2
    assert "--import" in done.stderr


def test_serve_imports_an_export(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    lines = [
        {"id": "a", "name": "one", "created": 1},
        {"id": "b", "name": "two", "created": 2, "_coexplorer": {"archived": True}},
    ]
    export.write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = ("--data", str(tmp_path / "d"), "--dialect", "legacy")
    with serving(*data, "--import", str(export)) as (_, told):
        assert count_assets(told) == 2


def test_serve_names_lines_of_an_export_that_are_wrong_and_goes_on(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    good = '{"id": "a", "name": "one"}\n'
    bad = ("nonsense", '{"id": "b\\u0000", "name": "n"}', '{"id": "c"}', "[" * 100_000)
    export.write_text(good + "\n".join(bad) + '\n{"id": "z", "name": "last"}\n')
    data = ("--data", str(tmp_path / "d"), "--dialect", "legacy")
    with subprocess.Popen(
        program_command("serve", "--json", *data, "--import", str(export)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert count_assets(json.loads(process.stdout.readline())) == 2
        process.terminate()
        told = process.stderr.read().splitlines()
        assert process.wait(TIMEOUT_S) == 7
    assert len(told) == 4
    for number, line in enumerate(told, 2):
        assert line.startswith(f"coexplorer: left out: export.jsonl, line {number}: ")


def test_serve_takes_no_export_without_any_asset(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    export.write_text("nonsense\n" * 50)
    done = run("serve", "--data", str(tmp_path / "d"), "--import", str(export))
    assert done.returncode == 2
    assert "export.jsonl, line 1: " in done.stderr
    assert "Traceback" not in done.stderr
    done = run("serve", "--data", str(tmp_path / "d"), "--as-admin")
    assert done.returncode == 2
    assert "--import" in done.stderr


@pytest.mark.parametrize("dialect", ["current", "3.0", "legacy"])
def test_export_import_export_is_equal_to_the_byte(tmp_path: Path, dialect: str) -> None:
    source, copy = tmp_path / "source.jsonl", tmp_path / "copy.jsonl"
    write_export(source)
    state = tmp_path / "home"

    def export(number: int, source: Path) -> tuple[str, str]:
        """Import a file and return the export of that, and our own rows."""
        data = ("--data", str(tmp_path / f"d{number}"), "--dialect", dialect)
        with serving(*data, "--import", str(source)) as (_, told):
            users = told["users"]
            assert isinstance(users, list)
            place = {"CODEOCEAN_DOMAIN": str(told["url"]), "CODEOCEAN_TOKEN": users[0]["token"]}
            homes = {f"XDG_{kind}_HOME": str(state / str(number)) for kind in ("STATE", "CACHE")}
            done = run("ls", "--all", "--raw", "sort:name", **place, **homes)
            rows = run("ls", "--all", "-o", "jsonl", "sort:name", **place, **homes)
        assert (done.returncode, done.stderr) == (0, "")
        assert (rows.returncode, rows.stderr) == (0, "")
        return done.stdout, rows.stdout

    first, _ = export(1, source)
    # One of each membership that an export can have.
    lines = first.splitlines()
    for number, (mine, shared) in enumerate(((False, True), (False, False), (True, True))):
        members = json.loads(lines[number])["_coexplorer"]
        old = json.dumps(members, separators=(",", ":"))
        new = {**members, "mine": mine, "shared": shared, "archived": number == 0}
        lines[number] = lines[number].replace(old, json.dumps(new, separators=(",", ":")))
    copy.write_text("".join(f"{line}\n" for line in lines))
    again, rows = export(2, copy)
    assert again == copy.read_text()
    assert export(3, copy) == (again, rows)
    assert len(rows.splitlines()) == len(lines)
    # ls escapes what a terminal could obey: nothing but that is different from the source.
    objects = [json.loads(line, object_pairs_hook=list)[:-1] for line in lines]
    sources = [json.loads(line, object_pairs_hook=list) for line in source.read_text().split("\n")]
    assert sorted(objects, key=repr) == sorted(sources, key=repr)


def test_serve_names_a_mistake_in_a_script_of_faults(tmp_path: Path) -> None:
    script = tmp_path / "faults"
    script.write_text("GET data_assets exploded\n")
    done = run("serve", "--data", str(tmp_path / "d"), "--faults", str(script))
    assert done.returncode == 2
    assert "exploded" in done.stderr


def test_serve_takes_the_schema_of_another_deployment(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    field = {"name": "dose", "type": "number", "range": {"min": 1, "max": None}, "new": [1]}
    other = {"name": "rig", "type": "string", "allowed_values": ["A", "B"], "multiple": None}
    schema.write_text(json.dumps({"fields": [field, other], "categories": None}))
    data = ("--data", str(tmp_path / "d"), "--assets", "2")
    with serving(*data, "--schema", str(schema)) as (_, told):
        users = told["users"]
        assert isinstance(users, list)
        with httpx.Client(base_url=f"{told['url']}/api/v1/", auth=(users[0]["token"], "")) as http:
            shown = http.get("custom_metadata").json()["fields"]
            assert [each["name"] for each in shown] == ["dose", "rig"]
            assert shown[1]["allowed_values"] == ["A", "B"]
            found = http.post("data_assets/search", json={"ownership": "created"}).json()
            path = f"data_assets/{found['results'][0]['id']}"
            for dose, status in ((0, 400), (10**9, 200)):
                reply = http.put(path, json={"custom_metadata": {"dose": dose}})
                assert reply.status_code == status
    schema.write_text('{"fields": 7}')
    done = run("serve", *data, "--schema", str(schema))
    assert (done.returncode, "not a schema" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [(), ("--fresh",)])
def test_serve_takes_no_folder_that_is_not_its_own(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    thesis = tmp_path / "work" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    done = run("serve", "--data", str(thesis.parent), *options)
    assert done.returncode == 5
    assert "it holds thesis.tex" in done.stderr
    assert list(thesis.parent.iterdir()) == [thesis]


@pytest.mark.parametrize("end", ["parent", "signal"])
def test_a_server_ends_with_the_program_that_started_it(tmp_path: Path, end: str) -> None:
    args = ("--until-stdin-ends", "--data", str(tmp_path / "d"), "--assets", "0")
    with subprocess.Popen(
        program_command("serve", "--json", *args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        if end == "parent":
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr.read() == ""


def run(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program_command(*args),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
