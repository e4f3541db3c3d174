"""The section on typing errors in the input: what they cost each model, and which training makes them cost less."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stilts_xtreme.report import figures, scores, short_names, tables, tested, text
from stilts_xtreme.report.figures import Curve, Figure
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import AVERAGE, Mean, Summary
from stilts_xtreme.report.tables import Cell, Row, Table
from stilts_xtreme.results.effects import POINTS, SHARE, Effect
from stilts_xtreme.results.rows import BASELINE
from stilts_xtreme.results.rows import Row as Model

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.sections import Noise, NoisyEvaluation

FEW = 0.15  # of a language's words: where fewer than that may be changed, noise hardly comes about
SLIPS = (
    "slips of a typist on the keyboard of each language: a key beside the right one, a key left out, a key beside it pressed as"
    " well, two keys in the wrong order, a key pressed twice"
)


@dataclass(frozen=True)
class Noisy:
    """A study's noisy evaluations."""

    summary: Summary
    study: "Noise"  # the result's part on noise

    @cached_property
    def runs(self) -> dict[tuple[str, str, float], dict[int, "NoisyEvaluation"]]:
        """Evaluations by seed, by row, target and rate."""
        runs: dict[tuple[str, str, float], dict[int, NoisyEvaluation]] = {}
        for run in self.study["evaluations"]:
            runs.setdefault((run["row"], run["target"], run["rate"]), {})[run["seed"]] = run
        return runs

    @cached_property
    def rows(self) -> dict[str, str]:
        """Short names of the rows that have any, by their labels."""
        known = {row for row, _, _ in self.runs}
        return short_names.names([row for name, row in self.summary.rows.items() if name in known])

    @property
    def rates(self) -> list[float]:
        return sorted(self.study["rates"])

    @cached_property
    def effects(self) -> list[Effect]:
        """Tested drops and differences of drops at the highest rate."""
        return self.summary.tested("noise", rate=self.rates[-1])

    def score(self, row: str, target: str, rate: float) -> Mean | None:
        """Return the mean score at that rate over the seeds that have it; at 0 the clean score."""
        if not rate:
            return self.summary.score(row, target)
        return self.summary.over_seeds({seed: run["score"] for seed, run in self.runs.get((row, target, rate), {}).items()})

    def flips(self, row: str, target: str, code: str = "") -> Mean | None:
        """Return the percentage of predictions that the highest rate changes: of a language, or the mean over languages."""
        shares: dict[int, float] = {}
        for seed, run in self.runs.get((row, target, self.rates[-1]), {}).items():
            own = [scored["flips"] for name, scored in run["languages"].items() if code in ("", name)]
            shares |= {seed: sum(own) / len(own)} if own else {}
        return self.summary.over_seeds(shares)

    def drop(self, row: str, target: str, unit: str = POINTS) -> Effect | None:
        drops = self.summary.tested("noise", rate=self.rates[-1], contrast="clean - noisy", row=row, target=target, unit=unit)
        return next(iter(drops), None)

    def at_chance(self, row: str, target: str) -> bool:
        """Is the clean score no better than guessing?"""
        score = self.summary.score(row, target)
        return score is not None and score.mean <= max(self.summary.guessed(target), 0.0)


def sections(summary: Summary) -> list[Section]:
    study = summary.study.get("noise")
    if not study or not study["evaluations"]:
        return []
    noisy, counts = Noisy(summary, study), _counts(study)
    models = short_names.explained([summary.rows[name] for name in noisy.rows], summary.study)
    named = f"Names of models. {BASELINE}: no intermediate training, fine-tuned on English as it is."
    what = f"made of {SLIPS}" if study["kind"] == "typos" else "made of errors listed in a dictionary of real ones"
    caution = (
        "A model with a lower clean score also has fewer points to lose, and one that only guesses (marked §) has none: besides"
        " points, drops are given in percent of a model's own clean score, and the score that is left says which model to use."
    )
    parts = (
        *(scores_table(noisy, target) for target in summary.targets),
        *(contrasts(noisy, unit) for unit in (POINTS, SHARE)),
        *(languages(noisy, target) for target in summary.targets),
        changed_words(counts),
        _keyboards(study),
    )
    names = [f"{named} {models[0].upper()}{models[1:]}"] if models else []
    sentences = (*names, f"Noise is {what}.", *_hardly_changed(counts, max(study["rates"])), caution)
    return [Section("noise", "Typing errors in the input", sentences, [_figure(noisy)], parts)]


