"""The few sentences at the top of a page: what a reader must know first, the best row, what is significant."""

from collections.abc import Sequence

from stilts_xtreme.report import language_groups, mixtures, settings, tested, text
from stilts_xtreme.report.order import ALL, title
from stilts_xtreme.report.scores import reading
from stilts_xtreme.report.summary import AVERAGE, Summary, above, raised
from stilts_xtreme.results.effects import PAIRS, POINTS, Effect
from stilts_xtreme.results.rows import BASELINE, CONTROL

NAMED = 8  # effects, at most, that a sentence names
RATE = f"false discovery rate of {100 * tested.LEVEL:.0f} %"
QUESTIONS = {  # what is counted, by question and the beginning of the contrast
    ("order", "orders differ"): "Orders of the intermediate tasks differ",
    ("order", "row - mean"): "The mixture minus the mean of its orders",
    ("order", "row - its last"): "An order minus its last task alone",
    (PAIRS["way"], ""): "The target's data at another time",
    (PAIRS["single"], ""): "A mixture minus one of its tasks",
    (PAIRS["rule"], ""): "Another rule of drawing tasks",
    (PAIRS["without"], ""): "One task left out of the mixture",
    (PAIRS["languages"], ""): "Translated training data minus English alone",
    (PAIRS["text"], ""): "Masked LM on text beside the task minus the task alone",
    ("sizes", ""): "Gain with the fewest training examples of the target minus gain with the most",
}
GROUPS = {
    "low": "languages of few resources", "mid": "languages of some resources", "high": "languages of many resources",
    "unseen": "languages that the encoder never saw", "unclassified": "languages without a class",
}  # fmt: skip


def sentences(summary: Summary) -> list[str]:
    """Write all sentences, what a reader must know first; where nothing was learned no more than that."""
    if not summary.study["evaluations"]:
        return ["No evaluation of this study is finished: there is nothing to compare."]
    first = opening(summary)
    if nothing := learned_nothing(summary):
        return [*first, nothing]
    answers = [language_groups.answer(target) for target in language_groups.targets(summary)]
    return [*first, *answers, *_order(summary), *_noise(summary), *_best(summary), *_gains(summary), *questions(summary),
            *_groups(summary), *_selection(summary), *_chance(summary)]  # fmt: skip


def opening(summary: Summary) -> list[str]:
    """Name encoder and data, seeds, what is missing, what collapsed."""
    study, seeds = summary.study, len(summary.seeds)
    encoder = study.get("encoder") or {}
    parts = [f"encoder {encoder['pretrained']['name']}"] if encoder.get("pretrained") else []
    parts += ["a small encoder trained from random weights"] if encoder.get("random") else []
    parts += [f"data from {source}"] if (source := (study.get("data") or {}).get("source")) else []
    parts += [f"setup {study['setup']}"] if study.get("setup") else []
    first = "; ".join([*parts, text.count(seeds, "seed")])
    lines = [f"{first[0].upper()}{first[1:]}.", *settings.tuned(summary), _few(summary), *settings.seeds(summary)]
    if missing := sum(map(len, summary.missing().values())):
        planned = len(summary.rows) * len(summary.targets) * seeds
        lines.append(f"{text.count(missing, 'evaluation')} of {planned} {_is(missing)} missing (see below).")
    if collapsed := sum(bool(training.get("collapsed")) for training in study["trainings"]):
        of = text.count(len(study["trainings"]), "training")
        lines.append(f"{collapsed} of {of} collapsed; scores built on them count and are marked ‡.")
    return [line for line in lines if line]


def _few(summary: Summary) -> str:
    """What few seeds leave open."""
    known = any(effect.low is not None for effect in summary.tests.values())
    if len(summary.seeds) == 1:
        only = "Only one seed was run, so what differs here, however much, may differ by chance between trainings."
        return only + (" Intervals, and what is called significant, speak of other test examples only." if known else "")
    if len(summary.seeds) == 2:
        wide = "intervals wide" if known else "no effect is called clear"
        return f"Two seeds were run: the standard deviations are rough, and {wide}."
    return ""


