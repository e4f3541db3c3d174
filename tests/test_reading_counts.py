"""What reading does to a split is counted, and told: rows dropped or repaired and why, and files of another split."""

import dataclasses
import json
from pathlib import Path

import pytest
from test_inventory import run
from test_read import put
from test_verify import FILES, SETUP, english, mnli

from stilts_xtreme.data.counts import described, remarks
from stilts_xtreme.data.inventory import check
from stilts_xtreme.data.read import Folder, Reading, read, rows
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.readers.skipped import MAX_SHARE, MIN_BROKEN
from stilts_xtreme.utils.errors import UserError


def reading(folder: Path, task: str, split: str, files: dict[str, str], language: str = "en", cut: bool = False) -> Reading:
    return read(TASKS[task], split, language, dataclasses.replace(put(folder, files), cut=cut))


# ---- broken rows ----

QQP_HEADER = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"


def qqp(count: int, cut: tuple[int, ...] = ()) -> str:
    """Made-up questions; those in `cut` are divided in two lines."""
    lines = [f"{i}\t{2 * i}\t{2 * i + 1}\tHow old is hen {i}?\tWhat is the age of hen {i}?\t{i % 2}\n" for i in range(count)]
    return QQP_HEADER + "".join(line.replace("What", "\nWhat") if i in cut else line for i, line in enumerate(lines))


def test_a_row_cut_in_two_is_dropped_and_counted(tmp_path: Path) -> None:
    found = reading(tmp_path, "qqp", "train", {"qqp/train.tsv": qqp(7, (3,))})
    assert (found.rows, found.dropped, len(found.examples)) == (8, 2, 6)
    assert found.counts.dropped == {"broken row": 2}
    assert found.counts.places == {"broken row": ("qqp/train.tsv:5", "qqp/train.tsv:6")}
    (entry,) = [one for one in check(["qqp"], Folder(tmp_path)) if one.split == "train"]
    assert entry.state == "read" and (entry.rows, entry.examples, entry.dropped_by) == (8, 6, {"broken row": 2})


def test_more_broken_rows_than_the_share_refuse_the_file(tmp_path: Path) -> None:
    most = int(MAX_SHARE * 1000)
    assert most > MIN_BROKEN
    for number in (most // 2, most):  # each makes two broken rows
        content = {"qqp/train.tsv": qqp(1000, tuple(range(100, 100 + number)))}
        if 2 * number <= MAX_SHARE * (1000 + number):
            assert reading(tmp_path, "qqp", "train", content).dropped == 2 * number
        else:
            with pytest.raises(UserError, match=r"train.tsv:102: columns: 5 instead of 6.*10 of 1,005 rows are broken") as caught:
                reading(tmp_path, "qqp", "train", content)
            assert "also 103, 104 ..." in str(caught.value) and "at most 0.5% may be" in str(caught.value)
            assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="2 of 7 rows are broken"):  # one cut row among few
        reading(tmp_path, "qqp", "train", {"qqp/train.tsv": qqp(6, (2,))})


def jsonl(count: int, row) -> list[str]:
    return [json.dumps(row(i)) for i in range(count)]


def snli(i: int) -> dict:
    return {"gold_label": "neutral", "sentence1": f"Hen {i} sat.", "sentence2": f"Cow {i} ran."}


def hellaswag(i: int) -> dict:
    return {"ind": i, "ctx_a": f"Hen {i} sat.", "ctx_b": "It", "endings": ["ran.", "sat.", "ate.", "hid."], "label": 0}


