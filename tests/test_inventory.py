"""What is there of each task: every file read to its end, and every fault told."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from stilts_xtreme.cli import app
from stilts_xtreme.data import expected, hub, inventory
from stilts_xtreme.data.expected import Expected
from stilts_xtreme.data.folder import place_pattern
from stilts_xtreme.data.inventory import Entry, check, here, needed, sample
from stilts_xtreme.data.read import Folder, HubCache, Miniature
from stilts_xtreme.tasks import readers
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Files, Task
from stilts_xtreme.utils.errors import UserError

ROWS = "Bo\tB-PER\nran\tO\n\n"
CONLLU = "1\tBo\t_\tPROPN\t_\t_\t_\t_\t_\t_\n\n"


def put(folder: Path, files: dict[str, str]) -> Folder:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return Folder(folder)


def states(entries: list[Entry]) -> dict[tuple[str, str, str], str]:
    return {(one.task, one.split, one.language): one.state for one in entries if one.used}


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_tasks_bring_those_they_are_trained_with() -> None:
    assert needed(["xquad", "mlqa"]) == ["squad", "xquad", "mlqa"]
    assert needed(["anli"]) == ["anli", "mnli", "snli"] and needed(["tatoeba"]) == ["tatoeba"]


def test_every_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {("panx", "test", "de"): Expected("rows", 1, {}, True), ("panx", "test", "fr"): Expected("rows", 9, {}, True),
             ("panx", "test", "es"): Expected("rows", 9, {}, False)}  # fmt: skip
    monkeypatch.setattr(expected, "_table", lambda: sizes)
    files = {f"panx/test-{code}.tsv": ROWS for code in ("de", "fr", "es", "it")}
    where = put(tmp_path, {**files, "panx/test-ru.tsv": ROWS + "Bo\tB-MISC\n", "panx/dev-en.tsv": ROWS})
    entries = list(check(["panx"], where))
    found = states(entries)
    wanted = {"de": "ok", "fr": "differs", "es": "read", "it": "read", "ru": "broken", "zh": "missing"}
    assert {code: found["panx", "test", code] for code in wanted} == wanted
    assert found["panx", "train", "en"] == "missing" and found["panx", "dev", "en"] == "read"
    by_code = {one.language: one for one in entries if one.split == "test"}
    assert by_code["fr"].note == "1 rows instead of the full release's 9" and by_code["es"].expected == 9
    assert "test-ru.tsv:4: tag: 'B-MISC'" in by_code["ru"].note and "mmner" in by_code["zh"].note
    assert (by_code["de"].rows, by_code["de"].examples, by_code["de"].source) == (1, 1, "files:panx/test-de.tsv")
    part = states(list(check(["panx"], Folder(tmp_path, cut=True))))
    assert part["panx", "test", "fr"] == "part" and part["panx", "test", "de"] == "ok"
    assert [one.split for one in entries] == sorted((one.split for one in entries), key=inventory.SPLITS.index)


def test_each_broken_file_tells_its_own_fault(tmp_path: Path) -> None:
    good = json.dumps({"uid": "1", "context": "a", "hypothesis": "b", "label": "c"}) + "\n"
    files = {
        "anli_v1.0/R1/dev.jsonl": good + "{\n",
        "anli_v1.0/R2/dev.jsonl": good,
        "anli_v1.0/R3/dev.jsonl": good + good[:-4] + "\n",
    }
    (entry,) = [one for one in check(["anli"], put(tmp_path, files)) if (one.task, one.split) == ("anli", "dev")]
    assert entry.state == "broken" and entry.rows is None
    first, second = entry.note.splitlines()
    assert "R1/dev.jsonl:2: JSON" in first and "R3/dev.jsonl:2: JSON" in second


def test_a_second_layout_is_read_but_not_used(tmp_path: Path) -> None:
    where = put(tmp_path, {"udpos/xtreme/test-fi.tsv": "Bo\tX\n", "udpos/ud/UD_German-GSD/de_gsd-ud-test.conllu": CONLLU})
    entries = [one for one in check(["udpos"], where) if one.state != "missing"]
    assert [(one.language, one.used, one.rows) for one in entries] == [("fi", True, 1), ("de", False, 1)]


def test_a_damaged_archive_is_an_entry(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK")
    entries = list(check(["xnli"], Folder(tmp_path)))
    assert {one.state for one in entries} == {"broken"} and all("damaged archive" in one.note for one in entries)


def test_placeholder_labels_are_broken(tmp_path: Path) -> None:
    where = put(tmp_path, {"xnli/test-de.tsv": "a\tb\tneutral\n" * 60})
    (entry,) = [one for one in check(["xnli"], where) if one.language == "de"]
    assert entry.state == "broken" and "all 60 labels are 'neutral'" in entry.note


def test_the_miniature_world_is_whole() -> None:
    entries = list(check(["xquad", "tatoeba"], Miniature(0)))
    assert {one.state for one in entries} == {"read"} and all(one.rows for one in entries)
    assert {(one.task, one.split) for one in entries} == {
        ("squad", "train"),
        ("squad", "dev"),
        ("xquad", "test"),
        ("tatoeba", "test"),
    }


def test_here_is_quick_and_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = put(tmp_path, {"panx/dev-en.tsv": ROWS, "panx/test-de.tsv": "not read", "panx/test-fr.tsv": ""})
    assert here(TASKS["panx"], where) == "files: dev, test in 3"
    assert here(TASKS["xnli"], where) == "-" and here(TASKS["xnli"], Miniature(0)) == "embedded"
    monkeypatch.setattr(hub, "cached", lambda found, code: code in ("de", "sw"))
    assert here(TASKS["xnli"], HubCache()) == "hub, cached: de sw" and here(TASKS["mnli"], HubCache()) == "hub"
    assert here(TASKS["xnli"], None) == "miniature; hub, cached: de sw" and here(TASKS["mnli"], None) == "miniature"
    assert here(TASKS["udpos"], HubCache()) == "-" and here(TASKS["panx"], HubCache(tmp_path)) == "files: dev, test in 3"


def test_a_sample_is_the_first_row_that_is_an_example(tmp_path: Path) -> None:
    where = put(tmp_path, {"pawsx/test-de.tsv": "NS\tb\t0\na\tb\t1\n", "pawsx/test-fr.tsv": "a\n"})
    source, row, example = sample(TASKS["pawsx"], where)
    assert source == "files:pawsx/test-de.tsv" and row["id"] == "2" and example.label == "1"
    with pytest.raises(UserError, match="xnli: nothing is there to show"):
        sample(TASKS["xnli"], where)
    (tmp_path / "pawsx/test-de.tsv").unlink()
    with pytest.raises(UserError, match="test-fr.tsv:1: columns"):
        sample(TASKS["pawsx"], where)


# ---- the commands ----


def test_check_prints_and_judges(tmp_path: Path) -> None:
    put(tmp_path, {"xquad/xquad.de.json": "{}", "panx/test-de.tsv": ROWS})
    done = run("data", "check", "--data", str(tmp_path))  # nothing is named: only what is broken fails
    assert isinstance(done.exception, UserError) and "xquad test de: broken" in str(done.exception)
    assert "panx" not in str(done.exception) and "to get panx: Names of persons" in done.stdout
    (tmp_path / "xquad/xquad.de.json").unlink()
    assert run("data", "check", "--data", str(tmp_path)).exit_code == 0
    done = run("data", "check", "panx", "--data", str(tmp_path))
    assert "panx test de: differs: 1 rows" in str(done.exception) and "panx train en: missing" in str(done.exception)
    told = json.loads(run("data", "check", "panx", "--data", str(tmp_path), "--json").stdout)
    assert {one["task"] for one in told} == {"panx"} and set(told[0]) == set(Entry.__dataclass_fields__)
    for arguments, words in (
        (["check", "pank", "--data", str(tmp_path)], "did you mean 'panx'"),
        (["check", "--data", str(tmp_path / "nowhere")], "there is no such folder"),
        (["check", "--data", str(tmp_path), "--setup", "x.yaml"], "give one of them"),
    ):
        assert words in str(run("data", *arguments).exception)


def test_a_setup_says_where_to_look(tmp_path: Path) -> None:
    setups = Path(__file__).parent.parent / "experiments" / "setups"
    done = run("data", "check", "tatoeba", "--setup", str(setups / "miniature.yaml"))
    assert done.exit_code == 0 and "tatoeba" in done.stdout
    names = "".join(f"Bo{i}\tB-PER\n\n" for i in range(60))
    put(tmp_path / "data", {"panx/train-en.tsv": names, "panx/test-en.tsv": ROWS})
    text = (setups / "small.yaml").read_text(encoding="utf-8").replace("../../data", "data")
    (tmp_path / "setup.yaml").write_text(text, encoding="utf-8")
    done = run("data", "check", "panx", "--setup", str(tmp_path / "setup.yaml"), "--json")
    assert {one["state"] for one in json.loads(done.stdout) if one["language"] == "en"} == {"part"}


def test_tasks_tell_sizes_and_what_is_there(tmp_path: Path) -> None:
    put(tmp_path, {"panx/test-de.tsv": "Ada\tB-PER\n"})
    listed = run("tasks").stdout
    assert "392,702" in listed and "~363,846" in listed and "31,692" in listed and "files:" not in listed
    assert "files: test in 1" in run("tasks", "--data", str(tmp_path)).stdout
    shown = run("tasks", "panx", "--data", str(tmp_path)).stdout
    assert "files:panx/test-de.tsv" in shown and "'Ada'" in shown
    assert "https://dl.fbaipublicfiles.com/XNLI/XNLI-1.0.zip" in run("tasks", "xnli").stdout


# ---- the hub's cache, as it stands on a machine without a connection ----


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of `datasets` that holds two configurations of rajpurkar/squad, as a download would leave them, and no way out."""
    datasets = pytest.importorskip("datasets")
    text = datasets.Value("string")
    answers = {"text": datasets.List(text), "answer_start": datasets.List(datasets.Value("int32"))}
    features = datasets.Features({"id": text, "title": text, "context": text, "question": text, "answers": answers})
    row = {"title": "t", "context": "Bo ran.", "question": "Who?", "answers": {"text": ["Bo"], "answer_start": [0]}}
    for split in ("train", "validation"):
        (tmp_path / "raw").mkdir(exist_ok=True)
        data = datasets.Dataset.from_list([{"id": f"{split}-{i}", **row} for i in range(3)], features=features)
        data.to_parquet(str(tmp_path / f"raw/{split}.parquet"))
    files = {split: str(tmp_path / f"raw/{split}.parquet") for split in ("train", "validation")}
    datasets.load_dataset("parquet", "plain_text", data_files=files, cache_dir=str(tmp_path / "made"))
    (made,) = (tmp_path / "made/parquet").glob("*/*/*/dataset_info.json")
    place = tmp_path / "cache/rajpurkar___squad/plain_text/0.0.0/abc"
    place.parent.mkdir(parents=True)
    made.parent.rename(place)
    info = json.loads((place / "dataset_info.json").read_text())
    (place / "dataset_info.json").write_text(json.dumps({**info, "config_name": "plain_text", "dataset_name": "squad"}))
    for file in place.glob("parquet-*.arrow"):
        file.rename(file.with_name(file.name.replace("parquet-", "squad-")))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for config in (datasets.config, pytest.importorskip("huggingface_hub").constants):
        monkeypatch.setattr(config, "HF_HUB_OFFLINE", False)  # the check itself has to stay offline

    def refuse(*_, **__):
        raise AssertionError("went online")

    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    return tmp_path / "cache"


