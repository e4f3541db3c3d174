"""The data that stages read only after a training: read before it, so that what would be refused then is refused now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.feature_cache import CacheEntry, FeatureCache
from stilts_xtreme.stages.graph import starts
from stilts_xtreme.store import Store
from stilts_xtreme.store.folders import BROKEN
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.errors import UserError

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Reading:
    """A split in a language, or, without a split, all that an evaluation takes together in its languages.

    `last`: no reading after it is made of the same examples; an evaluation takes its readings together after each alone.
    """

    where: data.Where
    task: str
    split: str | None
    languages: tuple[str, ...]
    last: bool = True

    def entry(self, cache: FeatureCache) -> CacheEntry:
        if self.split is None:
            return cache.together_entry(self.task, self.languages)
        return cache.entry(self.task, self.split, *self.languages)


def faults(todo: Sequence[plan.Stage], store: Store, say: Say, keep: bool) -> list[str]:
    """Why readings would be refused, a line each: those of evaluations, and labelled ones of trainings that start from another.

    With `keep` what is recorded of a reading is put into the cache; without it nothing is written, and the hub, from which data
    may have to be downloaded, is not read. Data that is generated here cannot be broken.
    """
    lines: dict[str, None] = {}
    caches = {stage.where: _cache(stage, store, say) for stage in todo}
    readings = dict.fromkeys(reading for stage in todo for reading in _late(stage, todo))
    announced = False
    for reading in readings:
        place, cache = data.nearest(TASKS[reading.task], reading.where), caches[reading.where]
        if isinstance(place, data.Release | data.Miniature) or not keep and isinstance(place, data.HubCache):
            continue
        try:
            key, load, make = reading.entry(cache)
            if _loads(store, key, load):
                continue
            if not announced:
                say(f"reading the data that is needed after a training: {len(readings)} splits")
            announced = True
            if keep:
                store.cached(key, load, make, say)
            else:
                with TemporaryDirectory() as folder:
                    make(Path(folder))
        except UserError as fault:
            lines[str(fault)] = None
        finally:
            if reading.last:
                cache.held.clear()
    return list(lines)


def _cache(stage: plan.Stage, store: Store, say: Say) -> FeatureCache:
    """Return a cache for dataset records alone: without a tokenizer."""
    return FeatureCache(store, stage.where, None, None, Progress(stage, lambda event: say(event.note)))  # type: ignore[arg-type]


def _late(stage: plan.Stage, todo: Sequence[plan.Stage]) -> list[_Reading]:
    """List what the stage reads only after a training; without text, which is large and has no labels."""
    if isinstance(stage, plan.Train) and not any(start in todo for start in starts(stage)):
        return []
    labelled = [read for read in stage.reads if TASKS[read.task].head != "mlm"]
    together = isinstance(stage, plan.Predict) and any(read.split != "test" for read in labelled)  # a pool, or dev sentences
    readings = [_Reading(stage.where, read.task, read.split, (read.language,), not together) for read in labelled]
    if isinstance(stage, plan.Predict) and together:
        readings.append(_Reading(stage.where, stage.task, None, stage.languages))
    return readings


def _loads(store: Store, key: str, load: Callable[[Path], object]) -> bool:
    try:
        load(store.cache(key))
    except BROKEN:
        return False
    return True
