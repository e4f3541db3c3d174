"""LAReQA, Mewsli-X and what they are trained on: readers, pools, the miniature's rows, predictions, real files."""

import dataclasses
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import without_places

from stilts_xtreme import results
from stilts_xtreme.data import miniature
from stilts_xtreme.data.miniature.grammar import sentence
from stilts_xtreme.data.miniature.lexicon import lexicon
from stilts_xtreme.data.read import Folder, Miniature, read
from stilts_xtreme.pipeline import plan, planner
from stilts_xtreme.scoring.retrieval import mean_average_precision
from stilts_xtreme.tasks import readers
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Candidate, Query
from stilts_xtreme.tasks.readers.passages import sentence_spans
from stilts_xtreme.utils.errors import UserError

LAREQA, MEWSLIX, SQUAD = TASKS["lareqa"], TASKS["mewslix"], TASKS["squad_retrieval"]
letters = st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], blacklist_characters="{}\ufeff")
word = st.text(letters, min_size=1, max_size=8)


# readers


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=60) | st.text("A. b?!\"'()[]1\n", max_size=60))
@settings(deadline=None)
def test_sentences_cover_the_passage_in_order(passage: str) -> None:
    spans = sentence_spans(passage)
    assert all(a < b for a, b in spans) and list(spans) == sorted(spans)
    assert "".join("".join(passage[a:b] for a, b in spans).split()) == "".join(passage.split())
    assert all(passage[a:b] == passage[a:b].strip() for a, b in spans)


@pytest.mark.parametrize(
    "sentences",
    [
        ["Bo ran.", "Al sat!", "Who won?"],
        ["Dr. Bo saw Mr. Al at No. 7, 3.5 km off, e.g. with J. R. Ray.", "He left."],
        ['He said "No."', "[It] rained.[12]", "7 came (all of them.)", "Then e. coli grew."],
        ["They met in the U.S.", "In May it rained."],
        ["no capital. no break."],
        ["Ένα ζώο."],
    ],
)
def test_where_sentences_end(sentences: list[str]) -> None:
    passage = "  ".join(sentences)
    assert [passage[a:b] for a, b in sentence_spans(passage)] == sentences