def learned_nothing(summary: Summary) -> str:
    """Say that no evaluation shows anything: each is at chance level or built on a collapsed training; else empty."""
    runs = [
        run.get("collapsed") or (summary.chance(target) is not None and run["score"] <= summary.guessed(target))
        for (row, target), by_seed in summary.cells.items()
        if not summary.rows[row].is_control
        for run in by_seed.values()
    ]
    if not runs or not all(runs):
        return ""
    return "No evaluation is above chance: nothing was learned that intermediate training could help, so gains mean nothing here."


def counted(what: str, effects: Sequence[Effect]) -> list[str]:
    """Write `Gains: of 6 effects 1 significantly above zero (mnli on xnli) and 2 below zero.`; nothing where there are none.

    Names are left out where there are many.
    """
    if not effects:
        return []
    sides = [[effect for effect in effects if tested.direction(effect) == sign] for sign in (1, -1)]
    total = sum(map(len, sides))
    if total:
        parts = [
            f"{len(side)} significantly {word} zero" + (f" ({', '.join(map(label, side))})" if total <= NAMED else "")
            for word, side in zip(("above", "below"), sides, strict=True)
            if side
        ]
        return [f"{what}: of {text.count(len(effects), 'effect')} {' and '.join(parts)}."]
    if len(effects) == 1 and effects[0].estimate is not None:
        return [f"{what}: {text.number(effects[0].estimate, True)} ({tested.interval(effects[0])}), not significant."]
    return [f"{what}: none of {len(effects)} effects is significant."]


def label(effect: Effect) -> str:
    """Name an effect: `mnli on xnli`, `joint against mix on xnli`."""
    usual = effect.reference in (None, BASELINE) or effect.question in ("gain", "resources", "order")
    return f"{effect.row or effect.contrast}{'' if usual else f' against {effect.reference}'} on {effect.target}"


def questions(summary: Summary) -> list[str]:
    """Count the significant effects, question by question; averages of targets count as a target more."""
    lines = []
    for (question, contrast), what in QUESTIONS.items():
        effects = [effect for effect in summary.tested(question, group=None) if effect.contrast.startswith(contrast)]
        if not effects or (question == PAIRS["single"] and not mixtures.has_mixtures(summary)):
            continue  # of single tasks no table shows them then
        if contrast == "orders differ":
            where = text.listed([effect.target for effect in effects if tested.significant(effect)]) or "no target"
            lines.append(f"{what} by more than random order would on {where} ({text.count(len(effects), 'test')}).")
            continue
        pooled = [effect for effect in effects if effect.row is None and question in PAIRS.values()]
        lines += counted(what, [effect for effect in effects if effect not in pooled])
        lines += counted(f"{what}, {pooled[0].contrast}", pooled) if pooled else []
    return lines


def _best(summary: Summary) -> list[str]:
    if not summary.has_baseline:
        return [f"This study has no row “{BASELINE}”, so gains cannot be computed and the tables show scores."]
    column = summary.columns[-1]
    gains, best = summary.gains(column), summary.best(column)
    if best is None or best not in gains:
        missing = "No average gain can be computed: in every seed an evaluation is missing on one side of the comparison."
        return [missing] if summary.compared else []
    base = summary.baseline(best)
    amount = f"{best}, {text.number(gains[best].mean, signed=True)} points over"
    amount += f" {'no intermediate training' if base == BASELINE else base} ({reading(summary, best, column, gains[best])})"
    over, score = column, f"score on {column}"
    if column == AVERAGE:
        over = score = f"average over the {len(summary.targets)} targets"
    if above(gains[best].mean):
        count = f"{raised(gains)} of {text.count(len(gains), 'row')} {_is(len(gains))}"
        return [f"Best on {over}: {amount}; {count} above zero."]
    return [f"No intermediate raises the {score}; nearest is {amount}."]


