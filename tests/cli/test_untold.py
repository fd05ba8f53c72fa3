"""What the platform does not say is not known: nobody may take it for a fact."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.cli.test_odd_assets import ID, Keeper, Signed
from tests.support.rawserver import Asked, raw_server

MISSING: Any = object()


@pytest.mark.parametrize("state", [None, MISSING, "", "DATA_ASSET_STATE_"])
def test_a_state_that_is_not_told_is_not_ready(
    state: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coexplorer.library.create.FIRST_POLL_S", 0.01)
    keeper = Keeper(state=state)
    if state is MISSING:
        del keeper.asset["state"]
    left = [4]  # looks until it is ready; only `wait` counts

    def answer(asked: Asked) -> Iterable[bytes]:
        if is_waiting and asked.method == "GET" and asked.path.endswith(ID):
            left[0] -= 1
            if left[0] == 0:
                keeper.asset["state"] = "ready"
        return keeper(asked)

    is_waiting = False
    with raw_server(answer) as server:
        program = Signed(server)
        program.ok("sync")
        assert ID not in program("ls", "state:ready", "--json").out
        assert "?" in program.ok("ls")
        assert "ready" not in program.ok("ls")
        assert json.loads(program.ok("ls", "--json"))[0]["state"] == ""
        for told in (program.ok("show", ID), program.ok("show", ID, "--offline")):
            assert "state" in told
            assert "ready" not in told
        assert "unknown" in program.ok("stats")
        is_waiting = True
        waited = program("wait", ID)
        assert waited.code == 0, waited
        assert "does not say in which state" in waited.err
        assert left == [0]
        assert ID in program.ok("ls", "state:ready", "--json")


def test_a_type_that_is_not_told_is_none() -> None:
    with raw_server(Keeper(type=None)) as server:
        program = Signed(server)
        program.ok("sync")
        assert ID not in program("ls", "type:dataset", "--json").out
        assert "dataset" not in program.ok("ls") + program.ok("show", ID)
