"""The whole platform in trouble: silent, gone, or refusing the token. Each has its own mount."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coexplorer.demo.asset import Role
from coexplorer.demo.faults import FaultKind
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.patience import stretched
from tests.support.server import make_id


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Mounted]:
    with mounting(tmp_path, [make_asset(n, f"a{n}") for n in range(1, 4)]) as mounted:
        yield mounted


def test_a_server_that_answers_nothing_lets_every_call_return(alone: Mounted) -> None:
    first, second = alone.asset("a1"), alone.asset("a2")
    alone.server.faults.add(FaultKind.SILENCE, "*", "data_assets/**")
    alone.server.faults.add(FaultKind.SILENCE, "*", "data_assets")
    started = time.monotonic()

    number = save(first / "description.md", "words\n")

    assert number == errno.ETIMEDOUT
    assert time.monotonic() - started < stretched(15)
    assert "not finished" in (first / "error").read_text()
    # Known by now: the next save need not wait for a deadline of its own.
    assert save(second / "tags", "later\n") == errno.ETIMEDOUT
    assert alone.writes(make_id(2)) == []
    assert not (second / "error").exists()
    assert (second / "description.md").read_text() == "old text\n"
    assert len(list((alone.folder / "all").iterdir())) == 3

    alone.server.faults.clear()
    alone.server.faults.release()
    started = time.monotonic()
    assert alone.stop() == 0
    assert time.monotonic() - started < stretched(5)
    assert not (alone.folder / "all").exists()
    # Nothing is lost: it arrived, or it is in the journal.
    kept = alone.cli("log").stdout + alone.server.store.get(make_id(1)).description
    assert "words" in kept or "description" in kept


@pytest.mark.parametrize(
    ("file", "text"),
    [("name", "mine\n"), ("description.md", "mine\n"), ("tags", "mine\n"), ("mount", "mine\n")],
)
def test_a_yes_that_did_nothing_is_a_failed_save(alone: Mounted, file: str, text: str) -> None:
    folder, before = alone.asset("a1"), alone.server.store.get(make_id(1))
    rule = alone.server.faults.add(FaultKind.IGNORE, "PUT", "data_assets/*")
    assert save(folder / file, text) == errno.EIO
    assert (
        "answered that this is saved, but the asset still shows" in (folder / "error").read_text()
    )
    assert "mine" in alone.cli("log", "--entries", "-o", "json").stdout
    alone.server.faults.remove(rule)
    assert alone.server.store.get(make_id(1)) == before
    assert save(folder / file, text) == 0
    assert "mine" in str(alone.server.store.get(make_id(1)))
    assert not (folder / "error").exists()


def test_a_stale_reply_to_a_save_is_looked_through(alone: Mounted) -> None:
    folder = alone.asset("a1")
    alone.server.faults.add(FaultKind.STALE, "PUT", "data_assets/*")
    assert save(folder / "tags", "mine\n") == 0
    assert (folder / "tags").read_text() == "mine\n"
    assert not (folder / "error").exists()


def test_a_save_that_nobody_waits_for_any_longer_says_how_it_ended(alone: Mounted) -> None:
    gate = alone.server.hooks.before("PUT")
    first = alone.asset("a1")
    log = alone.folder / ".coexplorer" / "log"

    assert save(first / "description.md", "words\n") == errno.ETIMEDOUT
    assert "saving description.md: no answer within" in log.read_text()

    gate.release()
    wait_until(lambda: "saving description.md: arrived after all" in log.read_text(), "its end")
    assert alone.server.store.get(make_id(1)).description == "words"
    assert (first / "description.md").read_text() == "words\n"
    assert not (first / "error").exists()


def last_refusal(mounted: Mounted) -> str:
    """What the mount's log says of the last write that was not even tried, without its time."""
    lines = (mounted.folder / ".coexplorer" / "log").read_text().splitlines()
    return [line.split(" ", 2)[2] for line in lines if ": refused: " in line][-1]


def test_moves_do_not_queue_behind_a_server_that_answers_nothing(alone: Mounted) -> None:
    alone.server.faults.add(FaultKind.SILENCE, "*", "data_assets/**")
    archived = alone.folder / "archived"

    def move(name: str) -> int:
        try:
            alone.asset(name).rename(archived / name)
        except OSError as error:
            return error.errno or -1
        return 0

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(move, ("a1", "a2", "a3"))) == [errno.ETIMEDOUT] * 3

    # Only the first was tried. The others would have waited for its deadline and one more each.
    log = (alone.folder / ".coexplorer" / "log").read_text()
    tried = [n for n in (1, 2, 3) if f" a{n}: archiving: no answer within" in log]
    refused = [n for n in (1, 2, 3) if f" a{n}: refused: the platform does not answer" in log]
    assert len(tried) == 1
    assert sorted(tried + refused) == [1, 2, 3]
    assert [write for n in refused for write in alone.writes(make_id(n))] == []
    assert last_refusal(alone).endswith(": refused: the platform does not answer")
    alone.server.faults.clear()
    alone.server.faults.release()
    wait_until(lambda: move("a3") == 0, "the platform back")


