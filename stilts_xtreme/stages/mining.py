"""Retrieve sentences without a head: nearest neighbours (Tatoeba), or mined pairs above a threshold chosen on dev (BUCC)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np

from stilts_xtreme.engine import encoder, loading, predict, similarity_kernels
from stilts_xtreme.engine.features import Chosen, Joined, distinct
from stilts_xtreme.models.heads import Limits
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.noise import Noise
from stilts_xtreme.pipeline import plan
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.stages import model_cache
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.feature_cache import EncodedSplit, FeatureCache
from stilts_xtreme.stages.prediction_checkpoint import PredictionCheckpoint
from stilts_xtreme.stages.predictions import LanguagePredictions, records_by_id
from stilts_xtreme.stages.retrieval_splits import gold_of_dev
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.examples import Sentence
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import RunFailed, UserError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class _TestOptions(TypedDict, total=False):
    """What is done to test data alone, see `FeatureCache.encoded`."""

    noise: Noise | None
    sample: int | None


class _SentenceVectors:
    """Sentence vectors of several splits, computed in one pass; sentences with equal tokens are encoded once."""

    def __init__(
        self, stage: plan.Predict, model: "PreTrainedModel", tokenizer: Tokenizer, device: "torch.device",
        parts: Sequence[EncodedSplit], progress: Progress, checkpoint: PredictionCheckpoint,
    ):  # fmt: skip
        assert stage.layer is not None and stage.pooling is not None
        together = Joined(part.features for part in parts)
        firsts, self._which = distinct(together)
        advance = progress.through(len(firsts), "sentences")
        once = Chosen(together, firsts)
        self._vectors = predict.vectors(
            model, once, tokenizer, stage.layer, stage.pooling, device, advance, checkpoint.next_pass()
        )
        if not np.isfinite(self._vectors).all():
            raise RunFailed(f"{stage.task}: the encoder's sentence vectors are not finite: its training was lost")
        self._starts = np.cumsum([0, *(len(part.features) for part in parts)])

    def of(self, part: int, indices: Sequence[int]) -> np.ndarray:
        """Return the vectors [indices, width] of a split's sentences."""
        return self._vectors[self._which[self._starts[part] + np.asarray(indices, np.int64)]]


def predict_languages(
    stage: plan.Predict, store: Store, device: "torch.device", progress: Progress, checkpoint: PredictionCheckpoint
) -> Iterator[LanguagePredictions]:
    """Predict by sentence vectors: nearest neighbors or, for BUCC, mined pairs; the first process alone yields.

    UserError where the setup asks for what the encoder does not have, RunFailed where vectors are not finite."""
    model, tokenizer = model_cache.plain(stage, store, device)
    depth = model.config.num_hidden_layers
    assert stage.layer is not None and stage.max_length is not None
    if stage.max_length > (longest := encoder.longest(model)):
        raise UserError(f"setup.retrieval.max_length: {stage.max_length} is more than this encoder reads ({longest} tokens)")
    if not 0 <= stage.layer <= depth:
        raise UserError(f"setup.retrieval.layer: {stage.layer} is not a hidden state of this encoder (0 to {depth})")
    if extra := loading.unused(model):
        progress.say(extra, once=True)
    cache = FeatureCache(store, stage.where, tokenizer, Limits(max_length=stage.max_length), progress)

    test_options: _TestOptions = {"noise": stage.noise, "sample": stage.test_examples}  # not for BUCC's dev data

    def encode_splits(*keys: tuple[str, str]) -> tuple[list[EncodedSplit], _SentenceVectors]:
        parts = []
        for split, code in keys:
            changes = test_options if split == "test" else _TestOptions()
            parts.append(cache.encoded(stage.task, split, code, head="embedding", labels=(), training=False, **changes))
        return parts, _SentenceVectors(stage, model, tokenizer, device, parts, progress, checkpoint)

    if stage.task == "bucc2018":
        for code in stage.languages:  # each by itself: a large release's vectors are gigabytes
            parts, vectors = encode_splits(("test", code), ("dev", code))
            if ranks.first():
                yield _mined(stage.task, code, parts, vectors)
        return
    parts, vectors = encode_splits(*(("test", code) for code in stage.languages))
    if not ranks.first():
        return
    for number, (code, part) in enumerate(zip(stage.languages, parts, strict=True)):
        examples = _sentences(part)
        there, here = _sides(examples, range(len(examples)))
        best = retrieval.nearest(vectors.of(number, here), vectors.of(number, there))
        nearest_ids = [examples[there[i]].id for i in best]
        yield LanguagePredictions(
            code, nearest_ids, records_by_id([examples[i] for i in here], nearest_ids), examples, [part.stats]
        )


def _sentences(part: EncodedSplit) -> Sequence[Sentence]:
    return cast(Sequence[Sentence], part.examples())


def _sides(examples: Sequence[Sentence], selected: Sequence[int]) -> tuple[list[int], list[int]]:
    """Split the indices of examples into foreign and English ones."""
    foreign = [i for i in selected if examples[i].side == "foreign"]
    return foreign, [i for i in selected if examples[i].side == "english"]


def _mined(task: str, code: str, parts: Sequence[EncodedSplit], vectors: _SentenceVectors) -> LanguagePredictions:
    """Mine the test pairs whose score reaches the threshold that is best on dev."""
    test, dev = map(_sentences, parts)
    threshold = retrieval.best_threshold(_pairs(dev, vectors, 1), gold_of_dev(task, code, dev, test))
    pairs = _pairs(test, vectors, 0)
    selected = [(foreign, english) for foreign, english, score in pairs if score >= threshold]
    records = [{"foreign": f, "english": e, "score": s, "kept": s >= threshold} for f, e, s in pairs]
    return LanguagePredictions(code, selected, records, test, [part.stats for part in parts])


def _pairs(examples: Sequence[Sentence], vectors: _SentenceVectors, part: int) -> list[tuple[str, str, float]]:
    """Mine pairs of ids with their scores; a repeated text counts as its first sentence."""
    once = {(examples[i].side, examples[i].text): i for i in reversed(range(len(examples)))}
    there, here = _sides(examples, list(reversed(once.values())))
    mined = retrieval.mine(vectors.of(part, there), vectors.of(part, here), kernel=similarity_kernels.fastest())
    return [(examples[there[i]].id, examples[here[j]].id, float(score)) for i, j, score in mined]
