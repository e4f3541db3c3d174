"""XTREME (arXiv 2003.11080) and XTREME-R (arXiv 2104.07412): tasks, groups and languages, and the averages over them."""

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.languages import XTREME as XTREME_LANGUAGES
from stilts_xtreme.utils.languages import codes

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]  # task -> language -> metric -> 0 to 100


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Tasks in groups, and the languages in which each task must have scores before it counts.

    `encoders`: retrieval task -> target on which its encoder is fine-tuned first. `fallbacks`: group -> tasks over which it is
    averaged where not all of its own tasks are scored.
    """

    name: str
    groups: Mapping[str, tuple[str, ...]]
    languages: Mapping[str, tuple[str, ...]]
    encoders: Mapping[str, str] = field(default_factory=dict)
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, each once even if it is in two groups."""
        return tuple(dict.fromkeys(task for tasks in self.groups.values() for task in tasks))


# A task's score is the mean of these metrics' averages: for QA exact match and F1 (other papers use F1 alone, such as mGTE).
HEADLINES: Mapping[str, tuple[str, ...]] = {
    "xnli": ("accuracy",),
    "pawsx": ("accuracy",),
    "xcopa": ("accuracy",),
    "udpos": ("f1",),
    "panx": ("f1",),
    "xquad": ("exact_match", "f1"),
    "mlqa": ("exact_match", "f1"),
    "tydiqa": ("exact_match", "f1"),
    "bucc2018": ("f1",),
    "tatoeba": ("accuracy",),
    "mewslix": ("map@20",),
    "lareqa": ("map@20",),
}

