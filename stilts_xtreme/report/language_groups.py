"""The section on a target in hundreds of languages: which of them gain, by class, pretraining text, script and family."""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.report import language_dots, tables, tested, text
from stilts_xtreme.report.figures import Figure
from stilts_xtreme.report.language_dots import Dot, Group
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Cell, Row, Table
from stilts_xtreme.results.effects import Effect

TITLES = {"pretraining": "Text of the encoder", "class": "Resource class", "script": "Script", "family": "Family"}
COLOURS = {"seen": "blue, the encoder's text had it", "unseen": "orange, it lacked it", "not known": "grey, not known"}


def sections(summary: Summary) -> list[Section]:
    study = summary.study.get("language_groups")
    if not study:
        return []
    figures, parts = [], []
    for target in targets(summary):
        row = largest(summary, target)
        figures.append(_figure(summary, target, row))
        parts += [_groups(summary, target), _text(summary, target)]
    title = "Languages by class, text, script and family"
    return [Section("language-groups", title, [_grouped(study)], figures, [part for part in parts if part is not None])]


def targets(summary: Summary) -> list[str]:
    """Those with so many languages, and gains in them."""
    study = summary.study.get("language_groups") or {}
    return list(dict.fromkeys(gain["target"] for gain in study.get("groups", ())))


def answer(summary: Summary, target: str) -> str:
    """The row of the largest mean gain, what it gives to languages that the encoder read and to those that it did not, and the
    slope on text: one sentence.
    """
    row, counts = largest(summary, target), _counts(summary, target, "pretraining")
    groups = {group: effect for group in counts if (effect := _gain(summary, target, row, "pretraining", group)) is not None}
    codes = sum(counts[group] for group in groups)
    mean = sum((effect.estimate or 0.0) * counts[group] for group, effect in groups.items()) / codes
    parts = [f"On {target}, in {codes} languages without English, {row} gains most: {text.number(mean, True)} points on average"]
    for name, words in (("seen", "the encoder's text had"), ("unseen", "it lacked")):
        parts += [f"{_with_interval(groups[name])} in the {counts[name]} that {words}"] if name in groups else []
    own = [effect for effect in _of(summary, target) if effect.row == row]
    for contrast, form in (("gain in seen", "their difference is {}"), ("slope", "ten times the text goes with {}")):
        parts += [form.format(_with_interval(effect)) for effect in own if effect.contrast.startswith(contrast)]
    return ", ".join(parts) + "."


def largest(summary: Summary, target: str) -> str:
    """The row of the largest mean gain over all languages."""
    counts, totals = _counts(summary, target, "pretraining"), dict[str, float]()
    for group, count in counts.items():
        for effect in _of(summary, target):
            if effect.group == f"pretraining {group}":
                totals[str(effect.row)] = totals.get(str(effect.row), 0.0) + (effect.estimate or 0.0) * count
    return max(totals, key=lambda row: totals[row])


def _of(summary: Summary, target: str) -> list[Effect]:
    return [effect for effect in summary.effects if (effect.question, effect.target) == ("language groups", target)]


def _gain(summary: Summary, target: str, row: str, grouping: str, group: str) -> Effect | None:
    return next((effect for effect in _of(summary, target) if (effect.row, effect.group) == (row, f"{grouping} {group}")), None)


def _members(summary: Summary, target: str, grouping: str) -> dict[str, list[str]]:
    """The target's languages by group, in the order of the result."""
    known = [
        gain for gain in summary.study["language_groups"]["groups"] if (gain["target"], gain["grouping"]) == (target, grouping)
    ]
    return {gain["group"]: list(gain["languages"]) for gain in known}


def _counts(summary: Summary, target: str, grouping: str) -> dict[str, int]:
    return {group: len(codes) for group, codes in _members(summary, target, grouping).items()}


def _with_interval(effect: Effect) -> str:
    return f"{text.number(effect.estimate or 0.0, True)} ({tested.interval(effect)}{', q < 0.05' if tested.sure(effect) else ''})"


