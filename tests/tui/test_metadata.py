"""Custom metadata in the app: typed in the details, edited, set on many, given to a new asset."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.pty_session import Session
from coexplorer.config import Settings
from coexplorer.demo.metadata import SchemaField
from coexplorer.demo.server import DemoServer
from coexplorer.tui.widgets.choices import Choices
from tests.support.program import Program, program_command
from tests.support.server import COMBINED, OUTSIDE
from tests.support.tui import running_app

MARCH = 1_709_251_200


@pytest.fixture
def program(server: DemoServer) -> Program:
    server.metadata_fields = (*server.metadata_fields, SchemaField("implant date", "date"))
    return Program(server)


def sent(server: DemoServer, count: int) -> dict[str, object]:
    put = server.log.wait_for(count, "PUT", answered=True)[-1]
    found: dict[str, object] = json.loads(put.body)["custom_metadata"]
    return found


def test_a_new_key_is_shown_and_edited_in_the_app(server: DemoServer, program: Program) -> None:
    """So is each type of value: see `tests.support.new_key`."""
    with Session(program_command(), columns=120, rows=50, env=program.env) as session:
        session.wait_for("synced", timeout_s=60)
        session.write("/ecephys_655019 -sorted\r")
        session.wait_for(re.compile(r"age +61 days"), timeout_s=60)
        session.write("e")
        session.wait_for("implant date", timeout_s=60)
        # name, description, tags, mount; then subject id, species, genotype, age, session date, …
        session.write("\t\t\t\t\tMus m")
        session.wait_for("Mus musculus", timeout_s=60)
        session.write("\t\t\t\x7f\x7f62\t2024-03-01\tChen")
        session.wait_for("Chen Wei-Ling", timeout_s=60)
        session.write("\t\r")
        assert sent(server, 1) == {
            "subject id": "655019", "age": 62, "modality": ["ecephys"],
            "species": "Mus musculus", "session date": MARCH, "experimenter": ["Chen Wei-Ling"],
        }  # fmt: skip
        session.wait_for(re.compile(r"session date *2024-03-01"), timeout_s=60)
        session.write("e\t\t\t\t\t\t\tx\r")  # no number: refused before it is sent, and open again
        session.wait_for("must be a number", timeout_s=60)
        session.wait_for("save", timeout_s=60)
        session.write("\x7f\x7f\x7f\r")
        assert "age" not in sent(server, 2)


@pytest.mark.command("asset.metadata")
async def test_a_key_is_set_on_all_marked_assets_by_a_plan(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("space", "space", "i")
        await app.until_shown("metadata KEY=VALUE", "subject id")
        await app.type("session date=soon")
        await app.press("enter")
        await app.until_shown("it must be a date such as 2024-03-01")
        await app.press(*["backspace"] * 4)
        await app.type("2024-03-01")
        await app.press("enter")
        await app.until_shown("2 assets", "2024-03-01")
        await app.press("y")
        both = (OUTSIDE, COMBINED)
        await app.until(
            lambda: (
                {app.stored(each).custom_metadata.get("session date") for each in both} == {MARCH}
            ),
            "done",
        )


@pytest.mark.parametrize(
    "keys", [("a", "g", "e", "enter"), ("a", "g", "enter"), ("A", "G", "E", "enter"),
             ("a", "g", "e", "down", "enter"), ("a", "g", "e", "=", "enter")],
)  # fmt: skip
async def test_a_key_alone_goes_on_to_its_value(
    server: DemoServer, settings: Settings, keys: tuple[str, ...]
) -> None:
    async with running_app(server, settings) as app:
        await app.press("i")
        await app.until_shown("metadata KEY=VALUE", "subject id")
        await app.press(*keys)
        await app.until_shown("Enter takes it away age=")
        await app.type("61")
        await app.press("enter")
        await app.until_shown("'age' to 61: 1 asset")
        await app.press("y")
        await app.until(lambda: app.stored(OUTSIDE).custom_metadata.get("age") == 61, "set")


async def test_choices_stand_under_the_field_that_is_in_use_alone(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, custom_metadata={"experimenter": ["Chen Wei-Ling"]})
    async with running_app(server, settings) as app:
        await app.press("e")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        editing = app.main.state.editing
        assert editing is not None
        editor, name = editing.editor, "metadata.experimenter"
        await app.settle()
        assert not [each for each in editor.query(Choices) if each.display]
        editor.focus_field(name)
        await app.settle()
        await app.press("ctrl+u", "C", "h")
        await app.until(lambda: [e for e in editor.query(Choices) if e.display], "offered")
        editor.focus_field("name")
        await app.until(lambda: not [e for e in editor.query(Choices) if e.display], "gone")


async def test_each_wrong_value_is_told_at_its_field_until_it_is_right(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("e")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.press(*["tab"] * 7, "x", "tab", "y")
        for key in ("enter", "ctrl+s"):
            await app.press(key)
            await app.until_shown("it must be a number", "it must be a date such as")
        await app.press("backspace", "5")
        await app.until_gone("it must be a number")
        await app.until_shown("it must be a date such as")
        await app.press("tab", "ctrl+u", "enter")
        await app.until(lambda: app.stored(OUTSIDE).custom_metadata.get("age") == 5, "saved")
        assert app.main.state.editing is None


async def test_a_new_asset_is_given_metadata(server: DemoServer, settings: Settings) -> None:
    (server.make_bucket("my-bucket") / "reads.txt").write_text("ACGT")
    async with running_app(server, settings) as app:
        await app.press("N", "enter")
        await app.until_shown("New asset", "subject id *")
        await app.type("New one")
        await app.press(*["tab"] * 4)
        await app.type("my-bucket")
        await app.press(*["tab"] * 4, "space", *["tab"] * 3)
        await app.type("655020")
        await app.press("tab")
        await app.type("Mus m")
        await app.until_shown("Mus musculus")
        await app.press("tab", "tab", "tab")
        await app.type("61 years")
        await app.press("ctrl+s")
        await app.until_shown("it must be a number (0 to 40,000 days)")
        await app.press(*["backspace"] * 6)
        await app.press("ctrl+s")
        await app.until_shown("New one is ready")
    body = json.loads(server.requests("POST")[-1].body)
    assert body["custom_metadata"] == {"subject id": "655020", "species": "Mus musculus", "age": 61}


@pytest.mark.command("edit.metadata")
async def test_the_palette_goes_to_the_first_key(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press(":")
        await app.type("edit the metadata")
        await app.press("enter")
        await app.until_shown("subject id", "experimenter")
        await app.type("7")
        await app.press("ctrl+s")
        wanted = {"subject id": "7"}
        await app.until(lambda: app.stored(OUTSIDE).custom_metadata == wanted, "saved")
