"""The section on a target in hundreds of languages: which of them gain, by class, pretraining text, script and family."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stilts_xtreme.report import language_dots, tables, tested, text
from stilts_xtreme.report.figures import Figure
from stilts_xtreme.report.language_dots import Dot, Group
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary, above
from stilts_xtreme.report.tables import Row, Table
from stilts_xtreme.results.effects import Effect

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.sections import LanguageGroups

TITLES = {"pretraining": "Text of the encoder", "class": "Resource class", "script": "Script", "family": "Family"}
COLOURS = {"seen": "blue, the encoder's text had it", "unseen": "orange, it lacked it", "not known": "grey, not known"}


@dataclass(frozen=True)
class Target:
    """A target with so many languages, and the gains in them."""

    name: str
    summary: Summary
    study: "LanguageGroups"

    @cached_property
    def effects(self) -> list[Effect]:
        return self.summary.tested("language groups", target=self.name)

    def contrasts(self, beginning: str) -> dict[str, Effect]:
        """Return the effects whose contrast begins so, by row."""
        return {str(effect.row): effect for effect in self.effects if effect.contrast.startswith(beginning)}

    @cached_property
    def gains(self) -> dict[tuple[str, str], Effect]:
        """By row and group: `script Latn`."""
        return {(str(effect.row), effect.group): effect for effect in self.effects if effect.group}

    def members(self, grouping: str) -> dict[str, list[str]]:
        """Return the languages of each group, in the order of the result."""
        known = [group for group in self.study["groups"] if (group["target"], group["grouping"]) == (self.name, grouping)]
        return {group["group"]: group["languages"] for group in known}

    @cached_property
    def means(self) -> dict[str, float]:
        """Gains over all languages, by row."""
        sizes = {group: len(codes) for group, codes in self.members("pretraining").items()}
        sums: dict[str, list[tuple[float, int]]] = {}
        for group, size in sizes.items():
            for row in self.summary.rows:
                if effect := self.gains.get((row, f"pretraining {group}")):
                    sums.setdefault(row, []).append(((effect.estimate or 0.0) * size, size))
        return {row: sum(gain for gain, _ in parts) / sum(size for _, size in parts) for row, parts in sums.items()}

    @cached_property
    def largest(self) -> str:
        """The row of the largest mean gain."""
        return max(self.means, key=lambda row: self.means[row])


def sections(summary: Summary) -> list[Section]:
    study = summary.study.get("language_groups")
    if not study:
        return []
    own = targets(summary)
    parts = [table for target in own for table in (_groups(target), _text(target))]
    title = "Languages by class, text, script and family"
    return [Section("language-groups", title, [_grouped(study)], [_figure(target) for target in own], parts)]


def targets(summary: Summary) -> list[Target]:
    study = summary.study.get("language_groups")
    names = dict.fromkeys(gain["target"] for gain in study["groups"]) if study else ()
    return [Target(name, summary, study) for name in names if study]


def answer(target: Target) -> str:
    """Name the row of the largest mean gain, its gains in languages that the encoder read and in others, and its slope."""
    row, members = target.largest, target.members("pretraining")
    groups = {group: effect for group in members if (effect := target.gains.get((row, f"pretraining {group}")))}
    codes = sum(len(members[group]) for group in groups)
    mean = text.number(target.means[row], True)
    best = f"{row} gains most" if above(target.means[row]) else f"no intermediate gains, {row} loses least"
    parts = [f"On {target.name}, in {codes} languages without English, {best}: {mean} points on average"]
    for name, words in (("seen", "the encoder's text had"), ("unseen", "it lacked")):
        parts += [f"{_with_interval(groups[name])} in the {len(members[name])} that {words}"] if name in groups else []
    for contrast, form in (("gain in seen", "their difference is {}"), ("slope", "ten times the text goes with {}")):
        effect = target.contrasts(contrast).get(row)
        parts += [form.format(_with_interval(effect))] if effect else []
    return ", ".join(parts) + "."


def _with_interval(effect: Effect) -> str:
    significant = ", q < 0.05" if tested.significant(effect) else ""
    return f"{text.number(effect.estimate, True)} ({tested.interval(effect)}{significant})"


def _figure(target: Target) -> Figure:
    """The dots of the row of the largest gain."""
    row, shown, kinds = target.largest, dict[str, list[Group]](), set[str]()
    for grouping, title in TITLES.items():
        for group, codes in target.members(grouping).items():
            effect, dots = target.gains.get((row, f"{grouping} {group}")), []
            for code in codes:
                if (gain := target.summary.gain(row, target.name, [code])) is not None:
                    words = f"{text.language(code)}: {text.number(gain.mean, True)}"
                    dots.append(Dot(gain.mean, target.study["languages"][code]["pretraining"], words))
            if effect is not None and (around := tested.ends(effect)) and dots:
                name = group.removeprefix("Indo-European: ")
                name = f"class {name}" if name.isdigit() else name
                shown.setdefault(title, []).append(Group(name, tuple(dots), effect.estimate or 0.0, around))
                kinds |= {dot.kind for dot in dots}
    caption = (
        f"Gain of {row} over “none” on {target.name}, in points: a dot a language, sorted within each group, whose number of"
        f" languages stands beside it; {'; '.join(words for kind, words in COLOURS.items() if kind in kinds)}. Line and band:"
        f" mean and 95 % interval {tested.varied(len(target.summary.seeds))}."
    )
    alternative = f"Gains of {row} in each language of {target.name} by group; numbers of the groups in the table below."
    return Figure(f"language-groups-{target.name}", caption, alternative, language_dots.panels(shown))


def _groups(target: Target) -> Table | None:
    """Gains of every row by group of languages."""
    rows = [row for row in target.summary.rows if any(row == name for name, _ in target.gains)]
    bodies: dict[str, list[Row]] = {}
    for grouping, title in TITLES.items():
        bodies[title] = []
        for group, codes in target.members(grouping).items():
            cells = [tested.cell(target.gains.get((row, f"{grouping} {group}"))) for row in rows]
            bodies[title].append((group, (str(len(codes)), *cells)))
    among = tested.varied(len(target.summary.seeds))
    caption = f"{target.name}: gain by group of languages, in points, and its 95 % interval {among}."
    return tables.table(caption, "group", ("languages", *rows), bodies, f"{tested.STAR} for the groups of a kind.")


def _text(target: Target) -> Table | None:
    """Of every row the difference between languages that the encoder read and others, and the slope on how much it read."""
    records = {slope["row"]: slope for slope in target.study["slopes"] if slope["target"] == target.name}
    differences, slopes = target.contrasts("gain in seen"), target.contrasts("slope")
    rows: list[Row] = []
    for row in dict.fromkeys((*differences, *slopes)):
        record = records.get(row)
        beside = (str(record["n"]), text.interval(record.get("over_languages"), 2)) if record else (text.ABSENT,) * 2
        rows.append((row, (tested.cell(differences.get(row)), tested.cell(slopes.get(row), 2), *beside)))
    note = (
        f"Slope: points of gain for ten times the text ({target.study['axis'].removeprefix('log10 ')}), least squares over the"
        " languages that the encoder's text had. The interval beneath speaks of these very languages, the last one of others that"
        f" scatter around the line as these do. {tested.STAR} for a column."
    )
    heads = ("seen minus unseen", "slope", "languages", "95 % over languages")
    return tables.table(f"{target.name}: gain and the encoder's text.", "intermediate", heads, rows, note)


def _grouped(study: "LanguageGroups") -> str:
    """How languages were put in groups."""
    where = "GiB of CC-100" if study["axis"].endswith("CC-100") else "lines of text that it was trained on"
    return (
        "Resource classes are those of Joshi et al. 2020 (0 none, 5 most), scripts are ISO 15924's codes, families Glottolog's"
        f" (of Indo-European the branches); the encoder's text is counted in {where}. A script or family of fewer than three"
        " languages is among the others; what no source says of a language is unclassified or not known. English, the language of"
        " fine-tuning, is in no group. The intermediate of the largest gain is picked on the scores shown."
    )