def test_a_silent_platform_is_asked_once_for_all_and_again_when_somebody_saves(
    alone: Mounted,
) -> None:
    files = [alone.asset(f"a{n}") / part for n in (1, 2, 3) for part in ("tags", "mount")]
    alone.server.faults.add(FaultKind.SILENCE, "*", "data_assets/**")
    assert save(files[0], "words\n") == errno.ETIMEDOUT
    before = len(alone.server.requests(path="*/search"))

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(save, files[1:], ["later\n"] * 5)) == {errno.ETIMEDOUT}

    # One question each would be five; who comes while one is on its way may put one more.
    assert len(alone.server.requests(path="*/search")) - before <= 2
    alone.server.faults.clear()
    assert save(files[3], "later\n") == 0
    alone.server.faults.release()


def test_sigterm_ends_in_time_while_a_request_hangs(alone: Mounted) -> None:
    gate = alone.server.hooks.before("PUT")
    writer = subprocess.Popen(
        ["bash", "-c", f"cat > '{alone.asset('a1')}/description.md' <<< words"],
        stderr=subprocess.DEVNULL,
    )
    gate.wait()
    started = time.monotonic()

    assert alone.stop() == 0

    assert time.monotonic() - started < stretched(6)
    assert writer.wait(10) != 0
    assert not os.path.ismount(alone.folder)
    gate.release()
    assert "a1" in alone.cli("log").stdout


def test_a_server_that_is_gone_and_comes_back(alone: Mounted) -> None:
    path = alone.asset("a1") / "description.md"
    alone.server.stop()

    assert save(path, "words\n") == errno.ENETDOWN
    assert alone.status()["network"] == "offline"
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENETDOWN):
        os.open(alone.asset("a2") / "tags", os.O_WRONLY)
    assert last_refusal(alone).startswith("a2: refused: ")
    assert alone.server.url.removeprefix("http://") in last_refusal(alone)
    assert (alone.asset("a2") / "description.md").read_text() == "old text\n"
    assert path.read_text() == "words\n"

    alone.server.start()
    assert save(path, "words\n") == 0  # the first one, and at once
    assert alone.status()["network"] == "online"
    assert alone.server.store.get(make_id(1)).description == "words"
    assert not (path.parent / "error").exists()


def test_an_expired_token_is_eacces(alone: Mounted) -> None:
    path = alone.asset("a1") / "description.md"
    alone.server.faults.add(FaultKind.STATUS, "*", "data_assets/*", status=401)

    assert save(path, "words\n") == errno.EACCES
    with pytest.raises(PermissionError):
        os.open(path, os.O_WRONLY)
    assert "sign" in last_refusal(alone)
    assert "sign" in (path.parent / "error").read_text()


def test_a_mount_takes_the_new_token_once_the_user_has_signed_in_again(tmp_path: Path) -> None:
    colleague = "jonas.lind@example.org"
    assets = [make_asset(n, f"a{n}", roles={colleague: Role.EDITOR}) for n in (1, 2)]
    with mounting(tmp_path, assets, start=False) as mounted:
        users, token = mounted.server.users, tmp_path / "token"
        token.write_text(users[0].token)
        token.chmod(0o600)
        mounted.start(before=["--domain", mounted.server.url, "--token-file", str(token)])
        path = mounted.asset("a1") / "description.md"
        mounted.server.sign_in.expire(users[0].token)

        assert save(path, "words\n") == errno.EACCES
        assert "sign in" in (path.parent / "error").read_text()
        signed_in = mounted.status()["signed in"]  # with the options that the mount was given
        assert signed_in.startswith("no; coexplorer ")
        assert signed_in.endswith(" login")
        with pytest.raises(PermissionError):
            os.open(mounted.asset("a2") / "tags", os.O_WRONLY)

        token.write_text(users[1].token)
        assert save(path, "words\n") == errno.EACCES, "a colleague's token sends nothing of ours"
        token.write_text(mounted.server.sign_in.issue(users[0]))
        assert save(path, "words\n") == 0
        assert mounted.server.store.get(make_id(1)).description == "words"
        assert not (path.parent / "error").exists()
        assert mounted.status()["signed in"] == "yes"
        unsent = mounted.folder / ".coexplorer" / "unsent"
        wait_until(lambda: not list(unsent.iterdir()), "the refused text given up")
        log = mounted.log_text()
        assert "signed in again" in log
        assert not any(user.token in log for user in users)


