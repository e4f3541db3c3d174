"""Intermediate tasks ranked before training: from past gains, embeddings and sizes; what the command says of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from kinds import save
from own_tasks import reviews
from scipy import stats
from test_report import small
from typer.testing import CliRunner

from stilts_xtreme import cli, results
from stilts_xtreme.tasks.examples import Pair, Question, Tagged
from stilts_xtreme.tasks.readers.columns import labelled_tsv
from stilts_xtreme.transferability import advice, evaluation, expected, methods, names
from stilts_xtreme.transferability.past_gains import Past, PastTarget, of_study, of_table
from stilts_xtreme.utils import shipped
from stilts_xtreme.utils.errors import UserError

RESULTS = Path(__file__).parent.parent / "experiments" / "results"
PAST = Past(
    "invented", "invented", (1,),
    {
        "xnli": {"mnli": 9.0, "squad": 1.0},
        "xquad": {"mnli": -3.0, "squad": 10.0},
        "mlqa": {"mnli": -1.0, "squad": 12.0},
        "panx": {"mnli": 0.0, "squad": -5.0},
        "tatoeba": {"mnli": 1.0, "squad": 2.0},
    },
    {"mnli": 1000, "squad": 100},
    {target: ("de", "sw") for target in ("xnli", "xquad", "mlqa", "panx", "tatoeba")},
)  # fmt: skip
EAST, NORTH = np.array([[1.0, 0.0], [1.0, 0.1]]), np.array([[0.0, 1.0], [0.1, 1.0]])


class Invented:
    """Embeddings of two widths: question answering and SQuAD lie in the east, all else in the north."""

    def task(self, name: str) -> np.ndarray:
        return EAST if name == "squad" else NORTH

    def query(self, target: str, languages=()) -> "InventedQuery":
        return InventedQuery(target)


class InventedQuery:
    def __init__(self, target: str):
        self.head = "span_qa" if target in ("xquad", "mlqa", "tydiqa") else "classification"
        self._vectors = EAST if self.head == "span_qa" else NORTH

    def data(self) -> np.ndarray:
        return self._vectors

    text = data


def ranked(method: str, target: str, past: Past = PAST) -> list[expected.Expected]:
    return expected.ranking(methods.METHODS[method], InventedQuery(target), past, Invented(), ["mnli", "squad"])


def test_gains_are_means_over_seeds_paired_with_the_baselines() -> None:
    study = small({
        "none": {"xnli": [50.0, 52.0], "panx": [10.0, 10.0]},
        "mnli": {"xnli": [54.0, 55.0], "panx": [9.0, None]},
        "all": {"xnli": [60.0, 60.0], "panx": [20.0, 20.0]},
    })  # fmt: skip
    past = of_study(study)
    assert past.gains == {"xnli": {"mnli": 3.5}, "panx": {"mnli": -1.0}}  # a mixture is no candidate
    assert past.candidates == ("mnli",) and past.languages["xnli"] and "en" not in past.languages["xnli"]
    with pytest.raises(UserError, match="on 1 targets; to rank before training takes 2"):
        of_study(small({"none": {"xnli": [50.0]}, "mnli": {"xnli": [54.0]}}))


def test_sizes_are_those_of_the_intermediate_training_not_of_the_targets() -> None:
    """MNLI is what XNLI is fine-tuned on, too: with 800 examples in main-small, where the intermediate training has 5,000."""
    past = of_study(results.read(RESULTS / "main-small.json", results.STUDY))
    assert past.sizes["mnli"] == 5000 and past.sizes["squad"] == 1800 and max(past.sizes, key=past.sizes.get) == "mnli"


def test_targets_of_one_training_count_once_and_are_left_out_together() -> None:
    assert [target.names for target in PAST.targets()] == [("xnli",), ("xquad", "mlqa"), ("panx",), ("tatoeba",)]
    assert PAST.targets()[1].gains == {"mnli": -2.0, "squad": 11.0}
    assert list(PAST.without("xquad").gains) == ["xnli", "panx", "tatoeba"]
    assert list(PAST.without("tatoeba").gains) == ["xnli", "xquad", "mlqa", "panx"]


def test_past_gains_are_averaged_with_students_interval() -> None:
    best, other = ranked("past-mean", "pawsx")
    squad, mnli = [1.0, 11.0, -5.0, 2.0], [9.0, -2.0, 0.0, 1.0]
    assert (best.task, other.task) == ("squad", "mnli") and best.gain == pytest.approx(2.25) and other.gain == pytest.approx(2.0)
    assert best.interval == pytest.approx(stats.t.interval(0.95, 3, np.mean(squad), stats.sem(squad)))
    assert other.interval == pytest.approx(stats.t.interval(0.95, 3, np.mean(mnli), stats.sem(mnli)))
    assert not best.helps and best.gains == {"xnli": 1.0, "xquad+mlqa": 11.0, "panx": -5.0, "tatoeba": 2.0}


def test_a_single_past_target_gives_no_interval() -> None:
    (best, _) = ranked("same-head", "tydiqa")
    assert best.task == "squad" and best.gain == 11.0 and best.interval is None and not best.helps


def test_nearest_targets_are_those_with_the_most_similar_data(monkeypatch) -> None:
    monkeypatch.setattr(methods, "NEIGHBOURS", 1)
    assert [target.names for target in methods.nearest_targets(InventedQuery("tydiqa"), PAST, Invented())] == [("xquad", "mlqa")]
    assert ranked("nearest-targets", "tydiqa")[0].gain == 11.0
    assert ranked("nearest-targets", "pawsx")[0].task == "mnli"


def test_candidates_are_scored_by_their_data() -> None:
    library = Invented()
    for method in (methods.data_similarity, methods.domain_similarity):
        for target, best in (("tydiqa", "squad"), ("pawsx", "mnli")):
            scores = method(InventedQuery(target), PAST, library, ["mnli", "squad"])
            assert max(scores, key=scores.get) == best
    assert [candidate.task for candidate in ranked("data-size", "pawsx")] == ["mnli", "squad"]
    with pytest.raises(UserError, match="does not say how many examples ccg had"):
        methods.data_size(InventedQuery("pawsx"), PAST, library, ["ccg"])


def test_scores_become_gains_by_a_line_through_past_targets() -> None:
    """Gains that lie on the line leave no doubt; the interval of others is the jackknife's over targets."""
    exact = {target: {"mnli": 2.0 * np.log(1000), "squad": 2.0 * np.log(100)} for target in ("xnli", "panx", "tatoeba")}
    for candidate in ranked("data-size", "pawsx", Past("invented", "invented", (1,), exact, PAST.sizes, PAST.languages)):
        assert candidate.gain == pytest.approx(2 * candidate.score) and candidate.interval == pytest.approx([candidate.gain] * 2)
        assert candidate.helps
    best = ranked("data-size", "pawsx")[0]
    columns = [target.gains["mnli"] for target in PAST.targets()]  # two sizes: the line goes through both means
    assert best.gain == pytest.approx(np.mean(columns))
    assert best.interval == pytest.approx(stats.t.interval(0.95, 3, np.mean(columns), stats.sem(columns)))