def _gains(summary: Summary) -> list[str]:
    if not summary.has_baseline:
        return []
    whole = [effect for (_, _, language), effect in summary.tests.items() if language is None]
    known = [effect for effect in whole if effect.q is not None]
    if not known:
        positive = [above(gain.mean) for target in summary.targets for gain in summary.gains(target).values()]
        untested = "; none could be tested" if whole else ""
        pairs = text.count(len(positive), "pair")
        return [f"{sum(positive)} of {pairs} of intermediate and target have a gain above zero{untested}."] if positive else []
    averages = [effect for effect in known if effect.target == AVERAGE]
    single = [effect for effect in known if effect.target != AVERAGE]
    return counted(f"Gains on average at a {RATE}", averages) + counted(f"Gains by target at a {RATE}", single)


def _order(summary: Summary) -> list[str]:
    """The average's best order; where there is no average, the only target's."""
    if (orders := summary.study.get("orders")) is None:
        return []
    panels = [(panel, best) for panel in orders["panels"] if panel["subset"] == ALL and (best := panel.get("best"))]
    if not panels:
        return ["No target has every order finished in any seed: nothing can be said about orders."]
    lines = []
    for panel, best in [(panel, best) for panel, best in panels if panel["target"] == AVERAGE] or panels:
        line = f"The best order on {title(panel)} is {best['order']}, {text.number(best['above'], True)} over the mean"
        if best.get("expected") is not None:
            line += f" of all; if order had no effect, the best would still lie {text.number(best['expected'], True)} over it"
        lines.append(line + ".")
    return lines


def _noise(summary: Summary) -> list[str]:
    """What typing errors cost a model without intermediate training, and which training spares some of it."""
    if not (noise := summary.study.get("noise")) or not noise["evaluations"]:
        return []
    rate = max(noise["rates"])
    drops = summary.tested("noise", rate=rate, unit=POINTS, contrast="clean - noisy", row=BASELINE)
    parts = [f"{text.number(drop.estimate)} points on {drop.target} ({tested.interval(drop)})"
             for drop in drops if drop.estimate is not None]  # fmt: skip
    first = (
        f"With typing errors in {100 * rate:g} % of the words that may be changed, a model without intermediate training loses"
    )
    spared = summary.tested("noise", rate=rate, unit=POINTS, reference=BASELINE)
    lines = [f"{first} {text.listed(parts)}."] if parts else []
    return lines + counted("Points of that which another training spares", spared)


def _groups(summary: Summary) -> list[str]:
    """Whether gains reach languages of few resources, and whether they rise with resources."""
    lines = []
    for group, words in GROUPS.items():
        lines += counted(f"Gains in {words}", summary.tested("resources", group=group, contrast="row - reference"))
    slopes = summary.tested("resources", contrast="slope of the gain")
    return lines + (counted(f"Slope of the gain on resources, in {slopes[0].unit}", slopes) if slopes else [])


def _selection(summary: Summary) -> list[str]:
    return counted("Choosing the intermediate of each target on English dev changes the average", summary.tested("selection"))


def _chance(summary: Summary) -> list[str]:
    levels = [target for target in summary.targets if summary.chance(target) is not None]
    names = [name for name, row in summary.rows.items() if not row.is_control]
    runs = [(target, score) for name in names for target in levels for score in summary.by_seed(name, target).values()]
    if not runs:
        return []
    higher = sum(score > summary.guessed(target) for target, score in runs)
    control = ", control row left out" if CONTROL in summary.rows else ""
    lines = [f"Clearly above chance: {higher} of {text.count(len(runs), 'evaluation')} on {text.listed(levels)}{control}."]
    low = [target for target in levels if (base := summary.score(BASELINE, target)) and base.mean <= summary.guessed(target)]
    return lines + ([f"Not clearly above chance without intermediate training: {text.listed(low)}."] if low else [])


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