XTREME = Benchmark(
    name="xtreme",
    groups={
        "classification": ("pawsx", "xnli"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("bucc2018", "tatoeba"),
    },
    languages={
        "pawsx": codes("de en es fr ja ko zh"),
        "xnli": codes("ar bg de el en es fr hi ru sw th tr ur vi zh"),
        "udpos": codes("af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"),
        "panx": XTREME_LANGUAGES,
        "xquad": codes("ar de el en es hi ru th tr vi zh"),
        "mlqa": codes("ar de en es hi vi zh"),
        "tydiqa": codes("ar bn en fi id ko ru sw te"),
        "bucc2018": codes("de fr ru zh"),
        "tatoeba": codes(
            "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur vi zh"
        ),
    },
)

# Languages as in google-research/xtreme's code; papers report XQuAD without ro and fewer for Tatoeba (38: arXiv 2407.19669).
# As in its evaluate.py, XCOPA is in two groups. It has no LAReQA: the group is averaged without it where it is not scored,
# and with it where it is, since the paper discusses it there.
XTREME_R = Benchmark(
    name="xtreme-r",
    groups={
        "classification": ("xnli", "xcopa"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("tatoeba", "mewslix", "lareqa"),
        "multi_choice": ("xcopa",),
    },
    languages={
        "xnli": XTREME.languages["xnli"],
        "xcopa": codes("et ht id it qu sw ta th tr vi zh"),
        "udpos": tuple(sorted((*XTREME.languages["udpos"], *codes("lt pl ro uk wo")))),
        "panx": tuple(sorted((*XTREME_LANGUAGES, *codes("az gu lt pa pl qu ro uk")))),
        "xquad": tuple(sorted((*XTREME.languages["xquad"], "ro"))),
        "mlqa": XTREME.languages["mlqa"],
        "tydiqa": XTREME.languages["tydiqa"],
        "tatoeba": tuple(sorted((*XTREME.languages["tatoeba"], *codes("az lt pl ro uk")))),
        "mewslix": codes("ar de en es fa ja pl ro ta tr uk"),
        "lareqa": codes("ar de el en es hi ru th tr vi zh"),
    },
    fallbacks={"retrieval": ("tatoeba", "mewslix")},
    encoders={"tatoeba": "xquad"},  # no longer zero-shot: its encoder is fine-tuned on SQuAD v1.1
)

BenchmarkName = Literal["xtreme", "xtreme-r"]
BENCHMARKS = {benchmark.name: benchmark for benchmark in (XTREME, XTREME_R)}


def mean(values: list[float]) -> float:
    """Return the arithmetic mean, exactly the same for every order of the values."""
    return math.fsum(values) / len(values)


def aggregate(benchmark: Benchmark, scores: Scores) -> Record:
    """Average over languages, then metrics, then tasks, all with equal weights.

    Returns {"benchmark", "overall", "groups": {name: score}, "tasks": {task: {"score", "metrics": {name: average over languages},
    "languages": as given}}}. Incomplete averages are absent: score and metrics of a task without all languages, a group without
    all tasks, overall where any task is missing. "without" lists groups that are averaged over their fallback: {name: [tasks left
    out]}. Raises ValueError for an unknown task or language, or a missing headline metric.
    """
    tasks: Record = {}
    for task in benchmark.tasks:
        if task not in scores:
            continue
        languages = {code: dict(scores[task][code]) for code in benchmark.languages[task] if code in scores[task]}
        if unknown := sorted(set(scores[task]) - set(languages)):
            raise ValueError(f"{task}: not a language of it in {benchmark.name}: {', '.join(unknown)}")
        tasks[task] = {"languages": languages}
        if len(languages) == len(benchmark.languages[task]):
            tasks[task] |= _averages(task, languages)
    if unknown := sorted(set(scores) - set(tasks)):
        raise ValueError(f"not a task of {benchmark.name}: {', '.join(unknown)}")

    done = {task: entry["score"] for task, entry in tasks.items() if "score" in entry}
    complete = _complete(benchmark, done.keys())
    groups = {name: mean([done[task] for task in members]) for name, members in complete.items()}
    missing = {name: [task for task in benchmark.groups[name] if task not in members] for name, members in complete.items()}
    without = {name: tasks for name, tasks in missing.items() if tasks}
    overall = {"overall": mean(list(done.values()))} if len(done) == len(benchmark.tasks) else {}
    shortened = {"without": without} if without else {}
    return {"benchmark": benchmark.name, **overall, "groups": groups, **shortened, "tasks": tasks}


def _complete(benchmark: Benchmark, done: Set[str]) -> dict[str, tuple[str, ...]]:
    """Return group -> tasks to average over: all of its own, or its fallback; a group with neither is absent."""
    averaged = {}
    for name, members in benchmark.groups.items():
        for candidates in (members, benchmark.fallbacks.get(name, ())):
            if candidates and done >= set(candidates):
                averaged[name] = candidates
                break
    return averaged


def with_f1_alone(result: Record) -> dict[str, float]:
    """Return the "qa" group and "overall" with QA tasks scored by F1 alone (as in arXiv 2407.19669).

    `result`: as from `aggregate`. A figure is absent where the official figure is.
    """
    scores = {task: entry["score"] for task, entry in result["tasks"].items() if "score" in entry}
    scores |= {task: result["tasks"][task]["metrics"]["f1"] for task in scores if "exact_match" in HEADLINES[task]}
    averages = {}
    if "qa" in result["groups"]:
        averages["qa"] = mean([scores[task] for task in BENCHMARKS[result["benchmark"]].groups["qa"]])
    if "overall" in result:
        averages["overall"] = mean(list(scores.values()))
    return averages


def _averages(task: str, languages: Mapping[str, Mapping[str, float]]) -> Record:
    names = next(iter(languages.values())).keys()
    if any(values.keys() != names for values in languages.values()) or not set(HEADLINES[task]) <= set(names):
        raise ValueError(f"{task}: every language must have the same metrics, {' and '.join(HEADLINES[task])} among them")
    metrics = {name: mean([values[name] for values in languages.values()]) for name in names}
    return {"score": mean([metrics[name] for name in HEADLINES[task]]), "metrics": metrics}
