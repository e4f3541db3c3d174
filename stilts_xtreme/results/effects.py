"""Every difference that a study's result tests, as a list of `Effect`, whatever question it belongs to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stilts_xtreme.results.rows import Fields, Row, of
from stilts_xtreme.results.rows import read as read_rows
from stilts_xtreme.utils.bounded_io import Record

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


def effects(study: Fields) -> list[Effect]:
    """Return the effects of a study's result, question by question. ValueError where its rows contradict each other."""
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


def _effect(question: str, contrast: str, record: Fields, estimate: str = "gain", **more: object) -> Effect:
    """Return the effect that a record of a result holds, its `estimate` by that key; `more` fields override the record's."""
    low, high = record.get("interval") or (None, None)
    by_seed = {int(seed): value for seed, value in record.get("values", {}).items()}
    fields: Record = {
        "target": record.get("target"), "estimate": record.get(estimate), "low": low, "high": high, "p": record.get("p"),
        "q": record.get("q"), "n_seeds": record.get("seeds", len(by_seed) or None), "n_examples": record.get("examples"),
        "by_seed": by_seed,
    }  # fmt: skip
    if "intermediate" in record:
        row = of(record)
        fields |= {"row": record["row"], "intermediate": row.intermediate, "training_languages": row.languages}
        fields |= {"training_noise": row.noise, "recipe": row.recipe}
    return Effect(question, contrast, **{**fields, **more})


def _row(record: Fields) -> Record:
    """Return the fields of a record's row, and its target."""
    return {key: record[key] for key in ROW}


def _gains(study: Fields) -> Iterator[Effect]:
    contrast = "row - reference"
    for comparison in study.get("comparisons") or ():
        baseline = comparison["baseline"]
        yield _effect("gain", contrast, comparison, reference=baseline)
        seeds = comparison.get("seeds", len(comparison["values"]))
        for code, gain in (comparison.get("languages") or {}).items():
            tested = {key: gain[key] for key in ("interval", "p", "q") if gain.get(key) is not None}
            record = {**_row(comparison), "gain": gain["gain"], "seeds": seeds, **tested}
            yield _effect("gain", contrast, record, reference=baseline, language=code)


def _pairs(study: Fields) -> Iterator[Effect]:
    for pair in study.get("pairs") or ():
        yield _effect(PAIRS[pair["kind"]], "row - reference", pair, reference=pair["against"])
    for mean in study.get("pooled") or ():
        yield _effect(PAIRS[mean["kind"]], f"mean of {mean['pairs']} pairs of rows", mean)


def _noise(study: Fields) -> Iterator[Effect]:
    noise = study.get("noise") or {}
    drops = [("clean - noisy", drop, None) for drop in noise.get("drops", ())]
    differences = (*noise.get("spared", ()), *noise.get("between", ()))
    drops += [("drop of reference - drop of row", difference, difference["against"]) for difference in differences]
    for contrast, record, reference in drops:
        yield _effect("noise", contrast, record, reference=reference, rate=record["rate"])
        if relative := record.get("relative"):
            share = {**relative, **_row(record)}
            yield _effect("noise", contrast, share, reference=reference, rate=record["rate"], unit=SHARE)


def _orders(study: Fields) -> Iterator[Effect]:
    for panel in (study.get("orders") or {}).get("panels", ()):
        of_panel: Record = {"target": panel["target"], "n_seeds": len(panel["seeds"])}
        of_panel["group"] = None if panel["subset"] == "all" else panel["subset"]
        tuning = {key: panel[key] for key in ("training_noise", "recipe")}
        tuning["training_languages"] = tuple(panel["training_languages"])
        if differ := panel.get("differ"):
            yield _effect("order", "orders differ", differ, **of_panel, **tuning)
        if best := panel.get("best"):
            yield _effect("order", "best order - mean of all orders", best, "above", row=best["order"], **of_panel, **tuning)
        for curriculum in panel.get("named", ()):
            contrast = f"{curriculum['name']} - mean of all orders"
            yield _effect("order", contrast, curriculum, "difference", **of_panel, **tuning)
        for mixture in panel.get("mixtures", ()):
            yield _effect("order", f"row - {mixture['against']} of the orders", mixture, **of_panel)
        for order in panel.get("last", ()):
            yield _effect("order", "row - its last task alone", order, reference=order["baseline"], **of_panel)


def _resources(study: Fields, rows: Mapping[str, Row]) -> Iterator[Effect]:
    resources = study.get("resources") or {}
    parts = (
        ("groups", "row - reference", POINTS),
        ("narrowed", "gain in the group - gain in English", POINTS),
        ("slopes", "slope of the gain", SLOPES.get(resources.get("axis", ""), PER_TEXT)),
    )
    for name, contrast, unit in parts:
        for record in resources.get(name, ()):
            baseline = rows[record["row"]].baseline.name
            yield _effect("resources", contrast, record, reference=baseline, group=record.get("group"), unit=unit)


def _language_groups(study: Fields, rows: Mapping[str, Row]) -> Iterator[Effect]:
    language_groups = study.get("language_groups") or {}
    parts = (
        ("groups", "row - reference", POINTS),
        ("seen", "gain in seen languages - gain in unseen ones", POINTS),
        ("slopes", "slope of the gain", PER_TEXT),
    )
    for name, contrast, unit in parts:
        for record in language_groups.get(name, ()):
            group = f"{record['grouping']} {record['group']}" if name == "groups" else None
            baseline = rows[record["row"]].baseline.name
            yield _effect("language groups", contrast, record, reference=baseline, group=group, unit=unit)


def _sizes(study: Fields) -> Iterator[Effect]:
    for interaction in (study.get("sizes") or {}).get("interactions", ()):
        few, many = interaction["examples"]  # of training data, not of the test
        contrast = f"gain with {few:,} training examples - gain with {many:,}"
        yield _effect("sizes", contrast, interaction, n_examples=None)


def _selection(study: Fields) -> Iterator[Effect]:
    english = (study.get("best") or {}).get("english-dev")
    if english:
        yield _effect("selection", "row picked on English dev - none", english["average"], target="average")
