"""Features as columns in mapped files, and the cache that all stages take them from."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.data.read import Folder
from stilts_xtreme.engine import features as columns
from stilts_xtreme.engine import tokenizer
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.stages import feature_cache
from stilts_xtreme.stages.feature_cache import FeatureCache
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.examples import Candidate, Choices, Pair, Query, Question, Sentence, Tagged, Text, plain, restored
from stilts_xtreme.utils.errors import UserError

LINES = ["the tall man saw a red house", "a small dog met the tall man", "she gave the red ball to a dog"]


@pytest.fixture(scope="module")
def words():
    return tokenizer.train(LINES * 20, 120)


EXAMPLES: dict[str, list[Any]] = {
    "classification": [Pair(str(i), line, LINES[i - 1], "yes") for i, line in enumerate(LINES)],
    "multiple_choice": [Choices("0", LINES[0], ("red", "a dog"), 1), Choices("1", LINES[1], ("the", "man", "she met"), 0)],
    "tagging": [
        Tagged("0", ("the", "dog"), ("yes", "odd")),
        Tagged("1", ("a",) * 40, ("yes",) * 40),
        Tagged("2", ("x",), ("no",)),
    ],
    "span_qa": [
        Question("0", "who?", " ".join(LINES), ("tall man",), (4,)),
        Question("1", "what?", "red", (), ()),
        Question("2", "where?", "", (), ()),
    ],
    "embedding": [Sentence("0", LINES[0], "english", "1"), Sentence("1", "", "foreign", None)],
    "dual_encoder": [
        Query("0", "who?", ("é",), Candidate("é", LINES[0], "")),
        Query("1", "what?", ("b", "c"), None),
        Candidate("é", LINES[1], LINES[2]),
    ],
    "mlm": [Text(str(i), line) for i, line in enumerate(LINES)],
}


def same(left: columns.Feature, right: columns.Feature) -> bool:
    """Equal keys in the same order, equal values; lists count as arrays do."""
    return list(left) == list(right) and all(
        len(left[key]) == len(right[key]) and all(map(np.array_equal, left[key], right[key]))
        if key == "rows"
        else np.array_equal(left[key], right[key])
        for key in left
    )


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("portion", [1, 2, 9])
def test_what_a_head_encodes_comes_back(words, tmp_path, head, portion) -> None:
    made = HEADS[head].encode(EXAMPLES[head], words, ("yes", "no"), Limits(24, doc_stride=4), training=False)
    columns.save(tmp_path, [made[i : i + portion] for i in range(0, len(made), portion)], {"of": head})
    found, told = columns.load(tmp_path)
    assert told == {"of": head} and len(found) == len(made)
    assert all(map(same, found, made)) and same(found[-1], made[-1])
    assert found.lengths.tolist() == [max(map(len, feature["rows"])) for feature in made] == columns.lengths(made).tolist()
    assert found.vocabulary.tolist() == sorted({token for feature in made for row in feature["rows"] for token in row})
    batch, lists = (collate(head, list(some), words, _dice()) for some in (found, made))
    assert all(np.array_equal(batch[name], lists[name]) and type(batch[name]) is type(lists[name]) for name in lists)


def _dice():
    import torch

    return torch.Generator().manual_seed(1)


ROWS = st.lists(st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=5), min_size=1, max_size=3), max_size=8)


@given(ROWS, ROWS, st.data())
@settings(deadline=None, max_examples=30)
def test_joined_and_chosen_features_are_those_of_their_parts(first, second, data) -> None:
    with TemporaryDirectory() as folder:
        parts, plainly = [], []
        for name, rows in (("a", first), ("b", second)):
            (Path(folder) / name).mkdir()
            made = [{"rows": own, "example": i, "match": str(own) if i % 2 else None} for i, own in enumerate(rows)]
            columns.save(Path(folder) / name, [made], {})
            parts.append(columns.load(Path(folder) / name)[0])
            plainly += made
        joined = columns.Joined(parts)
        assert len(joined) == len(plainly) and all(map(same, joined, plainly))
        assert joined.lengths.tolist() == columns.lengths(plainly).tolist()
        assert joined.vocabulary.tolist() == sorted({t for f in plainly for row in f["rows"] for t in row})
        chosen = data.draw(st.lists(st.sampled_from(range(len(plainly))), max_size=9)) if plainly else []
        some = columns.Chosen(joined, np.array(chosen, np.int64))
        assert all(same(one, plainly[i]) for one, i in zip(some, chosen, strict=True))
        assert some.lengths.tolist() == [joined.lengths[i] for i in chosen]
        half = joined[len(plainly) // 2 :]
        assert all(map(same, half, plainly[len(plainly) // 2 :])) and len(half[:1]) == min(1, len(half))
        firsts, which = columns.distinct(joined)
        assert all(plainly[firsts[n]]["rows"] == feature["rows"] for n, feature in zip(which, plainly, strict=True))
        assert len(firsts) == len({str(feature["rows"]) for feature in plainly}) and list(firsts) == sorted(firsts)


@pytest.mark.parametrize("head", HEADS)
def test_examples_come_back_from_json(head) -> None:
    for kind in {type(example) for example in EXAMPLES[head]}:
        own = tuple(example for example in EXAMPLES[head] if type(example) is kind)
        assert restored(json.loads(json.dumps(plain(own)))) == own
    assert restored(plain(())) == ()


# the cache


@pytest.fixture
def where(tmp_path) -> Folder:
    (tmp_path / "data" / "panx").mkdir(parents=True)
    for split in ("train", "dev", "test"):
        text = "".join(f"{split}\tB-PER\n{word}\tO\n\n" for line in LINES for word in line.split())
        (tmp_path / "data" / "panx" / f"{split}-en.tsv").write_text(text)
    return Folder(tmp_path / "data", cut=True)


def desk(where: Folder, words: Any, limits: Limits = Limits(24), notes: list[str] | None = None) -> FeatureCache:  # noqa: B008
    heard = (notes if notes is not None else []).append
    return FeatureCache(Store(where.path.parent / "runs"), where, words, limits, SimpleNamespace(note=heard, say=heard))  # type: ignore[arg-type]


def ask(
    at: FeatureCache, split: str = "train", labels: tuple[str, ...] = ("B-PER", "O"), **how: Any
) -> feature_cache.EncodedSplit:
    return at.encoded("panx", split, "en", head="tagging", labels=labels, training=split == "train", **how)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which readings were read, and which heads encoded."""
    made: list[str] = []

    def counted(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*given: Any, **named: Any) -> Any:
            made.append(what)
            return call(*given, **named)

        return inner

    monkeypatch.setattr(feature_cache, "read_checked", counted("read", feature_cache.read_checked))
    monkeypatch.setattr(HEADS["tagging"], "encode", counted("encode", HEADS["tagging"].encode))
    return made


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_was_asked_for_before_is_neither_read_nor_encoded(where, words, calls, split) -> None:
    first = ask(desk(where, words), split)
    assert calls == ["read", "encode"]
    again = ask(desk(where, tokenizer.train(LINES * 20, 120)), split)
    assert calls == ["read", "encode"] and again.stats == first.stats and again.examples() == first.examples()
    assert all(map(same, again.features, first.features)) and len(again.features) == 22
    assert len(again.examples()) == (0 if split == "train" else 22)


