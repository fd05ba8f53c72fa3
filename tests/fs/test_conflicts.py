"""After a failed save: what is shown and sent, mine or theirs, and nothing unseen."""

from __future__ import annotations

import errno
import json
import os
import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id
from tests.support.terminal import in_terminal

ESCAPE = "\x1b"


def python(body: str) -> str:
    lead = "import os, sys; p = os.environ['D']; "
    return f"python3 -c {shlex.quote(lead + body)}"


@dataclass(frozen=True)
class Way:
    """A way to save: the shell's words for it; `renames` where the file is replaced as a whole."""

    id: str
    script: str
    renames: bool = False


WAYS = [
    Way("echo", 'text=$(<"$D"); echo "MINE text" > "$D"; [ ! -e "$A/error" ]'),
    Way("printf", 'echo "MINE text" > "$D"; [ ! -e "$A/error" ]'),
    Way("tee", 'echo "MINE text" | tee "$D" > /dev/null'),
    Way("cp", 'cp "$NEW" "$D"'),
    Way("cp_p", 'cp -p "$NEW" "$D"'),
    Way("dd", 'dd if="$NEW" of="$D" conv=fsync status=none'),
    Way("rsync_inplace", 'rsync --inplace -I "$NEW" "$D"'),
    Way("rsync_archive", 'rsync -a --inplace "$NEW" "$D"'),
    Way("rsync_checksum", 'rsync -c --inplace "$NEW" "$D"'),
    Way("cp_u", 'cp -u "$NEW" "$D"'),
    Way("append", '/bin/echo "MINE text" >> "$D"'),
    Way("python_update", python("f = open(p, 'r+'); f.write('MINE text\\n'); f.close()")),
    Way(
        "two_descriptors",
        python(
            "a = open(p, 'r+b', 0); b = open(p, 'ab', 0); a.read(); b.write(b'MINE\\n');"
            " os.fsync(b.fileno())"
        ),
    ),
    Way("cp_remove", 'cp --remove-destination "$NEW" "$D"'),
    Way("sed", 'sed -i "s/old/MINE/" "$D"', renames=True),
    Way("sed_backup", 'sed -i.bak "s/old/MINE/" "$D"', renames=True),
    Way("perl", 'perl -i -pe "s/old/MINE/" "$D"', renames=True),
    Way("mv", 'sed "s/old/MINE/" "$D" > "$A/t" && mv "$A/t" "$D"', renames=True),
    Way("mv_blind", 'cp "$NEW" "$A/t" && mv -f "$A/t" "$D"', renames=True),
    Way("rsync", 'rsync -I "$NEW" "$D"', renames=True),
    Way(
        "os_replace",
        python(
            "s = open(p).read().replace('old', 'MINE'); t = p + '.tmp'; f = open(t, 'w');"
            " f.write(s); f.flush(); os.fsync(f.fileno()); f.close(); os.replace(t, p)"
        ),
        renames=True,
    ),
    Way(
        "os_replace_blind",
        python(
            "t = p + '.vsctmp'; f = open(t, 'w'); f.write('MINE text\\n'); f.close();"
            " os.rename(t, p)"
        ),
        renames=True,
    ),
    Way(
        "link_then_rename",
        'cp "$NEW" "$A/t"; ln "$D" "$A/saved" 2> /dev/null; mv "$A/t" "$D"',
        renames=True,
    ),
]
FAULTS = {"refused": 403, "rejected": 400}
IDS = {
    name: make_id(number)
    for number, name in enumerate(
        [
            *(way.id for way in WAYS),
            *(f"{fault}_{way.id}" for fault in FAULTS for way in WAYS if way.renames),
            *("looked_error", "looked_file", "other_part", "reverted", "derived"),
            *("loop_sed", "loop_perl", "loop_python"),
            *(f"checked_{each}" for each in ("cat", "json", "cmp", "grep", "diff", "rsync")),
            *("checked_rsync_inplace", "checked_test", "checked_python"),
            *("copied_cp", "copied_cat", "copied_tee", "copied_mv", "copied_rsync", "copied_dd"),
            *(
                "copied_cmp",
                "copied_rsync_c",
                "copied_back_twice",
                "copied_tags",
                "goes_on",
                "blind",
            ),
            *("two_appends", "two_appends_one_shell", "two_seds", "two_blind"),
            *("remount", "discard", "retry", "stream", "held", "late"),
            *("told theirs", "it's told (mine)"),
            *("vim_auto", "vim_yes", "vim_no"),
            *("vim_plain", "vim_backup", "vim_backup_yes", "nvim", "ed"),
            *("emacs", "emacs_copying", "emacs_precious", "emacs_plain"),
        ],
        1,
    )
}
THEIRS = "THEIR own and longer text"


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for number, name in enumerate(IDS, 1)]
    with mounting(tmp_path_factory.mktemp("conflicts"), assets) as mounted:
        yield mounted


