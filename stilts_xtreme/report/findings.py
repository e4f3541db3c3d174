"""What a study found, in sentences made from its numbers; nothing is said that they do not hold."""

from stilts_xtreme.report import significance, text
from stilts_xtreme.report.comparisons import Comparison
from stilts_xtreme.report.summary import AVERAGE, Mean, Summary, above, beyond_two
from stilts_xtreme.results.rows import BASELINE, CONTROL


def found(summary: Summary) -> list[str]:
    """Sentences for the top of the page, the most wanted first."""
    if not summary.study["evaluations"]:
        return ["No evaluation of this study is finished: there is nothing to compare."]
    told = []
    if not summary.has_baseline:
        told.append(f"This study has no row “{BASELINE}”, so gains cannot be computed and the tables show scores.")
    elif summary.comparisons:
        told += significance.found(summary)
    elif summary.compared:
        if AVERAGE in summary.columns:
            told += _average(summary)
        told += _pairs(summary)
    told += _chance(summary)
    return told


def reading(gain: Mean, tested: Comparison | None = None) -> str:
    """How much a mean gain says, in a few words; what was tested about it, where something was."""
    if tested is not None:
        return significance.interval(tested)
    if gain.clear is None:
        return "one seed: no spread" if len(gain.values) == 1 else "two seeds: spread is rough"
    return "two standard errors or more from zero" if gain.clear else "no clear effect"


def retrieval(summary: Summary) -> list[str]:
    """What scores of targets without any training can and cannot show; empty where the study has none."""
    targets = summary.retrieval()
    if not targets:
        return []
    told = [f"Nothing is trained for {text.listed(targets)}: sentence vectors of the encoder are compared as they are."]
    if CONTROL not in summary.rows:
        told.append(
            "Sentences that share names, digits or words match even under random weights, and this study has no"
            f" “{CONTROL}” row to say how many do: absolute scores may overstate what training gave."
        )
        return told
    told.append(
        f"Sentences that share names, digits or words match even under random weights; the “{CONTROL}” row says how many do,"
        " and only what lies above it can be credited to training."
    )
    for target in targets:
        control, base, best = summary.score(CONTROL, target), summary.score(BASELINE, target), summary.best(target)
        parts = [f"{CONTROL} {text.value(control)}"]
        if summary.has_baseline:
            parts.append(f"{BASELINE} {text.value(base)}")
        if best is not None:
            parts.append(f"{best} {text.value(summary.score(best, target))}")
        told.append(f"{target}: {', '.join(parts)}.")
    return told


def _average(summary: Summary) -> list[str]:
    gains = summary.gains(AVERAGE)
    over = f"over the {len(summary.targets)} targets"
    told = []
    best = summary.best(AVERAGE)
    if best is not None:
        gain = gains[best]
        amount = f"{text.number(gain.mean, signed=True)} points over {significance.base(summary, best)}{_spread(gain)}"
        if above(gain.mean):
            told.append(f"Best on average {over}: {best}, {amount}.")
        else:
            told.append(f"No intermediate raises the average {over}; nearest to doing so is {best}, {amount}.")
        raised = [name for name, found in gains.items() if above(found.mean)]
        told.append(f"The average is above that of “{BASELINE}” for {len(raised)} of {text.count(len(gains), 'intermediate')}.")
    absent = [name for name in summary.compared if name not in gains]
    if absent:
        names = text.listed(absent) if gains else "any intermediate"
        told.append(f"No average gain for {names}: in every seed an evaluation is missing on one side of the comparison.")
    return told


def _pairs(summary: Summary) -> list[str]:
    gains = [gain for target in summary.targets for gain in summary.gains(target).values()]
    if not gains:
        return [f"No target has both a “{BASELINE}” score and another to compare it with."]
    raised = sum(above(gain.mean) for gain in gains)
    have = "has" if raised == 1 else "have"
    told = [f"Of {text.count(len(gains), 'pair')} of intermediate and target, {raised} {have} a gain above zero."]
    best = summary.best(AVERAGE) if AVERAGE in summary.columns else None
    if best is not None:
        own = [gain for target in summary.targets if (gain := summary.gain(best, target)) is not None]
        told[0] = f"{told[0][:-1]}; {best} raises {sum(above(gain.mean) for gain in own)} of {text.count(len(own), 'target')}."
    judged = [gain for gain in gains if gain.clear is not None]
    if judged:
        clear = [gain for gain in judged if gain.clear]
        up = sum(gain.mean > 0 for gain in clear)
        told.append(
            f"In {len(clear)} of {text.count(len(judged), 'pair')} with three seeds or more the mean gain is two standard errors"
            f" or more from zero ({up} up, {len(clear) - up} down); with {len(summary.seeds)} seeds about"
            f" {beyond_two(len(summary.seeds)):.0f} in 100 would be even if nothing had any effect."
        )
    return told


def _chance(summary: Summary) -> list[str]:
    told = []
    levels = {target: level for target in summary.targets if (level := summary.chance(target)) is not None}
    names = [name for name, row in summary.rows.items() if not row.is_control]
    runs = [(target, score) for name in names for target in levels for score in summary.by_seed(name, target).values()]
    if runs:
        higher = sum(score > summary.guessed(target) for target, score in runs)
        control = ", control row left out" if CONTROL in summary.rows else ""
        lie, known = "lies" if higher == 1 else "lie", text.listed(list(levels))
        evaluations = text.count(len(runs), "evaluation")
        told.append(f"{higher} of {evaluations} on targets with a chance level ({known}) {lie} clearly above it{control}.")
    low = [
        target
        for target in levels
        if (base := summary.score(BASELINE, target)) is not None and base.mean <= summary.guessed(target)
    ]
    if low:
        told.append(
            f"Without intermediate training {text.listed(low)} {'is' if len(low) == 1 else 'are'} not clearly above chance."
        )
    return told


def _spread(gain: Mean) -> str:
    if gain.deviation is None:
        return ""
    told = f" (standard deviation over {len(gain.values)} seeds {text.number(gain.deviation)})"
    if gain.clear is None:
        return told
    return told + (
        ", two standard errors or more from zero" if gain.clear else ", less than two standard errors from zero: no clear effect"
    )