def test_what_decides_the_features_decides_where_they_stand(where, words, calls) -> None:
    def count() -> int:
        return sum(
            path.is_dir() and (path / columns.INDEX).is_file() for path in (where.path.parent / "runs" / "features").iterdir()
        )

    ask(desk(where, words))
    ways: list[Callable[[], Any]] = [
        lambda: ask(desk(where, words, Limits(25))),
        lambda: ask(desk(where, words), labels=("O", "B-PER")),
        lambda: ask(desk(where, tokenizer.train([line[::-1] for line in LINES] * 20, 120))),
        lambda: ask(desk(where, words), "dev"),
        lambda: ask(desk(where, words), chosen=np.array([2, 0])),
        lambda: ask(desk(where, words), chosen=np.array([0, 2])),
    ]
    for number, way in enumerate(ways, start=2):
        way()
        assert count() == number
    for way in ways:
        way()
    assert count() == len(ways) + 1 and calls.count("encode") == len(ways) + 1
    file = where.path / "panx" / "train-en.tsv"
    file.write_text(file.read_text() + "more\tO\n\n")
    told = ask(desk(where, words)).stats
    assert told["examples"] == 23 and count() == len(ways) + 2


def test_chosen_examples_are_encoded_in_their_order(where, words) -> None:
    whole, some = ask(desk(where, words), "dev"), ask(desk(where, words), "dev", chosen=[5, 1])
    assert some.examples() == (whole.examples()[5], whole.examples()[1])
    assert [row.tolist() for f in some.features for row in f["rows"]] == [whole.features[i]["rows"][0].tolist() for i in (5, 1)]


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "cut short": lambda folder: (folder / "tokens.npy").write_bytes((folder / "tokens.npy").read_bytes()[:-8]),
    "empty": lambda folder: (folder / "tokens.npy").write_bytes(b""),
    "gone": lambda folder: (folder / "positions.npy").unlink(),
    "of another length": lambda folder: np.save(folder / "example.npy", np.arange(3)),
    "no index": lambda folder: (folder / columns.INDEX).write_text("[]"),
    "half an index": lambda folder: (folder / columns.INDEX).write_text((folder / columns.INDEX).read_text()[:40]),
    "another's": lambda folder: (folder / columns.INDEX).write_text(
        (folder / columns.INDEX).read_text().replace('"tagging"', '"tagged"')
    ),
    "examples cut short": lambda folder: (folder / feature_cache.EXAMPLES).write_text("{"),
    "an object array": lambda folder: np.save(folder / "tokens.npy", np.array([{}], object), allow_pickle=True),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_what_is_damaged_is_made_again_with_a_note(where, words, calls, how) -> None:
    first = ask(desk(where, words), "test")
    rows, examples = [feature["rows"][0].tolist() for feature in first.features], first.examples()
    (index,) = (where.path.parent / "runs" / "features").glob(f"*/{columns.INDEX}")
    DAMAGE[how](index.parent)
    notes: list[str] = []
    again = ask(desk(where, words, notes=notes), "test")
    assert [feature["rows"][0].tolist() for feature in again.features] == rows and again.examples() == examples
    assert calls.count("encode") == 2 and any("damaged" in note for note in notes)
    assert ask(desk(where, words), "test").stats == first.stats and calls.count("encode") == 2


