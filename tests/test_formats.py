import csv
import gzip
import io
import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.tasks import readers
from stilts_xtreme.tasks.readers.choices import without_markers
from stilts_xtreme.utils.errors import UserError

CASES = json.loads((Path(__file__).parent / "cases" / "malformed.json").read_text(encoding="utf-8"))
ENDINGS = ("_jsonl", "_tsv", "_csv", "_json", "_columns", "_pair", "_lines", "conllu")
READERS = [name for name in readers.__all__ if name.endswith(ENDINGS)]

quick = settings(max_examples=40, deadline=None)
# Any text a line can hold: no line ends, no tabs, no halves of surrogate pairs; no byte-order mark, as a file may begin with one.
line = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r\t\ufeff"), max_size=20)
passage = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\ufeff"), max_size=20)
word = line.filter(lambda text: text.strip() and not text.startswith("#"))
nli = st.sampled_from(readers.NLI)
bit = st.sampled_from("01")


def write(folder: str | Path, files: dict[str, str | bytes]) -> Path:
    """Writes the files and gives the first one's path."""
    for name, content in files.items():
        (Path(folder) / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Path(folder) / next(iter(files))


def rows_of(reader: str, content: str | bytes) -> list:
    """The rows without their places; skipped rows as (reason, place)."""
    with TemporaryDirectory() as folder:
        return without_places(getattr(readers, reader)(write(folder, {"file": content})))


def without_places(rows: Iterable) -> list:
    return [
        (row.reason, row.at) if isinstance(row, readers.Skipped) else {key: value for key, value in row.items() if key != "at"}
        for row in rows
    ]


def tsv(rows: list[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def jsonl(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=i % 2 == 0) + "\n" for i, row in enumerate(rows))


def sentences(rows: list[list[tuple[str, ...]]]) -> str:
    return "".join(tsv(row) + "\n" for row in rows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['reader']} {case['error'][:40]}")
def test_a_malformed_file_says_where_and_what(case: dict, tmp_path: Path) -> None:
    if "repeat" in case:
        case = {**case, "files": {"file": case["repeat"][0] * case["repeat"][1]}}
    path = write(tmp_path, case["files"])
    with pytest.raises(UserError) as caught:
        list(getattr(readers, case["reader"])(path))
    message = str(caught.value)
    assert message.startswith(str(tmp_path)) and case["error"] in message and "\n" not in message


def test_every_reader_has_malformed_cases() -> None:
    assert {case["reader"] for case in CASES} == set(READERS) - {"text_lines"}


@pytest.mark.parametrize("reader", READERS)
@given(content=st.binary(max_size=60) | st.text(st.sampled_from('{}[]"\\:,\t\r\n#-1aAOX_.id'), max_size=60).map(str.encode))
@quick
def test_any_bytes_are_rows_or_a_user_error(reader: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = write(
            folder,
            {"x.a-b.a": content, "x.a-b.en": content, "x.a-b.eng": content, "x.a-b.gold": content, "x.a-b-labels.lst": content},
        )
        try:
            assert all(isinstance(row, readers.Skipped) or "id" in row for row in getattr(readers, reader)(path))
        except UserError:
            pass


@pytest.mark.parametrize("content", [b"\xff\xfe", "Bo\tO\n".encode("utf-16")])
def test_not_utf8(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"file:1: text: not UTF-8"):
        list(readers.text_lines(write(tmp_path, {"file": content})))


@pytest.mark.parametrize("number", [1, 4, 700, 5000])
def test_the_line_that_is_not_utf8_is_named(number: int, tmp_path: Path) -> None:
    """Text is decoded in blocks of some 8,000 bytes, whose lines are all of them unread when one is refused."""
    rows = [b"a line of twenty-four b." if i != number else b"M\xe4rz" for i in range(1, 6001)]
    with pytest.raises(UserError, match=rf"file:{number}: text: not UTF-8"):
        list(readers.text_lines(write(tmp_path, {"file": b"\n".join(rows)})))


def test_a_damaged_gz_is_a_user_error(tmp_path: Path) -> None:
    packed = gzip.compress(b"one\ntwo\n" * 100)
    for content in (packed[:-9], b"plain text", packed[:20] + b"\0\0\0" + packed[23:]):
        with pytest.raises(UserError, match="file: cannot be read|text: not UTF-8"):
            list(readers.text_lines(write(tmp_path, {"file.gz": content})))


@given(rows=st.lists(st.tuples(line, line, nli | st.just("-"))))
@quick
def test_nli(rows: list[tuple[str, str, str]]) -> None:
    wanted = [{"id": str(i), "premise": a, "hypothesis": b, "label": c} for i, (a, b, c) in enumerate(rows, 1)]
    assert rows_of("mnli_jsonl", jsonl([{"sentence1": a, "sentence2": b, "gold_label": c} for a, b, c in rows])) == wanted
    assert rows_of("xnli_tsv", tsv(rows).replace("\n", "\r\n")) == wanted
    header = ("gold_label", "language", "sentence2", "sentence1")
    release = tsv([header, *((c, "ur", b, a) for a, b, c in rows)])
    assert rows_of("xnli_release_tsv", release) == [{**row, "id": str(i), "language": "ur"} for i, row in enumerate(wanted, 2)]
    letters = [{"uid": "u", "context": a, "hypothesis": b, "label": c[0]} for a, b, c in rows if c != "-"]
    assert rows_of("anli_jsonl", jsonl(letters)) == [{**row, "id": "u"} for row in wanted if row["label"] != "-"]


@given(rows=st.lists(st.tuples(line, line, line, bit), min_size=1))
@quick
def test_paraphrase(rows: list[tuple[str, str, str, str]]) -> None:
    wanted = [{"id": a, "sentence1": b, "sentence2": c, "label": d} for a, b, c, d in rows]
    if rows[0][0] != "id":
        assert rows_of("paws_tsv", tsv(rows)) == wanted
    assert rows_of("paws_tsv", tsv([("id", "sentence1", "sentence2", "label"), *rows])) == wanted
    bare = [row[1:] for row in rows if row[1] != "id"]
    assert [row["sentence2"] for row in rows_of("paws_tsv", tsv(bare))] == [row[1] for row in bare]
    header = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
    found = rows_of("qqp_tsv", tsv([header, *((a, "1", "2", b, c, d) for a, b, c, d in rows)]))
    assert found == [{"id": a, "question1": b, "question2": c, "is_duplicate": d} for a, b, c, d in rows]


@given(rows=st.lists(st.tuples(*[passage] * 7, st.sampled_from("0123"))))
@quick
def test_cosmosqa(rows: list[tuple[str, ...]]) -> None:
    columns = ("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label")
    file = io.StringIO(newline="")
    csv.writer(file).writerows([columns, *rows])
    assert rows_of("cosmosqa_csv", file.getvalue()) == [dict(zip(columns, row, strict=True)) for row in rows]


@given(rows=st.lists(st.tuples(passage, passage, st.permutations("ABCDE"), st.lists(passage, min_size=5, max_size=5))))
@quick
def test_commonsenseqa(rows: list) -> None:
    raw, wanted = [], []
    for name, stem, letters, options in rows:
        choices = [{"label": letter, "text": option} for letter, option in zip(letters, options, strict=True)]
        raw.append({"id": name, "answerKey": letters[0], "question": {"stem": stem, "choices": choices}})
        wanted.append({"id": name, "question": stem, "choices": {"label": letters, "text": options}, "answerKey": letters[0]})
    assert rows_of("commonsenseqa_jsonl", jsonl(raw)) == wanted


@given(rows=st.lists(st.tuples(*[passage] * 5, st.sampled_from("123"))))
@quick
def test_siqa(rows: list[tuple[str, ...]]) -> None:
    fields = ("context", "question", "answerA", "answerB", "answerC", "label")
    wanted = [{"id": str(i), **dict(zip(fields, row, strict=True))} for i, row in enumerate(rows, 1)]
    raw = [dict(zip(fields[:5], row[:5], strict=True)) for row in rows]
    with TemporaryDirectory() as folder:
        labels = gzip.compress("".join(row[5] + "\n" for row in rows).encode())
        path = write(folder, {"dev.jsonl": jsonl(raw), "dev-labels.lst.gz": labels})
        assert without_places(readers.siqa_jsonl(path)) == wanted
    letters = [{**row, "correct": "-ABC"[int(label)]} for row, (*_, label) in zip(raw, rows, strict=True)]
    assert rows_of("siqa_correct_jsonl", jsonl(letters)) == wanted


@given(rows=st.lists(st.tuples(passage, passage, passage, st.sampled_from(["cause", "effect"]), bit)))
@quick
def test_copa(rows: list[tuple[str, ...]]) -> None:
    fields = ("premise", "choice1", "choice2", "question", "label")
    wanted = [{"id": str(i), **dict(zip(fields, row, strict=True))} for i, row in enumerate(rows, 1)]
    raw = [{**row, "label": int(row["label"]), "idx": int(row["id"])} for row in wanted]
    assert rows_of("copa_jsonl", jsonl(raw).replace("\n", "\r\n")) == wanted
    without = [{name: value for name, value in row.items() if name != "idx"} for row in raw]
    assert rows_of("copa_jsonl", jsonl(without)) == wanted


MARKERS = ("[header]", "[title]", "[step]", "[substeps]")


@given(parts=st.lists(st.sampled_from([*MARKERS, "[other]", "Fold it", ".", " ", "a"])))
@quick
def test_hellaswag_markers(parts: list[str]) -> None:
    clean = without_markers("".join(parts))
    assert not any(marker in clean for marker in MARKERS)
    assert clean == without_markers(clean)
    kept = "".join(part for part in parts if part not in MARKERS)
    assert [c for c in clean if c not in ". "] == [c for c in kept if c not in ". "]


answer = st.tuples(st.integers(0, 9), st.integers(1, 5))


@given(rows=st.lists(st.tuples(passage.map("0123456789".__add__), st.lists(st.tuples(passage, passage, st.lists(answer))))))
@quick
def test_squad(rows: list) -> None:
    paragraphs, wanted = [], []
    for context, questions in rows:
        qas = []
        for name, question, spans in questions:
            texts, starts = [context[a : a + n] for a, n in spans], [a for a, _ in spans]
            answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
            qas.append({"id": name, "question": question, "answers": answers})
            found = {"text": texts, "answer_start": starts}
            wanted.append({"id": name, "context": context, "question": question, "answers": found})
        paragraphs.append({"context": context, "qas": qas})
    for indent in (None, 1):
        content = json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}, indent=indent)
        assert rows_of("squad_json", content) == wanted


@given(rows=st.lists(st.lists(st.tuples(word, st.sampled_from(readers.UPOS)), min_size=1), min_size=1), data=st.data())
@quick
def test_tagged(rows: list[list[tuple[str, str]]], data: st.DataObject) -> None:
    wanted = [{"id": str(i), "tokens": [t for t, _ in row], "tags": [t for _, t in row]} for i, row in enumerate(rows, 1)]
    content = sentences(rows)
    assert rows_of("upos_tsv", content) == wanted
    assert rows_of("upos_tsv", "\n\n" + content.rstrip("\n")) == wanted  # blank lines and a missing last line end do not matter
    assert rows_of("ccg_tsv", content) == wanted
    columns = [[(token.replace("~", "-"), "", "", "", tag, "O", "[]") for token, tag in row] for row in rows]
    without_tildes = [{**row, "tokens": [token.replace("~", "-") for token in row["tokens"]]} for row in wanted]
    assert rows_of("ccg_columns", "# made by\n" + sentences(columns)) == without_tildes
    extra = data.draw(st.integers(0, 9))
    conllu = []
    for row in rows:
        lines = [(str(i), token, "_", tag, *["_"] * 6) for i, (token, tag) in enumerate(row, 1)]
        lines.insert(extra % len(row), (f"{1 + extra % len(row)}-{2 + extra % len(row)}", "fused", *["_"] * 8))
        conllu.append([*lines, (f"{len(row)}.1", "gone", "_", "VERB", *["_"] * 6)])
    assert rows_of("conllu", sentences(conllu)) == wanted


@given(rows=st.lists(st.lists(st.tuples(word, st.sampled_from(readers.IOB2)), min_size=1), min_size=1))
@quick
def test_iob2_prefix(rows: list[list[tuple[str, str]]]) -> None:
    plain = [[("Bo", "O")], *rows]  # its first token has no prefix, so nothing is taken off
    tokens = [[token for token, _ in row] for row in plain]
    assert [row["tokens"] for row in rows_of("iob2_tsv", sentences(plain))] == tokens
    prefixed = [[(f"zh-yue:{token}", tag) for token, tag in row] for row in plain]
    assert [row["tokens"] for row in rows_of("iob2_tsv", sentences(prefixed))] == tokens


@given(pairs=st.lists(st.tuples(line, line)))
@quick
def test_tatoeba(pairs: list[tuple[str, str]]) -> None:
    foreign, english = "".join(a + "\n" for a, _ in pairs), "".join(b + "\n" for _, b in pairs)
    with TemporaryDirectory() as folder:
        path = write(folder, {"tatoeba.swh-eng.swh": foreign, "tatoeba.swh-eng.eng.gz": gzip.compress(english.encode())})
        rows = list(readers.tatoeba_pair(path))
        both = readers.files_of(readers.tatoeba_pair, path)
    assert [file.name for file in both] == ["tatoeba.swh-eng.swh", "tatoeba.swh-eng.eng.gz"]
    texts = {row["id"]: row["text"] for row in rows}
    found = [(row["text"], texts[row["match"]]) for row in rows if row["side"] == "foreign"]
    assert found == pairs and len(texts) == 2 * len(pairs)
    assert [row["match"] for row in rows if row["side"] == "english"] == [f"foreign-{i}" for i in range(len(pairs))]


@given(foreign=st.lists(line, min_size=1), english=st.lists(line, min_size=1), data=st.data())
@quick
def test_bucc(foreign: list[str], english: list[str], data: st.DataObject) -> None:
    size = min(len(foreign), len(english))
    order = data.draw(st.permutations(range(size)))
    gold = {f"zh-{i}": f"en-{j}" for i, j in enumerate(order[: data.draw(st.integers(0, size))])}
    files = {
        "zh-en.dev.zh": tsv([(f"zh-{i}", text) for i, text in enumerate(foreign)]),
        "zh-en.dev.en": tsv([(f"en-{i}", text) for i, text in enumerate(english)]),
        "zh-en.dev.gold": tsv(list(gold.items())),
    }
    with TemporaryDirectory() as folder:
        rows = list(readers.bucc_pair(write(folder, files)))
    assert [row["text"] for row in rows] == foreign + english
    assert {row["id"]: row["match"] for row in rows if row["side"] == "foreign" and row["match"]} == gold
    assert {row["match"]: row["id"] for row in rows if row["side"] == "english" and row["match"]} == gold


@given(lines=st.lists(line))
@quick
def test_text(lines: list[str]) -> None:
    content = "".join(text + "\n" for text in lines)
    found = rows_of("text_lines", content)
    assert [row["text"] for row in found] == [text for text in lines if text.strip()]
    assert all(lines[int(row["id"]) - 1] == row["text"] for row in found)
    assert rows_of("text_lines", "\ufeff" + content) == found


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\rb\x0bc\x85d\u2028e"
    assert [row["text"] for row in rows_of("text_lines", f"{text}\n{text}\r\n{text}")] == [text] * 3
