"""The section on low-resource languages: does the gain reach them, and does it rise or fall with a language's resources?"""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.report import figures, scores, tables, tested, text
from stilts_xtreme.report.figures import Figure, Mark, Panel
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import ABSENT, Cell, Row, Table
from stilts_xtreme.results.effects import Effect

CLASSES = {"low": "low (0–2)", "mid": "mid (3)", "high": "high (4–5)", "unseen": "unseen", "unclassified": "unclassified"}
SHOWN = 4  # rows in a panel of the figure; of more the one of the largest gain

Members = Mapping[str, Mapping[str, Sequence[str]]]  # languages by target and group


def sections(summary: Summary) -> list[Section]:
    study = summary.study.get("resources")
    if not study:
        return []
    members: dict[str, dict[str, list[str]]] = {target: {} for target in summary.targets}
    for group in CLASSES:  # in this order
        for entry in study["scores"]:
            if entry["group"] == group:
                members[entry["target"]][group] = list(entry["languages"])
    members = {target: groups for target, groups in members.items() if groups}
    heads = {group: CLASSES[group] if study["axis"] == "joshi" else group for groups in members.values() for group in groups}
    heads = {group: heads[group] for group in CLASSES if group in heads}
    parts = [languages(members, heads), gains(summary, members, heads), scores_table(summary, members, heads), slopes(summary)]
    return [Section("resources", "Low-resource languages", [_grouped(study)], [_figure(summary, members, heads)], parts)]


def of(summary: Summary, contrast: str, target: str) -> list[Effect]:
    """The tested effects of a kind on a target."""
    known = [effect for effect in summary.effects if effect.question == "resources" and effect.target == target]
    return [effect for effect in known if effect.contrast.startswith(contrast)]


def languages(members: Members, heads: Mapping[str, str]) -> Table | None:
    """Which languages each target has in each group."""
    counted = {target: [groups.get(group, []) for group in heads] for target, groups in members.items()}
    rows = [
        (target, [Cell(f"{len(codes)}: {' '.join(codes)}") if codes else ABSENT for codes in each])
        for target, each in counted.items()
    ]
    return tables.table("Languages of each group, by target: number, then codes.", "target", list(heads.values()), rows)


def gains(summary: Summary, members: Members, heads: Mapping[str, str]) -> Table | None:
    """Gains by group, with intervals; the gain in the group minus that in English beneath them."""
    bodies = {}
    for target, groups in members.items():
        title = f"{target}: {', '.join(f'{heads[group]} n = {len(codes)}' for group, codes in groups.items())}"
        bodies[title] = [
            *tested.matrix(of(summary, "row", target), list(heads), lambda effect: str(effect.row), lambda effect: effect.group),
            *tested.matrix(
                of(summary, "gain in", target),
                list(heads),
                lambda effect: f"{effect.row}, minus English",
                lambda effect: effect.group,
            ),
        ]
    caption = f"Gain by group of languages, in points, and its 95 % interval {tested.among(len(summary.seeds))}."
    return tables.table(caption, "intermediate", (*heads.values(), "verdict"), bodies, f"{tested.STAR} for all of a kind.")


def scores_table(summary: Summary, members: Members, heads: Mapping[str, str]) -> Table | None:
    """Scores by group, and beneath each how far it is from English."""
    known = {(entry["row"], entry["target"], entry["group"]): entry for entry in summary.study["resources"]["scores"]}

    def cell(row: str, target: str, group: str) -> Cell:
        own = known.get((row, target, group), {})
        score, gap = (_mean(summary, own.get(part) or {}) for part in ("scores", "gaps"))
        return Cell(text.value(score), "" if gap is None else text.value(gap, signed=True))

    bodies = {
        target: [
            (row, (Cell(text.value(summary.language(row, target, ["en"]))), *(cell(row, target, group) for group in heads)))
            for row in summary.rows
            if summary.by_seed(row, target)
        ]
        for target in members
    }
    caption = f"Score by group of languages, and its gap: score minus the one in English; {scores.over(summary)}."
    return tables.table(caption, "intermediate", ("English", *heads.values()), bodies)


