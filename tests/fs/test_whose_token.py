"""A mount whose token program prints another person's token sends nothing with it."""

import errno
import shlex
from pathlib import Path

from coexplorer.demo.asset import Role
from coexplorer.demo.server import DemoServer
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

COLLEAGUE = "jonas.lind@example.org"


def _write_profile(mounted: Mounted) -> Path:
    token = mounted.home / "token"
    token.write_text(mounted.server.users[0].token)
    config = mounted.home / "config" / "coexplorer" / "config.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    config.touch(0o600)
    command = f"cat {shlex.quote(str(token))}"
    config.write_text(
        f"[profiles.lab]\ndomain = \"{mounted.server.url}\"\ntoken_command = '''{command}'''\n"
    )
    return token


def _description(server: DemoServer, number: int) -> str:
    return server.store.get(make_id(number)).description


def test_a_mount_is_of_whose_token_it_began_with(tmp_path: Path) -> None:
    shared = make_asset(1, "shared", roles={COLLEAGUE: Role.EDITOR}, description="before")
    with mounting(tmp_path, [shared, make_asset(2, "mine")], start=False) as mounted:
        token, server = _write_profile(mounted), mounted.server
        lab = ["--profile", "lab"]
        mounted.start(before=lab)
        path = mounted.asset("shared") / "description.md"
        log = mounted.folder / ".coexplorer" / "log"

        token.write_text(server.users[1].token)
        assert save(path, "first\n") == 0, "its own token is still taken"
        assert _description(server, 1) == "first"
        assert server.store.get(make_id(1)).owner == server.users[0].email
        server.sign_in.expire(server.users[0].token)
        assert save(path, "second\n") == errno.EACCES
        wait_until(lambda: "belongs to somebody else" in log.read_text(), "the reason")
        assert save(path, "third\n") == errno.EACCES
        assert _description(server, 1) == "first"
        mounted.stop()

        mounted.start(before=lab, wait=False)
        wait_until((mounted.asset("shared") / "name").exists, "the colleague's asset")
        assert sorted(each.name for each in (mounted.folder / "all").iterdir()) == ["shared"]
        assert not list((mounted.folder / ".coexplorer" / "unsent").iterdir())
        assert save(mounted.asset("shared") / "description.md", "theirs\n") == 0
        mounted.stop()

        token.write_text(server.sign_in.issue(server.users[0]))
        mounted.start(before=lab)
        assert mounted.asset("mine").exists()
        unsent = [each.name for each in (mounted.folder / ".coexplorer" / "unsent").iterdir()]
        assert unsent, "the first person's text is theirs again"
