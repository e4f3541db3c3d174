"""What a reader must know before any finding: encoder and data, seeds, what is missing, what collapsed or stayed at chance."""

from stilts_xtreme.report import repeat, text
from stilts_xtreme.report.summary import Summary


def sentences(summary: Summary) -> list[str]:
    """Sentences for the top of the page."""
    if not summary.study["evaluations"]:
        return []
    first = [_setting(summary), *repeat.tuned(summary), *_seeds(summary), *repeat.seeds(summary)]
    return [sentence for sentence in (*first, _missing(summary), _collapsed(summary)) if sentence]


def learned_nothing(summary: Summary) -> str:
    """A sentence where no evaluation shows anything: each is at chance level or built on a collapsed training; else empty."""
    runs = [
        (target, run)
        for (row, target), by_seed in summary.cells.items()
        if row in summary.rows and not summary.rows[row].is_control
        for run in by_seed.values()
    ]
    learned = [run for target, run in runs if not run.get("collapsed") and not _at_chance(summary, target, run["score"])]
    if not runs or learned:
        return ""
    return "No evaluation is above chance: nothing was learned that intermediate training could help, so gains mean nothing here."


def _at_chance(summary: Summary, target: str, score: float) -> bool:
    return summary.chance(target) is not None and score <= summary.guessed(target)


def _setting(summary: Summary) -> str:
    study = summary.study
    encoder = study.get("encoder") or {}
    parts = []
    if published := encoder.get("pretrained"):
        parts.append(f"encoder {published['name']}")
    elif encoder.get("random"):
        parts.append("a small encoder trained from random weights")
    if source := (study.get("data") or {}).get("source"):
        parts.append(f"data from {source}")
    if study.get("setup"):
        parts.append(f"setup {study['setup']}")
    sentence = "; ".join([*parts, text.count(len(summary.seeds), "seed")])
    return f"{sentence[0].upper()}{sentence[1:]}."


def _seeds(summary: Summary) -> list[str]:
    """What few seeds leave open."""
    tested = any(one.interval is not None for one in summary.comparisons.values())
    if len(summary.seeds) == 1:
        sentence = "Only one seed was run, so what differs here, however much, may differ by chance between trainings."
        return [sentence + (" Intervals, and what is called significant, speak of other test examples only." if tested else "")]
    if len(summary.seeds) == 2:
        wide = "intervals wide" if tested else "no effect is called clear"
        return [f"Two seeds were run: the standard deviations are rough, and {wide}."]
    return []


def _missing(summary: Summary) -> str:
    missing = sum(map(len, summary.missing().values()))
    planned = len(summary.rows) * len(summary.targets) * len(summary.seeds)
    verb = "is" if missing == 1 else "are"
    return f"{text.count(missing, 'evaluation')} of {planned} {verb} missing (see below)." if missing else ""


def _collapsed(summary: Summary) -> str:
    trainings = summary.study["trainings"]
    collapsed = sum(bool(training.get("collapsed")) for training in trainings)
    if not collapsed:
        return ""
    return f"{collapsed} of {text.count(len(trainings), 'training')} collapsed; scores built on them count and are marked ‡."
