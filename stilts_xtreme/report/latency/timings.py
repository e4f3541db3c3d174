"""A latency study's numbers as tables and plots ask for them; what was not measured is None."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any


class Timings:
    """One seed of a latency study."""

    def __init__(self, study: Mapping[str, Any], number: int):
        self.study, self.run, self.measured = study, study["runs"][number], study["measured"]["runs"][number]

    @property
    def base(self) -> str:
        """The model that the others are held against."""
        return self.study["models"][0]

    @property
    def variants(self) -> list[str]:
        return self.run["variants"]

    @property
    def languages(self) -> list[str]:
        return self.study["languages"]

    @property
    def sizes(self) -> list[int]:
        return sorted({1, *self.study["how"]["batch_sizes"]})

    @cached_property
    def _calls(self) -> dict[Any, Mapping[str, Any]]:
        return {(row["model"], row["variant"], row["language"], row.get("length")): row for row in self.measured["latency"]}

    @cached_property
    def _passes(self) -> dict[Any, Mapping[str, Any]]:
        return {(row["model"], row["variant"], row["language"], row["batch"]): row for row in self.measured["throughput"]}

    def calls(self, variant: str, language: str, length: int | None = None) -> Mapping[str, Any] | None:
        """Percentiles in ms of the base model's calls at batch 1; a sorted batch of one is an eager one."""
        return self._calls.get((self.base, "eager" if variant == "sorted" else variant, language, length))

    def mean(self, variant: str, share: str) -> float | None:
        """A percentile's mean over the languages, in ms."""
        found = [row[share] for code in self.languages if (row := self.calls(variant, code)) is not None]
        return math.fsum(found) / len(found) if found else None

    def throughput(self, variant: str, size: int, languages: list[str] | None = None) -> float | None:
        """Pairs a second of the base model over `languages` (None: all)."""
        codes = languages or self.languages
        if size == 1:
            rows = [row for code in codes if (row := self.calls(variant, code)) is not None]
            return 1e3 * len(rows) / math.fsum(row["mean"] for row in rows) if rows else None
        passes = [row for code in codes if (row := self._passes.get((self.base, variant, code, size))) is not None]
        if not passes:
            return None
        return sum(r["pairs"] * len(r["seconds"]) for r in passes) / math.fsum(s for r in passes for s in r["seconds"])

    def saving(self, variant: str, size: int) -> Mapping[str, Any] | None:
        """The variant's time over eager's, with its interval."""
        rows = self.measured["savings"]
        return next((row for row in rows if row["variant"] == variant and row["batch"] == size), None)

    def answers(self, variant: str, model: str | None = None) -> Mapping[str, Any]:
        return self.run["answers"][model or self.base][variant]