def test_the_cache_is_read_and_nothing_is_downloaded(cache: Path) -> None:
    found = states(list(check(["xquad"], HubCache())))
    assert found["squad", "train", "en"] == found["squad", "dev", "en"] == "differs"  # three rows are not all of SQuAD
    assert found["xquad", "test", "de"] == "missing"
    notes = {one.note for one in check(["xquad"], HubCache()) if one.state == "missing"}
    assert all("`stilts data fetch xquad`" in note for note in notes)
    assert here(TASKS["squad"], HubCache()) == "hub, cached: en" and here(TASKS["xquad"], HubCache()) == "hub"
    assert sample(TASKS["squad"], HubCache())[1]["question"] == "Who?"
    (entry,) = check(["udpos"], HubCache())
    assert entry.state == "missing" and entry.note.startswith("not on the hub")


# ---- real data, where there is a folder of it ----

# Directories of data that no task of this catalogue reads.
OTHERS = {"sib200", "xtreme_mock"}


@pytest.fixture(scope="module")
def whole(real_data: Path) -> list[Entry]:
    return list(check(list(TASKS), Folder(real_data)))


def test_real_data_is_read_whole(whole: list[Entry], real_data: Path) -> None:
    """Every file that a task reads has as many rows as the manifest says; what is broken is what is known to be."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifest = yaml.load((real_data / "MANIFEST.yaml").read_text(encoding="utf-8"), Loader=loader)
    sizes = {file["path"].removesuffix(".gz"): file["examples"] for data in manifest["datasets"] for file in data["files"]}
    read_by = {}
    for entry in whole:
        # The manifest counts questions, not candidates.
        if entry.state in ("missing", "broken", "unread") or entry.split == "pool":
            continue
        names = entry.source.removeprefix("files:").split(" (")[0].split("+")
        read_with = _reader(TASKS[entry.task], names[0])
        files = [Path(str(path).removesuffix(".gz")).relative_to(real_data).as_posix() for name in names
                 for path in readers.files_of(read_with, _there(real_data / name))]  # fmt: skip
        assert entry.rows == sum(sizes[file] for file in files if not file.endswith((".gold", ".lst"))), entry
        read_by |= dict.fromkeys(files, entry.task)
    assert not [entry for entry in whole if entry.state == "broken"]
    touched = {file.split("/")[0] for file in read_by}
    unread = {data["directory"].split("/")[0] for data in manifest["datasets"]} - touched
    print("not read by any task:", *sorted(unread))
    assert unread <= OTHERS


def _reader(task: Task, name: str) -> Callable:
    layouts = [source for source in task.sources if isinstance(source, Files)]
    patterns = {
        pattern: files.reader for files in layouts for split in ("train", "dev", "test") for pattern in getattr(files, split)
    }
    return next(reader for pattern, reader in patterns.items() if re.fullmatch(place_pattern(pattern), name))


def _there(path: Path) -> Path:
    return path if path.is_file() else path.with_name(path.name + ".gz")


def test_real_data_agrees_with_the_releases(whole: list[Entry]) -> None:
    """Whole files here are as large as `expected.csv` says, to the row."""
    counts = Counter(entry.task for entry in whole if entry.state == "ok")
    assert counts["xquad"] == 9 and counts["mlqa"] == 4 and counts["pawsx"] == 14 and counts["tatoeba"] == 30
    assert {entry.task for entry in whole if entry.state == "ok"} >= {"cosmosqa", "commonsenseqa", "bucc2018", "xnli"}
