"""What others wrote is refused in one line, exit code 2: nothing of it reaches the terminal raw, nothing outside is touched."""

import gzip
import io
import json
import os
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report import invented

from stilts_xtreme import cli, report, results
from stilts_xtreme.data.read import Folder, languages, read, rows
from stilts_xtreme.engine import features
from stilts_xtreme.models import published
from stilts_xtreme.noise import dictionary
from stilts_xtreme.scoring.submission import score_files
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.readers import lines as formats_lines
from stilts_xtreme.utils import bounded_io, command_line, sanitize
from stilts_xtreme.utils.errors import UserError

PANX, XNLI, CCG = (TASKS[name] for name in ("panx", "xnli", "ccg"))
ESCAPE = "\x1b[2J\x1b[31mred\x9b1m\x07"


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path):
    """The one line with which a command ends."""
    monkeypatch.chdir(tmp_path)

    def ended(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["stilts", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        assert end.value.code == 2 and said.out == ""
        assert said.err.endswith("\n") and said.err.count("\n") == 1 and said.err[:-1].isprintable() and len(said.err) < 2500
        return said.err[:-1]

    return ended


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


# The terminal.
@given(st.text())
def test_what_is_shown_holds_nothing_that_a_terminal_acts_on(text) -> None:
    assert sanitize.visible(text).isprintable()
    assert all(line.isprintable() and len(line) < 22_000 for line in sanitize.message(text * 99).split("\n"))
    assert not any(ord(sign) < 32 and sign not in "\t\n" or 126 < ord(sign) < 160 for sign in sanitize.content(text))
    assert json.loads(sanitize.as_json([text])) == [text] and not sanitize.HIDDEN.search(sanitize.as_json([text]))


def test_letters_stay_as_they_are() -> None:
    words = "naïve “日本語” हिन्दी می\u200cخواهم 👍\n\tΑθήνα"
    assert sanitize.content(words) == words and sanitize.message("Αθήνα −1.5 …") == "Αθήνα −1.5 …"
    cut = sanitize.message("a" * 9000 + ": mend it")
    assert cut.endswith("a: mend it") and " ... " in cut and len(cut) < 2100


@pytest.mark.parametrize("task", ["panx", "mnli"])
def test_rows_are_shown_without_escapes_and_brackets_mean_nothing(task, tmp_path, capsys, monkeypatch) -> None:
    pair = {"gold_label": "neutral", "pairID": "1", "sentence1": f"[/b] {ESCAPE} :smile:", "sentence2": "[red]b"}
    put(tmp_path / "mnli/multinli_1.0_dev_matched.jsonl", json.dumps(pair, ensure_ascii=False))
    put(tmp_path / "panx/test-de.tsv", f"[/b]{ESCAPE}:smile:\tO\n")
    monkeypatch.setattr(sys, "argv", ["stilts", "tasks", task, "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().out
    assert not end.value.code and "[/b]" in said and ":smile:" in said and not sanitize.HIDDEN.search(said)


def test_a_path_that_cannot_be_shown_is_told_in_escapes_in_the_command_that_a_study_keeps() -> None:
    told = command_line.recorded("study", Path(os.fsdecode(b"a\xff/\x1b[2J.yaml")), ["seeds=[1]"])
    assert told == "stilts study 'a\\udcff/\\x1b[2J.yaml' seeds=[1]"


# Results of studies.
def study(**changes: object) -> str:
    return json.dumps(
        invented(seeds=(1,), intermediates=["none", "mnli"], targets=["xnli", "panx"]) | changes, ensure_ascii=False
    )


NONE, MNLI = invented(seeds=(1,), intermediates=["none", "mnli"], targets=["xnli"])["rows"]
PAIR = {"kind": "way", **MNLI, "against": "none", "target": "xnli", "gain": 1, "interval": [0, 1], "p": 1, "q": 1}
STUDIES = {
    "no JSON": ("{", "not JSON"),
    "deep": ('{"schema": ' + "[" * 100_000, "nested too deeply"),
    "deep but legal": ('{"schema": "stilts/study@2", "x": ' + "[" * 90 + "]" * 90 + "}", "more than 60 lists and mappings"),
    "no number": ('{"schema": "stilts/study@2", "x": NaN}', "NaN is no number"),
    "endless": ('{"schema": "stilts/study@2", "x": 1e999}', "x: is too large a number"),
    "digits": ('{"schema": "stilts/study@2", "x": ' + "9" * 9000 + "}", "not JSON"),
    "bytes": (b"\xff\xfe", "not JSON"),
    "another schema": ('{"schema": "' + "s" * 9000 + '"}', "schema: expected"),
    "an escape": (study(question=ESCAPE), "question: the control character '\\x1b'"),
    "an escape in a name": (study(tasks={ESCAPE: {}}), "control characters in a name"),
    "half a character": ('{"schema": "stilts/study@2", "x": "\\ud800"}', "x: the control character '\\ud800'"),
    "right to left": (study(note="a\u202eb"), "note: the control character '\\u202e'"),
    "a path": (study(targets=["../../evil"]), "targets[0]: string should match pattern"),
    "a path in a row": (study(rows=[NONE, MNLI | {"row": "../evil"}]), "rows[1].row: string should match pattern"),
    "resources": (study(resources={"axis": "joshi"}), "resources.languages: missing"),
    "no score": (study(evaluations=[{**NONE, "target": "xnli", "seed": 1, "languages": {}}]), "score: missing"),
    "a score": (study(evaluations=[{"score": "9"}]), "evaluations[0].row: missing"),
    "a true score": (study(seeds=[True]), "seeds[0]: input should be a valid integer, found True"),
    "orders": (study(orders={"rows": 1, "panels": []}), "orders.rows: input should be a valid list, found 1"),
    "an order's name": (study(orders={"rows": [], "panels": [{"target": "/../../x"}]}), "orders.panels[0].way: missing"),
    "pairs": (study(pairs=[PAIR]), "pairs[0]: mnli is none of the arms"),
}  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("words", [("report",), ("recommend", "--target", "xnli")], ids=["report", "recommend"])
def test_a_hostile_study_is_refused_and_draws_nothing(name, words, refused, tmp_path) -> None:
    content, said = STUDIES[name]
    path = put(tmp_path / "study.json", content)
    found = refused(words[0], path, *words[1:])
    assert said in found and ("study.json: " in found or found.startswith("study invented: "))
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_no_study(refused, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    os.symlink("loop.json", tmp_path / "loop.json")
    for path, said in (("pipe.json", "is not a file"), ("/dev/zero", "is not a file"), (".", "is not a file"),
                       ("loop.json", "symbolic links"), ("none.json", "No such file")):  # fmt: skip
        assert said in refused("report", path)


def test_pages_replace_links_and_do_not_follow_them(tmp_path) -> None:
    kept = put(tmp_path / "kept", "mine")
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("report.md", "index.html", "table.csv"):
        (folder / name).symlink_to(kept)
    report.write(json.loads(study()), folder)
    assert kept.read_text() == "mine" and (folder / "report.md").read_text().startswith("# Study invented")


# Data.
def test_control_characters_in_names_and_labels_are_refused(tmp_path) -> None:
    put(tmp_path / "data/udpos/ud/UD_German-X/de_\x1b[31m-ud-test.conllu", "1\ta\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n")
    with pytest.raises(UserError, match="ud-test.conllu: control characters in a file's name"):
        read(TASKS["udpos"], "test", "de", Folder(tmp_path / "data"))
    put(tmp_path / "tags/ccg/train.tsv", f"a\tN{ESCAPE}\n")
    with pytest.raises(UserError, match=r"tag: 'N\\+x1b.*holds control characters"):
        read(CCG, "train", "en", Folder(tmp_path / "tags", cut=True))


@pytest.mark.parametrize("name", ["panx/test-de\x1b.tsv", "panx/test-de\udcff.tsv"])
def test_members_with_names_that_cannot_be_shown_are_none(name, tmp_path) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", errors="surrogateescape") as tar:
        for one in (name, "panx/test-sw.tsv"):
            info = tarfile.TarInfo(one)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"a\tO\n"))
    put(tmp_path / "panx.tar", whole.getvalue())
    assert languages(PANX, Folder(tmp_path)) == ("sw",)


def test_a_field_of_a_data_file_is_told_on_one_line(tmp_path) -> None:
    put(tmp_path / "mnli/multinli_1.0_train.jsonl", json.dumps({f"{ESCAPE}\nfake: ok": 1}))
    with pytest.raises(UserError) as fault:
        read(TASKS["mnli"], "train", "en", Folder(tmp_path))
    assert str(fault.value).isprintable() and "sentence1: missing (there are: \\x1b[2J" in str(fault.value)


def test_bombs_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bounded_io, "FREE", 10_000)
    bomb = gzip.compress(b"a\tO\n" * 100_000)
    put(tmp_path / "one/panx/test-de.tsv.gz", bomb)
    with pytest.raises(UserError, match="test-de.tsv.gz.* cannot be read .it unpacks to more than"):
        read(PANX, "test", "de", Folder(tmp_path / "one"))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        info = tarfile.TarInfo("README")
        info.size = 2_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    put(tmp_path / "two/panx.tgz", whole.getvalue())
    with pytest.raises(UserError, match="panx.tgz: damaged archive .it unpacks to more than"):
        read(PANX, "test", "de", Folder(tmp_path / "two"))
    usual = "".join(f"word{i}\tO\n" for i in range(20_000)).encode()  # text: a tenth
    put(tmp_path / "three/panx/test-de.tsv.gz", gzip.compress(usual))
    assert read(PANX, "test", "de", Folder(tmp_path / "three")).rows == 1
    monkeypatch.setattr(formats_lines, "MAX_LINE", 1000)
    put(tmp_path / "four/xnli/test-de.tsv", "a" * 2000)
    with pytest.raises(UserError, match="test-de.tsv:1: line: has more than 1,000 characters"):
        read(XNLI, "test", "de", Folder(tmp_path / "four"))


def test_places_that_cannot_be_looked_into(refused, tmp_path) -> None:
    os.symlink("loop", tmp_path / "loop")
    assert "File name too long" in refused("data", "check", "xnli", "--data", "x" * 300)
    for name, said in (("a" * 300, "File name too long"), ("loop", "symbolic links")):
        setup = f"{{name: f, data: {{files: {{path: {tmp_path / name}}}}}, encoder: {{pretrained: {{name: a/b}}}}, "
        put(
            tmp_path / "spec.yaml",
            f"kind: intermediate\ntask: mnli\nsetup: {setup}retrieval: {{layer: 1}}, recipes: {{default: {{}}}}}}",
        )
        assert said in refused("train-intermediate", "spec.yaml", "--dry-run")


def test_an_encoder_that_could_run_code_is_refused_before_anything_runs(refused, tmp_path) -> None:
    put(tmp_path / "encoder/config.json", json.dumps({"model_type": "x", "auto_map": {"AutoModel": "code.Evil"}}))
    put(tmp_path / "encoder/code.py", f"open({str(tmp_path / 'ran')!r}, 'w')")
    setup = "data: {miniature: {}}, encoder: {pretrained: {name: ./encoder}}, retrieval: {layer: 1}, recipes: {default: {}}"
    put(tmp_path / "spec.yaml", f"kind: intermediate\ntask: mnli\nsetup: {{name: f, {setup}}}")
    assert "config.json: auto_map: it names code of its own" in refused("train-intermediate", "spec.yaml", "--store", "runs")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "runs").exists()
    put(tmp_path / "encoder/config.json", json.dumps({"model_type": "xlm-roberta"}))
    put(tmp_path / "encoder/pytorch_model.bin", b"\x80\x04.")
    assert "'pytorch_model.bin' is pickled" in refused("train-intermediate", "spec.yaml", "--store", "runs")


def test_ids_that_stand_often_stay_apart(tmp_path) -> None:
    lines = [json.dumps({"gold_label": "neutral", "pairID": name, "sentence1": "a", "sentence2": "b"}) for name in "aabab"]
    lines.insert(1, lines[0].replace('"a", "sentence1', '"a-2", "sentence1'))
    put(tmp_path / "mnli/multinli_1.0_train.jsonl", "\n".join(lines))
    assert [name for name, _ in rows(TASKS["mnli"], "train", "en", Folder(tmp_path))] == ["a", "a-2", "a-3", "b", "a-4", "b-2"]


# Submissions, dictionaries, features, stores.
@pytest.mark.parametrize(
    ("task", "content", "said"),
    [
        ("tatoeba", "9" * 5000, "is not a number"),
        ("xcopa", '{"label": ' + "9" * 5000 + "}", "not JSON we read"),
        ("xquad", '{"a\\n\\u001b[31mb": 1}', "a\\n\\x1b[31mb: answer: 1 is not text"),
        ("mewslix", "[" * 100_000, "nested too deeply"),
        ("bucc2018", f"{ESCAPE}\n", "is not two sentence ids"),
    ],
)
def test_hostile_predictions(task, content, said, tmp_path) -> None:
    path = put(tmp_path / "predicted", content)
    with pytest.raises(UserError) as fault:
        score_files(task, "de", path, path)
    assert said in str(fault.value) and str(fault.value).isprintable()


def test_what_is_no_file_is_neither_predictions_nor_a_dictionary(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for asked in (lambda path: score_files("xnli", "de", path, path), dictionary.read_pairs):
        for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
            with pytest.raises(UserError, match="is not a file"):
                asked(path)


def test_arrays_are_never_unpickled(tmp_path) -> None:
    features.save(tmp_path, [[{"rows": [[1, 2]], "example": 0}]], {})
    np.save(tmp_path / "tokens.npy", np.array([print], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        features.load(tmp_path)


def test_arrays_that_claim_to_be_larger_than_their_files_take_no_memory(tmp_path) -> None:
    features.save(tmp_path, [[{"rows": [[1, 2]], "example": 0}]], {})
    index = json.loads((tmp_path / features.INDEX).read_text())
    index["arrays"]["tokens"] = ["<i4", [10**15]]
    with open(tmp_path / "tokens.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<i4", "fortran_order": False, "shape": (10**15,)})
    put(tmp_path / features.INDEX, json.dumps(index))
    with pytest.raises(ValueError, match="tokens: the file is smaller"):
        features.load(tmp_path)
    put(tmp_path / features.INDEX, "[" * 100_000)
    with pytest.raises(ValueError, match="recursion"):
        features.load(tmp_path)


def test_a_store_must_have_a_name_that_libraries_can_write_to(refused, tmp_path) -> None:
    assert "its name is not UTF-8" in refused("runs", "list", "--store", os.fsdecode(b"a\xff"))


def test_published_configurations_are_read_to_a_bound(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(published, "LARGEST", 100)
    put(tmp_path / "config.json", "{}" + " " * 200)
    with pytest.raises(UserError, match="config.json: cannot be read: has more than 100 bytes"):
        published.check(tmp_path)
    monkeypatch.setattr(results, "LARGEST", 100)
    with pytest.raises(UserError, match="has more than 100 bytes"):
        results.read(put(tmp_path / "study.json", study()), results.STUDY)
