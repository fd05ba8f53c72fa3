import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coexplorer.errors import QueryError
from coexplorer.query import (
    Ago,
    AllTags,
    Compare,
    Day,
    DayBefore,
    Flag,
    Has,
    Match,
    Never,
    Query,
    SortKey,
    Word,
    format_id,
    format_query,
    parse_partial,
    parse_query,
)
from tests.support.queries import IDS, queries

ONE, TWO = IDS[:2]


def _named(text: str) -> Match:
    return Match("name", text)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("ecephys 655019", (Word("ecephys"), Word("655019"))),
        ('name:"raw data" tag:rna', (Match("name", "raw data"), Match("tag", "rna"))),
        ("-tag:test", (Match("tag", "test", negated=True),)),
        ("not:name:foo", (Match("name", "foo", negated=True),)),
        ("NOT:foo", (Word("foo", negated=True),)),
        ("tag:all(raw, ephys)", (AllTags(("raw", "ephys")),)),
        ('tag:all("a,b",spike sorting)', (AllTags(("a,b", "spike sorting")),)),
        ("TYPE:Result state:failed", (Match("type", "result"), Match("state", "failed"))),
        ("is:favorite -is:shared", (Flag("favorite"), Flag("shared", negated=True))),
        ("size:>10GB", (Compare("size", ">", 10**10),)),
        ("size:1MB..2.5MiB", (Compare("size", "..", 10**6, 2621440),)),
        ("files:<=100 files:=3", (Compare("files", "<=", 100), Compare("files", "", 3))),
        ("created:<2024-01-01", (Compare("created", "<", Day(2024, 1, 1)),)),
        ("created:2024-1", (Compare("created", "", Day(2024, 1)),)),
        ("created:-30d", (Compare("created", "", Ago(30, "d")),)),
        ("used:never", (Compare("used", "", Never()),)),
        ("used:<-180d", (Compare("used", "<", Ago(180, "d")),)),
        ('"subject id":655019', (Match("subject id", "655019", custom=True),)),
        ('"age":>=3.5', (Compare("age", ">=", 3.5, custom=True),)),
        ('"age":3..4', (Compare("age", "..", 3, 4, custom=True),)),
        ('"day":<2024-01-31', (Compare("day", "<", Day(2024, 1, 31), custom=True),)),
        ('"note":">5"', (Match("note", ">5", custom=True),)),
        ("name:=HCR_1", (Match("name", "HCR_1", how="whole"),)),
        ('-name:="a b"', (Match("name", "a b", negated=True, how="whole"),)),
        ("tag:^ec", (Match("tag", "ec", how="starts"),)),
        ('description:^"two words"', (Match("description", "two words", how="starts"),)),
        ("name:glob(HCR_*)", (Match("name", "HCR_*", how="glob"),)),
        ("prefix:glob( a b* )", (Match("prefix", "a b*", how="glob"),)),
        ('name:glob("f(x)*")', (Match("name", "f(x)*", how="glob"),)),
        ('"subject id":=007', (Match("subject id", "007", custom=True, how="whole"),)),
        ('"subject id":=">5"', (Match("subject id", ">5", custom=True, how="whole"),)),
        ('"note":^re', (Match("note", "re", custom=True, how="starts"),)),
        ('-"note":glob(*x?)', (Match("note", "*x?", True, True, "glob"),)),
        ('"day":yesterday', (Match("day", "yesterday", custom=True),)),
        ('"day":>yesterday', (Compare("day", ">", DayBefore(1), custom=True),)),
        ('"day":<2w', (Compare("day", "<", Ago(2, "w"), custom=True),)),
        ('name:"=x" name:"^x" name:"glob(x)"', tuple(map(_named, ("=x", "^x", "glob(x)")))),
        ('"*" name:"a*"', (Word("*"), Match("name", "a*"))),
        ("has:description", (Has("description"),)),
        ("-has:TAGS", (Has("tag", negated=True),)),
        ('has:"subject id"', (Has("subject id", custom=True),)),
        ('has:"description"', (Has("description", custom=True),)),
        ("is:writable", (Flag("writable"),)),
        ("s3://bucket/x 12:30", (Word("s3://bucket/x"), Word("12:30"))),
        (ONE, (Match("id", ONE),)),
        (f"-{ONE.upper()}", (Match("id", ONE, negated=True),)),
        (f"{ONE} {TWO}", (Match("id", ONE), Match("id", TWO))),
        (f"{ONE},{TWO}", (Match("id", ONE), Match("id", TWO))),
        (f"{ONE} ; {TWO}, raw", (Match("id", ONE), Match("id", TWO), Word("raw"))),
        (f"https://acme.org/data-assets/{ONE}", (Match("id", ONE),)),
        (
            f"https://acme.org:8/data-assets/{ONE}/a_name?tab=files#x raw",
            (Match("id", ONE), Word("raw")),
        ),
        (
            f"http://a/data-assets/{ONE}/,http://a/data-assets/{TWO}",
            (Match("id", ONE), Match("id", TWO)),
        ),
        (f'"{ONE}"', (Word(ONE),)),
        (f"{ONE}0", (Word(f"{ONE}0"),)),
        (f"{ONE[:-1]}", (Word(ONE[:-1]),)),
        (f"run_{ONE}", (Word(f"run_{ONE}"),)),
        (f"https://acme.org/capsule/{ONE}", (Word(f"https://acme.org/capsule/{ONE}"),)),
        (r'"say \"hi\" \\ \n"', (Word(r"say " + '"hi" \\ \\n'),)),
    ],
)
def test_a_text_is_read_as_it_is_meant(text: str, terms: tuple[object, ...]) -> None:
    assert parse_query(text).terms == terms


