"""Every difference that a study's result tests, as one list of records of one type, whatever question it belongs to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stilts_xtreme.results.rows import Row, of
from stilts_xtreme.results.rows import read as read_rows

POINTS, SHARE = "points", "percent of the clean score"
SLOPES = {"joshi": "points per class of resources"}  # by the axis of languages
PER_TEXT = "points per factor of ten of pre-training text"
PAIRS = {
    "way": "when the target's data comes in",
    "rule": "how tasks are drawn", "without": "one task left out",
    "single": "several tasks or one", "text": "text beside the task", "languages": "languages of the intermediate data",
}  # fmt: skip  # questions by the kind of a pair of rows
ROW = ("row", "intermediate", "training_languages", "training_noise", "recipe", "target")


@dataclass(frozen=True)
class Effect:
    """An estimate with 95 % interval, `p`, and `q`: p adjusted among the effects tested together (Benjamini-Hochberg).

    `row` and `reference` are labels of rows; `reference` is None where the contrast names what the row is set against, `row`
    where the effect is of several rows. The four fields below `row` are the row's. `language` and `group` (of languages) are
    None for all languages of the target together. `rate` is the share of changed words in the test inputs. What was not tested is
    None.
    """

    question: str
    contrast: str
    target: str  # "average": of all targets
    estimate: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    unit: str = POINTS
    row: str | None = None
    intermediate: tuple[str, ...] | None = None
    training_languages: tuple[str, ...] | None = None
    training_noise: float | None = None
    recipe: str | None = None
    reference: str | None = None
    language: str | None = None
    group: str | None = None
    rate: float | None = None
    n_seeds: int | None = None
    n_examples: int | None = None  # test examples of all languages
    by_seed: Mapping[int, float] = field(default_factory=dict)


def effects(study: Mapping[str, Any]) -> list[Effect]:
    """Those of a study's result, question by question. ValueError where its rows contradict one another."""
    rows = read_rows(study["rows"])
    return [
        *_gains(study),
        *_pairs(study),
        *_noise(study),
        *_orders(study),
        *_resources(study, rows),
        *_language_groups(study, rows),
        *_sizes(study),
        *_selection(study),
    ]


def _effect(question: str, contrast: str, told: Mapping[str, Any], estimate: str = "gain", **more: Any) -> Effect:
    """The effect that a record of a result holds, `estimate` by that key; `more` fields beside it."""
    low, high = told.get("interval") or (None, None)
    values = {int(seed): value for seed, value in told.get("values", {}).items()}
    row: dict[str, Any] = {}
    if "intermediate" in told:
        made = of(told)
        row = {"row": told["row"], "intermediate": made.intermediate, "training_languages": made.languages}
        row |= {"training_noise": made.noise, "recipe": made.recipe}
    fields = {
        "target": told.get("target"), "estimate": told.get(estimate), "low": low, "high": high, "p": told.get("p"),
        "q": told.get("q"), "n_seeds": told.get("seeds", len(values) or None), "n_examples": told.get("examples"),
        "by_seed": values,
    }  # fmt: skip
    return Effect(question, contrast, **{**row, **fields, **more})


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an effect's row, and its target."""
    return {key: told[key] for key in ROW}


def _gains(study: Mapping[str, Any]) -> Iterator[Effect]:
    for one in study.get("comparisons") or ():
        place: dict[str, Any] = {"reference": one["baseline"]}
        yield _effect("gain", "row - reference", one, **place)
        for code, gain in (one.get("languages") or {}).items():
            seeds = one.get("seeds", len(one["values"]))
            tested = {key: gain[key] for key in ("interval", "p", "q") if gain.get(key) is not None}
            record = {**_row(one), "gain": gain["gain"], "seeds": seeds, **tested}
            yield _effect("gain", "row - reference", record, **place, language=code)


