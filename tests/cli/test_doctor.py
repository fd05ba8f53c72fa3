"""What ``doctor`` says of set-ups that are broken in real ways, and that it only looks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from coexplorer.cli.schema import FINDING
from coexplorer.doctor import CHECKS, CheckState, Finding
from coexplorer.doctor.machine import fits
from coexplorer.doctor.running import Check, run_checks
from tests.support.company import ENTER, NAME, Company, Ran, company_network
from tests.support.mounted import Mounted, make_asset, mounting
from tests.support.namespaces import UNSHARE
from tests.support.program import Done, Program, program_command
from tests.support.rawserver import Asked, raw_server, reply
from tests.support.server import RAW

SETTINGS, PLATFORM, LOCAL = 3, 6, 9
HAS_DEVICE = Path("/dev/fuse").exists()
ROOT = Path(__file__).parents[2]
DOCTOR = ("doctor", "-o", "json")

Rows = dict[str, dict[str, Any]]


def read(done: Done | Ran) -> Rows:
    """Return what was found; every check has an answer."""
    rows = json.loads(done.out)
    assert {tuple(row) for row in rows} == {FINDING.names}
    assert list(dict.fromkeys(row["check"] for row in rows)) == list(CHECKS), done
    found: Rows = {}
    for row in rows:
        found.setdefault(row["check"], row)
    return found


def find_faults(rows: Rows, *, but: Sequence[str] = ("fuse", "mounts")) -> list[str]:
    """Return the faults; whether this machine can mount, and has, says nothing of most set-ups."""
    return [name for name, row in rows.items() if row["state"] == "fault" and name not in but]


def expect(rows: Rows, check: str, state: str, *says: str) -> None:
    row = rows[check]
    told = f"{row['message']} | {row['hint']}"
    assert row["state"] == state, row
    for text in says:
        assert text in told, row


def run_in(script: str, *args: str, env: Mapping[str, str], enter: Sequence[str] = UNSHARE) -> Done:
    """Run the doctor in namespaces of its own, after a script that breaks something there."""
    command = [*enter, "sh", "-c", f'set -e\n{script}\nexec "$@"', "sh"]
    done = subprocess.run(
        [*command, *program_command(*(args or DOCTOR))],
        env={**os.environ, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return everything below a folder, with size, mode and time of change."""
    return {
        str(path): (found.st_size, found.st_mode, found.st_mtime_ns)
        for path in (folder, *sorted(folder.rglob("*")))
        for found in [path.lstat()]
    }


def home() -> Path:
    return Path(os.environ["HOME"])


def find_file(kind: str) -> Path:
    return next(home().rglob(f"{kind}/*.sqlite3"))


@pytest.fixture
def known(program: Program) -> Program:
    """A program with a catalog and a journal."""
    program.ok("sync")
    program.ok("edit", RAW, "--add-tag", "first")
    return program


# --- Nothing is wrong


def test_all_is_well_and_nothing_was_touched(known: Program) -> None:
    before = snapshot(home())
    known.server.log.clear()
    rows = read(known(*DOCTOR))
    assert find_faults(rows) == []
    assert snapshot(home()) == before
    paths = [each.path for each in known.server.requests()]
    assert len(paths) == 3  # one without a token, which search there is, and who one is
    expect(rows, "profile", "ok", "environment", known.server.url, "CODEOCEAN_TOKEN")
    expect(rows, "token", "ok", "works", known.server.users[0].email)
    expect(rows, "platform", "ok", "current API")
    expect(rows, "clock", "ok")
    expect(rows, "catalog", "ok", "assets, read just now")
    expect(rows, "journal", "ok", "nothing is waiting")
    expect(rows, "versions", "ok", "coexplorer", "Python", "httpx", "textual")


def test_it_leaves_no_folder_on_a_machine_that_is_new(program: Program) -> None:
    before = snapshot(home())
    rows = read(program(*DOCTOR))
    assert snapshot(home()) == before
    expect(rows, "catalog", "skipped", "none yet")
    expect(rows, "journal", "skipped")


