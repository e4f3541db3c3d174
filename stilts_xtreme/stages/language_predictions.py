"""Predictions by language: all evaluations of a model on a task hold the same predictions for a language.

So only a language that was added is predicted, and an evaluation of fewer languages is assembled from a finished evaluation
without its model. A task with a pool of candidates is the exception: what is retrieved depends on all languages.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from stilts_xtreme import results
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import aggregate, noise_record
from stilts_xtreme.stages.lineage import lineage
from stilts_xtreme.store import Busy, Store, faults
from stilts_xtreme.store.folders import BROKEN
from stilts_xtreme.tasks import metrics
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

STAGE, RESULT = "stage.json", "result.json"


@dataclass(frozen=True)
class Part:
    """One language of an evaluation: its metrics, chance level, labels that the head lacks, and records of what was read.

    `content` is that of its file of predictions, and `source` the result they were taken from; None for what is predicted now.
    """

    metrics: Mapping[str, float]
    chance: float
    lacking: Record | None
    data: tuple[Record, ...]
    content: bytes | None = None
    source: Record | None = None


def file_of(code: str) -> str:
    """Return the name of a language's file of predictions."""
    return f"test-{code}.jsonl"


def key(identity: Record, code: str) -> str:
    """Return a hash of what decides the predictions in a language: the same for all evaluations of the model that hold it."""
    reads = [read for read in identity["reads"] if read["language"] == code]
    return plan.named({**identity, "languages": [code], "reads": reads})


def find(stage: plan.Predict, store: Store) -> dict[str, Part]:
    """Find the languages of the stage that whole, finished evaluations of the store hold, in the stage's order."""
    if TASKS[stage.task].pool:
        return {}
    index, identity, reused = _index(store.root / plan.kind(stage)), plan.identity(stage), dict[str, Part]()
    read_intact = cache(_read_intact)  # a folder that holds many of the languages is hashed once
    for code in stage.languages:
        for folder in index.at(key(identity, code)):
            if (evaluation := read_intact(folder)) is not None and (part := _part(folder, evaluation, code)) is not None:
                reused[code] = part
                break
    return reused


def rest(stage: plan.Predict, codes: Iterable[str]) -> plan.Predict:
    """Return the stage without the languages `codes`."""
    codes = set(codes)
    languages = tuple(code for code in stage.languages if code not in codes)
    return replace(stage, languages=languages, reads=tuple(read for read in stage.reads if read.language not in codes))


def assemble(stage: plan.Stage, store: Store) -> bool:
    """Write an evaluation whose languages are all there; return whether it is finished.

    False for other stages, and where another process is doing it.
    """
    began, reused = time.monotonic(), _all(stage, store)
    if reused is None:
        return False
    assert isinstance(stage, plan.Predict)
    try:
        with store.claim(stage, wait=False) as scratch:
            if scratch is not None:
                source = next(iter(reused.values())).source
                assert source is not None
                provenance_before = source["provenance"]
                threads = {name: provenance_before[name] for name in ("threads", "threads_of_parts") if name in provenance_before}
                provenance = results.provenance(provenance_before["device"], time.monotonic() - began, threads.items())
                provenance.pop("peak_memory_bytes", None)  # that of predicting is asked for
                results.write(scratch / RESULT, result(stage, store, reused, scratch, provenance))
    except (Busy, UserError):  # UserError: a training's result is damaged, and is done again first
        return False
    return True


def complete(stage: plan.Stage, store: Store) -> bool:
    """Return whether the stage is an evaluation whose languages are all there, and the results of the trainings before it."""
    return _all(stage, store) is not None


def _all(stage: plan.Stage, store: Store) -> dict[str, Part] | None:
    """Return every language of an evaluation; None if any is missing, or the result of a training before it."""
    if not isinstance(stage, plan.Predict) or not all(map(store.done, plan.chain(stage)[:-1])):
        return None
    reused = find(stage, store)
    return reused if len(reused) == len(stage.languages) else None


def result(
    stage: plan.Predict, store: Store, parts: Mapping[str, Part], scratch: Path, provenance: Record
) -> Record:
    """Return the evaluation's result; writes files of reused languages, and the record of noise, into `scratch`."""
    own = {code: parts[code] for code in stage.languages}
    for code, part in own.items():
        if part.content is not None:
            (scratch / file_of(code)).write_bytes(part.content)
    collapsed = [link for link in plan.chain(stage)[:-1] if store.result(link)["collapsed"]]
    reused = {code: part.source["address"] for code, part in own.items() if part.source is not None}
    lacking = {code: dict(part.lacking) for code, part in own.items() if part.lacking}
    return {
        "schema": results.EVALUATION,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": [record for part in own.values() for record in part.data],
        "task": stage.task,
        **aggregate.together(stage.task, {code: part.metrics for code, part in own.items()}),
        **({"reading": reading} if (reading := metrics.reading(TASKS[stage.task].metric)) else {}),
        "chance": aggregate.chance({code: part.chance for code, part in own.items()}),
        **({"lacking": lacking} if lacking else {}),
        **({} if stage.noise is None else {"noise": noise_record.record(stage, scratch)}),
        "collapsed": bool(collapsed),
        "collapse": {plan.address(link): store.result(link)["collapse"] for link in collapsed},
        "provenance": {**provenance, **({"reused": reused} if reused else {})},
    }


class _Index:
    """The finished evaluations of a folder by what decides their predictions in each language; only new ones are read."""

    def __init__(self, root: Path):
        self._root, self._changed = root, -1
        self._seen: set[str] = set()
        self._folders: dict[str, list[Path]] = {}

    def at(self, name: str) -> list[Path]:
        """List the folders that hold a language under this key."""
        try:
            if (changed := os.stat(self._root).st_mtime_ns) != self._changed:
                self._look()
                self._changed = changed
        except FileNotFoundError:
            return []
        return self._folders.get(name, [])

    def _look(self) -> None:
        for name in sorted(set(os.listdir(self._root)) - self._seen):
            if name.startswith(".") or not (self._root / name / RESULT).is_file():
                continue
            self._seen.add(name)
            try:
                identity = json.loads((self._root / name / STAGE).read_bytes())
                keys = [key(identity, code) for code in identity["languages"]]
            except BROKEN:
                continue
            for language_key in keys:
                self._folders.setdefault(language_key, []).append(self._root / name)


_index = lru_cache(maxsize=8)(_Index)


def _read_intact(folder: Path) -> Record | None:
    """Return the result of a finished evaluation; None if it is damaged or missing."""
    try:
        return None if faults(folder) else json.loads((folder / RESULT).read_bytes())
    except BROKEN:
        return None


def _part(folder: Path, evaluation: Record, code: str) -> Part | None:
    """Return a language of it; None if its file is missing, or the result is older than chance levels."""
    try:
        records = tuple(record for record in evaluation["data"] if record["language"] == code)
        lacking = evaluation.get("lacking", {}).get(code)
        content, chance = (folder / file_of(code)).read_bytes(), evaluation["chance"]["languages"][code]
        return Part(evaluation["languages"][code], chance, lacking, records, content, evaluation)
    except BROKEN:
        return None
