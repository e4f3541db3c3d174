"""The section on a target in hundreds of languages: which of them gain, by class, pretraining text, script and family."""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.report import language_dots, tested, text
from stilts_xtreme.report.comparisons import among
from stilts_xtreme.report.language_dots import Dot, Group
from stilts_xtreme.report.section import Plot, Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Body, Cell, Column, Table
from stilts_xtreme.report.tested import Tested

TITLES = {
    "pretraining": "Text of the encoder",
    "class": "Resource class",
    "script": "Script",
    "family": "Family",
}
LEGEND = {"seen": "the encoder's text had it", "unseen": "lacked it", "not known": "not known"}


def section(summary: Summary) -> Section | None:
    """None where no target has that many languages."""
    study = summary.study.get("language_groups")
    if not study:
        return None
    gains, slopes, seen = (tested.read(study[part]) for part in ("groups", "slopes", "seen"))
    targets = list(dict.fromkeys(one.column for one in gains))
    plots = {}
    for target in targets:
        row = _largest([one for one in gains if one.column == target])
        drawn = _figure(summary, study["languages"], [one for one in gains if (one.row, one.column) == (row, target)])
        caption = (
            f"Gain of {row} over “none” on {target}: a dot a language, sorted within each group, whose number stands beside it;"
            f" line and band: mean and 95 % interval {among(len(summary.seeds))}."
        )
        alternative = f"Gains of {row} in each language of {target} by group; numbers of the groups in the table below."
        plots[f"language-groups-{target}"] = Plot(drawn, caption, alternative)
    found = tuple(answer(target, gains, seen, slopes) for target in targets)
    tables = [made for target in targets for made in (_groups(summary, target, gains), _texts(study, target, seen, slopes))]
    title = "Languages by class, text, script and family"
    return Section("language-groups", title, found, (_grouped(study),), plots, tuple(filter(None, tables)))


def answer(target: str, gains: Sequence[Tested], seen: Sequence[Tested], slopes: Sequence[Tested]) -> str:
    """The row of the largest mean gain, what it gives to languages that the encoder read and to those that it did not, and the
    slope on text: one sentence.
    """
    own = [one for one in gains if one.column == target]
    row = _largest(own)
    groups = {one.told["group"]: one for one in own if (one.row, one.told["grouping"]) == (row, "pretraining")}
    codes = sum(one.told["n"] for one in groups.values())
    mean = sum(one.gain * one.told["n"] for one in groups.values()) / codes
    parts = [
        f"{_with_interval(groups[name])} in the {groups[name].told['n']} that {words}"
        for name, words in (("seen", "the encoder's text had"), ("unseen", "it lacked"))
        if name in groups
    ]
    first = f"On {target}, in {codes} languages without English, {row} gains most: {tested.number(mean)} points on average"
    for ones, form in ((seen, "their difference is {}"), (slopes, "ten times the text goes with {}")):
        parts += [form.format(_with_interval(one)) for one in ones if (one.row, one.column) == (row, target)]
    return ", ".join([first, *parts]) + "."


def _largest(gains: Sequence[Tested]) -> str:
    """The row of the largest mean gain over all languages."""
    totals: dict[str, float] = {}
    for one in gains:
        if one.told["grouping"] == "pretraining":
            totals[one.row] = totals.get(one.row, 0.0) + one.gain * one.told["n"]
    return max(totals, key=lambda row: totals[row])


def _with_interval(one: Tested) -> str:
    return f"{tested.number(one.gain)} ({tested.spread(one.interval)}{', q < 0.05' if one.significant else ''})"