def test_sort_keys_are_kept_in_order_apart_from_the_terms() -> None:
    query = parse_query("sort:type raw sort:-size")
    assert query == Query((Word("raw"),), (SortKey("type"), SortKey("size", descending=True)))


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("raw", False),
        ("is:archived", True),
        ("is:any", True),
        ("-is:archived", False),
        (ONE, True),
        (f"-{ONE}", False),
        (ONE[:8], False),
        (f"id:{ONE[:8]}", False),
    ],
)
def test_archived_assets_take_part_only_when_asked_for(text: str, asks: bool) -> None:  # noqa: FBT001 - a row of a table
    assert parse_query(text).asks_for_archived is asks


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("raw size:>ten", ">ten", "size: expected a number and a unit, as in >10GB"),
        ("size:>10", ">10", "size: expected a number and a unit, as in >10GB"),
        ("size:>99999999999PB", ">99999999999PB", "size: expected"),
        ("files:-3", "-3", "files: expected a whole number"),
        ("created:2024-13", "2024-13", "created: expected a date"),
        ("created:never", "never", "created: expected a date"),
        ("created:=-30d", "=-30d", "created: expected a date"),
        ("a nmae:x", "nmae", "there is no field nmae"),
        ("is:favourite", "favourite", "is: no property 'favourite'"),
        ("is:attached", "attached", "is: no property 'attached'"),
        ("-is:any", "-is:any", "is:any can't be negated"),
        ("state:broken", "broken", "state: there is no state 'broken'"),
        ("type:datset", "datset", "type: there is no type 'datset'"),
        ("a tag:", "tag:", "tag: expected a tag, as in raw"),
        ("tag: raw", "tag:", "tag: expected a tag"),
        ("sort:colour", "colour", "sort: no field 'colour' to sort by"),
        ("-sort:size", "-sort:size", "sort can't be negated"),
        ("a - b", "-", "expected a word or a field after the negation"),
        ("not:", "not:", "expected a word or a field after the negation"),
        ("--a", "--", "this is negated twice"),
        ('x "raw da', '"raw da', "this quote is not closed"),
        ('name:""', '""', "there is no text between the quotes"),
        ('fo"o bar', '"o', "a quote in the middle of a word"),
        ('"a"b', "b", "expected a space after the closing quote"),
        ("name:glob(a?*)b", "b", "expected a space after the closing parenthesis"),
        ("tag:all(a,b)c", "c", "expected a space after the closing parenthesis"),
        ("created:..", "..", "created: expected a date"),
        ("created:>2024-01-31T10:00", ">2024-01-31T10:00", "created: expected a date"),
        ("tag:all(a,", "all(a,", "tag: expected tags between parentheses"),
        ("tag:all()", "all()", "tag: expected tags between parentheses"),
        ("tag:all(a)b", "b", "expected a space after"),
        ('"age":>old', ">old", "age: expected a number or a date"),
        ('"age":', '"age":', "age: expected a text or a comparison"),
        ("raw HCR_*", "HCR_*", "a * without quotes"),
        ("name:HCR_*", "HCR_*", "name: a * without quotes"),
        ("name:=HCR_*", "HCR_*", "name: a * without quotes"),
        ("-tag:*", "*", "tag: a * without quotes"),
        ("tag:all(a, b*)", "b*", "tag: a * without quotes"),
        ('-"subject id":*', "*", "subject id: a * without quotes"),
        ('"subject id":^6*', "6*", "subject id: a * without quotes"),
        ("type:res*", "res*", "type: there is no type 'res*'"),
        ("name:^", "name:^", "name: expected a text after ^"),
        ('-"age":= raw', '-"age":=', "age: expected a text after ="),
        ("name:glob(a* raw", "glob(a* raw", "name: expected a pattern between parentheses"),
        ("name:glob()", "glob()", "name: expected a pattern between parentheses"),
        ('name:glob("a*"b)', 'glob("a*"b', "name: expected a pattern between parentheses"),
        ("name:glob(a*)b", "b", "expected a space after"),
        ("has:", "has:", "has: expected a field"),
        ("has:subject id", "subject", "has: there is no field 'subject'"),
        ("has:desc*", "desc*", "has: there is no field"),
        ("type:foo", "foo", "type: there is no type 'foo'"),
        ("raw created:2024..2023", "2024..2023", "created:2024..2023 ends before it begins"),
        ("used:2024-02..2024-01-31", "2024-02..2024-01-31", "used:2024-02..2024-01-31 ends"),
        ("created:1w..2w", "1w..2w", "created:-1w..-2w ends before it begins"),
        ("used:today..yesterday", "today..yesterday", "used:today..yesterday ends before"),
        ("-size:2GB..1GB", "2GB..1GB", "-size:2GB..1GB ends before it begins"),
        ("files:3..2", "3..2", "files:3..2 ends before it begins"),
        ('-"age":9..2', "9..2", '-"age":9..2 ends before it begins'),
        ('"day":2024-03..2024-02', "2024-03..2024-02", '"day":2024-03..2024-02 ends before'),
        ("size:<0", "<0", "size: nothing is less than 0"),
        ("files:<0", "<0", "files: nothing is less than 0"),
        ("id:exaspim", "exaspim", "id: no id begins with 'exaspim'"),
        ("-id:8b4c01de5", "8b4c01de5", "id: no id begins with '8b4c01de5'"),
        (f"id:{ONE}0", f"{ONE}0", "id: no id begins with"),
        ("id:=8b4c", "8b4c", "id: no id is '8b4c'"),
        ("capsule:glob(my*)", "my*", "capsule: no id fits 'my*'"),
        ("computation:^x", "x", "computation: no id begins with 'x'"),
        ("contained_data_id:raw", "raw", "contained_data_id: no id begins with 'raw'"),
        ("commit_id:main", "main", "commit_id: no commit begins with 'main'"),
    ],
)
def test_a_mistake_is_shown_at_its_place(text: str, marked: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert text[caught.value.start : caught.value.end] == marked
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nmae:x", "did you mean name:?"),
        ("is:favourite", "did you mean favorite?"),
        ("type:datset", "did you mean dataset?"),
        ("state:qqq", "one of draft, ready, failed; if your platform has it, quote it: state:"),
        ("created:2024..2023", "did you mean created:2023..2024?"),
        ("-size:2GB..1GB", "did you mean -size:1GB..2GB?"),
        ("size:<0", "for assets without files write size:0"),
        ("id:exaspim", "ids consist of 0-9, a-f and hyphens"),
        ("commit_id:main", "commits consist of 0-9 and a-f"),
        ("HCR_*", 'for a pattern write name:glob(HCR_*); for the * itself, quotes: "HCR_*"'),
        ("-tag:a*", 'for a pattern write -tag:glob(a*); for the * itself, quotes: "a*"'),
        ("name:=a*", 'for a pattern write name:glob(a*); for the * itself, quotes: ="a*"'),
        ('-"subject id":*', 'for any value write -has:"subject id"; for the * itself'),
        ("description:*", "for any value write has:description; for the * itself"),
        ("type:res*", "did you mean result?"),
        ("has:descr", "did you mean has:description? custom metadata is asked for in quotes"),
        ("name:^", 'to search for ^ itself, put it in quotes: "^"'),
    ],
)
def test_a_mistake_comes_with_what_was_probably_meant(text: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "term",
    [
        Match("type", "notebook"),
        Match("state", "frozen"),
        Match("id", "asset-1"),
        Match("capsule", "x", how="whole"),
        Match("commit_id", "v1*", how="glob"),
    ],
)
def test_what_another_platform_may_have_can_be_asked_for_in_quotes(term: Match) -> None:
    written = format_query(Query((term,)))
    assert f'"{term.text}"' in written
    assert parse_query(written).terms == (term,)


