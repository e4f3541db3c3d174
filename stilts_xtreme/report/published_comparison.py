"""The section of a report that shows published numbers beside the study's own."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stilts_xtreme.data.expected import expected
from stilts_xtreme.report import published, tables, text
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.published import Number
from stilts_xtreme.report.summary import AVERAGE, Summary, raised
from stilts_xtreme.report.tables import Cell, Row, Table
from stilts_xtreme.results.rows import BASELINE
from stilts_xtreme.scoring.benchmarks import XTREME

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.study import Reading

SMALL_SETUPS = ("miniature", "small")
BROKEN = 0.005  # of a file's rows may be dropped in reading
BEST = "best"  # the row that stands for the best intermediate of each target


def sections(summary: Summary, numbers: Sequence[Number] | None = None) -> list[Section]:
    """Set published gains and scores beside ours; none for other benchmarks, or where no numbers are at hand."""
    numbers = published.read() if numbers is None else numbers
    if summary.study.get("benchmark", "xtreme") != "xtreme" or not summary.has_baseline or not summary.study["evaluations"]:
        return []
    whole = len(summary.targets) == 9  # the published averages are over all nine tasks
    shown = [number for number in numbers if number.column in (*summary.targets, *([AVERAGE] if whole else []))]
    other = _other_test_sets(summary)
    shown = [number for number in shown if number.value is None or not other & _columns(summary, number)]
    parts = [
        _gains(summary, [number for number in shown if number.kind != "score"]),
        _scores(summary, [number for number in shown if number.kind == "score"]),
    ]
    if not any(parts) and not other:
        return []
    return [Section("published", "Beside the published numbers", (_scale(summary), *_left_out(summary, other)), tables=parts)]


def _columns(summary: Summary, number: Number) -> set[str]:
    """The targets that a published figure is of."""
    return set(summary.targets) if number.column == AVERAGE else {number.column}


def _other_test_sets(summary: Summary) -> set[str]:
    """Targets whose languages or test sets are not known to be the published ones; none where the result does not say what it
    read, as older ones do not."""
    if (readings := summary.readings) is None:
        return set()
    return {target for target in summary.targets if target in XTREME.languages and not _is_published(target, readings)}


def _is_published(target: str, readings: Mapping[str, "Reading"]) -> bool:
    """Whether all of the target's test set was read, in the languages of the benchmark and no others."""
    own = {key.rpartition("/")[2]: reading for key, reading in readings.items() if key.startswith(f"{target}/test/")}
    return set(own) == set(XTREME.languages[target]) and all(_is_whole(target, code, own[code]) for code in own)


def _is_whole(target: str, code: str, reading: "Reading") -> bool:
    release = expected(target, "test", code)
    if release is None or "sampled" in reading:
        return False
    if target == "bucc2018":
        return True  # of the release its gold pairs are known, and not how many sentences they stand among
    rows = (2 if release.counted == "pairs" else 1) * release.number  # of a pair both sentences are examples
    return abs(reading["examples"] - rows) <= BROKEN * rows


def _left_out(summary: Summary, other: set[str]) -> tuple[str, ...]:
    """Which targets have no published figures beside them, and why."""
    if not other:
        return ()
    targets = text.listed([target for target in summary.targets if target in other])
    own = [name for name in ("languages", "test_examples") if name in summary.study]
    why = f" (it sets {' and '.join(own)})" if own else ""
    return (
        "Figures are set beside ours only where languages and test sets are the same. Those of this study are not known to be the"
        f" published ones{why}: figures are left out for {targets}.",
    )


def _scale(summary: Summary) -> str:
    """What can be compared at all with figures of XLM-R Large."""
    encoder = summary.study.get("encoder") or {}
    name = encoder.get("pretrained", {}).get("name", "")
    if summary.study.get("setup") in SMALL_SETUPS:
        what = f"The setup {summary.study['setup']} is far smaller than XLM-R Large and its data"
    elif encoder and not name.lower().endswith("xlm-roberta-large"):
        what = f"The encoder {name} is not XLM-R Large" if name else "The encoder was trained here and is not XLM-R Large"
    else:
        what = ""
    if what:
        return (
            f"{what}: the scales are not comparable. What can be read beside the paper is which gains are above zero, and their"
            " order."
        )
    return "Compare splits and versions before reading a difference as one of method: both are named below."