def _figure(summary: Summary, facts: Mapping[str, Mapping[str, Any]], gains: Sequence[Tested]) -> str:
    """The dots of one row on one target."""
    panels: dict[str, list[Group]] = {}
    for grouping, title in TITLES.items():
        for one in gains:
            if one.told["grouping"] != grouping:
                continue
            dots = []
            for code in one.told["languages"]:
                gain = summary.language_gain(one.row, one.column, code)
                if gain is not None:
                    words = f"{text.language(code)}: {text.number(gain.mean, signed=True)}"
                    dots.append(Dot(gain.mean, facts[code]["pretraining"], words))
            if dots:
                name = one.told["group"].removeprefix("Indo-European: ")
                name = f"class {name}" if name.isdigit() else name
                panels.setdefault(title, []).append(Group(name, tuple(dots), one.gain, one.interval))
    kinds = {dot.kind for groups in panels.values() for group in groups for dot in group.dots}
    legend = {kind: words for kind, words in LEGEND.items() if kind in kinds}
    return language_dots.figure(panels, "Gain by language and group of languages", legend)


def _groups(summary: Summary, target: str, gains: Sequence[Tested]) -> Table | None:
    """Gains of every row by group of languages."""
    own = {(one.row, one.told["grouping"], one.told["group"]): one for one in gains if one.column == target}
    rows = [row for row in summary.rows if any(row == name for name, _, _ in own)]
    bodies = []
    for grouping, title in TITLES.items():
        counts = {one.told["group"]: one.told["n"] for (_, kind, _), one in own.items() if kind == grouping}
        lines = [
            (group, (Cell(str(count)), *(tested.cell(own.get((row, grouping, group))) for row in rows)))
            for group, count in counts.items()
        ]
        bodies += [Body(title, tuple(lines))] if lines else []
    caption = f"{target}: gain by group of languages, in points, and its 95 % interval {among(len(summary.seeds))}."
    columns = (Column("languages"), *map(Column, rows))
    stars = ("* q < 0.05, adjusted for the tests of its kind of group (Benjamini-Hochberg).",) if any(
        one.significant for one in own.values()) else ()  # fmt: skip
    return Table(caption, "group", columns, tuple(bodies), stars) if bodies else None


def _texts(study: Mapping[str, Any], target: str, seen: Sequence[Tested], slopes: Sequence[Tested]) -> Table | None:
    """Of every row the difference between languages that the encoder read and others, and the slope on how much it read."""
    differences = {one.row: one for one in seen if one.column == target}
    leaning = {one.row: one for one in slopes if one.column == target}
    lines = []
    for row in dict.fromkeys((*differences, *leaning)):
        slope = leaning.get(row)
        ends = slope.told.get("over_languages") if slope else None
        count = str(slope.told["n"]) if slope else text.ABSENT
        beside = Cell(text.ABSENT if ends is None else tested.spread(ends, 2))
        lines.append((row, (tested.cell(differences.get(row)), tested.cell(slope, 2), Cell(count), beside)))
    if not lines:
        return None
    columns = (Column("seen minus unseen"), Column("slope"), Column("languages"), Column("95 % over languages"))
    notes = (
        f"Slope: points of gain for ten times the text ({study['axis'].removeprefix('log10 ')}), least squares over the languages"
        " that the encoder's text had. The interval beneath speaks of these very languages, the last one of others that scatter"
        " around the line as these do.",
    )
    stars = tested.star([*differences.values()]) or tested.star([*leaning.values()])
    return Table(f"{target}: gain and the encoder's text.", "intermediate", columns, (Body("", tuple(lines)),), stars + notes)


def _grouped(study: Mapping[str, Any]) -> str:
    """How languages were put in groups."""
    where = "GiB of CC-100" if study["axis"].endswith("CC-100") else "lines of text that it was trained on"
    return (
        "Resource classes are those of Joshi et al. 2020 (0 none, 5 most), scripts are ISO 15924's codes, families Glottolog's"
        f" (of Indo-European the branches); the encoder's text is counted in {where}. A script or family of fewer than three"
        " languages is among the others; what no source says of a language is unclassified or not known. English, the language of"
        " fine-tuning, is in no group. The intermediate of the largest gain is picked on the scores shown."
    )