def test_a_candidate_without_a_past_gain_is_left_out() -> None:
    assert [one.task for one in expected.averaged([PastTarget(("xnli",), {"mnli": 1.0})], ["mnli", "qqp"])] == ["mnli"]


def test_quality_of_rankings_beside_a_baseline() -> None:
    gains = {"a": {"x": 3.0, "y": 0.0}, "b": {"x": 0.0, "y": 5.0}}
    right = {"a": {"x": 1.0, "y": 0.0}, "b": {"x": 0.0, "y": 1.0}}
    constant = {target: {"x": 1.0, "y": 1.0} for target in gains}
    quality = evaluation.quality(right, gains)
    assert quality["regret@1"]["mean"] == 0 and quality["spearman"]["mean"] == pytest.approx(1)
    assert quality["ndcg"]["targets"] == 2
    assert "spearman" not in evaluation.quality(constant, gains)
    random = evaluation.random_regrets(gains, 1)
    assert random == {"a": 1.5, "b": 2.5}
    less = evaluation.less(evaluation.regrets(right, gains, 1), random)
    assert less["mean"] == 2.0 and less["low"] == 1.5 and less["high"] == 2.5


# The committed table, and the default that it decides.
TABLE = shipped.table("selection")


def test_the_table_is_of_the_committed_study_and_has_every_method() -> None:
    past = of_study(results.read(RESULTS / f"{TABLE['study']}.json", results.STUDY))
    table = of_table(TABLE)
    assert (table.seeds, table.setup, dict(table.sizes)) == (past.seeds, past.setup, dict(past.sizes))
    for target, column in past.gains.items():
        assert table.gains[target] == pytest.approx(column)
        assert set(table.languages[target]) == set(past.languages[target])
    assert set(names.ABOUT) == set(methods.METHODS) and set(methods.METHODS) <= set(TABLE["quality"])
    for name in ("past-mean", "same-head", "data-size"):  # these need no encoder: they are ranked again here
        for target in past.gains:
            again = expected.ranking(
                methods.METHODS[name], Head(target), past.without(target), Invented(), sorted(past.gains[target])
            )
            assert {one.task: one.score for one in again} == pytest.approx(TABLE["scores"][name].get(target, {}))


