"""The section on typing errors in the input: what they cost each model, and which training makes them cost less."""

from collections.abc import Sequence

from stilts_xtreme.report import short_names, text
from stilts_xtreme.report.against import Effect, split
from stilts_xtreme.report.curves import Curve, Panel, curves
from stilts_xtreme.report.noise import tables as noise_tables
from stilts_xtreme.report.noise.noisy import Noisy, read
from stilts_xtreme.report.noise.questions import questions
from stilts_xtreme.report.noise.words import Words
from stilts_xtreme.report.section import Plot, Section
from stilts_xtreme.report.summary import AVERAGE, Summary
from stilts_xtreme.results.rows import BASELINE

TOP = 5  # questions that are answered at the top of the page


def section(summary: Summary) -> Section | None:
    told = summary.study.get("noise")
    if not told or not told["evaluations"]:
        return None
    noisy = read(summary, told)
    words = Words.read(told)
    plot = _plot(noisy)
    return Section(
        "noise",
        "Typing errors in the input",
        tuple(found(noisy)),
        (*filter(None, [_named(noisy)]), *words.told(told), *_caution(noisy), *verdicts(noisy)[TOP:]),
        {"noise-scores": plot} if plot else {},
        tuple(
            [noise_tables.scores(noisy, target) for target in summary.targets]
            + [table for relative in (False, True) if (table := noise_tables.contrasts(noisy, relative))]
            + [table for target in summary.targets if (table := noise_tables.languages(noisy, target))]
            + [words.table(), words.typed(told)]
        ),
    )


def found(noisy: Noisy) -> list[str]:
    """Sentences for the top of the page: what noise costs, and what each way of training changes about it."""
    told, rate = [], f"With typing errors in {100 * noisy.highest:g} % of the words that may be changed"
    parts = [_cost(noisy, target) for target in noisy.summary.targets]
    if any(parts):
        plain = "a model without intermediate training, fine-tuned in English,"
        told.append(f"{rate}, {plain} loses {'; '.join(filter(None, parts))}.")
    told += verdicts(noisy)[:TOP]
    floor = [target for target in noisy.summary.targets if all(noisy.guessing(row.name, target) for row in noisy.rows)]
    if floor:
        told.append(
            f"On {text.listed(floor)} no model is better than guessing even without typing errors: there is nothing to lose."
        )
    return told


def verdicts(noisy: Noisy) -> list[str]:
    """A sentence for each question, on targets where both models are better than guessing."""
    told = []
    for title, pairs in questions(noisy).items():
        effects = [
            one
            for row, other in pairs
            for column in noisy.columns
            if (one := noisy.effect(row, other, column)) is not None
            and not noisy.guessing(row, column)
            and not noisy.guessing(other, column)
        ]
        told += [_verdict(title, effects, noisy)] if effects else []
    return told


def _cost(noisy: Noisy, target: str) -> str:
    one = noisy.drop(BASELINE, target)
    if one is None or noisy.guessing(BASELINE, target):
        return ""
    share = one.get("relative")
    relative = f", {text.number(share['gain'])} % of its clean score" if share else ""
    doubt = "" if one["interval"][0] > 0 or one["interval"][1] < 0 else "; no clear loss"
    return (
        f"{text.number(one['gain'])} points on {target} (95 % interval {text.interval(tuple(one['interval']))}{relative}{doubt})"
    )


def _verdict(title: str, effects: Sequence[Effect], noisy: Noisy) -> str:
    """`Both against neither: +0.4 points spared, the mean of 6 comparisons; on average over the targets significantly less is
    lost in 1 of 2 comparisons (mnli); by target no significant difference in 6 comparisons.`"""
    single, average = ([one for one in effects if (one["target"] == AVERAGE) == wanted] for wanted in (False, True))
    mean = text.number(sum(one["gain"] for one in single) / len(single), signed=True)
    size = f"{mean} points spared" + (f", the mean of {text.count(len(single), 'comparison')}" if len(single) > 1 else "")
    parts = [size, *([f"on average over the targets {_tested(average, noisy)}"] if average else [])]
    return f"{title}: {'; '.join([*parts, f'by target {_tested(single, noisy)}'])}."


def _tested(effects: Sequence[Effect], noisy: Noisy) -> str:
    less, more = split(effects)
    if not less + more:
        return "no significant difference" + (f" in {len(effects)} comparisons" if len(effects) > 1 else "")
    parts = [
        f"significantly {word} is lost{_share(found, effects, noisy)}"
        for word, found in (("less", less), ("more", more))
        if found
    ]
    return " and ".join(parts)


def _share(found: Sequence[Effect], effects: Sequence[Effect], noisy: Noisy) -> str:
    if len(found) == len(effects):
        return f" in all {len(effects)} comparisons" if len(effects) > 1 else ""
    return f" in {len(found)} of {len(effects)} comparisons ({_where(found, noisy)})"


def _where(found: Sequence[Effect], noisy: Noisy) -> str:
    rows: dict[str, list[str]] = {}
    for one in found:
        rows.setdefault(noisy.names[one["row"]], []).append(one["target"])
    return "; ".join(row if targets == [AVERAGE] else f"{row} on {text.listed(targets)}" for row, targets in rows.items())


def _named(noisy: Noisy) -> str:
    told = short_names.explained(noisy.rows, noisy.summary.study)
    return (
        f"Names of models. {BASELINE}: no intermediate training, fine-tuned on English as it is. {told[:1].upper()}{told[1:]}"
        if told
        else ""
    )


def _caution(noisy: Noisy) -> list[str]:
    weak = {
        target: [noisy.names[row.name] for row in noisy.rows if noisy.guessing(row.name, target)]
        for target in noisy.summary.targets
    }
    told = [
        f"{target}: the clean scores of {len(names)} of {text.count(len(noisy.rows), 'model')} are no better than guessing"
        " (marked §); a model that knows nothing loses nothing, and losing less is no merit there."
        for target, names in weak.items()
        if names
    ]
    return told + [
        "A model with a lower clean score also has fewer points to lose: besides points, drops are given in percent of a model's"
        " own clean score, and the score that is left says which model to use."
    ]


def _plot(noisy: Noisy) -> Plot | None:
    kinds = list(dict.fromkeys(row.intermediate for row in noisy.rows))
    ways = list(dict.fromkeys(row.tuning for row in noisy.rows))
    panels = []
    for target in noisy.summary.targets:
        drawn = []
        for row in noisy.rows:
            points = [(rate, score.mean) for rate in (0.0, *noisy.rates) if (score := noisy.score(row.name, target, rate))]
            drawn.append(Curve(noisy.names[row.name], kinds.index(row.intermediate), ways.index(row.tuning), points))
        if any(len(curve.points) > 1 for curve in drawn):
            panels.append(Panel(target, drawn))
    if not panels:
        return None
    words = "Score against the share of words with a typing error: a panel for each target, a line for each model."
    return Plot(
        curves(
            "noise-scores", "Score by rate of typing errors", words, "words with an error, % of those that may be changed", panels
        ),
        "Score by rate of typing errors. Colour and mark: intermediate training; dashes: how the model is fine-tuned."
        " Each panel has its own scale, which does not begin at 0.",
        f"{words} Numbers in the tables below.",
    )
