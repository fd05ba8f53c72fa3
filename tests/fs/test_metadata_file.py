"""``metadata.toml``: its text means exactly what the asset has, and a save is one change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.demo.metadata import SchemaField
from coexplorer.demo.server import DemoServer
from coexplorer.errors import InvalidField
from coexplorer.fields import Map, is_same_json
from coexplorer.fs.core.metadata_file import (
    build_metadata,
    parse_metadata,
    read_metadata_anyhow,
    use_schema,
)
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.models import MetadataField
from tests.support.mounted import Mounted
from tests.support.server import RAW

MARCH = 1_709_251_200
SCHEMA = MetadataSchema(
    (
        MetadataField("subject id", required=True),
        MetadataField("session date", "date"),
        MetadataField("age", "number", units="days", minimum=0, maximum=40_000),
        MetadataField("people", multiple=True, allowed_values=("Ann", "Bo")),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip
KEYS = st.sampled_from(["subject id", "session date", "age", "people"]) | st.text(max_size=4)


@pytest.fixture(params=[SCHEMA, UNKNOWN], ids=["schema", "no schema"])
def _schema(request: pytest.FixtureRequest) -> Iterator[None]:
    use_schema(request.param)
    yield
    use_schema(UNKNOWN)


@pytest.mark.usefixtures("_schema")
def test_a_text_means_just_what_it_was_made_from() -> None:
    @given(st.none() | st.dictionaries(KEYS, JSON, max_size=4), st.none() | st.just({"x": 1}))
    def check(held: Map | None, now: Map | None) -> None:
        text = build_metadata(held).decode()
        assert parse_metadata(text, held) is held
        mended = f"{text}\nnew_key = 5\n"
        new = parse_metadata(mended, held) or {}
        assert is_same_json({**(held or {}), "new_key": 5}, new)
        # Also where something else is there by now: all that a line says, and nothing else.
        read = parse_metadata(text, now) or {}
        kept = {
            key
            for key, value in (held or {}).items()
            # A list is written anew with each value once.
            if key in read and not (isinstance(value, list) and len(value) > 1)
        }
        assert all(is_same_json(read[key], (held or {})[key]) for key in kept)
        assert {*read} <= {*(held or {})}

    check()


def test_values_are_read_as_the_schema_types_them() -> None:
    use_schema(SCHEMA)
    try:
        text = build_metadata({"age": 61, "session date": MARCH}).decode()
        assert 'age = 61  # number, 0 to 40,000 days\n"session date" = 2024-03-01  # date\n' in text
        assert '\n# Not set:\n# "subject id" =   # text; required\n# people = ' in text
        read = parse_metadata(
            '"session date" = "2024-03-02"\nage = "62 days"\npeople = "Ann"\n', {}
        )
        assert read == {"session date": MARCH + 86_400, "age": 62, "people": ["Ann"]}
        assert parse_metadata('people = ["Ann", "Bo", "Ann"]', {}) == {"people": ["Ann", "Bo"]}
        there: Map = {"people": ["Ann", "Ann"]}  # as it is, nobody touched it
        assert parse_metadata(f"{build_metadata(there).decode()}age = 1", there) == {
            **there,
            "age": 1,
        }
        assert parse_metadata('"session date" = 2024-03-01T10:00:00+10:00', {}) == {
            "session date": MARCH
        }
    finally:
        use_schema(UNKNOWN)
    with pytest.raises(InvalidField, match=r"not TOML: .*line 1"):
        parse_metadata("age = \n", {})
    assert build_metadata(read_metadata_anyhow("age = \n", {"a": 1})) == b"age = \n"


@pytest.fixture
def mounted(server: DemoServer, tmp_path: Path) -> Iterator[Mounted]:
    home = tmp_path / "mounted"
    home.mkdir()
    server.metadata_fields = (*server.metadata_fields, SchemaField("implant date", "date"))
    mount = Mounted(server, home, tmp_path / "mount")
    try:
        mount.start()
        yield mount
    finally:
        mount.clean_up()


def test_a_save_is_one_change_and_a_wrong_value_is_refused_with_what_is_allowed(
    server: DemoServer, mounted: Mounted
) -> None:
    asset = mounted.asset("ecephys_655019_2023-04-03_18-17-07")
    file = asset / "metadata.toml"
    text = file.read_text()
    assert re.search(r'^#\s*"implant date" =', text, re.MULTILINE)  # see tests.support.new_key
    assert 'age = 61  # number, 0 to 40,000 days\nmodality = ["ecephys"]\n' in text
    good = text.replace("age = 61", 'age = 62\n"session date" = 2024-03-01')
    for emptied in ("cp /dev/null", "truncate -s 0"):  # a required key would go
        done = mounted.run(f"{emptied} '{file}'")
        assert "Invalid argument" in done.stderr
        assert "it is required" in (asset / "error").read_text()
    file.write_text(good)
    (put,) = server.requests("PUT")
    assert json.loads(put.body)["custom_metadata"] == {
        "subject id": "655019", "age": 62, "session date": MARCH, "modality": ["ecephys"]
    }  # fmt: skip
    with pytest.raises(OSError, match="Invalid argument"):
        file.write_text(file.read_text().replace("age = 62", "age = -1"))
    told = (asset / "error").read_text()
    assert "'age': it must be 0 to 40,000 days, not '-1'" in told
    with pytest.raises(OSError, match="Invalid argument"):
        file.write_text("age = \n")
    assert "not TOML" in (asset / "error").read_text()
    file.write_text(good)  # the program gives it up
    for line in ("age = 3", "age", "genotype = 7"):
        done = mounted.run(f"echo '{line}' | tee -a '{file}'")
        assert "Invalid argument" in done.stderr, line
        assert "age = 62" in file.read_text()
        assert file.read_text().count("\n") == len(file.read_text().splitlines())
        assert line not in file.read_text().splitlines(), "what is there, not what was refused"
    assert len(server.requests("PUT")) == 1
    log = mounted.cli("log").stdout
    assert "edit metadata of ecephys_655019" in log
    assert len(server.requests("PUT")) == 1
    stored = server.store.get(RAW).custom_metadata
    server.store.update(RAW, custom_metadata={**stored, "age": 63})  # a colleague, meanwhile
    file.write_text(f'genotype = "wt"\n{good}')
    now = server.store.get(RAW).custom_metadata
    assert (now["age"], now["genotype"]) == (63, "wt")
    file.write_text("\n".join(line for line in file.read_text().split("\n") if "wt" not in line))
    assert "genotype" not in server.store.get(RAW).custom_metadata