class Head(InventedQuery):
    def __init__(self, target: str):
        from stilts_xtreme.tasks.catalogue import TASKS

        self.head = TASKS[target].head


def test_the_default_is_the_method_that_loses_least() -> None:
    regrets = {name: TABLE["quality"][name]["regret@1"]["mean"] for name in methods.METHODS}
    assert min(regrets, key=regrets.get) == names.DEFAULT


def test_the_how_to_has_the_table() -> None:
    from experiments.benchmarks.selection import markdown

    assert markdown(TABLE) in (RESULTS.parent / "howto" / "read-a-report.md").read_text(encoding="utf-8")


# The command.


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return save("xlm-r", tmp_path_factory.mktemp("encoders") / "tiny")


def run(*words: object) -> str:
    return CliRunner().invoke(cli.app, ["recommend", "--before-training", *map(str, words)], catch_exceptions=False).stdout


def topics(folder: Path) -> Path:
    path = folder / "topics.tsv"
    kinds = ("a dog saw it", "animal"), ("a red house", "place")
    rows = [f"{text} number {i}\t{label}" for i in range(6) for text, label in kinds]
    path.write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    return path


def test_the_command_ranks_from_the_committed_gains_without_an_encoder() -> None:
    text = run("--target", "xcopa", "--method", "past-mean")
    assert "No candidate is expected to help xcopa: no interval lies above zero; largest is squad" in text.splitlines()[0]
    assert "Past gains: study main-small (setup small, " in text and "s of processor time" in text
    assert "each left out in turn, training its first choice lost" in text
    record = json.loads(run("--target", "xcopa", "--method", "past-mean", "--json"))
    assert record["schema"] == advice.SCHEMA and record["use"] == "none" and record["encoder"] is None
    assert [one["task"] for one in record["candidates"]] == sorted(TABLE["sizes"], key=lambda task: -gain_of(record, task))
    assert record["measured"]["quality"] == TABLE["quality"]["past-mean"] and record["processor_seconds"]["whole"] < 60


def gain_of(record: dict, task: str) -> float:
    return next(one["gain"] for one in record["candidates"] if one["task"] == task)


def test_a_target_that_was_measured_is_left_out_and_that_is_said() -> None:
    text = run("--target", "xquad", "--method", "past-mean", "--candidates", "squad,qqp")
    assert "main-small measured xquad itself: left out here" in text and "Not ranked, without a past gain: qqp." in text
    record = json.loads(run("--target", "xquad", "--method", "past-mean", "--json"))
    assert not {"xquad", "mlqa"} & {name for one in record["candidates"] for name in one["past_gains"]}


