"""Readings of a retrieval evaluation that belong together: queries and their pool, test sentences and dev sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from stilts_xtreme.tasks.examples import Candidate, Example, Query, Sentence
from stilts_xtreme.tasks.metrics import gold_pairs
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import MANY


@dataclass(frozen=True)
class Pool:
    """Queries by language, and the candidates they are looked up among.

    `names` are the candidates' ids, "LANGUAGE:" before them where every language has candidates of its own;
    queries have the names of all their right candidates as answers.
    """

    queries: dict[str, list[Query]]
    names: list[str]


def build_pool(task: Task, queries: Mapping[str, Sequence[Query]], candidates: Mapping[str, Sequence[Candidate]]) -> Pool:
    """Join the readings of a Predict stage; UserError where a query has a right candidate that is not in the pool.

    A query has the right answers of all languages it is asked in (those of the evaluation).
    """
    names = [_name(candidate.id, code) for code, own in candidates.items() for candidate in own]
    shared, right = tuple(candidates) == (MANY,), dict[tuple[str, str], dict[str, None]]()
    for code, own in queries.items():
        for query in own:
            answers = [_name(answer, MANY if shared else code) for answer in query.answers]
            right.setdefault((code if shared else "", query.id), {}).update(dict.fromkeys(answers))
    if missing := {name for answers in right.values() for name in answers}.difference(names):
        raise UserError(
            f"{task.name}: {len(missing)} right answers are not among the {len(names)} candidates, such as {min(missing)!r}; "
            "the pool's file is not whole or belongs to another release"
        )
    complete = {
        code: [replace(query, answers=tuple(right[code if shared else "", query.id])) for query in own]
        for code, own in queries.items()
    }
    return Pool(complete, names)


def _name(candidate: str, code: str) -> str:
    return candidate if code == MANY else f"{code}:{candidate}"


def gold_of_dev(task: str, code: str, dev: Sequence[Example], test: Sequence[Example]) -> set[tuple[str, str]]:
    """Return the gold pairs that a mining threshold is chosen on; UserError where there are none, or where dev is test data."""
    if list(dev) == list(test):
        raise UserError(f"{task} ({code}): dev and test are the same sentences: the threshold would be chosen on what is scored")
    if not (gold := gold_pairs(cast(Sequence[Sentence], dev))):
        raise UserError(f"{task}: no gold pairs in the dev data for {code}: there is nothing to choose the threshold on")
    return gold
