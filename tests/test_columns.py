"""Files of one's own, whatever they are like: which column holds what is said, and every row has to be so."""

import json
from pathlib import Path

import pytest

from stilts_xtreme.tasks.readers.columns import Layout
from stilts_xtreme.utils.errors import UserError

ASKED = {"question": "Who?", "context": "Bo ran. Bo won."}


def rows(layout: Layout, path: Path, text: str) -> list[dict]:
    path.write_text(text, encoding="utf-8")
    return list(layout(path))


CASES = {
    "a header in any order": (
        Layout("text", "tsv", (("text", "b"), ("label", "a")), ("x", "y")), "a\tb\tc\nx\tone \"two\t\n",
        [{"at": "2", "id": "2", "text": 'one "two', "label": "x"}],
    ),
    "numbers, and no header": (
        Layout("text", "tsv", (("text", 2), ("label", 1)), ("x", "y")), "x\tone\ny\ttwo\tmore\n\n",
        [{"at": "1", "id": "1", "text": "one", "label": "x"}, {"at": "2", "id": "2", "text": "two", "label": "y"}],
    ),
    "quoted lines of csv": (
        Layout("pair", "csv", (("first", "p"), ("second", "q"), ("label", "l"), ("id", "n")), ("0", "1")),
        'n,p,q,l\na,"one, and\ntwo",three,1\n',
        [{"at": "3", "id": "a", "first": "one, and\ntwo", "second": "three", "label": "1"}],
    ),
    "numbers as labels of JSON": (
        Layout("text", "jsonl", (("text", "t"), ("label", "l")), ("0", "1")), '{"t": "one", "l": 1}\n',
        [{"at": "1", "id": "1", "text": "one", "label": "1"}],
    ),
    "choices in columns": (
        Layout("choices", "csv", (("context", "c"), ("choices", ("a", "b")), ("label", "l"))), "c,a,b,l\nwhy?,this,that,1\n",
        [{"at": "2", "id": "2", "context": "why?", "question": "", "options": ["this", "that"], "label": "1"}],
    ),
    "choices in a list, of different lengths": (
        Layout("choices", "jsonl", (("context", "c"), ("question", "q"), ("choices", "o"), ("label", "l")), ("A", "B", "C")),
        '{"c": "x", "q": "y", "o": ["1", "2"], "l": "B"}\n{"c": "x", "q": "y", "o": ["1", "2", "3"], "l": "C"}\n',
        [
            {"at": "1", "id": "1", "context": "x", "question": "y", "options": ["1", "2"], "label": "1"},
            {"at": "2", "id": "2", "context": "x", "question": "y", "options": ["1", "2", "3"], "label": "2"},
        ],
    ),
    "tags in lists": (
        Layout("tags", "jsonl", (("token", "w"), ("tag", "t"))), '{"w": ["Bo", "ran"], "t": ["N", "V"]}\n',
        [{"at": "1", "id": "1", "tokens": ["Bo", "ran"], "tags": ["N", "V"]}],
    ),
    "tags in the lines, without their gold": (
        Layout("tags", "conll", (("token", 2),), gold=False), "1 Bo\n2 ran\n\n1 So\n",
        [
            {"at": "1", "id": "1", "tokens": ["Bo", "ran"], "tags": ["_", "_"]},
            {"at": "4", "id": "4", "tokens": ["So"], "tags": ["_"]},
        ],
    ),
    "tokens with a no-break and an ideographic space, columns by spaces": (
        Layout("tags", "conll", (("token", 1), ("tag", 2))), "10\u00a0000  N\n\u6771\u3000\u4eac V\n",
        [{"at": "1", "id": "1", "tokens": ["10\u00a0000", "\u6771\u3000\u4eac"], "tags": ["N", "V"]}],
    ),
    "an answer that is looked for": (
        Layout("question", "tsv", (("question", "q"), ("context", "c"), ("answer", "a"))), "q\tc\ta\nWho?\tBo ran.\tBo\n",
        [{"at": "2", "id": "2", "question": "Who?", "context": "Bo ran.", "answers": {"text": ["Bo"], "answer_start": [0]}}],
    ),
    "an answer with its offset, and none": (
        Layout("question", "jsonl", (("question", "question"), ("context", "context"), ("answer", "a"), ("offset", "o"))),
        json.dumps({**ASKED, "a": "Bo", "o": 8}) + "\n" + json.dumps({**ASKED, "a": ""}) + "\n",
        [
            {"at": "1", "id": "1", **ASKED, "answers": {"text": ["Bo"], "answer_start": [8]}},
            {"at": "2", "id": "2", **ASKED, "answers": {"text": [], "answer_start": []}},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rows_are_read(name, tmp_path) -> None:
    layout, text, expected = CASES[name]
    assert rows(layout, tmp_path / "file", text) == expected


def test_an_answer_that_is_not_in_the_context_is_noted(tmp_path) -> None:
    layout = Layout("question", "tsv", (("question", 1), ("context", 2), ("answer", 3)))
    (row,) = rows(layout, tmp_path / "file", "Who?\tBo ran.\tAl\n")
    assert row["answers"]["answer_start"] == [-1] and row["notes"]


def test_every_row_with_a_fault_is_told_up_to_twenty(tmp_path) -> None:
    layout = Layout("text", "tsv", (("text", 1), ("label", 2)), ("x", "y"))
    with pytest.raises(UserError) as fault:
        rows(layout, tmp_path / "file", "one\tz\n" * 30)
    lines = str(fault.value).splitlines()
    assert len(lines) == 21 and ":1: 2: 'z' is not one of x, y" in lines[0] and lines[-1].endswith("... and 10 more rows")