def _gains(summary: Summary, numbers: Sequence[Number]) -> Table | None:
    rows = []
    for number in numbers:
        words = number.words if number.value is None else text.number(number.value, signed=True)
        rows.append((f"{number.column}: {_name(number)}", (words, number.split, _ours(summary, number), number.source)))
    note = "Points over no intermediate training. Here: means over seeds."
    if any(number.row == BEST for number in numbers):
        note += " Best of each target: the mean of the largest gains, which are picked on the scores shown."
    heads = ("published", "split", "here", "source")
    return tables.table("Gains that the paper reports, and ours.", "gain", heads, rows, note, *_notes(numbers))


def _name(number: Number) -> str:
    if number.row == BEST:
        return "best of each target"
    return number.row or "intermediate training"


def _ours(summary: Summary, number: Number) -> str:
    """Our number or numbers for a published gain or claim; a dash where the study has none."""
    if number.row == BEST:
        gains = [summary.gain(name, target) for target in summary.targets if (name := summary.best(target))]
        means = [gain.mean for gain in gains if gain is not None]
        return text.number(math.fsum(means) / len(means), signed=True) if len(means) == len(summary.targets) else text.ABSENT
    if number.row:
        gain = summary.gain(number.row, number.column) if number.row in summary.rows else None
        shown = " ".join(filter(None, (text.value(gain, signed=True), text.spread(gain))))
        best = _single(summary, number.row) if number.kind == "claim" and gain is not None else None
        single = f"; best single one: {best}, {text.value(summary.gain(best, number.column), signed=True)}" if best else ""
        return f"{shown}{single}"
    best = summary.best(number.column)
    if best is None or not summary.gains(number.column):
        return text.ABSENT
    every = summary.gains(number.column)
    return f"{raised(every)} of {len(every)} above zero; largest: {best}, {text.value(every[best], signed=True)}"


def _single(summary: Summary, mixture: str) -> str | None:
    """The intermediate best on average that is no mixture."""
    mixtures = {mixture, *(summary.study.get("mixtures") or {})}
    gains = {name: gain.mean for name, gain in summary.gains(AVERAGE).items() if name not in mixtures}
    return max(gains, key=lambda name: gains[name], default=None)


def _scores(summary: Summary, numbers: Sequence[Number]) -> Table | None:
    systems = list(dict.fromkeys(number.system for number in sorted(numbers, key=lambda number: number.row != BASELINE)))
    columns = [*summary.targets, AVERAGE]
    places = sorted({(number.column, number.split) for number in numbers}, key=lambda place: (columns.index(place[0]), place[1]))
    rows: list[Row] = []
    for column, split in places:
        own = [number for number in numbers if (number.column, number.split) == (column, split)]
        cells = [_published([number for number in own if number.system == system]) for system in systems]
        best = summary.best(column)
        ours = tables.mean(summary.score(BASELINE, column)), tables.mean(summary.score(best, column) if best else None)
        rows.append((f"{column}, {split}", (*cells, *ours, best or text.ABSENT)))
    notes = (
        "Scores, 0 to 100; for questions the mean of exact match (EM) and F1. Ours are of the setup's own test data"
        " and stand beside either split.",
        f"Sources: {'; '.join(dict.fromkeys(number.source for number in numbers))}.",
    )
    heads = (*systems, f"here, {BASELINE}", "here, best", "best here")
    return tables.table("Published scores, and ours.", "target, split", heads, rows, *notes, *_notes(numbers))


def _published(numbers: Sequence[Number]) -> Cell | str:
    """The mean of the metrics, and each of them where they are several."""
    values = [number.value for number in numbers if number.value is not None]
    if not values:
        return text.ABSENT
    names = {"exact_match": "EM", "f1": "F1"}
    small = ", ".join(f"{names.get(number.metric, number.metric)} {text.number(number.value)}" for number in numbers)
    return Cell(text.number(math.fsum(values) / len(values)), small if len(values) > 1 else "")


def _notes(numbers: Sequence[Number]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{number.system}: {number.note}" for number in numbers if number.note))