def test_a_clear_gain_is_recommended_and_a_useless_method_says_so(tmp_path) -> None:
    study = small({
        "none": {target: [50.0] for target in ("xnli", "panx", "xquad", "tydiqa")},
        "squad": {"xnli": [58.0], "panx": [59.0], "xquad": [60.0], "tydiqa": [61.0]},
        "ccg": {"xnli": [40.0], "panx": [55.0], "xquad": [30.0], "tydiqa": [50.0]},
    })  # fmt: skip
    results.write(tmp_path / "study.json", study)
    record = json.loads(run(tmp_path / "study.json", "--target", "pawsx", "--method", "past-mean", "--json"))
    assert record["use"] == "squad" and record["past"]["study"] == "invented"
    text = run(tmp_path / "study.json", "--target", "pawsx", "--method", "past-mean")
    assert text.startswith("Train squad before pawsx: expected gain +9.5 points (95 % interval +7.4 to +11.6).")
    useless = {**TABLE, "less_than": {**TABLE["less_than"], "past-mean": {"regret@1": {
        name: {"low": -1.0, "mean": 0.0, "high": 1.0} for name in advice.BASELINES
    }}}}  # fmt: skip
    assert "not shown to be better than any of them: past-mean may rank no better" in advice._quality("past-mean", useless)[1]


@pytest.mark.parametrize("method", [name for name, method in methods.METHODS.items() if method.embeds])
def test_own_texts_are_ranked_with_an_encoder_in_the_miniature_world(method, encoder, tmp_path) -> None:
    words = ["--target-data", topics(tmp_path), "--setup", "miniature", "--encoder", encoder, "--method", method]
    words = [RESULTS / "main.json", *words, "--languages", "xa,xc", "--candidates", "mnli,squad,ccg"]
    record = json.loads(run(*words, "--json"))
    assert sorted(one["task"] for one in record["candidates"]) == ["ccg", "mnli", "squad"] and record["unranked"] == []
    assert record["target"].endswith("topics.tsv") and record["data"] == "the miniature world, seed 0"
    read = set(record["processor_seconds"]) - {"loading", "whole"}
    assert ("your data" in read) == (method != "domain-similarity") and ("text xa" in read) == (method == "domain-similarity")
    again = json.loads(run(*words, "--json"))
    assert again["candidates"] == record["candidates"]  # the same every time


def test_a_described_task_is_a_target_too(encoder, tmp_path) -> None:
    words = ("--setup", "miniature", "--encoder", encoder, "--method", "nearest-targets", "--candidates", "mnli,squad", "--json")
    record = json.loads(run(RESULTS / "main.json", "--target", reviews(tmp_path), *words))
    assert record["target"] == "reviews" and "reviews" in record["processor_seconds"] and len(record["candidates"]) == 2


def test_logme_of_a_shortly_trained_encoder(encoder, monkeypatch) -> None:
    from experiments.benchmarks import logme
    from stilts_xtreme.data.read import Miniature
    from stilts_xtreme.tasks.catalogue import TASKS

    monkeypatch.setattr(logme, "TOKENS", 1500)
    model, tokenizer, steps = logme.shortly_trained(str(encoder), TASKS["mnli"], Miniature(0))
    assert 1 < steps < 40 and np.isfinite(logme.evidence(model, tokenizer, TASKS["panx"], Miniature(0)))