def test_cleaning_leaves_the_cache_and_takes_what_the_dead_left(where, words) -> None:
    ask(desk(where, words))
    store = Store(where.path.parent / "runs")
    left = store.cache(".0123456789abcdef.part")
    left.mkdir()
    before = sorted(path.name for path in store.cache("").iterdir() if not path.name.startswith("."))
    assert store.sweep() == [left] and store.runs() == []
    assert sorted(path.name for path in store.cache("").iterdir() if not path.name.startswith(".")) == before and len(before) == 2


def _asked(where: Folder, log: Path) -> None:
    encode = HEADS["tagging"].encode

    def counted(*given: Any) -> Any:
        with open(log, "a") as file:
            file.write("encoded\n")
        return encode(*given)

    HEADS["tagging"].encode = counted  # type: ignore[attr-defined]  # in a process of its own
    assert len(ask(desk(where, tokenizer.train(LINES * 20, 120))).features) == 22


def test_processes_encode_once_between_them(where, tmp_path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_asked, args=(where, tmp_path / "log")) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    assert (tmp_path / "log").read_text() == "encoded\n"


def test_the_fingerprint_is_of_what_the_tokenizer_does(words, tmp_path) -> None:
    from transformers import AutoTokenizer

    before = tokenizer.fingerprint(words)
    words("a b c", truncation=True, max_length=3)
    words.save_pretrained(tmp_path)
    assert tokenizer.fingerprint(words) == before == tokenizer.fingerprint(AutoTokenizer.from_pretrained(tmp_path))
    assert tokenizer.fingerprint(tokenizer.train([line[::-1] for line in LINES] * 20, 120)) != before


def test_a_file_that_changes_on_the_way_is_refused_and_never_kept(where, words) -> None:
    at = desk(where, words)
    at.facts("panx", "test", "en")
    file = where.path / "panx" / "test-en.tsv"
    file.write_text("changed\tO\n\n")
    with pytest.raises(UserError, match="changed while it was read"):
        ask(at, "test")
    assert [example.tokens for example in ask(at, "test").examples()] == [("changed",)]


def test_readings_at_hand_are_let_go_also_where_their_features_are_there(where, words) -> None:
    ask(desk(where, words), "test")
    at = desk(where, words)
    at.held["panx", "test", "en"] = feature_cache.read_checked("panx", "test", "en", where)
    assert ask(at, "test").features and not at.held