def test_people_get_a_line_for_each_check_with_the_way_out_below(program: Program) -> None:
    program.env["CODEOCEAN_TOKEN"] = "cop_wrong"
    done = program("doctor")
    assert done.code == SETTINGS
    lines = [line for line in done.lines if not line.startswith(" ")]
    names = [line.split()[1] for line in lines]
    order = list(CHECKS)
    way = order[order.index("network") : order.index("platform") + 1]  # it may take long
    assert names == [each for each in order if each not in way] + way
    at = next(n for n, line in enumerate(done.lines) if line.startswith("fault    token"))
    assert done.lines[at + 1].startswith(" " * 23)
    chosen = program("doctor", "-o", "tsv", "--columns", "check,state").lines
    assert chosen[0] == "check\tstate"
    assert "token\tfault" in chosen


# --- The settings


def write_config(text: str, mode: int = 0o600) -> Path:
    path = home() / "config" / "coexplorer" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ('default_profile = "x"', 0o644, ("open to others", "chmod 600")),
        ("[profiles.x", 0o600, ("not valid TOML", "correct it there")),
        ("columns = 7", 0o600, ("columns: expected",)),
        ('[profiles.x]\ntoken = "cop_secret"', 0o600, ("profiles.x.domain is missing",)),
    ],
)
def test_broken_settings_are_the_first_fault(
    program: Program, text: str, mode: int, says: tuple[str, ...]
) -> None:
    write_config(text, mode)
    done = program(*DOCTOR)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (SETTINGS, ["settings"])
    expect(rows, "settings", "fault", *says)
    expect(rows, "profile", "skipped", "settings")
    expect(rows, "connection", "ok")  # the environment names the platform
    assert "cop_secret" not in done.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('colour = "x"', ("colour is not a setting",)),
        ('columns = ["nmae"]', ("no column 'nmae'", "did you mean name")),
        ('[profiles.a]\ndomain = "a"\n[profiles.a.views]\nv = "size:>x"', ("size",)),
        ('[keys]\n"no.such" = "x"', ("no.such",)),
        (
            'columns = ["nmae"]\n[keys]\n"asset.archive" = "xx"\n[actions]\nKK = "+keep"',
            ("no column 'nmae'", "'xx' is not the name of a key", "'KK' is not the name"),
        ),
    ],
)
def test_settings_without_effect_are_warnings(
    program: Program, text: str, says: tuple[str, ...]
) -> None:
    write_config(text)
    done = program(*DOCTOR)
    rows = read(done)
    assert find_faults(rows) == []
    expect(rows, "settings", "warning", *says)


@pytest.mark.parametrize("args", [(), ("--profile", "none"), ("--domain", "a b")])
def test_without_a_profile_the_rest_is_looked_at(program: Program, args: tuple[str, ...]) -> None:
    program.env = {"CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""}
    done = program(*args, *DOCTOR)
    rows = read(done)
    expect(rows, "profile", "fault" if args else "warning")
    assert done.code == (SETTINGS if args else done.code)
    assert find_faults(rows, but=("fuse", "mounts", "network", "profile")) == []
    expect(rows, "token", "skipped", "no profile")
    expect(rows, "connection", "skipped")
    expect(rows, "locks", "ok")


def test_without_a_home_it_says_what_to_set(program: Program) -> None:
    script = """
    mount --bind /dev/null /etc/passwd
    [ ! -e /etc/nsswitch.conf ] || mount --bind /dev/null /etc/nsswitch.conf
    unset HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_STATE_HOME
    """
    done = run_in(script, env=program.env)
    rows = read(done)
    assert done.code == SETTINGS
    expect(rows, "settings", "fault", "no home folder", "set HOME")
    expect(rows, "connection", "ok")


# --- The token and the platform


def test_a_wrong_token_is_named_and_not_shown(program: Program) -> None:
    program.env["CODEOCEAN_TOKEN"] = "cop_wrong0123456789"
    done = program(*DOCTOR)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (SETTINGS, ["token"])
    expect(rows, "token", "fault", "token", "coexplorer login")
    expect(rows, "connection", "ok")
    assert "cop_wrong" not in done.out + done.err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('token_command = "exit 7"', ("token_command failed with exit code 7", "by hand")),
        ("token_command = \"printf 'two words'\"", ("token_command does not hold a token",)),
        ("", ("has no token", "coexplorer --profile x login")),
    ],
)
def test_a_token_that_can_not_be_had_is_named(
    program: Program, line: str, says: tuple[str, ...]
) -> None:
    write_config(f'[profiles.x]\ndomain = "{program.server.url}"\n{line}\n')
    program.env["CODEOCEAN_TOKEN"] = ""
    done = program("--profile", "x", *DOCTOR)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (SETTINGS, ["token"])
    expect(rows, "token", "fault", *says)
    assert "two words" not in done.out