def _figure(summary: Summary, target: str, row: str) -> Figure:
    """The dots of one row on one target."""
    facts: Mapping[str, Mapping[str, Any]] = summary.study["language_groups"]["languages"]
    shown: dict[str, list[Group]] = {}
    for grouping, title in TITLES.items():
        for group, codes in _members(summary, target, grouping).items():
            effect, dots = _gain(summary, target, row, grouping, group), []
            for code in codes:
                if (gain := summary.language_gain(row, target, code)) is not None:
                    words = f"{text.language(code)}: {text.number(gain.mean, True)}"
                    dots.append(Dot(gain.mean, facts[code]["pretraining"], words))
            if effect is not None and effect.low is not None and effect.high is not None and dots:
                name = group.removeprefix("Indo-European: ")
                name = f"class {name}" if name.isdigit() else name
                shown.setdefault(title, []).append(Group(name, tuple(dots), effect.estimate or 0.0, (effect.low, effect.high)))
    kinds = {dot.kind for groups in shown.values() for group in groups for dot in group.dots}
    caption = (
        f"Gain of {row} over “none” on {target}, in points: a dot a language, sorted within each group, whose number of languages"
        f" stands beside it; {'; '.join(words for kind, words in COLOURS.items() if kind in kinds)}. Line and band: mean and 95 %"
        f" interval {tested.among(len(summary.seeds))}."
    )
    alternative = f"Gains of {row} in each language of {target} by group; numbers of the groups in the table below."
    return Figure(f"language-groups-{target}", caption, alternative, language_dots.panels(shown))


def _groups(summary: Summary, target: str) -> Table | None:
    """Gains of every row by group of languages."""
    own = _of(summary, target)
    rows = [row for row in summary.rows if any(effect.row == row for effect in own)]
    known = {(effect.row, effect.group): effect for effect in own}
    bodies = {
        title: [
            (group, (Cell(str(count)), *(tested.cell(known.get((row, f"{grouping} {group}"))) for row in rows)))
            for group, count in _counts(summary, target, grouping).items()
        ]
        for grouping, title in TITLES.items()
    }
    caption = f"{target}: gain by group of languages, in points, and its 95 % interval {tested.among(len(summary.seeds))}."
    return tables.table(caption, "group", ("languages", *rows), bodies, f"{tested.STAR} for the groups of a kind.")


def _text(summary: Summary, target: str) -> Table | None:
    """Of every row the difference between languages that the encoder read and others, and the slope on how much it read."""
    study, own = summary.study["language_groups"], _of(summary, target)
    records = {slope["row"]: slope for slope in study["slopes"] if slope["target"] == target}
    differences = {effect.row: effect for effect in own if effect.contrast.startswith("gain in seen")}
    slopes = {effect.row: effect for effect in own if effect.contrast.startswith("slope")}
    rows: list[Row] = []
    for row in dict.fromkeys((*differences, *slopes)):
        record = records.get(row, {})
        ends: Sequence[float] | None = record.get("over_languages")
        beside = Cell(text.interval((ends[0], ends[1]) if ends else None, 2))
        slope = tested.cell(slopes.get(row), 2)
        rows.append((str(row), (tested.cell(differences.get(row)), slope, Cell(str(record.get("n", text.ABSENT))), beside)))
    note = (
        f"Slope: points of gain for ten times the text ({study['axis'].removeprefix('log10 ')}), least squares over the languages"
        " that the encoder's text had. The interval beneath speaks of these very languages, the last one of others that scatter"
        f" around the line as these do. {tested.STAR} for a column."
    )
    heads = ("seen minus unseen", "slope", "languages", "95 % over languages")
    return tables.table(f"{target}: gain and the encoder's text.", "intermediate", heads, rows, note)


def _grouped(study: Mapping[str, Any]) -> str:
    """How languages were put in groups."""
    where = "GiB of CC-100" if study["axis"].endswith("CC-100") else "lines of text that it was trained on"
    return (
        "Resource classes are those of Joshi et al. 2020 (0 none, 5 most), scripts are ISO 15924's codes, families Glottolog's"
        f" (of Indo-European the branches); the encoder's text is counted in {where}. A script or family of fewer than three"
        " languages is among the others; what no source says of a language is unclassified or not known. English, the language of"
        " fine-tuning, is in no group. The intermediate of the largest gain is picked on the scores shown."
    )
