"""What finished stages of the store took that did the same work: they differ in the seed, or in what they start from."""

import json
from collections.abc import Mapping
from statistics import median
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.store import SCHEMAS, Store

APART = ("start", "model", "seed")


def of(stage: plan.Stage) -> str:
    """The same for stages that do the same work: all that decides a result but the seed and which weights it starts from, and of
    the first encoder of all its shape."""
    first = plan.identity(plan.chain(stage)[0])
    return _work(plan.identity(stage), first.get("start") or first.get("model"))


class Twins:
    """The finished stages of a store by the work they did, on this kind of device with as many threads."""

    def __init__(self, store: Store, device: str, threads: int):
        self._seconds: dict[str, list[float]] = {}
        for kind in SCHEMAS:
            for path in (store.root / kind).glob("[0-9a-f]*/result.json"):
                try:
                    self._take(json.loads(path.read_bytes()), device, threads)
                except (OSError, ValueError, LookupError, TypeError, AttributeError):
                    continue  # it says nothing of what it took

    def seconds(self, stage: plan.Stage) -> float | None:
        """The median of what its twins took; None where there is none."""
        found = self._seconds.get(of(stage))
        return median(found) if found else None

    def _take(self, result: Mapping[str, Any], device: str, threads: int) -> None:
        told, first = result["provenance"], result["chain"][0]
        if "reused" in told or not told["seconds"] > 0:  # a part of the work was done elsewhere
            return
        if told["device"].partition(":")[0] == device and told.get("threads", threads) == threads:
            self._seconds.setdefault(_work(result["plan"], first.get("start") or first.get("model")), []).append(told["seconds"])


def _work(identity: Mapping[str, Any], origin: Any) -> str:
    told = {name: value for name, value in identity.items() if name not in APART}
    return json.dumps([told, origin], sort_keys=True)