def test_a_token_file_that_others_can_read_is_named(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(program.server.users[0].token)
    file.chmod(0o644)
    rows = read(program("--token-file", str(file), *DOCTOR))
    assert find_faults(rows) == ["token"]
    expect(rows, "token", "fault", "others can read the token file", "chmod 600")


def test_an_old_platform_is_named(legacy_program: Program) -> None:
    rows = read(legacy_program(*DOCTOR))
    assert find_faults(rows) == []
    expect(rows, "platform", "warning", "an old platform", "2.10")
    expect(rows, "token", "ok", "works")


def test_a_dialect_that_does_not_fit_is_named(program: Program) -> None:
    write_config(f'[profiles.x]\ndomain = "{program.server.url}"\ndialect = "legacy"\n')
    rows = read(program("--profile", "x", *DOCTOR))
    expect(rows, "token", "fault")
    write_config(
        f'[profiles.x]\ndomain = "{program.server.url}"\ndialect = "legacy"\n'
        f'token_command = "printenv CODEOCEAN_TOKEN"\n'
    )
    found = read(program.spawn("--profile", "x", *DOCTOR))
    expect(found, "platform", "warning", "speaks legacy, but it speaks current", "config.toml")


@pytest.mark.parametrize(
    ("behind_s", "says"),
    [(3 * 86_400, "3 days ahead"), (-7_300, "2 hours behind"), (-300, "5 minutes behind")],
)
def test_a_clock_that_is_wrong_and_a_server_that_is_no_platform(
    program: Program, behind_s: int, says: str
) -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        assert "cop_" not in asked.path
        yield reply(404, {"message": "no"}, Date=formatdate(time.time() - behind_s, usegmt=True))

    with raw_server(answer) as server:
        program.env["CODEOCEAN_DOMAIN"] = server.url
        done = program(*DOCTOR)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (PLATFORM, ["platform"])
    expect(rows, "clock", "warning", says, "set-ntp")
    expect(rows, "platform", "fault", "no data asset API was found", "check the domain")


def test_a_platform_that_says_nothing_is_the_connections_fault(program: Program) -> None:
    with raw_server(lambda _asked: iter(())) as server:
        program.env["CODEOCEAN_DOMAIN"] = server.url
        rows = read(program(*DOCTOR))
    assert find_faults(rows) == ["connection"]
    expect(rows, "platform", "skipped", "fix first: connection")


# --- The way there


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    with company_network() as network:
        yield network


WAYS: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "proxy that is not there": (
        {"HTTPS_PROXY": "http://{closed}"},
        "proxy",
        ("no connection through the proxy", "check HTTPS_PROXY", "NO_PROXY"),
    ),
    "SOCKS that is not there": (
        {"all_proxy": "socks5://{closed}"},
        "proxy",
        ("the proxy", "check all_proxy"),
    ),
    "no proxy at all": ({"https_proxy": "{babbling}"}, "proxy", ("makes no sense",)),
    "password": ({"HTTPS_PROXY": "http://{locked}"}, "proxy", ("wants a user name",)),
    "refusal": ({"HTTPS_PROXY": "http://{refusing}"}, "proxy", ("refused (403",)),
    "nonsense": ({"HTTPS_PROXY": "http://me:p%23ss@"}, "proxy", ("is not the address",)),
    "missing file": ({"SSL_CERT_FILE": "/no/x.pem"}, "certificates", ("/no/x.pem", "not there")),
    "missing bundle": ({"REQUESTS_CA_BUNDLE": "/no/y"}, "certificates", ("REQUESTS_CA_BUNDLE",)),
    "company's authority": (
        {"HTTPS_PROXY": "http://{reading}"},
        "certificates",
        ("its certificate is not trusted", "SSL_CERT_FILE=FILE"),
    ),
    "company's authority, other file": (
        {"HTTPS_PROXY": "http://{reading}", "SSL_CERT_FILE": "{dir}/public.pem"},
        "certificates",
        ("its certificate is not trusted", "public.pem"),
    ),
}