def _pairs(study: Mapping[str, Any]) -> Iterator[Effect]:
    for one in study.get("pairs") or ():
        yield _effect(PAIRS[one["kind"]], "row - reference", one, reference=one["against"])
    for one in study.get("pooled") or ():
        yield _effect(PAIRS[one["kind"]], f"mean of {one['pairs']} pairs of rows", one)


def _noise(study: Mapping[str, Any]) -> Iterator[Effect]:
    noise = study.get("noise") or {}
    parts: list[tuple[str, Mapping[str, Any], dict[str, Any]]] = [("clean - noisy", one, {}) for one in noise.get("drops", ())]
    for one in (*noise.get("spared", ()), *noise.get("between", ())):
        parts.append(("drop of reference - drop of row", one, {"reference": one["against"]}))
    for contrast, one, place in parts:
        yield _effect("noise", contrast, one, **place, rate=one["rate"])
        if relative := one.get("relative"):
            yield _effect("noise", contrast, {**relative, **_row(one)}, **place, rate=one["rate"], unit=SHARE)


def _orders(study: Mapping[str, Any]) -> Iterator[Effect]:
    for panel in (study.get("orders") or {}).get("panels", ()):
        place: dict[str, Any] = {"target": panel["target"], "group": None if panel["subset"] == "all" else panel["subset"]}
        place["n_seeds"] = len(panel["seeds"])
        tuning = {
            "training_languages": tuple(panel["training_languages"]),
            "training_noise": panel["training_noise"], "recipe": panel["recipe"],
        }  # fmt: skip
        if differ := panel.get("differ"):
            yield _effect("order", "orders differ", differ, **place, **tuning)
        if best := panel.get("best"):
            yield _effect("order", "best order - mean of all orders", best, "above", row=best["order"], **place, **tuning)
        for one in panel.get("named", ()):
            yield _effect("order", f"{one['name']} - mean of all orders", one, "difference", **place, **tuning)
        for one in panel.get("mixtures", ()):
            yield _effect("order", f"row - {one['against']} of the orders", one, **place)
        for one in panel.get("last", ()):
            yield _effect("order", "row - its last task alone", one, reference=one["baseline"], **place)


def _resources(study: Mapping[str, Any], rows: Mapping[str, Row]) -> Iterator[Effect]:
    resources = study.get("resources") or {}
    parts = (
        ("groups", "row - reference", POINTS),
        ("narrowed", "gain in the group - gain in English", POINTS),
        ("slopes", "slope of the gain", SLOPES.get(resources.get("axis", ""), PER_TEXT)),
    )
    for name, contrast, unit in parts:
        for one in resources.get(name, ()):
            place = {"reference": rows[one["row"]].baseline.name, "group": one.get("group")}
            yield _effect("resources", contrast, one, **place, unit=unit)


def _language_groups(study: Mapping[str, Any], rows: Mapping[str, Row]) -> Iterator[Effect]:
    found = study.get("language_groups") or {}
    parts = (
        ("groups", "row - reference", POINTS),
        ("seen", "gain in seen languages - gain in unseen ones", POINTS),
        ("slopes", "slope of the gain", PER_TEXT),
    )
    for name, contrast, unit in parts:
        for one in found.get(name, ()):
            group = f"{one['grouping']} {one['group']}" if name == "groups" else None
            place: dict[str, Any] = {"reference": rows[one["row"]].baseline.name, "group": group}
            yield _effect("language groups", contrast, one, **place, unit=unit)


def _sizes(study: Mapping[str, Any]) -> Iterator[Effect]:
    for one in (study.get("sizes") or {}).get("interactions", ()):
        few, many = one["examples"]
        contrast = f"gain with {few:,} training examples - gain with {many:,}"
        yield _effect("sizes", contrast, {key: value for key, value in one.items() if key != "examples"})


def _selection(study: Mapping[str, Any]) -> Iterator[Effect]:
    english = (study.get("best") or {}).get("english-dev")
    if english:
        yield _effect("selection", "row picked on English dev - none", english["average"], target="average")
