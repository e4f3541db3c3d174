"""Retrieval by an encoder without a head: nearest neighbours (Tatoeba), or mined pairs with a threshold chosen on dev (BUCC)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from stilts_xtreme import plan, ranks
from stilts_xtreme.engine import encoder, loading, predict, products
from stilts_xtreme.engine.features import Chosen, Joined, distinct
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.heads import Limits
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.stages import models
from stilts_xtreme.stages.answers import Answer, by_id
from stilts_xtreme.stages.encoded import Desk, Encoded
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.kept import Kept
from stilts_xtreme.stages.pool import gold_of_dev
from stilts_xtreme.store import Store


class _Sweep:
    """Sentence vectors of several readings, made in one pass; sentences of the same tokens once."""

    def __init__(
        self, stage: plan.Predict, model: Any, words: Any, device: Any, parts: Sequence[Encoded], progress: Progress,
        memory: Kept,
    ):  # fmt: skip
        assert stage.layer is not None and stage.pooling is not None
        together = Joined(part.features for part in parts)
        firsts, self._which = distinct(together)
        heard = progress.through(len(firsts), "sentences")
        once = Chosen(together, firsts)
        self._found = predict.vectors(model, once, words, stage.layer, stage.pooling, device, heard, memory.sweep())
        if not np.isfinite(self._found).all():
            raise RunFailed(f"{stage.task}: the encoder's sentence vectors are not finite: its training was lost")
        self._starts = np.cumsum([0, *(len(part.features) for part in parts)])

    def of(self, part: int, indices: Sequence[int]) -> np.ndarray:
        """Vectors [indices, width] of a reading's sentences."""
        return self._found[self._which[self._starts[part] + np.asarray(indices, np.int64)]]


def answers(stage: plan.Predict, store: Store, device: Any, progress: Progress, memory: Kept) -> Iterator[Answer]:
    """UserError where the setup asks for what the encoder does not have, RunFailed where vectors are not finite."""
    model, words = models.plain(stage, store, device)
    depth = model.config.num_hidden_layers
    assert stage.layer is not None and stage.max_length is not None
    if stage.max_length > (longest := encoder.longest(model)):
        raise UserError(f"setup.retrieval.max_length: {stage.max_length} is more than this encoder reads ({longest} tokens)")
    if not 0 <= stage.layer <= depth:
        raise UserError(f"setup.retrieval.layer: {stage.layer} is not a hidden state of this encoder (0 to {depth})")
    if extra := loading.unused(model):
        progress.say(extra, once=True)
    desk = Desk(store, stage.where, words, Limits(max_length=stage.max_length), progress)

    altered: dict[str, Any] = {"noise": stage.noise, "sample": stage.test_examples}  # of test data, not of BUCC's dev data

    def sweep(*asked: tuple[str, str]) -> tuple[list[Encoded], _Sweep]:
        parts = [
            desk.encoded(stage.task, *one, head="embedding", labels=(), training=False, **(altered if one[0] == "test" else {}))
            for one in asked
        ]
        return parts, _Sweep(stage, model, words, device, parts, progress, memory)

    if stage.task == "bucc2018":
        for code in stage.languages:  # each by itself: a large release's vectors are gigabytes
            parts, vectors = sweep(("test", code), ("dev", code))
            if ranks.first():
                yield _mined(stage.task, code, parts, vectors)
        return
    parts, vectors = sweep(*(("test", code) for code in stage.languages))
    if not ranks.first():
        return
    for number, (code, part) in enumerate(zip(stage.languages, parts, strict=True)):
        examples = part.examples()
        there, here = _sides(examples, range(len(examples)))
        best = retrieval.nearest(vectors.of(number, here), vectors.of(number, there))
        found = [examples[there[i]].id for i in best]
        yield Answer(code, found, by_id([examples[i] for i in here], found), examples, [part.told])


def _sides(examples: Sequence[Any], kept: Sequence[int]) -> tuple[list[int], list[int]]:
    """Which of the kept examples are foreign, and which are English."""
    foreign = [i for i in kept if examples[i].side == "foreign"]
    return foreign, [i for i in kept if examples[i].side == "english"]


def _mined(task: str, code: str, parts: Sequence[Encoded], vectors: _Sweep) -> Answer:
    test, dev = (part.examples() for part in parts)
    threshold = retrieval.best_threshold(_pairs(dev, vectors, 1), gold_of_dev(task, code, dev, test))
    pairs = _pairs(test, vectors, 0)
    kept = [(foreign, english) for foreign, english, score in pairs if score >= threshold]
    records = [{"foreign": f, "english": e, "score": s, "kept": s >= threshold} for f, e, s in pairs]
    return Answer(code, kept, records, test, [part.told for part in parts])


def _pairs(examples: Sequence[Any], vectors: _Sweep, part: int) -> list[tuple[str, str, float]]:
    """Mined pairs of ids with their scores; a repeated text counts as its first sentence."""
    once = {(examples[i].side, examples[i].text): i for i in reversed(range(len(examples)))}
    there, here = _sides(examples, list(reversed(once.values())))
    mined = retrieval.mine(vectors.of(part, there), vectors.of(part, here), kernel=products.fastest())
    return [(examples[there[i]].id, examples[here[j]].id, float(score)) for i, j, score in mined]
