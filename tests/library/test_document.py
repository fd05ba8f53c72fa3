"""Assets written as one text, and read back from what an editor left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.errors import CoexplorerError, DocumentError
from coexplorer.fields import Fields
from coexplorer.library.document import build_document, find_edits
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import AssetId, MetadataField

ONE = AssetId("11111111-0000-4000-8000-000000000001")
TWO = AssetId("22222222-0000-4000-8000-000000000002")
THREE = AssetId("33333333-0000-4000-8000-000000000003")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
fields = st.builds(
    Fields,
    name=text,
    description=st.lists(st.sampled_from(["", "=== x", "===", "# head", "\\", "a: b", "tags:"]))
    .map("\n".join)
    .flatmap(lambda lines: text.map(lambda more: lines + more)),
    tags=st.lists(text, unique=True, max_size=4).map(tuple),
    mount=st.one_of(st.none(), text.filter(bool)),
)


@given(st.lists(fields, max_size=3))
def test_document_reads_back_as_it_was_written(all_fields: list[Fields]) -> None:
    assets = [(AssetId(f"id-{index}"), each) for index, each in enumerate(all_fields)]
    document = build_document(assets)
    read = find_edits(document, document)
    assert [(edit.asset_id, edit.base) for edit in read] == assets


@given(fields)
def test_document_that_nobody_changed_holds_no_edit(each: Fields) -> None:
    document = build_document([(ONE, each)])
    assert [(edit.base, edit.mine) for edit in find_edits(document, document)] == [(each, each)]


def test_edit_of_each_field_is_found() -> None:
    old = Fields("reads", "one\n\ntwo\n", ("rna", "x, y"), "reads")
    document = build_document([(ONE, old), (TWO, Fields("other"))])
    edited = (
        document.replace("name: reads", "name: Raw reads")
        .replace('tags: rna, "x, y"', 'tags: rna,new , "x, y",')
        .replace("mount: reads", "mount: raw")
        .replace("two\n", "two\nthree\n")
    )
    first, second = find_edits(document, edited)
    assert first.mine == Fields("Raw reads", "one\n\ntwo\nthree\n", ("rna", "new", "x, y"), "raw")
    assert second.mine == second.base == Fields("other")


def test_asset_whose_part_was_removed_is_left_alone() -> None:
    document = build_document([(ONE, Fields("a")), (TWO, Fields("b"))])
    kept = document[: document.index(f"=== {TWO}")] + "=== end\n"
    assert [edit.asset_id for edit in find_edits(document, kept)] == [ONE]


def test_asset_whose_part_was_removed_in_the_middle_is_left_alone() -> None:
    nasty = Fields("b", "name: b\ntext", ("t",))
    document = build_document([(ONE, Fields("a", "text")), (TWO, nasty), (THREE, Fields("c"))])
    start, end = document.index(f"=== {TWO}"), document.index(f"=== {THREE}")
    edits = find_edits(document, document[:start] + document[end:])
    assert [(edit.asset_id, edit.mine == edit.base) for edit in edits] == [
        (ONE, True),
        (THREE, True),
    ]


@pytest.mark.parametrize(
    "anchor",
    ["", "=", "==", "===", "== {}", " === {}", "#=== {}", "==={}", "===\t{}", "=== {}x", "{}"],
)
@pytest.mark.parametrize(
    "description", ["", "text", "# head\n", "name: b\ntags:\nmount:\ndescription:"]
)
def test_a_lost_or_mistyped_anchor_is_refused_with_its_line(anchor: str, description: str) -> None:
    document = build_document([(ONE, Fields("a", description)), (TWO, Fields("b", description))])
    lines = document.split("\n")
    at = lines.index(f"=== {TWO}")
    lines[at] = anchor.format(TWO)
    with pytest.raises(DocumentError) as caught:
        find_edits(document, "\n".join(lines))
    # Of an anchor that is gone without a trace the line below it is named.
    assert caught.value.line == at + 1 if anchor not in ("", "=") else caught.value.line > at


@pytest.mark.parametrize("end", ["", "==", "== end", "=== en", " === end", "# === end"])
def test_a_text_without_its_end_is_refused(end: str) -> None:
    document = build_document([(ONE, Fields("a", "text")), (TWO, Fields("b", "text"))])
    with pytest.raises(DocumentError):
        find_edits(document, document.replace("=== end", end))
    for length in range(len(document) - len("=== end\n")):
        with pytest.raises(DocumentError):
            find_edits(document, document[:length])


def test_a_part_is_removed_wholly_or_not_at_all() -> None:
    document = build_document([(ONE, Fields("a", "one")), (TWO, Fields("b", "two\nwords"))])
    head = f"=== {TWO}\nname: b\ntags:\nmount:\ndescription:\n"
    with pytest.raises(DocumentError, match="remove the whole asset"):
        find_edits(document, document.replace(head, ""))


@pytest.mark.parametrize(
    "line",
    ["made from 33333333-0000-4000-8000-000000000003", "name: of the mouse", "=====", f"see {TWO}"],
)
def test_words_of_a_description_are_free(line: str) -> None:
    document = build_document([(ONE, Fields("a", "text")), (TWO, Fields("b"))])
    edit, _ = find_edits(document, document.replace("text", f"text\n{line}"))
    assert edit.mine.description == f"text\n{line}"


@pytest.mark.parametrize("line", ["== A heading", "=== x", "name: b", "tags: a"])
def test_what_looks_like_the_document_gets_a_backslash(line: str) -> None:
    document = build_document([(ONE, Fields("a", "text")), (TWO, Fields("b"))])
    edited = document.replace("text", f"text\n\\{line}")
    edit, _ = find_edits(document, edited)
    assert edit.mine.description == f"text\n{line}"


@pytest.mark.parametrize("description", ["one\ntwo", "one\r\ntwo", "one\rtwo", "one\n"])
def test_a_byte_order_mark_and_the_line_ends_of_windows_change_nothing(description: str) -> None:
    document = build_document([(ONE, Fields("a", description)), (TWO, Fields("b", "text"))])
    edits = find_edits(document, "\ufeff" + document.replace("\n", "\r\n"))
    assert all(edit.mine == edit.base for edit in edits)


def test_emptied_mount_is_empty_and_not_missing() -> None:
    document = build_document([(ONE, Fields("a", mount="reads"))])
    (edit,) = find_edits(document, document.replace("mount: reads", "mount:"))
    assert edit.mine.mount == ""


def test_editor_with_line_ends_of_another_system_changes_nothing() -> None:
    document = build_document([(ONE, Fields("a", "one\ntwo"))])
    (edit,) = find_edits(document, document.replace("\n", "\r\n"))
    assert edit.mine == edit.base


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("name: a", "nam: a", 6, "'nam' is not one of"),
        ("name: a", "name: a\nname: b", 7, "'name' is twice"),
        ("name: a", 'name: "a', 6, "not a JSON string"),
        ("tags: t", 'tags: t"u', 7, "separate tags with commas"),
        ("description:", "description: x", 9, "starts on the next line"),
        ("mount:", "", 5, "no line mount:"),
        (f"=== {ONE}", f"=== {TWO}", 5, "was not in this text"),
        (f"=== {ONE}", "=== a b", 5, "the id of one asset"),
        (f"=== {ONE}", "", 6, "expected a === line"),
        ("=== end", f"=== {ONE}\nname: c", 12, "twice"),
    ],
)
def test_mistake_is_named_with_its_line(old: str, new: str, line: int, says: str) -> None:
    document = build_document([(ONE, Fields("a", "text", ("t",)))])
    with pytest.raises(DocumentError, match=says) as caught:
        find_edits(document, document.replace(old, new, 1))
    assert caught.value.line == line


def test_document_of_fields_holds_plain_words_for_plain_values() -> None:
    each = Fields("Reads of mouse 7", "# About\n\nText", ("rna", "mouse 7"), "reads")
    lines = build_document([(ONE, each)]).split("\n")
    assert lines[4:13] == [
        f"=== {ONE}",
        "name: Reads of mouse 7",
        "tags: rna, mouse 7",
        "mount: reads",
        "description:",
        "# About",
        "",
        "Text",
        "",
    ]


@pytest.mark.parametrize("tags", [" " * 200_000 + 'x"', '"' + "\\" * 200_001, " " * 200_000 + '"'])
def test_a_line_of_tags_that_makes_no_sense_is_refused_in_time(tags: str) -> None:
    asset_id = AssetId("aaaaaaaa-0000-4000-8000-000000000001")
    text = build_document([(asset_id, Fields("n", "", ("a",), "m"))])
    with pytest.raises(DocumentError):
        find_edits(text, text.replace("tags: a", f"tags: a,{tags}"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("metadata.colour: red", "there is no such key"),
        ("metadata.subject_id: M", "did you mean 'subject id'?"),
        ("metadata.colour:", "there is no such key"),
        ("", "this asset has no line metadata.subject id:"),
        ("metadata.age: 3", "this asset has no line metadata.subject id:"),
    ],
)
def test_a_key_that_there_is_not_is_told_before_the_one_it_stands_for(line: str, told: str) -> None:
    schema = MetadataSchema((MetadataField("subject id"), MetadataField("age", "number")))
    document = build_document([(ONE, Fields("x", metadata={"subject id": "M"}))], schema)
    edited = document.replace("metadata.subject id: M", line)
    assert edited != document
    with pytest.raises(CoexplorerError) as caught:
        find_edits(document, edited, schema)
    assert told in caught.value.message