@pytest.mark.parametrize("task, name, sound, broken", [
    ("snli", "snli/snli_1.0_train.jsonl", jsonl(12, snli), '{"gold_label": "neutral", "sentence1": "Hen'),
    ("snli", "snli/snli_1.0_train.jsonl", jsonl(12, snli), '{"gold_label": "neutral", "sentence1": "Hen"}'),
    ("hellaswag", "hellaswag/hellaswag_train.jsonl", jsonl(12, hellaswag), "[]"),
    ("mnli", "xnli/train-en.tsv", [f"Hen {i} sat.\tCow {i} ran.\tneutral" for i in range(12)], "Hen sat.\tCow"),
    ("pawsx", "x-final/en/train.tsv", [f"{i}\tHen {i}\tCow {i}\t1" for i in range(12)], "7\tHen 7\tCow"),
    ("panx", "panx/train-en.tsv", [f"Bo{i}\tB-PER\nran\tO\n" for i in range(12)], "Bo\tB-PER\nran O\n"),
    ("ccg", "ccg/train.tsv", [f"Bo{i}\tN\nran\tS\n" for i in range(12)], "Bo\tN\tN\n"),
    ("udpos", "udpos/xtreme/train-en.tsv", [f"Bo{i}\tPROPN\n" for i in range(12)], "Bo PROPN\n"),
    ("cosmosqa", "cosmosqa/train.csv",
     ["id,context,question,answer0,answer1,answer2,answer3,label", *(f"{i},Hen,Who?,a,b,c,d,1" for i in range(12))],
     "9,Hen,Who?,a,b"),
])  # fmt: skip
def test_one_broken_row_does_not_refuse_a_file_of_any_format(task, name, sound, broken, tmp_path: Path) -> None:
    alone = dataclasses.replace(TASKS[task], joins=())
    whole = "\n".join([*sound[:5], broken, *sound[5:]]) + "\n"
    found = read(alone, "train", "en", put(tmp_path, {name: whole}))
    assert len(found.examples) == 12 and found.counts.dropped == {"broken row": 1}
    (place,) = found.counts.places["broken row"]
    assert place.startswith(f"{name}:") and place.rpartition(":")[2] != "1"
    with pytest.raises(UserError, match="rows are broken"):
        read(alone, "train", "en", put(tmp_path, {name: "\n".join([*sound[:6], *[broken] * 3]) + "\n"}))
    if not name.endswith(".tsv"):
        with pytest.raises(UserError, match="the file ends inside this row: fetch it again"):
            read(alone, "train", "en", put(tmp_path, {name: "\n".join([*sound, broken])}))


def test_broken_rows_keep_their_place_in_the_order_of_a_release(tmp_path: Path) -> None:
    lines = [f"Hen {i} sat.\tCow {i} ran.\tneutral" for i in range(8)]
    where = put(tmp_path, {"xnli/test-de.tsv": "\n".join([*lines[:4], "Hen", *lines[4:]]) + "\n"})
    found = [name for name, _ in rows(TASKS["xnli"], "test", "de", where)]
    assert len(found) == 9 and found[4] not in {example.id for example in read(TASKS["xnli"], "test", "de", where).examples}


def test_a_broken_row_of_a_file_in_many_languages_is_in_none_of_them(tmp_path: Path) -> None:
    header = "language\tgold_label\tsentence1\tsentence2\n"
    lines = [f"{code}\tneutral\tHen {i} sat.\tCow {i} ran.\n" for i in range(6) for code in ("de", "fr")]
    where = put(tmp_path, {"XNLI-1.0/xnli.test.tsv": header + "".join(lines[:3]) + "fr\tneutral\tHen\n" + "".join(lines[3:])})
    for code in ("de", "fr"):
        found = read(TASKS["xnli"], "test", code, where)
        assert (found.rows, found.dropped, found.counts.noted) == (6, 0, {"broken row": 1})


def test_a_blank_last_line_is_no_fault(tmp_path: Path) -> None:
    for ending in ("", "\n", "\n\n", " \n"):
        found = reading(tmp_path, "snli", "train", {"snli/snli_1.0_train.jsonl": "\n".join(jsonl(3, snli)) + "\n" + ending})
        assert (found.rows, found.dropped) == (3, 0)
        found = reading(tmp_path, "xnli", "test", {"xnli/test-de.tsv": "Hen.\tCow.\tneutral\n" * 3 + ending}, "de")
        assert (found.rows, found.dropped) == (3, 0)
    siqa = {"context": "Bo ran.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c"}
    files = {"socialiqa/dev.jsonl": json.dumps(siqa) + "\n\n", "socialiqa/dev-labels.lst": "2\n"}
    assert reading(tmp_path, "siqa", "dev", files).rows == 1


