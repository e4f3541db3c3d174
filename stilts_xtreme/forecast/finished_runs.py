"""Run times of finished stages in the store that did the same work: with another seed, or from other weights."""

import json
from statistics import median

from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import SCHEMAS, Store
from stilts_xtreme.utils.bounded_io import Record

IGNORED = ("start", "model", "seed")  # keys of a stage's identity


def workload_key(stage: plan.Stage) -> str:
    """Return a key that is equal for stages that do the same work.

    It covers everything that decides a result except the seed and the starting weights, and the shape of the first encoder.
    """
    first = plan.identity(plan.chain(stage)[0])
    return _key(plan.identity(stage), first.get("start") or first.get("model"))


class FinishedRuns:
    """The run times of a store's finished stages, by the work they did, on this kind of device with as many threads."""

    def __init__(self, store: Store, device: str, threads: int):
        self._seconds: dict[str, list[float]] = {}
        for kind in SCHEMAS:
            for path in (store.root / kind).glob("[0-9a-f]*/result.json"):
                try:
                    self._add(json.loads(path.read_bytes()), device, threads)
                except (OSError, ValueError, LookupError, TypeError, AttributeError):
                    continue  # without a usable run time

    def seconds(self, stage: plan.Stage) -> float | None:
        """Return the median run time of finished stages with the same work; None without any."""
        seconds = self._seconds.get(workload_key(stage))
        return median(seconds) if seconds else None

    def _add(self, result: Record, device: str, threads: int) -> None:
        provenance, first = result["provenance"], result["chain"][0]
        if "reused" in provenance or not provenance["seconds"] > 0:  # a part of the work was done elsewhere
            return
        if provenance["device"].partition(":")[0] == device and provenance.get("threads", threads) == threads:
            key = _key(result["plan"], first.get("start") or first.get("model"))
            self._seconds.setdefault(key, []).append(provenance["seconds"])


def _key(identity: Record, origin: object) -> str:
    relevant = {name: value for name, value in identity.items() if name not in IGNORED}
    return json.dumps([relevant, origin], sort_keys=True)
