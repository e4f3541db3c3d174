"""Guessing, collapse, threads, the order of stages in several processes: the parts of `stages` that need no training."""

import weakref

import pytest

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import graph, run
from stilts_xtreme.stages.dev_evaluation import Dev, collapse, guessing
from stilts_xtreme.stages.events import Options
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.examples import Choices, Pair, Question, Tagged
from stilts_xtreme.utils.errors import RunFailed

PAIRS = [Pair(str(i), "a", "b", "entailment" if i < 40 else "neutral" if i < 70 else "contradiction") for i in range(100)]


def dev(examples, rows=()) -> Dev:
    return Dev(None, examples, [{"rows": [row]} for row in rows])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "given", "expected"),
    [
        ("mnli", dev(PAIRS), 40.0),
        ("hellaswag", dev([Choices(str(i), "a", ("x", "y"), i % 2) for i in range(10)]), 50.0),
        ("ccg", dev([Tagged("1", ("a", "b", "c"), ("N", "N", "S"))]), 200 / 3),
        ("panx", dev([Tagged("1", ("a", "b", "c"), ("O", "O", "B-PER"))]), 50.0),  # three chunks for one, by B-PER for all
        ("squad_v2", dev([Question(str(i), "?", "red b", ("red",) if i else (), (0,) if i else ()) for i in range(4)]), 25.0),
        ("text", dev([], [[0, 7, 7, 9, 2]]), 200 / 3),
    ],
)
def test_guessing_gives_the_same_answer_always(task, given, expected) -> None:
    assert guessing(task, given) == pytest.approx(expected)


@pytest.mark.parametrize(("score", "collapsed"), [(33.3, True), (40.0, True), (49.0, True), (50.5, False), (80.0, False)])
def test_a_dev_score_no_better_than_guessing_is_a_collapse(score, collapsed) -> None:
    told = collapse(["mnli"], {"mnli": {"score": score, "n": 100}}, {"mnli": dev(PAIRS)}, {"loss": 1.0})
    assert bool(told) == collapsed
    assert not collapsed or "no better than guessing (40.0, n 100)" in told["mnli"]


def test_a_loss_that_is_not_finite_is_a_collapse_whatever_the_score() -> None:
    last = {"loss": float("nan"), "task": "mnli", "step": 7}
    told = collapse(["mnli"], {"mnli": {"score": 90.0, "n": 100}}, {"mnli": dev(PAIRS)}, last)
    assert told == {"mnli": "loss is nan at step 7"}


def test_stages_that_others_wait_for_come_first() -> None:
    first = plan.Train(plan.Random(96, 3, 3, 384, 130, 2600), ("text",), plan.Recipe(), 1, ())
    leaf = plan.Train(first, ("panx",), plan.Recipe(), 1, ())
    middle = plan.Train(first, ("mnli",), plan.Recipe(), 1, ())
    ends = [plan.Train(middle, (name,), plan.Recipe(), 1, ()) for name in ("xnli", "squad")]
    assert graph.most_needed_first([leaf, *ends, middle, first]) == [first, middle, leaf, *ends]


def test_a_stage_that_failed_holds_nothing(tmp_path, monkeypatch) -> None:
    """Its fault is reported in the end: what stood in its frames must not wait for that."""

    class Weights:
        pass

    alive = []

    def broken(stage, store, options, tell) -> bool:
        weights = Weights()
        alive.append(weakref.ref(weights))
        try:
            raise MemoryError(weights)
        except MemoryError:
            raise RunFailed("the memory is full") from None

    monkeypatch.setattr(run, "do", broken)
    first = plan.Train(plan.Random(96, 3, 3, 384, 130, 2600), ("text",), plan.Recipe(), 1, ())
    failed = run._in_turn([first], Store(tmp_path), Options(), lambda event: None)
    assert str(failed[plan.address(first)]) == "the memory is full" and alive[0]() is None


def test_threads_depend_on_the_encoder_and_never_on_the_machine(monkeypatch) -> None:
    """LayerNorm's weight gradient is added up over threads: with another number its last bits differ (torch 2.13)."""
    tiny = plan.Train(plan.Random(96, 3, 3, 384, 130, 2600), ("text",), plan.Recipe(), 1, ())
    after = plan.Train(tiny, ("mnli",), plan.Recipe(), 1, ())
    assert run.threads(after, Options()) == 1 and run.threads(after, Options(threads=3)) == 3
    published = plan.Train(plan.Pretrained("FacebookAI/xlm-roberta-large"), ("mnli",), plan.Recipe(), 1, ())
    for cores in (1, 2, 64):
        monkeypatch.setattr(run.system, "cores", lambda cores=cores: cores)
        assert run.threads(published, Options()) == 4 and run.threads(published, Options(threads=cores)) == cores
    for processes, threads in ((2, 2), (3, 1), (8, 1)):
        monkeypatch.setattr(run.ranks, "local", lambda processes=processes: (0, processes))
        assert run.threads(published, Options()) == threads