def variables(mounted: Mounted, name: str) -> dict[str, str]:
    new = mounted.home / "new"
    new.write_text("MINE text\n")
    folder = mounted.asset(name)
    return {"A": str(folder), "D": str(folder / "description.md"), "NEW": str(new)}


def try_way(mounted: Mounted, name: str, way: Way) -> int:
    return mounted.run(way.script, **variables(mounted, name)).returncode


def change(mounted: Mounted, name: str, text: str = THEIRS) -> None:
    """Change a description on the platform, as a colleague does, and let the mount not know."""
    wait_until(lambda: mounted.status()["reading news"] == "no", "the news read")
    mounted.server.store.update(IDS[name], description=text)


def there(mounted: Mounted, name: str) -> str:
    return mounted.server.store.get(IDS[name]).description


def look(path: Path) -> str:
    """Read a file as `cat` does: no further than `stat` says."""
    size = path.stat().st_size
    text = path.read_text()
    assert len(text.encode()) == size == path.stat().st_size
    return text


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.id)
def test_after_a_conflict_no_older_text_is_shown_and_no_blind_repeat_goes_through(
    mounted: Mounted, way: Way
) -> None:
    path = mounted.asset(way.id) / "description.md"
    assert look(path) == "old text\n"
    change(mounted, way.id)

    if way.id == "append":  # which adds to what the platform has
        assert try_way(mounted, way.id, way) == 0
        assert there(mounted, way.id) == f"{THEIRS}\nMINE text"
        return
    assert try_way(mounted, way.id, way) != 0
    assert there(mounted, way.id) == THEIRS

    for _ in range(2):
        try_way(mounted, way.id, way)
        mounted.settle()
        assert there(mounted, way.id) == THEIRS, "trampled by a repeat"
    wait_until(path.exists, "the file, if a backup took its name away")
    assert look(path) == f"{THEIRS}\n"

    report = (path.parent / "error").read_text()
    assert "old text" in report
    assert "MINE" in report
    assert THEIRS in report
    assert save(path, "both\n") == 0
    assert there(mounted, way.id) == "both"
    assert look(path) == "both\n"
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", [way for way in WAYS if way.renames], ids=lambda way: way.id)
def test_after_any_failed_rename_the_platforms_text_is_shown(
    mounted: Mounted, way: Way, fault: str
) -> None:
    """The colleague changed another part of the text's asset, and the mount learns of that too."""
    name = f"{fault}_{way.id}"
    path = mounted.asset(name) / "description.md"
    assert look(path) == "old text\n"
    look(path.with_name("mount"))
    mounted.server.store.update(IDS[name], mount="somewhere-else")
    path_there = f"data_assets/{IDS[name]}"
    mounted.server.faults.add(FaultKind.STATUS, "PUT", path_there, status=FAULTS[fault])
    try:
        assert try_way(mounted, name, way) != 0
    finally:
        mounted.server.faults.clear()

    wait_until(path.exists, "the file, if a backup took its name away")
    assert look(path) == "old text\n"
    assert look(path.with_name("mount")) == "somewhere-else\n"
    assert '"somewhere-else"' in look(path.with_name("asset.json"))
    assert (path.parent / "error").read_text()  # and what is forbidden is tried again
    assert try_way(mounted, name, way) == 0
    assert "MINE" in there(mounted, name)