@pytest.mark.parametrize(("env", "check", "says"), WAYS.values(), ids=WAYS.keys())
def test_what_stops_the_way_is_the_one_fault(
    company: Company, env: dict[str, str], check: str, says: tuple[str, ...]
) -> None:
    ran = company(env, *DOCTOR)  # it fails where a password or a token is shown
    rows = read(ran)
    assert (ran.code, find_faults(rows)) == (PLATFORM, [check]), ran
    expect(rows, check, "fault", *says)
    expect(rows, "connection", "skipped")
    assert rows["platform"]["state"] == "skipped"


def test_a_proxy_that_leads_on_is_named_without_its_password(company: Company) -> None:
    rows = read(company({"HTTPS_PROXY": "http://me:p%23ss%2Fwo%3Ard%401@{locked}"}, *DOCTOR))
    assert find_faults(rows) == []
    expect(rows, "proxy", "ok", "HTTPS_PROXY leads through", "with a user name")
    expect(rows, "network", "ok")
    expect(rows, "token", "ok")


def test_what_no_proxy_leaves_out_is_told(company: Company) -> None:
    rows = read(company({"HTTPS_PROXY": "http://{closed}", "NO_PROXY": ".test"}, *DOCTOR))
    assert find_faults(rows) == []
    expect(rows, "proxy", "ok", "HTTPS_PROXY is set, but NO_PROXY leaves platform.test out")


def test_the_certificate_of_another_host_is_named(company: Company) -> None:
    rows = read(company({}, *DOCTOR, platform=f"https://{company.place('misnamed', NAME)}"))
    assert find_faults(rows) == ["certificates"]
    expect(rows, "certificates", "fault", "mismatch", "check the domain")


NO_NETWORK = {"CODEOCEAN_DOMAIN": "https://platform.test", "CODEOCEAN_TOKEN": "cop_a0123456789"}
SEVERED = 'printf "127.0.0.1 localhost\\n10.200.0.1 platform.test\\n" > "$HOME/hosts"\n'
SEVERED += 'mount --bind "$HOME/hosts" /etc/hosts'


@pytest.mark.parametrize("script", ["true", SEVERED])
@pytest.mark.parametrize("domain", ["https://platform.test", "https://10.200.0.1"])
def test_a_machine_without_a_network_is_told_so(script: str, domain: str) -> None:
    done = run_in(script, env={**NO_NETWORK, "CODEOCEAN_DOMAIN": domain}, enter=ENTER)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (PLATFORM, ["network"]), done
    expect(rows, "network", "fault", "not connected to any network", "ls, the app")
    for check in ("connection", "platform"):
        expect(rows, check, "skipped")


@pytest.mark.parametrize(
    ("server", "says"),
    [("127.0.0.1", "name resolution"), ("192.0.2.1", "no name server answered within 8 s")],
)
def test_a_name_that_nobody_knows_is_told_where_there_is_a_network(server: str, says: str) -> None:
    """One name server refuses, the other says nothing."""
    script = f"""
    ip link set lo up
    ip route add default dev lo
    echo "nameserver {server}" > "$HOME/resolv.conf"
    mount --bind "$HOME/resolv.conf" /etc/resolv.conf
    """
    done = run_in(script, env=NO_NETWORK, enter=ENTER)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (PLATFORM, ["network"]), done
    expect(rows, "network", "fault", "the name of the platform", says, "VPN")


# --- This machine