def scores_table(noisy: Noisy, target: str) -> Table | None:
    """Tabulate scores by rate, and what the highest rate costs."""
    rows: list[Row] = []
    for row, name in noisy.rows.items():
        mark = "§" if noisy.at_chance(row, target) else ""
        by_rate = [tables.mean(noisy.score(row, target, rate), mark="" if rate else mark) for rate in (0.0, *noisy.rates)]
        drops = [_drop(noisy.drop(row, target, unit)) for unit in (POINTS, SHARE)]
        rows.append((name, (*by_rate, *drops, text.value(noisy.flips(row, target)))))
    at = f"at {100 * noisy.rates[-1]:g} %"
    heads = ["clean", *(f"{100 * rate:g} % noise" for rate in noisy.rates)]
    heads += [f"drop {at}, points", f"drop {at}, % of clean", f"flips {at}, %"]
    among = tested.varied(len(noisy.summary.seeds))
    note = f"Beneath a drop stands its 95 % interval, {among}. Flips: predictions that the errors change, mean over languages."
    weak = "§ no better than guessing." if "§" in tables.beneath(rows) else ""
    caption = f"{target}: {scores.metric(noisy.summary, target)} with and without typing errors; {scores.over(noisy.summary)}."
    return tables.table(caption, "model", heads, rows, note, weak)


def contrasts(noisy: Noisy, unit: str) -> Table | None:
    """Tabulate which training makes noise cost less: a row for each pair of models that differ in how they are trained."""
    effects = [effect for effect in noisy.effects if effect.reference and effect.unit == unit]
    columns = [*noisy.summary.targets, *([AVERAGE] if any(effect.target == AVERAGE for effect in effects) else [])]
    questions: dict[str, list[Effect]] = {}
    for effect in effects:
        questions.setdefault(_question(noisy, effect), []).append(effect)

    def label(effect: Effect) -> str:
        return f"{noisy.rows[str(effect.row)]} against {noisy.rows[str(effect.reference)]}"

    bodies = {question: tested.matrix(own, columns, label) for question, own in questions.items()}
    what = "percent of the own clean score" if unit == SHARE else "points"
    note = (
        f"Drop of the second model minus drop of the first in {what}: above zero, better, where the first loses less. Beneath"
        f" stands the 95 % interval. {tested.STAR} over the comparisons with {BASELINE} at all rates, or over other pairs;"
        " averages apart."
    )
    caption = f"What training spares at {100 * noisy.rates[-1]:g} % noise, in {what}."
    return tables.table(caption, "models", (*columns, "verdict"), bodies, note)


def _question(noisy: Noisy, effect: Effect) -> str:
    """What the first model has that the second lacks, or has instead."""
    own, other = (_differences(noisy.summary.rows[str(name)]) for name in (effect.row, effect.reference))
    more, less = [part for part in own if part not in other], [part for part in other if part not in own]
    return f"{' and '.join(more).capitalize()} against {' and '.join(less) or 'none'}" if more else "Other pairs"


def _differences(row: Model) -> list[str]:
    """What its training has that the plain row's lacks."""
    return [
        *([] if row.is_baseline else ["intermediate training"]),
        *(["multilingual fine-tuning"] if len(row.languages) > 1 else []),
        *(["noise in training"] if row.noise else []),
    ]


def languages(noisy: Noisy, target: str) -> Table | None:
    """Tabulate what the highest rate costs in each language."""
    at = target, noisy.rates[-1]
    drops = {drop["row"]: drop.get("languages") or {} for drop in noisy.study["drops"] if (drop["target"], drop["rate"]) == at}
    shown = [row for row in noisy.rows if row in drops]
    bodies: dict[str, list[Row]] = {"Drop, points": [], "Flips, % of predictions": []}
    for code in noisy.summary.languages(target) if shown else ():
        name, lost = text.language(code), [drops[row].get(code) for row in shown]
        cells = [drop and Cell(text.number(drop["gain"]), f"± {text.number(drop.get('deviation'))}") for drop in lost]
        bodies["Drop, points"] += [(name, [cell or text.ABSENT for cell in cells])] if any(cells) else []
        bodies["Flips, % of predictions"].append((name, [text.value(noisy.flips(row, target, code)) for row in shown]))
    caption = f"{target}: what {100 * noisy.rates[-1]:g} % noise costs in each language."
    return tables.table(caption, "language", [noisy.rows[row] for row in shown], bodies, "±: standard error over test examples.")


