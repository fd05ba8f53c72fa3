"""Lists of assets as people have them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.errors import DocumentError
from coexplorer.library.lists import parse_list
from tests.support.server import make_id

A, B, C = map(make_id, (1, 2, 0xABCDEF))


def texts(data: str | bytes) -> list[str]:
    return [each.text for each in parse_list(data.encode() if isinstance(data, str) else data)]


@pytest.mark.parametrize(
    "data",
    [
        f"{A}\n{C}\n",
        f"{A}\r\n{C}\r\n",
        f"{A}\r{C}",
        f"\ufeff{A}\n\n   \n{C.upper()}",
        f"  {A}  \n{C}\n{A}\n",
        f"{A}\0{C}\0",
        f"id\n{A}\n{C}\n",
        f"\ufeffid\tname\n{A}\ta name\n{C}\tother\n",
        f"name\tid\r\nx\t{A}\r\ny\t{C}\r\n",
        f'"name","id"\n"x, ""y""","{A}"\nz,{C}\n',
        f"name;ID\nx;{A}\ny;{C}\n",
        f"path\tis_folder\tsize_bytes\tasset_id\na\tfalse\t1\t{A}\nb\tfalse\t1\t{A}\nc\t\t\t{C}\n",
        f'[\n{{"id":"{A}","name":"x"}},\n{{"id":"{C}"}}\n]\n',
        f'{{"id":"{A}"}}\n{{"name":"[","id":"{C}"}}\n',
        f'[\n  {{\n    "id": "{A}"\n  }},\n  {{"id": "{C}"}}\n]',
        f'["{A}", "{C}"]',
        f'{{"id": 7, "asset_id": "{A}"}}\n{{"id": 8, "asset_id": "{C}"}}',
    ],
)
def test_ids_are_read_from_every_format_of_ours_and_of_other_programs(data: str) -> None:
    assert [text.lower() for text in texts(data)] == [A, C]
    if not data.startswith("["):
        assert texts(data.encode("utf-16")) == texts(data)


def test_line_is_one_name_whole() -> None:
    data = "session 2024-01-05\n two  blanks \nname, with a comma\n# note\n[old] x\n{y\nid\n"
    assert texts(data) == [
        "session 2024-01-05",
        " two  blanks ",
        "name, with a comma",
        "# note",
        "[old] x",
        "{y",
        "id",
    ]


def test_what_a_line_may_mean_besides_is_kept_beside_it() -> None:
    found = parse_list(f'"a ""b"""\n"a" and "b"\n{A},x\n"{B}",\n'.encode())
    assert [each.spellings for each in found] == [
        ('"a ""b"""', 'a "b"'),
        ('"a" and "b"',),
        (f"{A},x", A),
        (f'"{B}",', B),
    ]
    assert [each.line for each in found] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (f'[\n{{"id":"{A}"}},\n{{"id":"', 1),
        (f'{{"id":"{A}"}}\n{B}\n', 2),
        (f'{{"id":"{A}"}}\n\n{{"name":"x"}}\n', 3),
        ('[{"why":"name","rows":[]}]', 1),
        ('{"id":5}', 1),
        (f"id\tname\n{A}\tx\n\tno id\n", 3),
        (f"name\tid\nx\t{A}\ny\n", 3),
        ("[" * 100_000, 1),
    ],
)
def test_broken_list_is_refused_with_its_line(data: str, line: int) -> None:
    if data.startswith("[[["):
        assert texts(data) == [data]  # a name, though nobody has it
        return
    with pytest.raises(DocumentError, match=f"^line {line}: "):
        parse_list(data.encode())


def test_no_list_is_no_mistake() -> None:
    assert parse_list(b"") == parse_list(b"\n \r\n") == parse_list(b"[]") == []
    assert parse_list("\ufeff".encode()) == parse_list(b"id\tname\n") == []


_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1)


@given(st.lists(_names.filter(str.strip), min_size=1, unique=True))
def test_names_that_are_no_format_come_back_as_they_are(names: list[str]) -> None:
    first = "a name to begin with"  # so that none of them is the first line, which tells the format
    found = parse_list("\n".join([first, *names]).encode())
    assert [each.text for each in found if not each.is_id] == [first, *dict.fromkeys(names)]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_a_mistake_with_its_line(data: bytes) -> None:
    with contextlib.suppress(DocumentError):
        assert all(each.text and each.line for each in parse_list(data))


def test_large_list_keeps_its_order() -> None:
    ids = [make_id(number) for number in range(20_000)]
    assert texts("\n".join(ids)) == ids
    assert texts(json.dumps([{"id": each} for each in ids])) == ids