@pytest.mark.parametrize("task, name, header, line", [
    ("xnli", "xnli/test-de.tsv", "premise\thypothesis\tlabel", "Hen.\tCow.\tneutral"),
    ("pawsx", "pawsx/test-de.tsv", "sentence1\tsentence2\tlabel", "Hen.\tCow.\t1"),
    ("panx", "panx/test-de.tsv", "Token\tTag", "Bo\tB-PER"),
    ("udpos", "udpos/xtreme/test-de.tsv", "word\tupos", "Bo\tPROPN"),
])  # fmt: skip
def test_a_header_is_said_to_be_one(task, name, header, line, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r":1: header: .*: files of this layout have no header; remove the line"):
        reading(tmp_path, task, "test", {name: "\n".join([header, *[line] * 400]) + "\n"}, "de")
    assert reading(tmp_path, task, "test", {name: "\n".join([line] * 4) + "\n"}, "de").rows


# ---- rows without text ----

PAWS = "id\tsentence1\tsentence2\tlabel\n1\tHen 1\tCow 1\t1\n2\t\t\t0\n3\tHen 3\t \t0\n4\t\u200b\tCow 4\t1\n5\tHen 5\tCow 5\t0\n"


def test_rows_without_text_are_not_trained_on(tmp_path: Path) -> None:
    found = reading(tmp_path, "pawsx", "translated", {"x-final/de/translated_train.tsv": PAWS}, "de")
    assert [example.id for example in found.examples] == ["1", "5"]
    assert found.counts.dropped == {"no text": 3} and found.counts.places["no text"][0] == "x-final/de/translated_train.tsv:3"
    scored = reading(tmp_path, "pawsx", "test", {"x-final/de/test_2k.tsv": PAWS}, "de")
    assert len(scored.examples) == 5 and not scored.dropped and scored.counts.noted == {"no text": 3}


@pytest.mark.parametrize("task, name, row, change", [
    ("snli", "snli/snli_1.0_train.jsonl", snli(1), {"sentence1": " "}),
    ("hellaswag", "hellaswag/hellaswag_train.jsonl", hellaswag(1), {"endings": ["a", "b", "", "d"]}),
    ("hellaswag", "hellaswag/hellaswag_train.jsonl", hellaswag(1), {"ctx_a": "", "ctx_b": ""}),
    ("copa", "copa/train-en.jsonl", {"premise": "P.", "choice1": "a", "choice2": "b", "question": "cause", "label": 1},
     {"premise": ""}),
    ("copa", "copa/train-en.jsonl", {"premise": "P.", "choice1": "a", "choice2": "b", "question": "cause", "label": 1},
     {"choice2": ""}),
])  # fmt: skip
def test_empty_parts_of_a_row(task: str, name: str, row: dict, change: dict, tmp_path: Path) -> None:
    found = reading(tmp_path, task, "train", {name: "".join(json.dumps(one) + "\n" for one in (row, row | change, row))})
    assert len(found.examples) == 2 and found.counts.dropped == {"no text": 1}
    assert found.counts.places == {"no text": (f"{name}:2",)}


def test_hellaswag_may_begin_with_its_second_part(tmp_path: Path) -> None:
    row = hellaswag(1) | {"ctx_a": ""}
    assert not reading(tmp_path, "hellaswag", "train", {"hellaswag/hellaswag_train.jsonl": json.dumps(row) + "\n"}).dropped


def test_empty_lines_of_tatoeba_are_scored_and_said(tmp_path: Path) -> None:
    files = {"tatoeba/v1/tatoeba.deu-eng.deu": "Ja.\n\nNein.\n", "tatoeba/v1/tatoeba.deu-eng.eng": "Yes.\nOh.\nNo.\n"}
    found = reading(tmp_path, "tatoeba", "test", files, "de")
    assert len(found.examples) == 6 and found.counts.noted == {"no text": 1}
    assert found.counts.places == {"no text": ("tatoeba/v1/tatoeba.deu-eng.deu:2",)}


# ---- tagged files ----


