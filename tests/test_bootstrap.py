"""Intervals hold what they say: simulated scores with known effects, over seeds and examples."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stilts_xtreme.analysis import example_scores
from stilts_xtreme.scoring import bootstrap
from stilts_xtreme.tasks import metrics
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Choices, Pair, Query, Question, Sentence, Tagged


def trial(random: np.random.Generator, seeds: int, effect: float, spreads: tuple[float, float, float]) -> bootstrap.PairedEffect:
    """Per-example gains with a part of each seed, one of each example that all seeds share, and one of both."""
    examples, times = 200, 200
    of_seeds, of_examples = random.normal(0, spreads[0], (seeds, 1)), random.normal(0, spreads[1], examples)
    gains = effect + of_seeds + of_examples + random.normal(0, spreads[2], (seeds, examples))
    weights = random.multinomial(examples, np.full(examples, 1 / examples), times) / examples
    return bootstrap.paired_effect(gains.mean(axis=1), gains @ weights.T)


SPREADS = [(2.0, 30.0, 30.0), (0.0, 30.0, 30.0), (0.0, 0.0, 40.0), (4.0, 20.0, 20.0), (0.5, 40.0, 10.0)]


@pytest.mark.parametrize("spreads", SPREADS, ids=str)
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_intervals_cover_the_effect(seeds: int, spreads: tuple[float, float, float]) -> None:
    """At least their nominal 95 % (less three standard errors of 300 trials, 3.8 points); one seed speaks of examples only."""
    random = np.random.default_rng([seeds, round(sum(spreads))])
    spreads = spreads if seeds > 1 else (0.0, *spreads[1:])
    found = [trial(random, seeds, 1.5, spreads) for _ in range(300)]
    inside = np.mean([one.interval[0] <= 1.5 <= one.interval[1] for one in found])
    assert inside >= 0.95 - 3 * (0.95 * 0.05 / 300) ** 0.5


@pytest.mark.parametrize("spreads", SPREADS, ids=str)
def test_without_an_effect_few_are_called_one(spreads: tuple[float, float, float]) -> None:
    random = np.random.default_rng(round(sum(spreads)))
    found = [trial(random, 3, 0.0, spreads) for _ in range(300)]
    assert np.mean([one.p < 0.05 for one in found]) <= 0.05 + 3 * (0.95 * 0.05 / 300) ** 0.5
    for one in found:  # the interval and the chance say the same
        assert (one.p < 0.05) == (not one.interval[0] <= 0 <= one.interval[1])


def test_an_effect_is_found() -> None:
    random = np.random.default_rng(0)
    found = [trial(random, 5, 12.0, (1.0, 30.0, 10.0)) for _ in range(100)]
    assert np.mean([one.p < 0.05 for one in found]) > 0.9
    assert np.mean([one.mean for one in found]) == pytest.approx(12.0, abs=1.0)


def test_the_false_discovery_rate_is_kept() -> None:
    """Of what is called an effect at 5 %, no more than that is none; simulated with a fifth of true effects."""
    random, shares = np.random.default_rng(1), []
    for _ in range(300):
        true = np.arange(50) < 10
        chances = stats.norm.sf(np.abs(random.normal(true * 4.0, 1))) * 2
        called = np.array(bootstrap.benjamini_hochberg(chances)) < 0.05
        shares.append((called & ~true).sum() / max(1, called.sum()))
    assert np.mean(shares) <= 0.05
    assert bootstrap.benjamini_hochberg([]) == [] and bootstrap.benjamini_hochberg([0.03]) == [pytest.approx(0.03)]


def test_nothing_differs() -> None:
    same = bootstrap.paired_effect([0.0, 0.0], np.zeros((2, 50)))
    assert same == bootstrap.PairedEffect(0.0, (0.0, 0.0), 1.0)


def test_draws_are_with_replacement_and_repeatable() -> None:
    drawn = bootstrap.bootstrap_counts(40, 7, 300)
    assert (drawn.sum(axis=1) == 40).all() and (drawn == bootstrap.bootstrap_counts(40, 7, 300)).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(40), abs=0.3)
    assert drawn.var() == pytest.approx(1 - 1 / 40, rel=0.05)


TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "NOUN", "SCONJ"])
WORDS = st.sampled_from(["the cat", "cat", "a dog", "dog ran", "", "cat dog"])
COUNT = 8
ASKED = ["xnli", "xcopa", "panx", "udpos", "ccg", "xquad", "squad_v2", "mlqa", "tatoeba", "bucc2018", "lareqa"]


def names(count: int = COUNT) -> list[str]:
    return [f"q{i}" for i in range(count)]


@st.composite
def answered(draw: st.DrawFn) -> tuple[str, list, list]:
    """A task with examples and predictions of its kind."""
    task = draw(
        st.sampled_from(["xnli", "xcopa", "panx", "udpos", "ccg", "xquad", "squad_v2", "mlqa", "tatoeba", "bucc2018", "lareqa"])
    )
    few = names(draw(st.integers(1, COUNT)))
    head = TASKS[task].head
    if head == "classification":
        labels = st.sampled_from(["yes", "no"])
        return task, [Pair(name, "a", "b", draw(labels)) for name in few], [draw(labels) for _ in few]
    if head == "multiple_choice":
        return (
            task,
            [Choices(name, "a", ("b", "c"), draw(st.integers(0, 1))) for name in few],
            [draw(st.integers(0, 1)) for _ in few],
        )
    if head == "tagging":
        sizes = [draw(st.integers(1, 5)) for _ in few]
        gold, found = ([tuple(draw(TAGS) for _ in range(size)) for size in sizes] for _ in range(2))
        return task, [Tagged(name, tuple("w" * len(tags)), tags) for name, tags in zip(few, gold, strict=True)], found
    if head == "span_qa":
        answers = [tuple(draw(st.lists(WORDS, min_size=task != "squad_v2", max_size=2))) for _ in few]
        asked = [Question(name, "who", "the cat", one, (0,) * len(one)) for name, one in zip(few, answers, strict=True)]
        return task, asked, [draw(WORDS) for _ in few]
    if head == "embedding":
        foreign = [Sentence(f"f{name}", "x", "foreign", f"e{name}" if draw(st.booleans()) else None) for name in few]
        english = [Sentence(f"e{name}", "y", "english", f"f{name}") for name in few]
        if task == "tatoeba":
            return task, [*foreign, *english], [draw(st.sampled_from([one.id for one in foreign])) for _ in few]
        pairs = st.tuples(st.sampled_from([one.id for one in foreign]), st.sampled_from([one.id for one in english]))
        return task, [*foreign, *english], draw(st.lists(pairs, unique=True))
    ranked = [draw(st.permutations(names())) for _ in few]
    return (
        task,
        [Query(name, "x", tuple(draw(st.lists(st.sampled_from(names()), min_size=1, unique=True)))) for name in few],
        ranked,
    )


@given(answered())
@settings(deadline=None, max_examples=300)
def test_parts_add_up_to_the_headline_score(case: tuple[str, list, list]) -> None:
    task, examples, predictions = TASKS[case[0]], case[1], case[2]
    scores = task.metric(predictions, examples, "en")
    parts = metrics.parts(task.metric, predictions, examples, "en")
    assert len({name for name, _, _ in parts}) == len(parts)
    below = sum(part[2] for part in parts)
    expected = sum(scores[name] for name in task.headline) / len(task.headline)
    assert (100 * sum(part[1] for part in parts) / below if below else 0.0) == pytest.approx(expected, abs=1e-9)


def test_scores_of_draws_are_scores_of_the_drawn() -> None:
    """Against a plain loop: every draw's examples written out, summed and divided."""
    drawn = bootstrap.bootstrap_counts(12, 3, 20)
    random = np.random.default_rng(0)
    tops, bottoms = random.integers(0, 3, (12, 2)).astype(float), random.integers(0, 2, (12, 2)).astype(float)
    found = bootstrap.resampled_scores(drawn, tops, bottoms)
    for row, counts in zip(found, drawn, strict=True):
        chosen = np.repeat(np.arange(12), counts)
        below = bottoms[chosen].sum(axis=0)
        expected = [100 * a / b if b else 0.0 for a, b in zip(tops[chosen].sum(axis=0), below, strict=True)]
        assert row == pytest.approx(expected, rel=1e-6)