def test_a_missing_package_for_the_mount_is_named(program: Program, tmp_path: Path) -> None:
    packages = Path(sysconfig.get_path("purelib"))
    view = tmp_path / "packages"
    view.mkdir()
    for each in packages.iterdir():
        if not each.name.startswith(("pyfuse3", "_pyfuse3")):
            (view / each.name).symlink_to(each)
    done = subprocess.run(
        [sys.executable, "-S", "-m", "coexplorer", *DOCTOR],
        env={**os.environ, **program.env, "PYTHONPATH": f"{ROOT}:{view}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    rows = read(Done(done.returncode, done.stdout, done.stderr))
    if Path("/dev/fuse").exists():
        expect(rows, "fuse", "warning", "pyfuse3 is missing", "everything else works", "install it")
    expect(rows, "versions", "ok")


@pytest.mark.skipif(not HAS_DEVICE, reason="there is no /dev/fuse here")
def test_a_missing_fusermount3_is_a_fault_where_the_library_is(
    program: Program, tmp_path: Path
) -> None:
    done = program.spawn(*DOCTOR, env={"PATH": str(tmp_path)})
    rows = read(done)
    assert (done.code, find_faults(rows, but=("mounts",))) == (LOCAL, ["fuse"])
    expect(rows, "fuse", "fault", "fusermount3 is missing", "install it")


@pytest.mark.skipif(not HAS_DEVICE, reason="there is no /dev/fuse here")
def test_a_device_that_is_closed_is_a_fault(program: Program) -> None:
    """As in a container: its mode allows what the machine does not."""
    script = """
    mkdir "$HOME/closed"
    mount -t tmpfs -o nodev tmpfs "$HOME/closed"
    mknod -m 666 "$HOME/closed/fuse" c 10 229
    mount --bind "$HOME/closed/fuse" /dev/fuse
    """
    if os.geteuid():
        pytest.skip("only root makes devices")
    done = run_in(script, env=program.env)
    rows = read(done)
    assert (done.code, find_faults(rows, but=("mounts",))) == (LOCAL, ["fuse"]), done
    expect(rows, "fuse", "fault", "/dev/fuse", "can't be opened", "--device /dev/fuse")


@pytest.fixture(scope="module")
def no_locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload: see its source."""
    source = ROOT / "tests" / "support" / "nolocks.c"
    library = tmp_path_factory.mktemp("nolocks") / "nolocks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.mark.parametrize("calls", ["fcntl", "flock", "mmap", "fcntl,flock,mmap"])
@pytest.mark.parametrize("kind", ["state", "cache"])
def test_a_disk_without_locks_is_named(
    known: Program, no_locks: Path, calls: str, kind: str
) -> None:
    env = {
        "LD_PRELOAD": str(no_locks),
        "NOLOCKS": str(home() / kind),
        "NOLOCKS_CALLS": calls,
    }
    done = known.spawn(*DOCTOR, env=env)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (LOCAL, ["locks"]), done
    expect(rows, "locks", "fault", "does not support locks", f"XDG_{kind.upper()}_HOME")


@pytest.mark.parametrize("known_before", [False, True])
def test_a_home_that_is_read_only_is_named(program: Program, known_before: bool) -> None:  # noqa: FBT001
    if known_before:
        program.ok("sync")
        program.ok("edit", RAW, "--add-tag", "first")
    script = 'mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME"'
    done = run_in(script, env=program.env)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (LOCAL, ["folders"]), done
    expect(rows, "folders", "fault", "can't be written", "its disk is read-only", "XDG_STATE_HOME")
    expect(rows, "catalog", "ok" if known_before else "skipped")
    expect(rows, "journal", "ok" if known_before else "skipped")


def test_folders_that_are_open_to_others_are_named(known: Program) -> None:
    folder = find_file("journals").parent.parent
    folder.chmod(0o755)
    rows = read(known(*DOCTOR))
    assert find_faults(rows) == []
    expect(rows, "folders", "warning", "open to others", f"chmod -R go-rwx {folder}")


def test_a_disk_that_is_nearly_full_is_named(program: Program) -> None:
    script = """
    mkdir "$HOME/small"
    mount -t tmpfs -o size=1m tmpfs "$HOME/small"
    export XDG_STATE_HOME="$HOME/small"
    """
    done = run_in(script, env=program.env)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (LOCAL, ["disk"]), done
    expect(rows, "disk", "fault", "free for", "small", "free some disk space")


def test_a_disk_that_is_full_is_named(program: Program) -> None:
    script = """
    mkdir "$HOME/full"
    mount -t tmpfs -o size=64k tmpfs "$HOME/full"
    dd if=/dev/zero of="$HOME/full/all" bs=1k 2>/dev/null || true
    export XDG_STATE_HOME="$HOME/full"
    """
    done = run_in(script, env=program.env)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (LOCAL, ["folders", "disk"]), done
    expect(rows, "folders", "fault", "the disk is full", "XDG_STATE_HOME")


GARBAGE = (b"\0" * 100, b"garbage" * 999, b"SQLite format 3\0" + b"\xff" * 4000)


def write_damage(path: Path, damage: bytes | None) -> None:
    """Replace a file, or (None) overwrite a part in its middle."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content if damage is None else damage)


@pytest.mark.parametrize("damage", [*GARBAGE, None], ids=["zeros", "text", "header", "page"])
@pytest.mark.parametrize("kind", ["catalog", "journal"])
def test_a_damaged_file_is_named_and_stays_as_it_is(
    known: Program, kind: str, damage: bytes | None
) -> None:
    write_damage(find_file(f"{kind}s"), damage)
    before = snapshot(home())
    done = known(*DOCTOR)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (LOCAL, [kind]), done
    assert snapshot(home()) == before
    hint = "only a copy" if kind == "catalog" else "it may hold unsent changes: keep it"
    expect(rows, kind, "fault", "damaged", str(find_file(f"{kind}s")), hint)


@pytest.mark.parametrize("kind", ["catalog", "journal"])
def test_a_file_of_a_newer_coexplorer_is_named(known: Program, kind: str) -> None:
    with closing(sqlite3.connect(find_file(f"{kind}s"))) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = known(*DOCTOR)
    rows = read(done)
    assert (done.code, find_faults(rows)) == (LOCAL, [kind])
    expect(rows, kind, "fault", "a newer coexplorer", "update coexplorer")


def test_damage_is_found_without_a_profile_too(known: Program) -> None:
    write_damage(find_file("journals"), b"garbage")
    known.env = {"CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""}
    expect(read(known(*DOCTOR)), "journal", "fault", "damaged")


def test_a_catalog_that_is_old_or_a_part_is_a_warning(known: Program) -> None:
    for change, says in (
        ("synced_at = synced_at - 864000", "it is old"),
        ("complete = 0", "a part of the assets"),
        ("synced_at = NULL", "not filled yet"),
    ):
        with closing(sqlite3.connect(find_file("catalogs"))) as catalog, catalog:
            catalog.execute(f"UPDATE sync SET {change}")  # noqa: S608 - our own
        rows = read(known(*DOCTOR))
        assert find_faults(rows) == []
        expect(rows, "catalog", "warning", says, "coexplorer sync")


def test_what_waits_to_be_sent_is_a_warning(known: Program) -> None:
    with closing(sqlite3.connect(find_file("journals"))) as journal, journal:
        journal.execute("UPDATE entries SET state = 'unsent'")
    rows = read(known(*DOCTOR))
    expect(rows, "journal", "warning", "1 change could not be sent", "coexplorer retry")
    with closing(sqlite3.connect(find_file("journals"))) as journal, journal:
        journal.execute("UPDATE entries SET state = 'refused'")
    expect(read(known(*DOCTOR)), "journal", "ok", "1 change was refused", "log --refused")
    with closing(sqlite3.connect(find_file("journals"))) as journal, journal:
        journal.execute("UPDATE entries SET action = 'create'")
    expect(read(known(*DOCTOR)), "journal", "ok", "sent; 1 new asset was not made (")


@pytest.mark.skipif(not shutil.which("fusermount3") or not HAS_DEVICE, reason="nothing can mount")
def test_a_mount_that_hangs_is_named(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mount:
        assert find_hints(mount) == []
        assert mount.process is not None
        mount.process.send_signal(signal.SIGSTOP)
        try:
            assert find_hints(mount) == [f"coexplorer umount --force {mount.folder}"]
        finally:
            mount.process.send_signal(signal.SIGCONT)


def find_hints(mount: Mounted) -> list[str]:
    """Return what to do about this mount; there may be others on the machine."""
    done = subprocess.run(
        program_command(*DOCTOR), env=mount.env, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    return [each["hint"] for each in found if f"{mount.folder} hangs" in each["message"]]


# --- How it looks


def test_a_check_that_hangs_or_breaks_does_not_hide_the_others() -> None:
    def hang() -> Iterator[Finding]:
        yield Finding("disk", CheckState.OK, "so far")
        time.sleep(3600)
        yield Finding("locks", CheckState.OK, "never")

    def crash() -> Iterator[Finding]:
        yield from (Finding(each, CheckState.OK, "") for each in [str(int("cop_secret"))])

    found = run_checks(
        [
            Check(("disk", "locks", "folders"), hang, 0.2),
            Check(("journal", "catalog"), crash, 60.0),
            Check(("fuse",), lambda: iter([Finding("fuse", CheckState.OK, "fine")]), 60.0),
        ]
    )
    states = {each.check: each.state for each in found}
    assert states == {
        "disk": CheckState.OK,
        "locks": CheckState.FAULT,
        "folders": CheckState.SKIPPED,
        "journal": CheckState.FAULT,
        "catalog": CheckState.SKIPPED,
        "fuse": CheckState.OK,
    }
    assert "cop_secret" not in str(found)
    assert "no answer within" in str(found)


@pytest.mark.parametrize(
    ("version", "wanted", "is_fit"),
    [
        ("8.2.8", ">=8.2,<8.3", True),
        ("8.3.0", ">=8.2,<8.3", False),
        ("8.10", ">=8.2", True),
        ("1.0", "<1", False),
        ("0.28.1", ">=0.28,<1", True),
        ("3.5.0rc1", ">=3.4,<3.6", True),
        ("2", "", True),
        ("2024.7.4", ">=2024.7.4", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, wanted: str, *, is_fit: bool) -> None:
    assert fits(version, wanted) is is_fit


def test_the_page_lists_every_check_as_it_is() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    listed = [line for line in page.splitlines() if line.startswith("| `")]
    assert listed == [f"| `{name}` | {what} |" for name, what in CHECKS.items()]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("proxy", ["", "http://nosuch.invalid:3128"])
def test_certificates_that_cannot_be_read_are_told_whatever_the_network_does(
    program: Program, variable: str, proxy: str
) -> None:
    program.env |= {"CODEOCEAN_DOMAIN": "https://nosuch.invalid"}
    program.env |= {"SSL_CERT_FILE": "", "SSL_CERT_DIR": "", variable: "/nosuch.pem"}
    program.env |= {"HTTPS_PROXY": proxy} if proxy else {}
    rows = read(program(*DOCTOR))
    expect(rows, "certificates", "fault", variable, "/nosuch.pem")
    assert rows["network"]["state"] == "fault"
    assert rows["connection"]["state"] == "skipped"


@pytest.mark.parametrize("kind", ["catalog", "journal"])
def test_a_folder_where_a_file_should_be_is_told(known: Program, kind: str) -> None:
    path = find_file(f"{kind}s")
    for each in path.parent.glob(f"{path.name}*"):
        if each.is_file():
            each.unlink()
    path.mkdir()
    rows = read(known(*DOCTOR))
    expect(rows, kind, "fault", f"{path}", "it is a folder, not a file", "move that folder away")
    for command in (("log",), ("edit", RAW, "--add-tag", "x")):
        if kind == "journal":
            assert "it is a folder, not a file" in known(*command).err


def test_a_catalog_that_no_profile_uses_is_no_trouble(known: Program) -> None:
    known.env |= {"CODEOCEAN_DOMAIN": "", "CODEOCEAN_TOKEN": ""}
    rows = read(known(*DOCTOR))
    expect(rows, "catalog", "skipped", "no profile to check")


@pytest.mark.parametrize(
    ("env", "state", "says"),
    [
        ({}, "ok", "only public ones"),
        (
            {"AWS_ACCESS_KEY_ID": "AKIAMINE", "AWS_SECRET_ACCESS_KEY": "hush-hush"},
            "ok",
            "AWS keys from the environment",
        ),
        ({"AWS_PROFILE": "nowhere"}, "warning", "there is no AWS profile"),
        ({"AWS_ACCESS_KEY_ID": "AKIAMINE"}, "warning", "only half set"),
    ],
)
def test_it_tells_what_reads_buckets(
    program: Program, env: dict[str, str], state: str, says: str
) -> None:
    program.env.update(env)
    done = program("doctor", "--json")
    row = next(each for each in done.json if each["check"] == "buckets")
    assert (row["state"], says in row["message"]) == (state, True)
    assert "hush" not in done.out
    assert "AKIAMINE" not in done.out