@given(st.lists(st.lists(st.tuples(word, word), min_size=1, max_size=4), min_size=1, max_size=3))
@settings(deadline=None, max_examples=40)
def test_xquad_r_questions_find_their_sentences(paragraphs: list) -> None:
    told, wanted, pool = [], [], []
    for number, sentences in enumerate(paragraphs, 1):
        context, breaks, qas = "", [], []
        for s, (first, last) in enumerate(sentences):
            breaks.append([len(context), len(context) + len(first) + 1 + len(last)])
            answer = {"text": last, "answer_start": len(context) + len(first) + 1}
            qas.append({"id": f"q{number}-{s}", "question": f"{first}?", "answers": [answer]})
            wanted.append({"id": f"q{number}-{s}", "query": f"{first}?", "answers": [f"{number}-{s}"]})
            context += f"{first} {last} "
        told.append({"context": context, "qas": qas, "sentence_breaks": breaks})
        rows = [(f"{number}-{s}", context[a:b]) for s, (a, b) in enumerate(breaks)]
        pool += [{"id": name, "text": text, "second": context} for name, text in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "xx.json"
        path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": told}]}), encoding="utf-8")
        assert without_places(readers.xquad_r_questions_json(path)) == wanted
        assert without_places(readers.xquad_r_sentences_json(path)) == pool


@given(st.lists(st.lists(word, min_size=1, max_size=4), min_size=1, max_size=4), st.data())
@settings(deadline=None, max_examples=40)
def test_mewslix_mentions_are_marked_in_their_sentence(sentences: list[list[str]], data: st.DataObject) -> None:
    text, spans = "", []
    for words in sentences:
        spans.append({"start": len(text), "end": len(text) + len(" ".join(words))})
        text += " ".join(words) + "\n\n"
    s = data.draw(st.integers(0, len(sentences) - 1))
    w = data.draw(st.integers(0, len(sentences[s]) - 1))
    start = spans[s]["start"] + len("".join(f"{word} " for word in sentences[s][:w]))
    name = sentences[s][w]
    mention = {"example_id": "m", "entity_id": "Q5", "mention_span": {"start": start, "end": start + len(name), "text": name}}
    context = {"language": "uk", "text": text, "sentence_spans": spans}
    marked = " ".join([f"{name}:", *sentences[s][:w], "{", name, "}", *sentences[s][w + 1 :]])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text(json.dumps({"context": context, "mentions": [mention, mention]}), encoding="utf-8")
        row = {"id": "m", "language": "uk", "query": marked, "answers": ["Q5"]}
        assert without_places(readers.mewslix_mentions_jsonl(path)) == [row, row]


def test_the_pool_is_asked_for_with_the_test_data(tmp_path: Path) -> None:
    (tmp_path / "mewslix").mkdir()
    (tmp_path / "mewslix" / "wikinews_mentions-test.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match="mewslix: no pool data in 'mul' below .*mewslix/candidate_set_entities.jsonl"):
        read(MEWSLIX, "pool", "mul", Folder(tmp_path))
    with pytest.raises(UserError, match="xnli: no pool data"):
        read(TASKS["xnli"], "pool", "en", Folder(tmp_path))


def test_a_cut_keeps_a_paragraph_together(tmp_path: Path) -> None:
    def paragraph(i: int) -> dict:
        context = f"Bo ran {i}. Al sat."
        at = context.index("Al")
        qas = [
            {"id": f"{i}-{q}", "question": "Who?", "answers": [{"text": "A", "answer_start": a}]} for q, a in enumerate((0, at))
        ]
        return {"context": context, "qas": qas}

    (tmp_path / "squad_v1").mkdir()
    content = json.dumps({"data": [{"paragraphs": [paragraph(i) for i in range(80)]}]})
    (tmp_path / "squad_v1" / "train-v1.1.json").write_text(content)
    where = Folder(tmp_path, cut=True)
    halves = [read(SQUAD, split, "en", where).examples for split in ("train", "dev")]
    contexts = [{example.candidate.second for example in half} for half in halves]
    assert not contexts[0] & contexts[1] and len(contexts[0] | contexts[1]) == 80 and contexts[1]
    assert sum(map(len, halves)) == 160
    plain = read(TASKS["squad"], "dev", "en", where).examples
    assert [e.id for e in plain] == [e.id for e in halves[1]]  # SQuAD is cut at the same places


# the miniature world


@pytest.mark.parametrize("code", miniature.LANGUAGES)
def test_the_miniatures_questions_have_one_answer_in_every_language(code: str) -> None:
    queries, pool = read(LAREQA, "test", code, Miniature(0)).examples, read(LAREQA, "pool", code, Miniature(0)).examples
    by_id = {candidate.id: candidate for candidate in pool}
    assert len(queries) == 400 and len(by_id) == len(pool) == 800
    assert [query.id for query in queries] == [query.id for query in read(LAREQA, "test", "en", Miniature(0)).examples]
    told = miniature.rows("xquad", "test", code, 0)
    for query, row in zip(queries, told, strict=True):
        (right,) = [by_id[answer] for answer in query.answers]
        assert query.text == row["question"] and right.second == row["context"] and right.text in row["context"]
        start, answer = row["answers"]["answer_start"][0], row["answers"]["text"][0]
        begin = row["context"].index(right.text)
        assert begin <= start and start + len(answer) <= begin + len(right.text)


def test_the_miniatures_training_pairs() -> None:
    for split, count in (("train", 8000), ("dev", 400)):
        examples = read(SQUAD, split, "en", Miniature(0)).examples
        told = miniature.rows("squad", split, "en", 0)
        assert len(examples) == count
        assert all(e.text == r["question"] and e.candidate.second == r["context"] for e, r in zip(examples, told, strict=True))
        assert all(e.candidate.text in e.candidate.second and e.answers == (e.candidate.id,) for e in examples)


def test_the_miniatures_names_and_entities() -> None:
    pool = read(MEWSLIX, "pool", "mul", Miniature(0)).examples
    keys = {candidate.id for candidate in pool}
    assert len(keys) == len(pool) == len({candidate.text for candidate in pool}) == 80
    gold = {}
    for code in miniature.LANGUAGES:
        queries = read(MEWSLIX, "test", code, Miniature(0)).examples
        assert len(queries) == 400
        for query in queries:
            (key,) = query.answers
            name = " ".join(lexicon(code).names[key])
            assert query.text.startswith(f"{name}: ") and f"{{ {name} }}" in query.text and key in keys
        gold.setdefault(tuple(query.answers for query in queries), []).append(code)
    assert len(gold) == 1  # the same is asked in every language
    train, dev = (read(MEWSLIX, split, "en", Miniature(0)).examples for split in ("train", "dev"))
    assert len(train) > 3000 and len(dev) == 400

    def plain(queries) -> set[str]:
        return {query.text.partition(": ")[2].replace("{ ", "").replace(" }", "") for query in queries}

    english = [plain(train), plain(dev), plain(read(MEWSLIX, "test", "en", Miniature(0)).examples)]
    assert not english[0] & english[1] and not english[0] & english[2] and not english[1] & english[2]
    from stilts_xtreme.data.miniature.readings import items

    assert english[2] == {sentence(item.first[0], "en") for item in items("panx", "test", 0)}


def test_the_miniature_says_what_it_does_not_have() -> None:
    for reading in (("lareqa", "train", "en"), ("mewslix", "pool", "en"), ("squad_retrieval", "test", "en")):
        with pytest.raises(UserError, match="miniature world"):
            miniature.rows(*reading, 0)


# plans and pools


class Setup:
    """As much of a setup as a prediction's plan needs; the encoder is one of which nothing is known here."""

    class encoder:
        random = None

        class pretrained:
            name, revision = "no/encoder", None

    class retrieval:
        layer, pooling, max_length = 1, "mean", 16

    class data:
        class miniature:
            seed = 0


def train_stage(task: str, **recipe) -> plan.Train:
    return planner.Planner(Setup).train(plan.Random(16, 1, 2, 32, 66, 300), [task], plan.Recipe(**recipe), 1)


def test_a_plan_names_every_reading_of_its_pool() -> None:
    made = planner.Planner(Setup)
    lareqa = made.predict(train_stage("squad_retrieval"), "lareqa", ["en", "xc"])
    assert [(r.split, r.language) for r in lareqa.reads] == [("test", "en"), ("test", "xc"), ("pool", "en"), ("pool", "xc")]
    mewslix = made.predict(train_stage("mewslix"), "mewslix", ["en", "xc"])
    assert [(r.split, r.language) for r in mewslix.reads] == [("test", "en"), ("test", "xc"), ("pool", "mul")]


def test_a_micro_batch_that_would_change_the_loss_is_refused() -> None:
    with pytest.raises(UserError, match="squad_retrieval: recipe.micro_batch: 4 is less than batch_size 8"):
        train_stage("squad_retrieval", batch_size=8, micro_batch=4)
    assert train_stage("squad_retrieval", batch_size=8, micro_batch=8).recipe.micro_batch == 8
    assert train_stage("mnli", batch_size=8, micro_batch=4).recipe.micro_batch == 4


def test_guessing_is_the_same_list_for_every_query() -> None:
    from stilts_xtreme.stages.dev_evaluation import Dev, guessing

    def dev(*right: str) -> Dev:
        return Dev(None, [Query(str(i), "", (name,)) for i, name in enumerate(right)], ())

    harmonic = sum(1 / rank for rank in range(1, 21))
    assert guessing("squad_retrieval", dev(*map(str, range(40)))) == pytest.approx(100 * harmonic / 40)
    assert guessing("mewslix", dev("a", "b", "b", "b")) == pytest.approx(100 * (3 + 1 / 2) / 4)


def predict_stage(task: str, where, *codes: str) -> plan.Predict:
    return plan.Predict(train_stage(TASKS[task].source_task), task, codes, (), where=where)


def gathered(name: str, where, *codes: str):
    """The pool of a task in these languages, and all its candidates."""
    from stilts_xtreme.stages.retrieval_splits import build_pool

    task = TASKS[name]
    queries = {code: read(task, "test", code, where).examples for code in codes}
    candidates = {code: read(task, "pool", code, where).examples for code in task.pools(codes)}
    return build_pool(task, queries, candidates), [candidate for own in candidates.values() for candidate in own]


def test_a_question_is_answered_in_every_language_it_is_asked_in() -> None:
    pool, candidates = gathered("lareqa", Miniature(0), "en", "xb", "xd")
    assert len(pool.names) == len(set(pool.names)) == len(candidates) == 3 * 800
    for code in ("en", "xb", "xd"):
        assert [query.id for query in pool.queries[code]] == [query.id for query in pool.queries["en"]]
        assert all({name.partition(":")[0] for name in query.answers} == {"en", "xb", "xd"} for query in pool.queries[code])
    shared, _ = gathered("mewslix", Miniature(0), "en", "xb")
    assert len(shared.names) == 80 and all(len(query.answers) == 1 for query in shared.queries["xb"])


def test_a_right_answer_that_is_not_in_the_pool_is_a_fault(tmp_path: Path) -> None:
    context = {"language": "de", "text": "Vik.", "sentence_spans": [{"start": 0, "end": 4}]}
    mention = {"example_id": "m", "entity_id": "Q1", "mention_span": {"start": 0, "end": 3, "text": "Vik"}}
    (tmp_path / "mewslix").mkdir()
    (tmp_path / "mewslix/wikinews_mentions-test.jsonl").write_text(json.dumps({"context": context, "mentions": [mention]}))
    (tmp_path / "mewslix/candidate_set_entities.jsonl").write_text(json.dumps({"entity_id": "Q2", "description": "A hen."}))
    with pytest.raises(UserError, match="mewslix: 1 right answers are not among the 1 candidates, such as 'Q1'"):
        gathered("mewslix", Folder(tmp_path), "de")


TRAINED = {
    "schema": results.TRAINING, "plan": {"tasks": ["squad"]}, "steps": {"planned": 0, "done": 0}, "dev": {}, "examples": {},
    "collapsed": False, "collapse": {}, "provenance": {},
}  # fmt: skip


def untrained(stage: plan.Predict, texts: list[str], folder: Path):
    """A store in which the stage's model is an encoder of random weights."""
    import torch

    from stilts_xtreme.engine import encoder, tokenizer
    from stilts_xtreme.store import Store

    torch.manual_seed(0)
    words = tokenizer.train(texts, 3000)
    source = TASKS[stage.task].source_task
    start = encoder.random_encoder(plan.Random(32, 1, 2, 64, 66, len(words)), words, 0)
    store = Store(folder)
    with store.claim(stage.model) as scratch:
        limits = {"max_length": 64, "doc_stride": 16, "max_answer_length": 8, "mask_rate": 0.15}
        notes = {source: {"threshold": None, "limits": limits}}
        encoder.Model(start, {source: "dual_encoder"}, {source: ()}, 0.0).save(scratch, words, notes)
        results.write(scratch / "result.json", {**TRAINED, "address": plan.address(stage.model)})
    return store


def predictions(stage: plan.Predict, store, scratch: Path) -> tuple[dict, dict[str, list[dict]]]:
    import torch

    from stilts_xtreme.stages import predict
    from stilts_xtreme.stages.events import Options

    torch.set_num_threads(1)
    scratch.mkdir()
    predict.run(stage, store, scratch, Options(device="cpu"), lambda event: None)
    written = {code: (scratch / f"test-{code}.jsonl").read_text(encoding="utf-8").splitlines() for code in stage.languages}
    return json.loads((scratch / "result.json").read_text()), {c: [json.loads(one) for one in w] for c, w in written.items()}


def test_chunks_do_not_change_what_is_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stilts_xtreme.engine import encoder
    from stilts_xtreme.stages import model_cache, retrieval

    loaded, load = [], encoder.load_model
    monkeypatch.setattr(encoder, "load_model", lambda *given: loaded.append(given) or load(*given))
    stage = predict_stage("lareqa", Miniature(0), "en", "xc")
    pool, candidates = gathered("lareqa", Miniature(0), "en", "xc")
    store = untrained(stage, [candidate.second for candidate in candidates], tmp_path / "store")
    result, whole = predictions(stage, store, tmp_path / "whole")
    monkeypatch.setattr(retrieval, "CHUNK", 333)
    assert predictions(stage, store, tmp_path / "chunks")[1] == whole and len(loaded) == 1  # the model was kept
    model_cache.forget()
    assert predictions(stage, store, tmp_path / "again")[1] == whole and len(loaded) == 2
    for code in stage.languages:
        assert all(len(record["prediction"]) == len(set(record["prediction"])) == 20 for record in whole[code])
        ranked, right = [r["prediction"] for r in whole[code]], [query.answers for query in pool.queries[code]]
        assert [r["id"] for r in whole[code]] == [query.id for query in pool.queries[code]]
        assert result["languages"][code] == {"map@20": mean_average_precision(ranked, right), "n": 400}
    assert result["score"] == pytest.approx(np.mean([result["languages"][code]["map@20"] for code in stage.languages]))
    assert [(told["split"], told["language"]) for told in result["data"]] == [
        ("test", "en"), ("test", "xc"), ("pool", "en"), ("pool", "xc")
    ]  # fmt: skip


# real files


def test_real_lareqa(real_data: Path, tmp_path: Path) -> None:
    """Counts of the release's README; an encoder of random weights is above chance by shared words, and far below the top."""
    where = Folder(real_data)
    stage = predict_stage("lareqa", where, "en", "zh")
    pool, candidates = gathered("lareqa", where, "en", "zh")
    assert {code: len(queries) for code, queries in pool.queries.items()} == {"en": 1190, "zh": 1190}
    assert all(len(query.answers) == 2 for queries in pool.queries.values() for query in queries)
    assert all(isinstance(candidate, Candidate) and candidate.text in candidate.second for candidate in candidates)
    store = untrained(stage, [candidate.text for candidate in candidates], tmp_path / "store")
    result, written = predictions(stage, store, tmp_path / "out")
    assert [told["examples"] for told in result["data"] if told["split"] == "pool"] == [1180, 1196]
    names = set(pool.names)
    assert all(set(record["prediction"]) <= names for records in written.values() for record in records)
    assert [scores["n"] for scores in result["languages"].values()] == [1190, 1190]
    assert 0.3 < result["score"] < 20  # a random order gives 0.15


def test_real_sentences_are_those_of_lareqa(real_data: Path) -> None:
    """The sentence rule for SQuAD, against the release's own breaks in the English paragraphs (made by other rules)."""
    root = json.loads((real_data / "lareqa/xquad-r/en.json").read_text(encoding="utf-8"))
    same = total = 0
    for paragraph in [paragraph for article in root["data"] for paragraph in article["paragraphs"]]:
        ours = sentence_spans(paragraph["context"])
        for start in [qa["answers"][0]["answer_start"] for qa in paragraph["qas"]]:
            release = next(tuple(span) for span in paragraph["sentence_breaks"] if span[0] <= start < span[1])
            same += release in ours
            total += 1
    assert total == 1190 and same / total > 0.98


def test_a_task_with_a_pool_has_files_for_it() -> None:
    for task in TASKS.values():
        pools = [source.pool for source in task.sources if getattr(source, "pool", None)]
        assert bool(pools) == bool(task.pool)
        assert task.pools(("en", "de")) == {"": (), "languages": ("en", "de"), "shared": ("mul",)}[task.pool]
        assert all(("{language}" in pattern) == (task.pool == "languages") for pool in pools for pattern in pool.test)
    assert dataclasses.replace(LAREQA, pool="").pools(("en",)) == ()