LOOKS: dict[str, Callable[[Path], object]] = {
    "looked_error": lambda folder: (folder / "error").read_text(),
}
CHECKS: dict[str, str] = {
    "checked_cat": 'cat "$D" > /dev/null; cp "$NEW" "$D"',
    "checked_json": 'cat "$A/asset.json" > /dev/null; cp "$NEW" "$D"',
    "checked_cmp": 'cmp -s "$NEW" "$D" || cp "$NEW" "$D"',
    "checked_grep": 'grep -q MINE "$D" || cp "$NEW" "$D"',
    "checked_diff": 'diff -q "$NEW" "$D" > /dev/null || mv -f "$NEW" "$D"',
    "checked_rsync": 'rsync -c "$NEW" "$D"',
    "checked_rsync_inplace": 'rsync -c --inplace "$NEW" "$D"',
    "checked_test": '[ "$(cat "$D")" = "MINE text" ] || echo "MINE text" > "$D"',
    "checked_python": python(
        "t = open(p).read(); t == 'MINE text\\n' or open(p, 'w').write('MINE text\\n')"
    ),
}


@pytest.mark.parametrize("name", LOOKS)
def test_who_has_looked_may_save_the_same_again(mounted: Mounted, name: str) -> None:
    way = next(way for way in WAYS if way.id == "mv_blind")
    change(mounted, name)
    assert try_way(mounted, name, way) != 0
    assert try_way(mounted, name, way) != 0
    asked = len(mounted.server.requests())
    assert try_way(mounted, name, way) != 0
    assert len(mounted.server.requests()) == asked, "what is known to be refused is not asked again"
    unsent = mounted.folder / ".coexplorer" / "unsent"
    assert len([f for f in unsent.iterdir() if f"-{name}." in f.name]) == 1

    LOOKS[name](mounted.asset(name))

    assert try_way(mounted, name, way) == 0
    assert there(mounted, name) == "MINE text"


@pytest.mark.parametrize("name", CHECKS)
def test_a_script_that_compares_before_it_copies_has_not_looked(
    mounted: Mounted, name: str
) -> None:
    folder = mounted.asset(name)
    path = folder / "description.md"
    assert look(path) == "old text\n"
    change(mounted, name, "HERS text")  # as long as mine: sizes don't tell
    mounted.run('cp "$NEW" "$D"', **variables(mounted, name))
    for _ in range(3):
        # As if it were run so much later that it can't be a loop.
        mounted.run("exec sleep 0.01", **variables(mounted, name))
        mounted.run(CHECKS[name], **variables(mounted, name))
        mounted.settle()
        assert there(mounted, name) == "HERS text"
    assert "HERS text" in (folder / "error").read_text()
    mounted.run('cp "$NEW" "$D"', **variables(mounted, name))
    assert there(mounted, name) == "MINE text"


def test_who_has_read_theirs_may_save_another_text(mounted: Mounted) -> None:
    path = mounted.asset("looked_file") / "description.md"
    change(mounted, "looked_file")
    for text in ("mine\n", "mine, too\n"):
        assert save(path, text) == errno.EBUSY
    assert mounted.run('cat "$D"', **variables(mounted, "looked_file")).stdout == f"{THEIRS}\n"
    assert save(path, "mine\n") == errno.EBUSY
    assert save(path, "mine, too\n") == errno.EBUSY
    mounted.run('echo "THEIR text and mine" > "$D"', **variables(mounted, "looked_file"))
    assert there(mounted, "looked_file") == "THEIR text and mine"


def test_a_conflict_holds_up_no_other_part(mounted: Mounted) -> None:
    path = mounted.asset("other_part") / "description.md"
    change(mounted, "other_part")
    assert save(path, "mine\n") == errno.EBUSY

    assert save(path.with_name("mount"), "elsewhere\n") == 0
    assert save(path.with_name("tags"), "one\n") == 0
    assert save(path, "mine\n") == errno.EBUSY
    assert there(mounted, "other_part") == THEIRS


COPIES = {
    "copied_cp": 'cp "$NEW" "$D"',
    "copied_cat": 'cat "$NEW" > "$D"; [ ! -e "$A/error" ]',
    "copied_tee": 'tee "$D" < "$NEW" > /dev/null',
    "copied_mv": 'cp "$NEW" "$A/t" && mv -f "$A/t" "$D"',
    "copied_rsync": 'rsync -I "$NEW" "$D"',
    "copied_dd": 'dd if="$NEW" of="$D" conv=fsync status=none',
    "copied_cmp": 'cmp -s "$NEW" "$D" || cp "$NEW" "$D"',
    "copied_rsync_c": 'rsync -c "$NEW" "$D"',
}