def test_languages_with_the_same_ids_are_drawn_together() -> None:
    from stilts_xtreme.analysis import bootstrap_scores

    class Told(bootstrap_scores.BootstrapScores):
        def __init__(self) -> None:
            super().__init__(None, times=50)  # type: ignore[arg-type]

    drawing = Told()
    stage = SimpleNamespace(task="xnli", languages=("xa", "xb"), test_examples=None, where=None)
    judged = {code: SimpleNamespace(ids=("1", "2", "3")) for code in stage.languages}
    one, other = (drawing._counts_of(stage, judged, ("1", "3")) for _ in range(2))  # type: ignore[arg-type]
    assert (one == other).all() and one.shape == (50, 2)
    more = drawing._counts_of(stage, judged, ("3", "new"))  # type: ignore[arg-type]
    assert (more[:, 0] == one[:, 1]).all()


def test_weights_of_languages() -> None:
    from stilts_xtreme.analysis import bootstrap_scores

    values, places = np.array([1.0, 3.0, 5.0]), {"a": 0.0, "b": 1.0, "c": 2.0}
    drawn = np.tile(values, (4, 1))
    found = bootstrap_scores.Scored(("a", "b", "c"), values, drawn)
    weights = bootstrap_scores.slope_weights(places)
    assert weights is not None and found.weighted(weights)[0] == pytest.approx(2.0)
    assert found.weighted(bootstrap_scores.uniform_weights(["a", "c"]))[0] == pytest.approx(3.0)
    assert bootstrap_scores.slope_weights({"a": 1.0, "b": 1.0}) is None
    assert (found - found).values.tolist() == [0, 0, 0]


def test_a_line_of_a_file_of_predictions_ends_at_a_newline_only(tmp_path: Path) -> None:
    """An answer may hold U+2028 or U+0085, at which `str.splitlines` breaks, too."""
    answers = ["a\u2028b", "c\u0085d", ""]
    lines = [json.dumps({"id": str(i), "prediction": answer}, ensure_ascii=False) for i, answer in enumerate(answers)]
    (tmp_path / "test-en.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert example_scores.read(tmp_path / "test-en.jsonl") == answers
