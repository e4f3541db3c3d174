"""A latency study's numbers as tables and plots ask for them, over all seeds; what not every seed has measured is None."""

import math
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import Mean
from stilts_xtreme.scoring.benchmarks import mean

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.latency import Answers, Call, Held, LatencyStudy, Pass, Saving, Variant

SHARES: tuple[Literal["p50"], Literal["p90"], Literal["p95"], Literal["p99"]] = ("p50", "p90", "p95", "p99")


class Timings:
    """A latency study, its seeds together."""

    def __init__(self, study: "LatencyStudy"):
        self.study, self.runs, self.measured = study, study["runs"], study["measured"]

    @property
    def base(self) -> str:
        """The model that the others are held against."""
        return self.study["models"][0]

    @property
    def control(self) -> str:
        """The control: the base model, loaded once more."""
        return f"{self.base} again"

    @property
    def seeds(self) -> str:
        """`seed 1` or `3 seeds`."""
        return f"seed {self.runs[0]['seed']}" if len(self.runs) == 1 else text.count(len(self.runs), "seed")

    @property
    def variants(self) -> list["Variant"]:
        return [name for name in self.runs[0]["variants"] if all(name in run["variants"] for run in self.runs)]

    @property
    def skipped(self) -> dict[str, str]:
        """Variants that are left out, and why; where only some seeds could not measure them, those are named."""
        seeds_by_reason: dict[str, dict[str, list[int]]] = {}
        for run in self.runs:
            for name, why in sorted(run["skipped"].items()):
                seeds_by_reason.setdefault(name, {}).setdefault(why, []).append(run["seed"])
        everywhere = len(self.runs)
        return {
            name: "; ".join(
                why if len(at) == everywhere else f"seed {text.listed(list(map(str, at)))}: {why}" for why, at in by.items()
            )
            for name, by in seeds_by_reason.items()
        }

    @property
    def languages(self) -> list[str]:
        return self.study["languages"]

    @property
    def sizes(self) -> list[int]:
        return sorted({1, *self.study["how"]["batch_sizes"]})

    @cached_property
    def _calls(self) -> list[dict[tuple[str, str, str, int | None], "Call"]]:
        runs = self.measured["runs"]
        return [
            {(row["model"], row["variant"], row["language"], row.get("length")): row for row in run["latency"]} for run in runs
        ]

    @cached_property
    def _passes(self) -> list[dict[tuple[str, str, str, int], "Pass"]]:
        runs = self.measured["runs"]
        return [{(row["model"], row["variant"], row["language"], row["batch"]): row for row in run["throughput"]} for run in runs]

    def calls(self, variant: "Variant", language: str, length: int | None = None) -> dict[str, float] | None:
        """Return percentiles in ms of the base model's calls at batch 1; a sorted batch of a single pair is an eager call."""
        place = (self.base, "eager" if variant == "sorted" else variant, language, length)
        rows = [run[place] for run in self._calls if place in run]
        if len(rows) < len(self.runs):
            return None
        return {share: mean([row[share] for row in rows]) for share in (*SHARES, "mean")}

    def mean(self, variant: "Variant", share: str) -> float | None:
        """Return a percentile's mean over the languages, in ms."""
        calls = [row[share] for code in self.languages if (row := self.calls(variant, code)) is not None]
        return mean(calls) if calls else None

    def throughput(self, variant: "Variant", size: int, languages: list[str] | None = None) -> float | None:
        """Return the pairs a second of the base model over `languages` (None: all)."""
        codes = languages or self.languages
        if size == 1:
            rows = [row for code in codes if (row := self.calls(variant, code)) is not None]
            return 1e3 * len(rows) / math.fsum(row["mean"] for row in rows) if rows else None
        places = [(self.base, variant, code, size) for code in codes]
        if not all(place in run for run in self._passes for place in places):
            return None
        passes = [run[place] for run in self._passes for place in places]
        return sum(r["pairs"] * len(r["seconds"]) for r in passes) / math.fsum(s for r in passes for s in r["seconds"])

    def ratios(self, pooled: bool) -> "tuple[list[Held], list[Held]]":
        """Return the models' times over the base model's, and the control's: in single variants, or pooled over all of them."""
        rows = [row for row in self.measured["models"] if (row["variant"] == "all") == pooled]
        return [row for row in rows if row["model"] != self.control], [row for row in rows if row["model"] == self.control]

    def saving(self, variant: "Variant", size: int) -> "Saving | None":
        """Return the variant's time over eager's, with its interval."""
        rows = self.measured["savings"]
        return next((row for row in rows if row["variant"] == variant and row["batch"] == size), None)

    def tokens_a_pair(self, language: str) -> float:
        return mean([run["languages"][language]["tokens_per_pair"] for run in self.runs])

    def tokens_a_character(self, language: str) -> float:
        return mean([run["languages"][language]["tokens_per_character"] for run in self.runs])

    def tokens_a_word(self, language: str) -> float | None:
        """Return the tokens of a word; None where words are not spaced."""
        return _mean_of_all(run["languages"][language].get("tokens_per_word") for run in self.runs)

    def tokenising(self, language: str, what: Literal["p50", "together"]) -> float:
        return mean([run["tokenisation"][language][what] for run in self.measured["runs"]])

    def memory(self, variant: "Variant", what: Literal["peak", "libraries"] = "peak") -> float | None:
        """Return MiB."""
        records = [run["memory"].get(variant) for run in self.measured["runs"]]
        return _mean_of_all(record.get(what) if record else None for record in records)

    def preparation(self, variant: "Variant") -> float:
        """Return seconds."""
        return mean([run["preparation"][variant] for run in self.measured["runs"]])

    def accuracy(self, variant: "Variant", language: str | None = None, model: str | None = None) -> Mean:
        """Return an accuracy a seed; None: the mean of all languages, the base model."""
        answers = self._answers(variant, model)
        values = (answer["languages"][language]["accuracy"] if language else answer["accuracy"] for answer in answers)
        return Mean(tuple(values), len(self.runs))

    def same_labels(self, variant: "Variant") -> float:
        """Return the share of pairs, in per cent, to which the base model gives the label of its eager self."""
        return mean([answer["same"] for answer in self._answers(variant)])

    def largest_difference(self, variant: "Variant") -> float:
        """Return the largest difference of two logits between the base model's variant and its eager self."""
        return max(answer["largest"] for answer in self._answers(variant))

    @property
    def taken_by_others(self) -> float:
        """The largest share of the processors' time that other work took, over seeds."""
        shares = [run["environment"].get("taken_by_others") for run in self.measured["runs"]]
        return max((share for share in shares if share is not None), default=0.0)

    def environment(self, key: str) -> list[object]:
        """Return the known values of a key of the environments that the seeds were measured in."""
        values = [run["environment"].get(key) for run in self.measured["runs"]]
        return [value for value in values if value is not None]

    def _answers(self, variant: "Variant", model: str | None = None) -> list["Answers"]:
        return [run["answers"][model or self.base][variant] for run in self.runs]


def heading(variant: str) -> str:
    """Return what a variant is called above its rows."""
    return "all variants" if variant == "all" else variant


def _mean_of_all(values: Iterable[float | None]) -> float | None:
    known = list(values)
    present = [value for value in known if value is not None]
    return mean(present) if len(present) == len(known) else None