def hear(mounted: Mounted, name: str, text: str = THEIRS) -> None:
    """Let the mount hear of a colleague's change by itself: nobody reads the file."""
    change(mounted, name, text)
    assert mounted.cli("sync").returncode == 0
    size = len(text) + 1
    path = mounted.asset(name) / "description.md"
    wait_until(lambda: path.stat().st_size == size, "the news")


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_that_comes_back_tramples_no_news(mounted: Mounted, name: str) -> None:
    names = variables(mounted, name)
    assert mounted.run('cp "$D" "$NEW" && echo MINE >> "$NEW"', **names).returncode == 0
    hear(mounted, name)

    names = {**names, "NEW": str(mounted.home / "new")}
    for _ in range(2):
        assert mounted.run(COPIES[name], **names).returncode != 0
        mounted.settle()
        assert there(mounted, name) == THEIRS
    report = (mounted.asset(name) / "error").read_text()
    assert all(text in report for text in ("old text", "MINE", THEIRS))
    assert mounted.run(COPIES[name], **names).returncode == 0
    assert there(mounted, name) == "old text\nMINE"


def test_a_copy_that_comes_back_twice_is_mine_in_between(mounted: Mounted) -> None:
    name = "copied_back_twice"
    names = variables(mounted, name)
    assert mounted.run('cp "$D" "$NEW" && echo MINE >> "$NEW"', **names).returncode == 0
    for _ in range(2):
        assert mounted.run('cp "$NEW" "$D"', **names).returncode == 0
        assert mounted.run('echo more >> "$NEW"', **names).returncode == 0
    hear(mounted, name)
    assert mounted.run('cp "$NEW" "$D"', **names).returncode != 0
    assert there(mounted, name) == THEIRS


def test_tags_that_come_back_are_merged_with_news(mounted: Mounted) -> None:
    name = "copied_tags"
    path = mounted.asset(name) / "tags"
    names = {**variables(mounted, name), "D": str(path)}
    assert mounted.run('cp "$D" "$NEW" && echo mine >> "$NEW"', **names).returncode == 0
    mounted.server.store.update(IDS[name], tags=("alpha", "beta", "hers"))
    assert mounted.cli("sync").returncode == 0
    wait_until(lambda: path.stat().st_size == len("alpha\nbeta\nhers\n"), "the news")
    assert mounted.run('cp "$NEW" "$D"', **names).returncode == 0
    assert set(mounted.server.store.get(IDS[name]).tags) == {"alpha", "beta", "hers", "mine"}


GOES_ON = [
    'sed "s/THEIR/our/" "$D" > "$A/t" && mv -f "$A/t" "$D"',
    't=$(cat "$D"); echo "$t and mine" > "$D"; [ ! -e "$A/error" ]',
    'sort "$D" | tee "$A/t" > /dev/null && cp "$A/t" "$D"',
    'echo appended >> "$D"; [ ! -e "$A/error" ]',
]


def test_a_script_that_reads_the_news_and_goes_on_from_it_is_no_conflict(mounted: Mounted) -> None:
    names = variables(mounted, "goes_on")
    for number, script in enumerate(GOES_ON):
        assert mounted.run('cat "$D"', **names).returncode == 0
        text = f"{THEIRS} {'and more ' * number}"
        hear(mounted, "goes_on", text.strip())
        done = mounted.run(script, **names)
        assert done.returncode == 0, (script, done)
        mounted.settle()
        assert not (mounted.asset("goes_on") / "error").exists(), script


def test_a_text_that_nobody_ever_read_is_replaced_blindly(mounted: Mounted) -> None:
    hear(mounted, "blind")
    path = mounted.asset("blind") / "description.md"
    assert save(path, "mine\n") == 0
    assert there(mounted, "blind") == "mine"


def test_a_conflict_is_over_when_theirs_is_taken_back(mounted: Mounted) -> None:
    path = mounted.asset("reverted") / "description.md"
    change(mounted, "reverted")
    assert save(path, "mine\n") == errno.EBUSY
    change(mounted, "reverted", "old text")
    (mounted.folder / ".coexplorer" / "refresh").touch()

    wait_until(lambda: save(path, "mine\n") == 0, "a save that is in nobody's way")
    assert there(mounted, "reverted") == "mine"


