"""The section on low-resource languages: does the gain reach them, and does it rise or fall with a language's resources?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilts_xtreme.report import figures, scores, tables, tested, text
from stilts_xtreme.report.figures import Figure, Panel
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Cell, Row, Table
from stilts_xtreme.results.effects import Effect

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.sections import Resources

CLASSES = {"low": "low (0–2)", "mid": "mid (3)", "high": "high (4–5)", "unseen": "unseen", "unclassified": "unclassified"}
SHOWN = 4  # rows in a panel of the figure; of more the row of the largest gain


@dataclass(frozen=True)
class Groups:
    """A study's groups of languages."""

    summary: Summary
    study: "Resources"
    members: Mapping[str, Mapping[str, Sequence[str]]]  # languages by target and group
    heads: Mapping[str, str]  # what each group is called in tables

    def effects(self, contrast: str, target: str) -> list[Effect]:
        """Return the tested effects on a target whose contrast begins so."""
        return [effect for effect in self.summary.tested("resources", target=target) if effect.contrast.startswith(contrast)]


def sections(summary: Summary) -> list[Section]:
    study = summary.study.get("resources")
    if not study:
        return []
    members: dict[str, dict[str, list[str]]] = {target: {} for target in summary.targets}
    for group in CLASSES:  # in this order
        for entry in study["scores"]:
            if entry["group"] == group:
                members[entry["target"]][group] = entry["languages"]
    members = {target: groups for target, groups in members.items() if groups}
    used = {group for groups in members.values() for group in groups}
    heads = {group: name if study["axis"] == "joshi" else group for group, name in CLASSES.items() if group in used}
    groups = Groups(summary, study, members, heads)
    parts = [languages(groups), gains(groups), scores_table(groups), slopes(groups)]
    return [Section("resources", "Low-resource languages", [_grouped(study)], [_figure(groups)], parts)]


def languages(groups: Groups) -> Table | None:
    """Tabulate which languages each target has in each group."""
    rows = []
    for target, members in groups.members.items():
        known = [members.get(group, ()) for group in groups.heads]
        rows.append((target, [f"{len(codes)}: {' '.join(codes)}" if codes else text.ABSENT for codes in known]))
    return tables.table("Languages of each group, by target: number, then codes.", "target", list(groups.heads.values()), rows)


def gains(groups: Groups) -> Table | None:
    """Tabulate gains by group, with intervals; the gain in the group minus that in English beneath them."""
    bodies, heads = {}, groups.heads
    for target, members in groups.members.items():
        title = f"{target}: {', '.join(f'{heads[group]} n = {len(codes)}' for group, codes in members.items())}"
        own, narrowed = groups.effects("row", target), groups.effects("gain in", target)
        bodies[title] = [
            *tested.matrix(own, list(heads), lambda effect: str(effect.row), "group"),
            *tested.matrix(narrowed, list(heads), lambda effect: f"{effect.row}, minus English", "group"),
        ]
    caption = f"Gain by group of languages, in points, and its 95 % interval {tested.varied(len(groups.summary.seeds))}."
    return tables.table(caption, "intermediate", (*heads.values(), "verdict"), bodies, f"{tested.STAR} for all of a kind.")


def scores_table(groups: Groups) -> Table | None:
    """Tabulate scores by group, and beneath each how far it is from English."""
    summary = groups.summary
    known = {(entry["row"], entry["target"], str(entry["group"])): entry for entry in groups.study["scores"]}

    def cell(row: str, target: str, group: str) -> Cell | str:
        if (entry := known.get((row, target, group))) is None:
            return text.ABSENT
        score, gap = summary.over_seeds(entry["scores"]), summary.over_seeds(entry.get("gaps") or {})
        return Cell(text.value(score), "" if gap is None else text.value(gap, signed=True))

    rows: list[tuple[str, Row]] = []
    for target in groups.members:
        for row in (row for row in summary.rows if summary.by_seed(row, target)):
            cells = [cell(row, target, group) for group in groups.heads]
            rows.append((target, (row, (text.value(summary.score(row, target, ["en"])), *cells))))
    caption = f"Score by group of languages, and its gap: score minus the one in English; {scores.over(summary)}."
    return tables.table(caption, "intermediate", ("English", *groups.heads.values()), tables.grouped(rows))


def slopes(groups: Groups) -> Table | None:
    """Tabulate the slopes of gain on resources, with both intervals."""
    records = {(slope["row"], slope["target"]): slope for slope in groups.study["slopes"]}
    effects = [effect for target in groups.summary.targets for effect in groups.effects("slope", target)]
    rows: list[tuple[str, Row]] = []
    for effect in effects:
        record = records[str(effect.row), effect.target]
        beside = str(record["n"]), text.interval(record.get("over_languages"), 2)
        rows.append((effect.target, (str(effect.row), (*tested.cells(effect, 2), *beside))))
    unit = effects[-1].unit if effects else ""
    on = "resource class" if groups.study["axis"] == "joshi" else "the decimal logarithm of the lines of text"
    note = (
        f"Least squares on {on} over the languages that the encoder saw, without English; above zero: the more resources, the"
        " larger the gain. The first interval, p and q speak of these very languages,"
        f" {tested.varied(len(groups.summary.seeds))}; the last interval of the line that other languages, scattering as these"
        f" do, would give. {tested.STAR} for the rows of this table."
    )
    heads = ("slope", *tested.HEADS[1:], "languages", "95 % over languages")
    return tables.table(f"Slope of the gain on resources, in {unit}.", "intermediate", heads, tables.grouped(rows), note)


def _grouped(study: "Resources") -> str:
    """How languages were put in groups."""
    unseen = any(language["group"] == "unseen" for language in study["languages"].values())
    if study["axis"] == "joshi":
        how = "Groups are the resource classes of Joshi et al. 2020: low 0–2, mid 3, high 4–5."
        how += " Languages that the encoder's training text lacks are the group unseen, whatever their class." if unseen else ""
    else:
        how = (
            "These languages are made up, so they are grouped by the lines of text that the encoder was trained on: high from"
            " two thirds of the most, low below a third, mid between."
        )
        how += " Languages without any are the group unseen." if unseen else ""
        known = [(lines, code) for code, language in study["languages"].items() if (lines := language["lines"]) is not None]
        how += f" Lines: {', '.join(f'{code} {lines:,}' for lines, code in sorted(known, reverse=True))}." if known else ""
    return how + (
        " English, the language of fine-tuning, is in no group. Every number is of one target: targets have different languages,"
        " so nothing is averaged over them."
    )


def _figure(groups: Groups) -> Figure:
    panels, summary = [], groups.summary
    for target, members in groups.members.items():
        known = {(str(effect.row), effect.group): effect for effect in groups.effects("row", target)}
        rows = [row for row in summary.compared if any(row == name for name, _ in known)]
        rows = [row for row in rows if summary.rows[row].is_usual] or rows
        best = summary.best(target)
        shown = rows if len(rows) <= SHOWN else [best] if best in rows else rows[:SHOWN]
        marks = []
        for group, codes in members.items():
            own = [tested.mark(row, known[row, group]) for row in shown if (row, group) in known]
            marks.append((f"{groups.heads[group]}, n = {len(codes)}", own))
        panels.append(Panel(target, marks))
    among = tested.varied(len(summary.seeds))
    caption = f"Gain over “none” by group of languages, in points, with 95 % intervals {among}; n: languages."
    alternative = "Bars of the gain in each group of languages, by target; numbers in the table of gains by group."
    return Figure("resources", caption, alternative, figures.rows(panels, "bars", signed=True))