@pytest.mark.parametrize("field", ["contained_data_id", "id", "capsule"])
@pytest.mark.parametrize("asset_id", [ONE, "asset-1", ONE[:8], '"', "a,b", "*", "=x", "all(x)"])
def test_the_term_of_any_id_asks_for_that_id(field: str, asset_id: str) -> None:
    (term,) = parse_query(format_id(field, asset_id)).terms
    assert isinstance(term, Match)
    assert (term.field, term.text.lower()) == (field, asset_id.lower())
    assert term.how == ("" if asset_id.lower() == ONE else "whole")


@pytest.mark.parametrize(
    "text",
    [
        "created:2024..2024 size:1GB..1GB files:0..0 size:0 size:<=0",
        "created:2w..1w created:yesterday..today created:-1d..today used:24h..yesterday",
        "created:2024..today created:2w..2020",  # only a clock knows
        '"day":2024..2024-03 "day":2024-05..2024',  # only the schema knows what 2024 is
        f"id:8 id:8B4C01DE-5 id:={ONE} capsule:glob(?b*-4?00-*) capsule:glob(*)",
        "commit_id:1B7 commit_id:glob(*)",
    ],
)
def test_what_may_match_some_day_is_no_mistake(text: str) -> None:
    parse_query(text)


@given(queries())
def test_parsing_what_was_printed_gives_the_same_query(query: Query) -> None:
    assert parse_query(format_query(query)) == query


