"""Lists of assets as people have them."""

import contextlib
import csv
import io
import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.cells import write_row
from coexplorer.cli.cells import csv_cell, tsv_cell
from coexplorer.errors import DocumentError, NotThere
from coexplorer.library.named_assets import is_sayable, is_whole_id, parse_list
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
        f'{{"id":"{A}","a":{{"id":"{B}","id":1}}}}\n{{"id":"{C}","id":"{C}"}}',
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
    found = parse_list(f'"a ""b"""\n"a" and "b"\n{A},\n"{B}",\n{C} \t;\n'.encode())
    assert [each.spellings for each in found] == [
        ('"a ""b"""', 'a "b"'),
        ('"a" and "b"',),
        (f"{A},", A),
        (f'"{B}",', B),
        (f"{C} \t;", C),
    ]
    assert [each.line for each in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("between", [",", ";", "\t", ", ", " ; ", " ", "|", '","', " and "])
def test_several_on_one_line_are_no_id_of_the_first(between: str) -> None:
    line = between.join((A, B, C))
    for data in (line, f"{line}\n{B}\n", f"{B}\n{line}\n"):
        (found,) = (each for each in parse_list(data.encode()) if each.text != B)
        assert (found.spellings, found.is_id) == ((line,), False)


_OLD = f"old copies:\n{B}, the first\n{C}; the second\t{C}"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("titles", "record"),
    [
        (("id", "description"), (A, f'"{_OLD}"')),
        (("description", "id"), (f'"{_OLD}"', A)),
        (("description", "ID", "note"), (f' "{_OLD}" ', A, '""')),
        (("name", "asset_id", "note"), ('"a ""name"""', A, f'"""{_OLD}"""')),
        (('"a title\nof two lines"', "id"), (f'"\n{B}\n"', A)),
        (("id", "description"), (f'"{A}"', f'"\n\n{B}\n"')),
    ],
)
def test_line_break_in_quotes_belongs_to_the_cell(
    titles: tuple[str, ...], record: tuple[str, ...], delimiter: str, end: str
) -> None:
    blank = delimiter * (len(titles) - 1)
    rows = [delimiter.join(titles), delimiter.join(record), blank, f" {blank} ", ""]
    data = "\n".join(rows).replace("\n", end)
    found = parse_list(data.encode())
    assert [each.text for each in found] == [A]
    assert [each.line for each in found] == [2 + titles[0].count("\n")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([("id", "note"), (A, f'"old:\n{B}')], 2),
        ([("id", "note"), (A, f'"old" copies:\n{B}"')], 2),
        ([("id", '"note'), (A, "x")], 1),
        ([("id", "note"), (A, "x", B)], 2),
        ([("name", "id"), ("x", B, A)], 2),
        ([("id", "id"), (A, B)], 2),
        ([("id", "asset_id"), (A, A), (A, B)], 3),
    ],
)
def test_table_that_can_be_read_in_two_ways_is_refused(
    rows: list[tuple[str, ...]], line: int, delimiter: str
) -> None:
    data = "\n".join(delimiter.join(row) for row in rows) + "\n"
    with pytest.raises(DocumentError, match=f"^line {line}: ") as caught:
        parse_list(data.encode())
    assert "nothing was done" in caught.value.hint


def test_quote_inside_of_a_cell_is_plain_only_between_tabs() -> None:
    assert texts(f'id\tname\n{A}\t5" disk\n{B}\tsay "x"\n') == [A, B]
    for delimiter in ",;":
        with pytest.raises(DocumentError, match=r"^line 2: there is a quote inside a cell"):
            parse_list(f'id{delimiter}name\n{A}{delimiter}5" disk\n'.encode())


def test_stray_quote_or_cell_is_refused_with_its_line() -> None:
    for data, line in (
        (f'id,note\n{A},x\n{B},"old"\n\n{C}"\n', 5),
        (f"id\n{A}\n{B},{C}\n", 3),
        (f"id\n{A},{B}\n", 2),
        (f'id\n{A}\n"{B}\n', 3),
    ):
        with pytest.raises(DocumentError, match=f"^line {line}: "):
            parse_list(data.encode())


@pytest.mark.parametrize("blank", [",", ";", " ; ", "\t", ",,", '""', '"",""', ",;"])
def test_delimiters_alone_are_no_table(blank: str) -> None:
    found = parse_list(blank.encode())
    assert [each.text for each in found] == ([blank] if blank.strip() else [])


def test_blank_rows_above_the_titles_are_passed_over() -> None:
    assert texts(f"\n,,\nid,name\n,\n{A},x\n") == [A]


def test_number_beside_the_id_is_passed_over() -> None:
    assert texts(f"id,asset_id\n7,{A}\n8,{B}\n") == [A, B]


@pytest.mark.parametrize("title", ["id", "ID", "asset_id", ' "id" '])
@pytest.mark.parametrize("below", ["\nrun_10\n", f"\nrun_10\n{A}"])
def test_lone_title_above_what_is_no_id_may_be_a_name(title: str, below: str) -> None:
    with pytest.raises(DocumentError, match=r"^line 1: .* could be a title or an asset's name"):
        parse_list((title + below).encode())


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
        (f'{{"id":"{A}","id":"{B}"}}', 1),
        (f'{{"id":"{A}"}}\n{{"id":7,"id":"{B}"}}', 2),
        (f'[{{"id":"{A}","asset_id":"{B}"}}]', 1),
        ('["\\ud800"]', 1),
        ("[" * 100_000, 1),
    ],
)
def test_broken_list_is_refused_with_its_line(data: str, line: int) -> None:
    if data.startswith("[[["):
        assert texts(data) == [data]  # a name, though nobody has it
        return
    with pytest.raises(DocumentError, match=f"^line {line}: "):
        parse_list(data.encode())


