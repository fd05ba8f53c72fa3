"""Every tool of the design's list saves with exactly one PUT and the right content.

One asset per case, one mount for all cases of a worker; counted at the server.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coexplorer.demo.asset import StoredAsset
from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

OLD = "old text"
VI_OPTIONS = "-N -u NONE -i NONE --cmd 'set backupskip= nocp'"
EMACS_OPTIONS = "-Q --eval '(setq backup-enable-predicate (lambda (_) t) make-backup-files t)'"
EMACS_EDIT = '(progn (erase-buffer) (insert "new\\n") (save-buffer))'


@dataclass(frozen=True)
class Case:
    """A tool, how it saves ``$F`` in ``$D``, and what the platform then has.

    `$W` is a folder on another file system; it holds `new` (the text ``new``).
    """

    id: str
    script: str
    expected: str = "new"
    puts: int = 1
    shell: str = "bash"
    fails: bool = False


def vi(id_: str, settings: str, program: str = "vim") -> Case:
    batch = "-es" if program == "vim" else "--headless"
    command = f"{program} {batch} {VI_OPTIONS} --cmd 'set {settings}'"
    return Case(id_, f"""{command} -c '%s/old text/new/' -c 'wq' "$F" </dev/null""")


def emacs(id_: str, settings: str) -> Case:
    evals = f"--eval '(setq {settings})'" if settings else ""
    script = f"""emacs {EMACS_OPTIONS} --batch {evals} "$F" --eval '{EMACS_EDIT}'"""
    return Case(id_, script)


def python(id_: str, body: str, expected: str = "new") -> Case:
    script = f"""python3 - "$F" "$D" <<'END'
import os, pathlib, sys, mmap, tempfile
path, folder = sys.argv[1:]
{body}
END"""
    return Case(id_, script, expected)


def node(id_: str, body: str) -> Case:
    return Case(
        id_,
        f"""node -e '
const fs = require("fs"); const f = process.env.F; const text = "new\\n";
{body}'""",
    )


SHELL = [
    Case("truncate", 'echo new > "$F"'),
    Case("append", 'echo more >> "$F"', "old text\nmore"),
    Case("clobber", 'set -C; echo new >| "$F"'),
    Case("in_place", 'echo new text 1<> "$F"', "new text"),
    Case("here_document", 'cat > "$F" <<E\nnew\nE'),
    Case("exec_descriptor", 'exec 3> "$F"; echo a >&3; echo b >&3; exec 3>&-', "a\nb"),
    Case("subshell", '( echo a; echo b ) > "$F"', "a\nb"),
    Case("subshell_commands", '( /bin/echo a; /bin/echo b ) > "$F"', "a\nb"),
    Case("group", '{ echo a; echo b; } > "$F"', "a\nb"),
    Case("group_commands", '{ /bin/echo a; /bin/echo b; } > "$F"', "a\nb"),
    Case("clear", ': > "$F"', ""),
    Case("again", 'echo one > "$F"; sed -i s/one/two/ "$F"; echo new > "$F"', puts=3),
    Case("unchanged", 'echo old text > "$F"', OLD, puts=0),
]

