"""Mutated inputs through the real commands: each is taken or refused with a word, and never ends in a traceback or a crash."""

import dataclasses
import os
import signal
import sys
from random import Random

import pytest

from experiments.benchmarks.faults import lies, mutate, verdicts
from experiments.benchmarks.faults.batches import Outcome, tried
from experiments.benchmarks.faults.mutations import kinds, row
from stilts_xtreme.utils.errors import UserError

COUNTS = {"specs": 60, "data files": 48, "results": 24, "submissions": 120}


@pytest.fixture(scope="module")
def asked():
    return kinds(2026)


@pytest.mark.parametrize("kind", COUNTS)
def test_no_mutation_ends_in_a_traceback_or_a_crash(kind, asked) -> None:
    outcomes = list(tried(COUNTS[kind], asked[kind]))
    assert [(one.number, one.traceback or one.code) for one in outcomes if one.code not in (0, 2)] == []
    found = row(kind, outcomes)
    assert found["sound"] and found["refused"] and found["tried"] == COUNTS[kind]


def test_every_kind_of_damage_comes_to_what_is_right(asked) -> None:
    kinds = asked["kinds"]
    names = [*(kind.name for kind in lies.DATA), *(kind[0] for kind in (*verdicts.ENCODERS, *verdicts.SUBMISSIONS))]
    assert len(names) == len(set(names)) == len(kinds)
    outcomes = list(tried(len(kinds), kinds))
    found = {names[one.number]: one.traceback or one.said for one in outcomes if one.code or one.said.startswith(verdicts.OPEN)}
    assert found == {}


@pytest.mark.parametrize("kind", lies.DATA, ids=lambda kind: kind.name)
def test_damage_differs_from_the_release_without_it_and_comes_with_a_seed(kind) -> None:
    made = [kind.make(Random(seed)) for seed in (1, 1)]
    assert made[0] == made[1] and made[0][0] != made[0][1] and kind.right in ("told", "refused", "sound")


def test_a_kind_that_comes_to_something_else_is_open(asked, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verdicts, "DATA", (dataclasses.replace(lies.DATA[17], right="told"),))
    asked["kinds"](0)
    said = capsys.readouterr().err
    assert said == "open: an empty test file: is refused, right is told\n"
    outcomes = [Outcome(0, 0, 0.1, said), Outcome(1, 0, 0.1, ""), Outcome(2, 2, 0.1, "x")]
    assert row("kinds", outcomes)["open"] == ["an empty test file: is refused, right is told"]


def ending(number: int) -> None:
    """What inputs may do, one each."""
    match number:
        case 1:
            raise KeyError("x")
        case 2:
            os.kill(os.getpid(), signal.SIGKILL)
        case 3:
            sys.exit(2)
        case 4:
            print("refused: \x1b[31m", file=sys.stderr)
            sys.exit(2)
        case 5:
            print("refused", file=sys.stderr)
            sys.exit(2)
        case 6:
            raise UserError("not caught")


def test_every_way_of_failing_is_counted() -> None:
    outcomes = list(tried(8, ending, batch=5))
    assert [one.code for one in outcomes] == [0, 1, -signal.SIGKILL, 1, 1, 2, 1, 0]
    assert "KeyError" in outcomes[1].traceback and "nothing said" in outcomes[3].traceback
    assert "raw on the terminal: '\\x1b'" in outcomes[4].traceback and outcomes[5].said == "refused\n"
    found = row("inputs", outcomes)
    assert (found["tracebacks"], found["crashes"], found["sound"], found["refused"]) == (4, 1, 2, 1)
    assert [one["number"] for one in found["failures"]] == [1, 2, 3, 4, 6]


def test_mutations_are_the_same_for_the_same_seed_and_change_most_of_what_they_are_given() -> None:
    content, value = b"kind: study\nname: a\n" * 5, {"a": [1, {"b": "c"}], "d": None}
    made = [mutate.text(content, Random(seed)) for seed in range(50)]
    assert made == [mutate.text(content, Random(seed)) for seed in range(50)] and sum(one != content for one in made) > 40
    trees = [mutate.tree(value, Random(seed)) for seed in range(50)]
    assert trees == [mutate.tree(value, Random(seed)) for seed in range(50)] and sum(one != value for one in trees) > 40
    assert value == {"a": [1, {"b": "c"}], "d": None}