def test_a_mount_that_gets_no_news_says_why_and_goes_on_once_it_can(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")], start=False) as mounted:
        user, token = mounted.server.users[0], tmp_path / "token"
        token.write_text("cop_expired")
        token.chmod(0o600)
        before = ["--domain", mounted.server.url, "--token-file", str(token)]
        mounted.start(before=before, wait=False)
        log = mounted.folder / ".coexplorer" / "log"
        wait_until(
            lambda: "looking for news failed: not signed in" in log.read_text(), "the reason"
        )
        assert "what to do: sign in" in log.read_text()
        signed_in = mounted.status()["signed in"]  # with the options that the mount was given
        assert signed_in.startswith("no; coexplorer ")
        assert signed_in.endswith(" login")
        assert list((mounted.folder / "all").iterdir()) == []

        token.write_text(user.token)
        (mounted.folder / ".coexplorer" / "refresh").touch()
        wait_until((mounted.asset("a1") / "name").exists, "the asset")
        assert "the platform answers again" in log.read_text()
        assert log.read_text().count("looking for news failed") == 1


def test_an_asset_that_is_answered_with_401_bars_no_other(alone: Mounted) -> None:
    alone.server.faults.add(FaultKind.STATUS, "*", f"data_assets/{make_id(1)}", status=401)

    assert save(alone.asset("a1") / "tags", "x\n") == errno.EACCES

    assert "takes your token" in (alone.asset("a1") / "error").read_text()
    assert alone.status()["signed in"] == "yes"
    assert save(alone.asset("a2") / "tags", "x\n") == 0


WRITES = {
    "in_place": ("PUT", 'cp "$NEW" "$A/description.md"'),
    "rename": ("PUT", 'cp "$NEW" "$A/t" && mv "$A/t" "$A/description.md"'),
    "move": ("PUT", 'mv "$A" "$A.moved"'),
    "tag": ("PUT", 'ln -s ../../all/a1 "$M/tags/gamma/a1"'),
    "archive": ("PATCH", 'mv "$A" "$M/archived/"'),
}


def run_write(mounted: Mounted, script: str) -> int:
    new = mounted.home / "new"
    new.write_text("new words\n")
    (mounted.folder / "tags" / "gamma").mkdir(exist_ok=True)
    folder = str(mounted.asset("a1"))
    return mounted.run(script, A=folder, M=str(mounted.folder), NEW=str(new)).returncode


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_is_answered_with_404_hides_no_asset(alone: Mounted, write: str) -> None:
    method, script = WRITES[write]
    folder = alone.asset("a1")
    alone.server.faults.add(FaultKind.STATUS, method, f"data_assets/{make_id(1)}**", status=404)

    for _ in range(2):
        assert run_write(alone, script) != 0
        assert (folder / "name").read_text() == "a1\n"
        assert (alone.folder / "by-id" / make_id(1) / "name").read_text() == "a1\n"
        assert "but says that it does not exist" in (folder / "error").read_text()
    if write in ("in_place", "rename"):
        unsent = alone.folder / ".coexplorer" / "unsent"
        assert "new words\n" in [file.read_text() for file in unsent.iterdir()]

    alone.server.faults.clear()
    assert run_write(alone, script) == 0
    wait_until(lambda: not (alone.folder / "by-id" / make_id(1) / "error").exists(), "no error")


def test_a_look_that_is_answered_with_404_is_put_again(alone: Mounted) -> None:
    alone.server.faults.add(
        FaultKind.STATUS, "GET", f"data_assets/{make_id(1)}", status=404, times=1
    )

    assert save(alone.asset("a1") / "description.md", "words\n") == 0

    assert alone.server.store.get(make_id(1)).description == "words"


def test_an_asset_that_is_gone_comes_back_with_what_was_written_to_it(alone: Mounted) -> None:
    path = alone.asset("a1") / "description.md"
    alone.server.faults.add(FaultKind.STATUS, "*", f"data_assets/{make_id(1)}", status=404)

    assert save(path, "words\n") == errno.ENOENT
    wait_until(lambda: not path.parent.exists(), "the asset away")
    assert "words" in alone.cli("log", "--refused").stdout + "".join(
        file.read_text() for file in (alone.folder / ".coexplorer" / "unsent").iterdir()
    )

    alone.server.faults.clear()
    (alone.folder / ".coexplorer" / "refresh").touch()
    wait_until(path.exists, "the asset back")
    assert path.read_text() == "words\n"
    assert "no such asset" in (path.parent / "error").read_text()
    assert save(path, "words\n") == 0
    assert alone.server.store.get(make_id(1)).description == "words"
    assert not (path.parent / "error").exists()