_TYPED = st.text(st.sampled_from(string.printable + 'éß"":-.<>()*=^'), max_size=40)


@given(_TYPED)
@example('"')
@example('tag:"')
@example('-"')
@example('a "')
@example('tag:all("')
@example('name:glob("')
@example("tag:all( a* ,b)")
@example('"":x')
def test_any_text_is_either_a_query_or_a_mistake_inside_it(text: str) -> None:
    partial, error = parse_partial(text)
    if error is None:
        assert parse_query(text) == partial
        assert parse_query(format_query(partial)) == partial
    else:
        assert 0 <= error.start < error.end <= len(text)
        with pytest.raises(QueryError) as caught:
            parse_query(text)
        assert (caught.value.start, str(caught.value)) == (error.start, str(error))


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("raw size:> tag:x", "raw tag:x"),
        ('raw name:"half ty', 'raw name:"half ty"'),
        ("raw tag:", "raw"),
        ("tag:all(a b", ""),
        ("nmae:x is:mine", "is:mine"),
    ],
)
def test_while_typing_the_rest_of_the_query_still_holds(text: str, understood: str) -> None:
    query, error = parse_partial(text)
    assert query == parse_query(understood)
    assert error is not None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("created:2023-11..", "created:>=2023-11"),
        ("-created:..2024-01", "-created:<=2024-01"),
        ("used:-30d..", "used:>=-30d"),
        ("size:..1GB", "size:<=1GB"),
        ("files:5..", "files:>=5"),
        ('"age":20..', '"age":>=20'),
        ('"session date":..2023', '"session date":<=2023'),
    ],
)
def test_a_range_may_be_open(text: str, same: str) -> None:
    assert parse_query(text) == parse_query(same)


@pytest.mark.parametrize("field", ["created", "used", '"session date"'])
def test_a_time_of_day_is_told_to_write_the_day(field: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(f"{field}:>2024-01-31T10:00Z")
    assert caught.value.hint == "a query knows no times of day: write the day, 2024-01-31"
