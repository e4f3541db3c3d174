"""Ranking a pool of candidates for queries in several languages (LAReQA, Mewsli-X), with bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stilts_xtreme import plan
from stilts_xtreme.data.read import Reading
from stilts_xtreme.engine import encoder, predict, products
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.heads import Limits, dual_encoder
from stilts_xtreme.languages import MANY
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.stages.lineage import checked, seen
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Candidate, Query
from stilts_xtreme.tasks.metrics import RANKED

CHUNK = 10_000  # candidates encoded at a time: their vectors are compared and forgotten

Answer = Callable[[str, Sequence[Any]], tuple[list[Any], list[Any]]]


@dataclass(frozen=True)
class Pool:
    """All that is asked and all that can be found.

    `names` are the candidates' ids, one for each, "LANGUAGE:" before them where every language has candidates of its own;
    queries have the names of all their right candidates as answers. `readings` are those of the queries, as they stand.
    """

    queries: dict[str, list[Query]]
    candidates: list[Candidate]
    names: list[str]
    told: list[dict[str, Any]]
    readings: dict[str, Reading]


def gather(stage: plan.Predict) -> Pool:
    """The readings of a Predict stage together; UserError where a query has a right candidate that is not in the pool.

    A query has the right answers of all languages it is asked in (those of the evaluation).
    """
    task = TASKS[stage.task]
    readings = {code: checked(stage.task, "test", code, stage.where) for code in stage.languages}
    candidates, names, told = list[Candidate](), list[str](), list[dict[str, Any]]()
    for code in task.pools(stage.languages):
        reading = checked(stage.task, "pool", code, stage.where)
        candidates += reading.examples  # type: ignore[arg-type]
        names += [_name(example.id, code) for example in reading.examples]
        told.append(seen(stage.task, "pool", code, reading, stage.where))

    shared, right = task.pools(stage.languages) == (MANY,), dict[tuple[str, str], dict[str, None]]()
    for code, reading in readings.items():
        for query in reading.examples:
            answers = [_name(answer, MANY if shared else code) for answer in query.answers]  # type: ignore[union-attr]
            right.setdefault((code if shared else "", query.id), {}).update(dict.fromkeys(answers))
    if lost := {name for answers in right.values() for name in answers}.difference(names):
        raise UserError(
            f"{stage.task}: {len(lost)} right answers are not among the {len(names)} candidates, such as {min(lost)!r}; "
            "the pool's file is not whole or belongs to another release"
        )
    whole = {
        code: [replace(query, answers=tuple(right[code if shared else "", query.id])) for query in reading.examples]
        for code, reading in readings.items()
    }
    return Pool(whole, candidates, names, told, readings)


def _name(candidate: str, code: str) -> str:
    return candidate if code == MANY else f"{code}:{candidate}"


def ranker(stage: plan.Predict, store: Store, device: Any, pool: Pool, note: Callable[[str], None]) -> Answer:
    """From a trained dual encoder: (language, its queries) -> each query's best candidates by name, best first, and the records.

    Everything is ranked here, the pool read once; `note` is told how far it is. RunFailed where vectors are not finite.
    """
    assert isinstance(stage.model, plan.Train)
    source = stage.model.tasks[0]
    model, words, notes = encoder.load_model(store.path(stage.model), source)
    model.to(device)
    limits = Limits(**notes["limits"])

    def vectors(examples: Sequence[Query | Candidate]) -> np.ndarray:
        features = dual_encoder.encode(examples, words, (), limits, training=False)
        found = np.concatenate(predict.outputs(model, source, features, words, device))
        if not np.isfinite(found).all():
            raise RunFailed(f"{stage.task}: the encoder's vectors are not finite: its training was lost")
        return found

    def chunks() -> Iterator[np.ndarray]:
        for begin in range(0, len(pool.candidates), CHUNK):
            note(f"candidates {begin:,} of {len(pool.candidates):,}")
            yield vectors(pool.candidates[begin : begin + CHUNK])

    asked = [query for queries in pool.queries.values() for query in queries]
    best = retrieval.nearest_k(vectors(asked), chunks(), RANKED, products.fastest())
    lists = iter([[pool.names[i] for i in row if i >= 0] for row in best])
    ranked = {code: [next(lists) for _ in queries] for code, queries in pool.queries.items()}

    def answer(code: str, queries: Sequence[Query]) -> tuple[list[Any], list[Any]]:
        found = ranked[code]
        return found, [{"id": query.id, "prediction": names} for query, names in zip(queries, found, strict=True)]

    return answer