@pytest.mark.parametrize("separator", ["sep=;", '"sep=,"', "SEP=\t", "sep=|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "below", [f"id;name\n{A};x\n{B};y", f"{A}\n{B}", f"# mine\n\nid,name\n{A},x\n# not\n{B},y"]
)
def test_what_spreadsheets_and_people_write_above_a_list_is_none_of_it(
    separator: str, end: str, below: str
) -> None:
    assert texts(f"{separator}\n{below}\n".replace("\n", end)) == [A, B]


def test_comments_above_leave_the_numbers_of_lines() -> None:
    found = parse_list(f"# one\n#\n\nname,id\nx,{A}\n".encode())
    assert [(each.text, each.line) for each in found] == [(A, 5)]
    assert texts(f'# one\n{{"id":"{A}"}}\n') == [A]


@pytest.mark.parametrize("title", ["name", "Name", "# a comment", "#"])
def test_line_that_may_be_a_title_or_a_comment_is_marked(title: str) -> None:
    found = parse_list(f"{title}\nrun_10\n".encode())
    assert [(each.text, each.may_be_none, each.may_be_title) for each in found] == [
        (title, True, "#" not in title),
        ("run_10", False, False),
    ]


@pytest.mark.parametrize("title", ["id", "ID", "asset_id", ' "id" ', "name", "Name", '"name"'])
@pytest.mark.parametrize("above", ["", "\ufeff", "sep=;\r\n", "\n\n"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
def test_title_with_nothing_below_is_an_empty_list(above: str, title: str, end: str) -> None:
    assert parse_list(f"{above}{title}{end}".encode()) == []


def test_title_with_nothing_below_is_none_of_what_a_comment_may_name() -> None:
    assert [each.text for each in parse_list(b"# what I made\nname\n")] == ["# what I made"]


@pytest.mark.parametrize("below", ["", "\n", "\r\n\r\n", "\nready\n", f"\n{A}\n"])
@pytest.mark.parametrize(
    "first", ["state", "Tags", '"size"', "size,state", "state\ttags", "metadata.subject id"]
)
def test_titles_of_other_columns_name_no_asset(first: str, below: str) -> None:
    titles = {"id", "name", "state", "size", "tags"}
    for above, line in (("", 1), ("# mine\n\n", 3), ("\ufeff", 1)):
        with pytest.raises(NotThere, match=f"^line {line}: this list has no ids or names"):
            parse_list((above + first + below).encode(), titles)
    assert [each.text for each in parse_list(f"run_10\n{first}\n".encode(), titles)] == [
        "run_10",
        first,
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name,size\nrun_1,5\nrun_2,\n", ["run_1", "run_2"]),
        ('size,name\n5,"a, b"\n', ["a, b"]),
        ("name\tstate\nrun\\t1\tready\n", ["run\\t1", "run\t1"]),
        ("name,metadata.age\n", []),
        ('[{"name":"a"},{"name":"b","size":3}]', ["a", "b"]),
        ('{"name":"a"}\n{"name":"b"}\n', ["a", "b"]),
    ],
)
def test_our_own_tables_without_ids_name_assets_by_their_names(text: str, names: list[str]) -> None:
    found = parse_list(text.encode(), {"id", "name", "state", "size", "tags"})
    assert [spelling for each in found for spelling in each.spellings] == names
    assert not any(each.is_id for each in found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name,size\nrun_1\n", 2),
        ("name,size\na,1\nrun_1,5,6\n", 3),
        ("name,size\n,5\n", 2),
        ('[{"name":"a","name":"b"}]', 1),
        ('[{"name":""}]', 1),
    ],
)
def test_a_row_without_one_name_is_refused(text: str, line: int) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_list(text.encode(), {"id", "name", "state", "size", "tags"})
    assert caught.value.line == line


@given(st.text(min_size=1).filter(str.strip))
def test_names_in_our_own_columns_are_spelled_among_others(name: str) -> None:
    if not is_sayable(name) or "\0" in name or name.strip() != name:
        return
    for line in (write_row([csv_cell(name)]), tsv_cell(name)):
        if len(line.splitlines()) == 1 and not is_whole_id(name):
            last = parse_list(f"a name to begin with\n{line}\n".encode())[-1]
            assert name in last.spellings


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


_cells = st.lists(
    st.sampled_from(["a", '"', "\n", "\r\n", ",", ";", "\t", " ", A, B, f"\n{C}\n"])
).map("".join)


@given(
    st.lists(st.tuples(_cells, st.sampled_from([A, B, C]), _cells), min_size=1),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(0, 2000),
)
def test_ids_of_any_table_that_a_program_writes_are_those_of_its_column(
    rows: list[tuple[str, str, str]], delimiter: str, end: str, quoting: Literal[0, 1], cut: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(("name", "id", "description"))
    writer.writerows(rows)
    data = out.getvalue()
    found = texts(data)
    given_ids = [asset_id for _, asset_id, _ in rows]
    assert list(dict.fromkeys(found)) == list(dict.fromkeys(given_ids))
    cut_off = data[: cut % len(data)]
    with contextlib.suppress(DocumentError):
        assert {text for text in texts(cut_off) if is_whole_id(text)} <= set(given_ids)


def test_large_list_keeps_its_order() -> None:
    ids = [make_id(number) for number in range(20_000)]
    assert texts("\n".join(ids)) == ids
    assert texts(json.dumps([{"id": each} for each in ids])) == ids