def test_a_retrieval_target_is_known_by_its_inputs(encoder) -> None:
    words = ("--setup", "miniature", "--encoder", encoder, "--method", "data-similarity", "--candidates", "mnli,squad", "--json")
    record = json.loads(run(RESULTS / "main.json", "--target", "tatoeba", *words))
    assert "tatoeba test" in record["processor_seconds"] and len(record["candidates"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--before-training"], "give either --target TASK or --target-data FILE.tsv"),
        (["--before-training", "--target", "xnli", "--target-data", "x.tsv"], "give either"),
        (["--before-training", "--target", "xnly"], "did you mean 'xnli'"),
        (["--before-training", "--target", "xnli", "--candidates", "squat"], "did you mean 'squad'"),
        (["--before-training", "--target", "xnli", "--method", "guess"], "--method guess: give one of past-mean, "),
        (["--before-training", "--target", "xnli", "a.json", "b.json"], "give one STUDY with past gains, or none"),
        (["--before-training", "--target-data", "none.tsv"], "none.tsv"),
        (["--before-training", "--target", "xnli", "--method", "data-similarity", "--setup", "miniature"], "one with --encoder"),
        (
            "--before-training --target xnli --method domain-similarity --encoder . --data . --languages sw".split(),
            "--languages sw: no plain text in it in release files; there is none at all",
        ),
        (["--target", "xnli", "--method", "past-mean", "a.json"], "--method: only with --before-training"),
        (["--encoder", ".", "--data", ".", "a.json"], "only with --before-training"),
        ([], "give the result of a STUDY, or --before-training"),
    ],
)
def test_what_does_not_fit_is_one_line(words, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=message) as fault:
        CliRunner().invoke(cli.app, ["recommend", *words], catch_exceptions=False)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\n", "x.tsv:1: header: the first line has to be text TAB label"),
        ("text\tlabel\nhello\n", "x.tsv:2: columns: 1 instead of 2"),
        ("text\tlabel\nhello\t \n", "x.tsv:2: label: is empty"),
        ("text\tlabel\nhello\ta\n\tb\n", "x.tsv:3: text: is empty"),
        ("text\tlabel\nhello\ta\nbye\ta\n", "2 rows with fewer than two labels"),
        ("", "0 rows with fewer than two labels"),
    ],
)
def test_a_faulty_file_of_texts_is_told_with_its_line(content, message, tmp_path) -> None:
    (tmp_path / "x.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        labelled_tsv(tmp_path / "x.tsv")


def test_columns_may_stand_in_either_order(tmp_path) -> None:
    (tmp_path / "x.tsv").write_text('label\ttext\na\tsay "hi"\nb\tbye\n', encoding="utf-8")
    assert labelled_tsv(tmp_path / "x.tsv") == [(2, 'say "hi"', "a"), (3, "bye", "b")]


def test_features_are_the_states_that_a_head_reads(encoder) -> None:
    """First tokens, first sub-words, and of an answer its tokens with as many others; against the states of single rows."""
    import torch

    from stilts_xtreme.engine.batches import collate
    from stilts_xtreme.engine.encoder import Model
    from stilts_xtreme.engine.loading import load
    from stilts_xtreme.models.heads import HEADS, Limits
    from stilts_xtreme.transferability.features import labelled

    start, tokenizer = load(encoder)
    model = Model(start, {"pair": "classification"}, {"pair": ("0", "1")}, 0.0)
    examples = {
        "classification": [Pair(str(i), f"a {'dog ' * i}", "a hen", str(i % 2)) for i in range(5)],
        "tagging": [Tagged("a", ("the", "dog", "sleeps"), ("0", "1", "0")), Tagged("b", ("hens",), ("1",))],
        "span_qa": [
            Question("a", "who?", "the red dog sleeps here", ("red dog",), (4,)),
            Question("b", "who?", "nobody", (), ()),
        ],
    }
    for head, rows in examples.items():
        features = HEADS[head].encode(rows, tokenizer, ("0", "1"), Limits(64), True)
        states, labels = labelled(model, head, features, tokenizer)
        assert states.shape == (len(labels), start.config.hidden_size) and set(labels.tolist()) == {0, 1}
        if head == "span_qa":
            first = features[0]
            assert (labels == 1).sum() == first["end"] - first["start"] + 1 and (labels == 0).sum() <= (labels == 1).sum()
            places = [first["start"]]
            rows_alone = [first]
        else:
            assert len(labels) == (5 if head == "classification" else 4)
            rows_alone = [features[0]]
            places = [0] if head == "classification" else [features[0]["positions"][0]]
        with torch.inference_mode():
            batch = collate(head, rows_alone, tokenizer)
            alone = model.hidden(batch)[places].numpy()
        assert np.abs(states - alone).max(axis=1).min() < 1e-5
    with pytest.raises(ValueError, match="not defined for the head 'embedding'"):
        labelled(model, "embedding", [{"rows": [[0, 2]]}], tokenizer)