def test_one_token_does_not_keep_the_prefix_on_all(tmp_path: Path) -> None:
    name, sentences = "panx/test-en.tsv", "".join(f"en:Bo{i}\tB-PER\nen:ran\tO\n\n" for i in range(30))
    whole = reading(tmp_path, "panx", "test", {name: sentences})
    assert whole.examples[0].tokens == ("Bo0", "ran")
    with pytest.raises(UserError, match=r"test-en.tsv:93: token: 'en:' is empty without its language prefix"):
        reading(tmp_path, "panx", "test", {name: sentences + "en:Al\tB-PER\nen:sat\tO\nen:\tO\n"})
    mixed = reading(tmp_path, "panx", "test", {name: sentences + "Al\tB-PER\n"})  # one token without the prefix
    assert mixed.examples[0].tokens == ("Bo0", "ran") and mixed.examples[-1].tokens == ("Al",)
    few = reading(tmp_path, "panx", "test", {name: "Bo\tB-PER\nre:\tO\nat:five\tO\n"})
    assert few.examples[0].tokens == ("Bo", "re:", "at:five")


def test_pmb_writes_a_tilde_for_a_space_inside_a_token(tmp_path: Path) -> None:
    lines = [("at~all", "a"), ("~", "b"), ("World~War~II", "n"), ("~5", "n"), ("so~", "n")]
    content = "".join(f"{token}\t_\t_\t_\t{tag}\tO\t[]\n" for token, tag in lines)
    found = reading(tmp_path, "ccg", "dev", {"ccg_pmb/en/gold/dev.conll": content})
    assert found.examples[0].tokens == ("at all", "~", "World War II", "~5", "so~")


# ---- files that disagree, are derived, or are not read ----