CASES = [
    *SHELL,
    *(Case(f"dash_{case.id}", case.script, case.expected, case.puts, "dash") for case in SHELL),
    Case("cp", 'cp "$W/new" "$F"'),
    Case("cp_p", 'cp -p "$W/new" "$F"'),
    Case("cp_a", 'cp -a "$W/new" "$F"'),
    Case("cp_b", 'cp -b "$W/new" "$F"'),
    Case("cp_remove_destination", 'cp --remove-destination "$W/new" "$F"'),
    Case("mv_from_other_fs", 'cp "$W/new" "$W/m" && mv "$W/m" "$F"'),
    Case("mv_from_same_fs", 'echo new > "$D/x.tmp" && mv "$D/x.tmp" "$F"'),
    Case("tee", 'echo new | tee "$F" >/dev/null'),
    Case("tee_a", 'echo more | tee -a "$F" >/dev/null', "old text\nmore"),
    Case("sed_i", 'sed -i "s/old text/new/" "$F"'),
    Case("sed_i_backup", 'sed -i.bak "s/old text/new/" "$F"'),
    Case("perl_i", 'perl -i -pe "s/old text/new/" "$F"'),
    Case("perl_i_backup", 'perl -i.bak -pe "s/old text/new/" "$F"'),
    Case("ed", 'printf "%%s/old text/new/\\nw\\nq\\n" | ed -s "$F"'),
    Case("ex", f"""printf '%%s/old text/new/\\nx\\n' | ex -s {VI_OPTIONS} "$F" """),
    vi("vim_default", "nobackup"),
    vi("vim_backupcopy_yes", "backupcopy=yes"),
    vi("vim_backupcopy_no", "backupcopy=no"),
    vi("vim_backupcopy_auto", "backupcopy=auto"),
    vi("vim_backup", "backup backupdir=."),
    vi("vim_nowritebackup", "nowritebackup"),
    Case(
        "vim_two_saves",
        f"""vim -es {VI_OPTIONS} -c '%s/old text/one/' -c w -c '%s/one/new/' -c wq "$F" \\
</dev/null""",
        puts=2,
    ),
    vi("nvim", "backup", "nvim"),
    vi("nvim_backupcopy_yes", "backupcopy=yes", "nvim"),
    emacs("emacs", ""),
    emacs("emacs_precious", "file-precious-flag t"),
    emacs("emacs_backup_by_copying", "backup-by-copying t"),
    emacs("emacs_no_backup", "make-backup-files nil"),
    Case("kak", """kak -n -ui dummy -e 'exec %{%cnew<ret><esc>gjd}; write; quit' "$F" """),
    Case(
        "kak_replace",
        """kak -n -ui dummy -e 'set global writemethod replace
exec %{%cnew<ret><esc>gjd}; write; quit' "$F" """,
    ),
    python("py_open_w", 'with open(path, "w") as f: f.write("new\\n")'),
    python("py_unclosed", 'open(path, "w").write("new\\n")'),
    python(
        "py_update",
        'with open(path, "r+") as f: f.write("new\\n"); f.truncate()',
    ),
    python("py_pathlib", 'pathlib.Path(path).write_text("new\\n")'),
    python(
        "py_atomic",
        """fd, tmp = tempfile.mkstemp(dir=folder)
os.write(fd, b"new\\n"); os.fsync(fd); os.close(fd); os.replace(tmp, path)""",
    ),
    python(
        "py_atomic_open",
        """fd, tmp = tempfile.mkstemp(dir=folder)
os.write(fd, b"new\\n"); os.replace(tmp, path); os.close(fd)""",
    ),
    python(
        "py_mmap",
        """with open(path, "r+b") as f:
    with mmap.mmap(f.fileno(), 0) as m: m[:3] = b"new"; m.flush()""",
        "new text",
    ),
    python(
        "py_mmap_no_flush",
        """with open(path, "r+b") as f:
    m = mmap.mmap(f.fileno(), 0); m[:3] = b"new"; m.close()""",
        "new text",
    ),
    node("node_write_file", "fs.writeFileSync(f, text)"),
    node("node_write_file_async", "fs.writeFile(f, text, (e) => { if (e) throw e })"),
    node(
        "code_in_place",
        """const d = fs.openSync(f, "w"); fs.writeSync(d, text); fs.fdatasyncSync(d);
fs.closeSync(d)""",
    ),
    node(
        "code_truncate_first",
        """fs.truncateSync(f, 0); const d = fs.openSync(f, "r+"); fs.writeSync(d, text);
fs.fdatasyncSync(d); fs.closeSync(d)""",
    ),
    node(
        "code_atomic",
        """const t = f + ".vsctmp"; const d = fs.openSync(t, "w"); fs.writeSync(d, text);
fs.fdatasyncSync(d); fs.closeSync(d); fs.renameSync(t, f)""",
    ),
    Case("rsync", 'rsync "$W/new" "$F"'),
    Case("rsync_a", 'rsync -a "$W/new" "$F"'),
    Case("rsync_inplace", 'rsync --inplace "$W/new" "$F"'),
    Case("dd", 'dd if="$W/new" of="$F" status=none'),
    Case("dd_notrunc", 'dd if="$W/new" of="$F" conv=notrunc status=none', "new\ntext"),
    Case("dd_bytes_fsync", 'dd if="$W/new" of="$F" bs=1 conv=fsync status=none'),
    Case("truncate_shorter", 'truncate -s 3 "$F"', "old"),
    Case("truncate_to_nothing", 'truncate -s 0 "$F"', ""),
    Case("install", 'install "$W/new" "$F"'),
    Case("sponge", 'sed "s/old text/new/" "$F" | sponge "$F"'),
    Case("jq_sponge", """jq -Rr 'sub("old text"; "new")' "$F" | sponge "$F" """),
    Case("gio", 'echo new | gio save "$F"'),
    Case("awk", 'awk "BEGIN { print \\"new\\" > ENVIRON[\\"F\\"] }"'),
    Case("gawk_inplace", """gawk -i inplace '{ sub("old text", "new"); print }' "$F" """),
    Case("git_config", 'git config -f "$F" --replace-all a.b new', "[a]\n\tb = new"),
    Case("patch", 'printf -- "--- a\\n+++ b\\n@@ -1 +1 @@\\n-old text\\n+new\\n" | patch -s "$F"'),
    Case("tar", 'cp "$W/new" "$W/description.md" && tar c -C "$W" description.md | tar x -C "$D"'),
    Case("flock", 'flock "$F" -c "echo new > \\"$F\\""'),
    Case("sort_o_saves", 'echo new | sort -o "$F"'),
    Case("sort_o", 'sort -o "$D/tags" "$D/tags"', OLD, puts=0),
    Case("mv_backup_back", 'mv "$F" "$F~" && mv "$F~" "$F"', OLD, puts=0),
    Case("symlink_over", 'ln -sf "$W/new" "$F"', OLD, puts=0, fails=True),
    Case("hard_link", 'ln "$F" "$D/x"', OLD, puts=0, fails=True),
    Case("touch", 'touch "$F"', OLD, puts=0),
    Case("chmod_chown", 'chmod 644 "$F" && chown 0:0 "$F"', OLD, puts=0),
]
NUMBERS = {case.id: number for number, case in enumerate(CASES, 1)}