def _drop(effect: Effect | None) -> Cell | str:
    return Cell(text.number(effect.estimate), tested.interval(effect)) if effect else text.ABSENT


Counts = Mapping[tuple[str, str, float], tuple[int, int, int]]  # words, of these changeable, changed; by target, language, rate


def _counts(study: "Noise") -> Counts:
    """The same inputs for every model."""
    return {
        (run["target"], code, run["rate"]): (counts["words"], counts["choosable"], counts["changed"])
        for run in study["evaluations"]
        for code, counts in (run.get("words") or {}).items()
    }


def changed_words(counts: Counts) -> Table | None:
    """Tabulate the words that may be changed, and those that were, by language over all targets."""
    rows, rates = list[Row](), sorted({rate for *_, rate in counts})
    for code in [*sorted({code for _, code, _ in counts}, key=lambda code: (code != "en", code)), ""]:
        sums = []
        for rate in rates:
            own = [count for (_, name, at), count in counts.items() if at == rate and code in ("", name)]
            sums.append([sum(part) for part in zip(*own, strict=True)])
        if sums:
            whole, choosable, _ = sums[-1]
            shares = [Cell(f"{100 * changed / max(possible, 1):.1f}", f"{changed:,}") for _, possible, changed in sums]
            whole_cells = f"{whole:,}", f"{100 * choosable / max(whole, 1):.1f}"
            rows.append((text.language(code) if code else "all", (*whole_cells, *shares)))
    heads = ("test words", "may be changed, %", *(f"changed at {100 * rate:g} %, %" for rate in rates))
    note = "Over all targets. Changed: percent of the words that may be changed; beneath, how many they are."
    return tables.table("Words that noise may change, and those it changed.", "language", heads, rows, note)


def _hardly_changed(counts: Counts, highest: float) -> list[str]:
    """Languages by target in which hardly any word may be changed."""
    named: dict[str, set[str]] = {}
    for (target, code, rate), (whole, choosable, _) in counts.items():
        if rate == highest and choosable < FEW * whole:
            named.setdefault(target, set()).add(code)
    shown = text.listed([f"{', '.join(sorted(codes))} on {target}" for target, codes in named.items()])
    few = f"Hardly anything may be changed (less than {100 * FEW:.0f} % of the words) in {shown}"
    return [f"{few}: a small drop there says nothing of robustness."] if named else []


def _keyboards(study: "Noise") -> Table | None:
    """Each way of typing once, with its languages."""
    ways: dict[str, list[str]] = {}
    for code, way in study["policies"].items():
        ways.setdefault(way, []).append(code)
    rows = [(", ".join(codes), (way,)) for way, codes in ways.items()]
    return tables.table(
        "How each language is taken to be typed.", "languages", ("way",), rows, "Layouts by their names in xkeyboard-config."
    )


def _figure(noisy: Noisy) -> Figure:
    rows = {name: noisy.summary.rows[name] for name in noisy.rows}
    kinds = list(dict.fromkeys(row.intermediate for row in rows.values()))
    tunings = list(dict.fromkeys(row.tuning for row in rows.values()))
    panels: dict[str, list[Curve]] = {target: [] for target in noisy.summary.targets}
    for target, curves in panels.items():
        for name, row in rows.items():
            points = [(rate, score.mean, None) for rate in (0.0, *noisy.rates) if (score := noisy.score(name, target, rate))]
            curves.append(Curve(noisy.rows[name], kinds.index(row.intermediate), tunings.index(row.tuning), points))
    caption = (
        "Score by rate of typing errors, in percent of the words that may be changed. Colour and mark: intermediate training;"
        " dashes: how the model is fine-tuned. Each panel has its own scale, which does not begin at 0."
    )
    alternative = "Score against the share of words with a typing error: a panel for each target, a line for each model."
    return Figure("noise-scores", caption, alternative, figures.curves(panels, log=False, zero=False, percent=True))