def test_who_has_a_refused_text_open_goes_on_seeing_it(mounted: Mounted) -> None:
    path = mounted.asset("derived") / "description.md"
    with path.open("r+") as editor:
        assert editor.read() == "old text\n"
        change(mounted, "derived")
        editor.seek(0)
        editor.write("mine\n")
        editor.truncate()
        editor.flush()
        for _ in range(2):
            with pytest.raises(OSError, check=lambda error: error.errno == errno.EBUSY):
                os.fsync(editor.fileno())
            assert there(mounted, "derived") == THEIRS
        editor.seek(0)
        assert editor.read() == "mine\n"
        assert THEIRS in (path.parent / "error").read_text()
        editor.seek(0)
        editor.truncate()
        editor.write("both\n")
    assert there(mounted, "derived") == "both"


LOOPS = {
    "loop_sed": 'sed -i s/e/E/ "$D"',
    "loop_perl": 'perl -i -pe s/e/E/ "$D"',
    "loop_python": python(
        "t = open(p).read(); f = open(p, 'w'); f.write(t.replace('e', 'E')); f.close()"
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_reads_has_not_looked(mounted: Mounted, name: str) -> None:
    path = mounted.asset(name) / "description.md"
    assert look(path) == "old text\n"
    change(mounted, name)
    rounds = f"for i in 1 2 3 4; do {LOOPS[name]} && exit 0; done; exit 4"

    assert mounted.run(rounds, **variables(mounted, name)).returncode == 4

    assert there(mounted, name) == THEIRS
    assert mounted.run('cat "$D"', **variables(mounted, name)).stdout == f"{THEIRS}\n"
    assert mounted.run(LOOPS[name], **variables(mounted, name)).returncode == 0
    assert there(mounted, name) != THEIRS


@pytest.mark.parametrize("verb", ["discard", "retry"])
def test_discarding_or_sending_it_elsewhere_ends_a_conflict(mounted: Mounted, verb: str) -> None:
    path = mounted.asset(verb) / "description.md"
    change(mounted, verb)
    assert save(path, "mine\n") == errno.EBUSY
    unsent = mounted.folder / ".coexplorer" / "unsent"
    number = next(f.name for f in unsent.iterdir() if f"-{verb}." in f.name).partition("-")[0]
    if verb == "retry":
        change(mounted, verb, "old text")

    assert mounted.cli(verb, number).returncode == 0

    shown = f"{THEIRS}\n" if verb == "discard" else "mine\n"
    wait_until(lambda: path.read_text() == shown, "what the platform has")
    wait_until(lambda: not (path.parent / "error").exists(), "no error any more")
    assert save(path, "mine after all\n") == 0
    assert there(mounted, verb) == "mine after all"


@pytest.mark.parametrize(
    ("name", "command", "wins"),
    [
        ("told theirs", "or keep the platform's: coexplorer ", THEIRS),
        ("it's told (mine)", "this: in this folder: ", "mine"),
    ],
)
def test_the_report_of_a_conflict_has_the_commands_that_end_it(
    mounted: Mounted, name: str, command: str, wins: str
) -> None:
    folder = mounted.asset(name)
    change(mounted, name)
    assert save(folder / "description.md", "mine\n") == errno.EBUSY

    report = (folder / "error").read_text()
    told = report.partition(command)[2].partition("\n")[0]
    if wins == THEIRS:
        done = mounted.cli(*shlex.split(told))
    else:
        done = mounted.run(f'cd "$A" && {told}', A=str(folder))

    assert done.returncode == 0, (told, done)
    wait_until(lambda: not (folder / "error").exists(), "no error any more")
    assert there(mounted, name) == wins
    assert look(folder / "description.md") == f"{wins}\n"
    unsent = mounted.folder / ".coexplorer" / "unsent"
    wait_until(lambda: not any(name in f.name for f in unsent.iterdir()), "nothing kept of it")


def test_a_reader_that_has_it_open_keeps_its_text_over_a_failed_rename(mounted: Mounted) -> None:
    path = mounted.asset("held") / "description.md"
    with path.open() as reader:
        assert reader.read() == "old text\n"
        change(mounted, "held")
        scratch = path.with_name("t")
        scratch.write_text("mine\n")
        with pytest.raises(OSError, check=lambda error: error.errno == errno.EBUSY):
            scratch.replace(path)
        wait_until(lambda: path.stat().st_size == len(THEIRS) + 1, "their size by its name")
        assert look(path) == f"{THEIRS}\n"
        reader.seek(0)
        assert reader.read() == "old text\n"
        assert os.fstat(reader.fileno()).st_size == len("old text\n")
    assert look(path) == f"{THEIRS}\n"


def test_a_rename_that_arrives_after_all_is_shown(mounted: Mounted) -> None:
    path = mounted.asset("late") / "description.md"
    assert look(path) == "old text\n"
    gate = mounted.server.hooks.before("PUT")
    scratch = path.with_name("t")
    scratch.write_text("a text that arrives late\n")
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ETIMEDOUT):
        scratch.replace(path)
    assert look(path) == "old text\n"

    gate.release()

    wait_until(lambda: look(path) == "a text that arrives late\n", "what the platform has")


def test_a_conflict_is_known_after_a_new_mount(mounted: Mounted) -> None:
    folder = mounted.asset("remount")
    path = folder / "description.md"
    change(mounted, "remount")
    assert save(path, "mine\n") == errno.EBUSY
    mounted.kill()
    mounted.start()

    assert save(path, "mine\n") == errno.EBUSY
    assert there(mounted, "remount") == THEIRS
    report = (folder / "error").read_text()
    assert all(text in report for text in ("old text", "mine", THEIRS))
    assert save(path, "mine\n") == 0
    assert there(mounted, "remount") == "mine"


@pytest.mark.parametrize("copies", ["auto", "yes", "no"])
def test_vim_never_tramples_however_often_it_is_told_to(mounted: Mounted, copies: str) -> None:
    name = f"vim_{copies}"
    path = mounted.asset(name) / "description.md"
    command = shlex.split(
        f"vim -N -u NONE -i NONE --cmd 'set backupskip= backupcopy={copies}' {path}"
    )
    log = mounted.folder / ".coexplorer" / "log"

    def failed() -> int:
        return log.read_text().count(f"{name}: saving description.md failed")

    def has_failed_since(before: int) -> bool:
        return failed() > before

    def is_whole() -> bool:
        try:
            return path.read_text() in (f"{THEIRS}\n", "mine old text\n")
        except FileNotFoundError:
            return False  # vim has renamed it to its backup, and is about to put that back

    with in_terminal(command, mounted.env, columns=200) as vim:
        vim.wait_for("old text")
        change(mounted, name)
        vim.send(f"imine {ESCAPE}")
        vim.wait_for("mine old text")
        for _ in range(3):
            before = failed()
            vim.send(":w!\r")
            vim.send_until_so("y\r", partial(has_failed_since, before))
            wait_until(lambda: mounted.status()["in flight"] == "0", "all that was sent")
            assert there(mounted, name) == THEIRS
            wait_until(is_whole, "one of the texts, whole")
        # Its user looks at what is there, and takes both.
        assert THEIRS in (path.parent / "error").read_text()
        vim.send(f"{ESCAPE}:silent w!\r")
        vim.send_until_so(
            "y\r", lambda: "mine" in there(mounted, name)
        )  # vim forgets a yes typed ahead
        vim.send_until_it_ends(f"{ESCAPE}:q!\r")
    mounted.settle()
    assert look(path) == "mine old text\n"


WAIT = "touch $SIGNS/ready; for i in $(seq 400); do [ -e $SIGNS/go ] && break; sleep 0.05; done"
"""For an editor that has the file open: until the colleague has changed it."""


def vi(program: str, settings: str) -> str:
    batch = "-es" if program == "vim" else "--headless"
    return f"""{program} {batch} -N -u NONE -i NONE --cmd 'set backupskip= {settings}' \
        -c 'call system("{WAIT}")' -c '%s/old/MINE/' \
        -c 'silent! w!' -c 'silent! w!' -c 'silent! w!' -c 'qa!' "$D" < /dev/null"""


def emacs(settings: str) -> str:
    save_once = (
        "(clear-visited-file-modtime) (set-buffer-modified-p t) (ignore-errors (save-buffer))"
    )
    return f"""emacs -Q --batch --eval '(progn (setq make-backup-files t
        backup-enable-predicate (lambda (_) t) {settings})
        (find-file (getenv "D")) (shell-command "{WAIT}")
        (fset (quote verify-visited-file-modtime) (lambda (&optional _) t))
        (goto-char 1) (insert "MINE ") {save_once * 3})'"""


EDITORS = {
    "vim_plain": vi("vim", "nowritebackup"),
    "vim_backup": vi("vim", "backup backupdir=."),
    "vim_backup_yes": vi("vim", "backup backupcopy=yes backupdir=."),
    "nvim": vi("nvim", "backupcopy=auto"),
    "emacs": emacs(""),
    "emacs_copying": emacs("backup-by-copying t"),
    "emacs_precious": emacs("file-precious-flag t"),
    "emacs_plain": emacs("make-backup-files nil"),
    "ed": f'(echo "s/old/MINE/"; {WAIT}; echo w; echo w; echo w; echo q; echo q) | ed -s "$D"',
}


@pytest.mark.parametrize("name", EDITORS)
def test_no_editor_tramples_however_often_it_saves(mounted: Mounted, name: str) -> None:
    path = mounted.asset(name) / "description.md"
    for sign in ("ready", "go"):
        (mounted.home / sign).unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as pool:
        script = f"exec 2>&1; {EDITORS[name]}"
        signs = {**variables(mounted, name), "SIGNS": str(mounted.home)}
        editing = pool.submit(mounted.run, script, **signs)
        wait_until(lambda: (mounted.home / "ready").exists() or editing.done(), "the file open")
        assert not editing.done(), editing.result()
        change(mounted, name)
        (mounted.home / "go").touch()
        done = editing.result()

    mounted.settle()
    assert there(mounted, name) == THEIRS, done
    assert (path.parent / "error").exists(), done
    wait_until(path.exists, "the file, if a backup took its name away")
    assert look(path) in (f"{THEIRS}\n", "MINE text\n", "MINE old text\n")
    assert THEIRS in (path.parent / "error").read_text()
    assert save(path, "both\n") == 0
    assert there(mounted, name) == "both"


APPENDS = {
    "two_appends": ('/bin/echo one >> "$D"', '/bin/echo two >> "$D"'),
    "two_appends_one_shell": ('{ echo one >> "$D"; echo two >> "$D"; }',),
}


@pytest.mark.parametrize("name", APPENDS)
def test_what_is_added_twice_goes_to_the_newest_text(mounted: Mounted, name: str) -> None:
    assert look(mounted.asset(name) / "description.md") == "old text\n"
    change(mounted, name)
    for script in APPENDS[name]:
        assert mounted.run(script, **variables(mounted, name)).returncode == 0
    assert there(mounted, name) == f"{THEIRS}\none\ntwo"
    assert not (mounted.asset(name) / "error").exists()


TWICE = {
    "two_seds": ('sed -i "s/old/one/" "$D"', 'sed -i "s/own/two/" "$D"; cp "$NEW" "$D"'),
    "two_blind": ('echo one > "$D"', 'echo two > "$D"'),
}


@pytest.mark.parametrize("name", TWICE)
def test_no_failed_text_goes_as_another_one_is_saved(mounted: Mounted, name: str) -> None:
    folder = mounted.asset(name)
    assert look(folder / "description.md") == "old text\n"
    change(mounted, name)
    for script in TWICE[name]:
        mounted.run(script, **variables(mounted, name))
    mounted.settle()

    assert "one" in (folder / "error").read_text()
    unsent = mounted.folder / ".coexplorer" / "unsent"
    texts = [f.read_text() for f in unsent.iterdir() if f"-{name}." in f.name]
    assert len([text for text in texts if "one" in text]) == 1
    entries = json.loads(mounted.cli("log", "--entries", "-o", "json").stdout)
    mine = [entry for entry in entries if IDS[name] in str(entry)]
    assert [entry["state"] for entry in mine][-1] == "refused"
    # Whoever has read that, and the file, may give it up by the next save.
    look(folder / "description.md")
    assert save(folder / "description.md", "both\n") == 0
    wait_until(lambda: not (folder / "error").exists(), "no error any more")