def xcopa(questions: str) -> str:
    rows = [
        {"premise": f"P{i}.", "choice1": "a", "choice2": "b", "question": question, "label": i % 2, "idx": i}
        for i, question in enumerate({"c": "cause", "e": "effect"}[letter] for letter in questions)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_wrong_questions_of_xcopa_are_said(tmp_path: Path) -> None:
    asked = {"it": "ccee", "et": "ccee", "vi": "ccee", "th": "eece"}
    where = put(tmp_path, {f"xcopa/{code}/test.{code}.jsonl": xcopa(questions) for code, questions in asked.items()})
    found = {one.language: dict(one.noted) for one in check(["xcopa"], where) if one.split == "test" and one.rows}
    assert found == {"it": {}, "et": {}, "vi": {}, "th": {"`question` is not that of most languages": 3}}
    assert len(read(TASKS["xcopa"], "test", "th", where).examples) == 4
    printed = run("data", "check", "xcopa", "--data", str(tmp_path)).stdout
    assert "xcopa test th: files:xcopa/th/test.th.jsonl: 4 rows, 3 kept: `question` is not that of most languages" in printed


def test_real_questions_of_xcopa(real_data: Path) -> None:
    """Against the English COPA, with which most languages agree."""
    found = {one.language: sum(one.noted.values()) for one in check(["xcopa"], Folder(real_data)) if one.split == "test"}
    english = [json.loads(line)["question"] for line in (real_data / "copa/test-en.jsonl").read_text("utf-8").splitlines()]
    for code in TASKS["xcopa"].languages:
        lines = (real_data / f"xcopa/{code}/test.{code}.jsonl").read_text("utf-8").splitlines()
        assert found[code] == sum(json.loads(line)["question"] != right for line, right in zip(lines, english, strict=True)), code
    assert found["th"] == 250 and found["tr"] == 51 and found["sw"] == 37


def test_real_pmb_has_no_tilde_inside_a_token(real_data: Path) -> None:
    found = read(TASKS["ccg"], "train", "en", Folder(real_data))
    tokens = [token for example in found.examples for token in example.tokens]
    assert not any("~" in token.strip("~") for token in tokens) and sum(" " in token for token in tokens) > 500


def names(count: int) -> str:
    return "".join(f"Bo{i}\tB-PER\n\n" for i in range(count))


def test_a_split_made_from_another_file_says_so(tmp_path: Path) -> None:
    files = {"panx/train-en.tsv": names(80), "panx/dev-en.tsv": names(9)}
    told = {split: reading(tmp_path, "panx", split, files, cut=True).counts.derived for split in ("train", "dev", "test")}
    assert told["test"] == "there is no test file: this is the dev file"
    assert "one group in 10 of the training file is the dev split, as the dev file is the test split" in told["dev"]
    assert told["train"] == told["dev"]
    files["panx/test-en.tsv"] = names(5)
    assert [reading(tmp_path, "panx", split, files, cut=True).counts.derived for split in told] == [""] * 3
    snli_dev = {"snli/snli_1.0_dev.jsonl": "\n".join(jsonl(80, snli)) + "\n"}
    assert "as there is no training file" in reading(tmp_path, "snli", "train", snli_dev, cut=True).counts.derived


def test_files_that_no_task_looks_for_are_listed(tmp_path: Path) -> None:
    known = {"panx/dev-en.tsv": names(3), "tatoeba/v1/tatoeba.deu-eng.deu": "Ja.\n", "tatoeba/v1/tatoeba.deu-eng.eng": "Yes.\n"}
    known |= {"socialiqa/dev.jsonl": "", "socialiqa/dev-labels.lst": "", "bucc2018/de-en/de-en.sample.gold": "", "README.md": "x"}
    known |= {"translated/de/mnli/multinli_1.0_train.jsonl": "", "mono/en.dev.txt": ""}
    put(tmp_path, known | {"panx/tests-de.tsv": names(3), "new.tsv": "", **{f"other/{i}.txt": "" for i in range(9)}})
    unread = [one.source for one in check(["panx"], Folder(tmp_path)) if one.state == "unread"]
    assert unread == ["new.tsv", "other/ (9 files, such as other/0.txt)", "panx/tests-de.tsv"]
    printed = run("data", "check", "--data", str(tmp_path)).stdout
    assert "not read by any task: panx/tests-de.tsv" in printed and "README" not in printed


def test_records_of_before_reasons_were_counted_are_described() -> None:
    old = {"task": "mnli", "split": "dev", "language": "en", "source": "files:x", "rows": 9, "dropped": 2, "examples": 7}
    assert described(old) == "mnli dev en: files:x: 9 rows, 2 dropped, 7 examples" and remarks([old]) == []


def test_a_training_and_its_evaluation_record_and_tell_what_they_read(tmp_path: Path) -> None:
    blank = ("", "", "neutral")
    files = FILES | {"mnli/multinli_1.0_train.jsonl": mnli([*(english(i) for i in range(64)), blank]), "setup.yaml": SETUP}
    files |= {"xnli/test-de.tsv": FILES["xnli/test-de.tsv"] + "\t\tneutral\n"}
    files["setup.yaml"] = SETUP.replace("DATA", str(tmp_path))
    files["study.yaml"] = "kind: study\nname: few\nsetup: setup.yaml\nintermediate: [none]\ntargets: [xnli]\nseeds: [1]\n"
    put(tmp_path, files)
    done = run("study", str(tmp_path / "study.yaml"), "--store", str(tmp_path / "store"), "--jobs", "1")
    study = json.loads(Path(done.stdout.strip()).read_text())
    results = [json.loads(path.read_text()) for path in (tmp_path / "store").rglob("result.json")]
    by = {(one["task"], one["split"], one["language"]): one for result in results for one in result.get("data", ())
          if isinstance(one, dict)}  # fmt: skip
    train, scored = by["mnli", "train", "en"], by["xnli", "test", "de"]
    assert (train["rows"], train["dropped"], train["examples"], train["dropped_by"]) == (65, 1, 64, {"no text": 1})
    assert train["places"] == {"no text": ["mnli/multinli_1.0_train.jsonl:65"]}
    assert train["tokens"] > 64 * 10 and 0 <= train["unknown"] < 0.2
    assert scored["noted"] == {"no text": 1} and scored["examples"] == 31
    line = "mnli train en: files:mnli/multinli_1.0_train.jsonl: 65 rows, 1 dropped: no text (mnli/multinli_1.0_train.jsonl:65)"
    assert done.stderr.count(line) == 1 and "unknown pieces" in done.stderr
    assert "xnli test de: files:xnli/test-de.tsv: 31 rows, 1 kept: no text" in done.stderr
    assert any(one.startswith(line) for one in study["data"]["reading"])