def slopes(summary: Summary) -> Table | None:
    """Slopes of gain on resources, with both intervals."""
    study, bodies, unit = summary.study["resources"], dict[str, list[Row]](), ""
    records = {(slope["row"], slope["target"]): slope for slope in study["slopes"]}
    for target in summary.targets:
        bodies[target] = []
        for effect in of(summary, "slope", target):
            record, unit = records[str(effect.row), target], effect.unit
            ends = record.get("over_languages")
            beside = Cell(text.interval(ends and tuple(ends), 2))
            bodies[target].append((str(effect.row), (*tested.cells(effect, 2), Cell(str(record["n"])), beside)))
    on = "resource class" if study["axis"] == "joshi" else "the decimal logarithm of the lines of text"
    note = (
        f"Least squares on {on} over the languages that the encoder saw, without English; above zero: the more resources, the"
        " larger the gain. The first interval, p and q speak of these very languages,"
        f" {tested.among(len(summary.seeds))}; the last interval of the line that other languages, scattering as these do, would"
        f" give. {tested.STAR} for the rows of this table."
    )
    heads = ("slope", "95 % interval", "p", "q", "languages", "95 % over languages")
    return tables.table(f"Slope of the gain on resources, in {unit}.", "intermediate", heads, bodies, note)


def _mean(summary: Summary, by_seed: Mapping[str, float]) -> Any:
    return summary.over_seeds({int(seed): value for seed, value in by_seed.items()})


def _grouped(study: Mapping[str, Any]) -> str:
    """How languages were put in groups."""
    unseen = any(place["group"] == "unseen" for place in study["languages"].values())
    if study["axis"] == "joshi":
        how = "Groups are the resource classes of Joshi et al. 2020: low 0–2, mid 3, high 4–5."
        how += " Languages that the encoder's training text lacks are the group unseen, whatever their class." if unseen else ""
    else:
        how = (
            "These languages are made up, so they are grouped by the lines of text that the encoder was trained on: high from"
            " two thirds of the most, low below a third, mid between."
        )
        how += " Languages without any are the group unseen." if unseen else ""
        known = sorted(
            ((place["lines"], code) for code, place in study["languages"].items() if place["lines"] is not None), reverse=True
        )
        how += f" Lines: {', '.join(f'{code} {lines:,}' for lines, code in known)}." if known else ""
    return how + (
        " English, the language of fine-tuning, is in no group. Every number is of one target: targets have different languages,"
        " so nothing is averaged over them."
    )


def _figure(summary: Summary, members: Members, heads: Mapping[str, str]) -> Figure | None:
    panels = []
    for target, groups in members.items():
        known = {(effect.row, effect.group): effect for effect in of(summary, "row", target)}
        rows = [row for row in summary.compared if any(row == name for name, _ in known)]
        rows = [row for row in rows if summary.rows[row].is_usual] or rows
        best = summary.best(target)
        shown = rows if len(rows) <= SHOWN else [best] if best in rows else rows[:SHOWN]
        marks = {group: [_mark(known[row, group]) for row in shown if (row, group) in known] for group in groups}
        titles = {group: f"{heads[group]}, n = {len(codes)}" for group, codes in groups.items()}
        panels += [Panel(target, [(titles[group], own) for group, own in marks.items() if own])] if any(marks.values()) else []
    if not panels:
        return None
    among = tested.among(len(summary.seeds))
    caption = f"Gain over “none” by group of languages, in points, with 95 % intervals {among}; n: languages."
    alternative = "Bars of the gain in each group of languages, by target; numbers in the table of gains by group."
    return Figure("resources", caption, alternative, figures.rows(panels, "bars", signed=True))


def _mark(effect: Effect) -> Mark:
    interval = None if effect.low is None or effect.high is None else (effect.low, effect.high)
    value = effect.estimate or 0.0
    return Mark(str(effect.row), ((value, 1),), interval, text.number(value, signed=True))