def git_config_asset(number: int) -> StoredAsset:
    return make_asset(number, "git_config", description="[a]\n\tb = old")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [
        git_config_asset(number)
        if id_ == "git_config"
        else make_asset(number, id_, description=OLD)
        for id_, number in NUMBERS.items()
    ]
    with mounting(tmp_path_factory.mktemp("tools"), assets) as mounted:
        yield mounted


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_tool_saves_with_one_right_put(mounted: Mounted, tmp_path: Path, case: Case) -> None:
    asset_id = make_id(NUMBERS[case.id])
    folder = mounted.asset(case.id)
    (tmp_path / "new").write_text("new\n")

    done = mounted.run(
        case.script,
        shell=case.shell,
        F=str(folder / "description.md"),
        D=str(folder),
        W=str(tmp_path),
    )

    assert (done.returncode != 0) == case.fails, done.stderr
    mounted.settle()
    if case.puts:
        wait_until(lambda: mounted.writes(asset_id), "the PUT")
    mounted.settle()
    assert mounted.server.store.get(asset_id).description == case.expected
    assert mounted.writes(asset_id) == ["PUT"] * case.puts
    if not case.fails and case.id != "mv_backup_back":
        expected = f"{case.expected}\n" if case.expected else ""
        shown = (folder / "description.md").read_text()
        assert shown.removesuffix("\n") == expected.removesuffix("\n")


def test_every_tool_is_installed() -> None:
    tools = (
        "bash dash vim nvim nano emacs micro kak joe mcedit ed ex sponge jq rsync patch git gawk"
        " perl node gio flock tmux"
    )
    assert [tool for tool in tools.split() if shutil.which(tool) is None] == []
