"""Tables of the section on low-resource languages; each group of languages is told with its number."""

from collections.abc import Sequence

from stilts_xtreme.report import tested, text
from stilts_xtreme.report.comparisons import among
from stilts_xtreme.report.resources.groups import Resources
from stilts_xtreme.report.tables import Body, Cell, Column, Table, over


def groups(found: Resources) -> Table:
    """Which languages each target has in each group."""
    rows = []
    for target in found.targets:
        members = found.members(target)
        cells = [Cell(_counted(members.get(group, []))) for group in found.groups]
        rows.append((target, tuple(cells)))
    columns = tuple(Column(found.heading(group), False) for group in found.groups)
    return Table("Languages of each group, by target: number, then codes.", "target", columns, (Body("", tuple(rows)),))


def gains(found: Resources) -> Table | None:
    """Gains by group, with intervals."""
    bodies = []
    for target in found.targets:
        rows = [row for row in found.summary.rows if any((one.row, one.column) == (row, target) for one in found.gains)]
        told = [(row, tuple(tested.cell(found.gain(row, target, group)) for group in found.groups)) for row in rows]
        bodies += [Body(_title(found, target), tuple(told))] if told else []
    if not bodies:
        return None
    caption = f"Gain by group of languages, in points, and its 95 % interval {among(len(found.summary.seeds))}."
    columns = tuple(Column(found.heading(group)) for group in found.groups)
    return Table(caption, "intermediate", columns, tuple(bodies), tested.star(found.gains))


def scores(found: Resources) -> Table:
    """Scores by group, and beneath each how far it is from English."""
    bodies = []
    for target in found.targets:
        rows = [row for row in found.summary.rows if found.summary.by_seed(row, target)]
        told = []
        for row in rows:
            english = found.summary.language(row, target, ["en"]) if "en" in found.summary.languages(target) else None
            told.append((row, (Cell(text.value(english)), *(_scored(found, row, target, group) for group in found.groups))))
        bodies.append(Body(_title(found, target), tuple(told)))
    columns = (Column("English"), *(Column(found.heading(group)) for group in found.groups))
    caption = f"Score by group of languages, and its gap: score minus the one in English; {over(found.summary)}."
    return Table(caption, "intermediate", columns, tuple(bodies))


def slopes(found: Resources) -> Table | None:
    """Slopes of gain on resources, with both intervals."""
    bodies = []
    for target in found.targets:
        ones = [one for row in found.summary.rows if (one := found.slope(row, target)) is not None]
        rows = []
        for one in ones:
            ends = one.told.get("over_languages")
            star = "*" if one.significant else ""
            cells = (
                Cell(tested.number(one.gain, 2) + star, strong=one.significant), Cell(tested.spread(one.interval, 2)),
                Cell(text.probability(one.p)), Cell(text.probability(one.q)), Cell(str(one.told["n"])),
                Cell(text.ABSENT if ends is None else tested.spread(ends, 2)),
            )  # fmt: skip
            rows.append((one.row, cells))
        bodies += [Body(target, tuple(rows))] if rows else []
    if not bodies:
        return None
    on = "resource class" if found.axis == "joshi" else "the decimal logarithm of the lines of text"
    notes = (
        f"Slope: points of gain {found.unit}, least squares over the languages that the encoder saw, without English. The first"
        f" interval, p and q speak of these very languages, {among(len(found.summary.seeds))}; the last interval of the line that"
        " other languages, scattering as these do, would give.",
    )
    columns = (
        Column("slope"), Column("95 % interval"), Column("p"), Column("q"), Column("languages"),
        Column("interval over languages"),
    )  # fmt: skip
    return Table(f"Slope of gain on {on}.", "intermediate", columns, tuple(bodies), tested.star(found.slopes) + notes)


def _title(found: Resources, target: str) -> str:
    """`xnli: low n = 1, mid n = 3`."""
    return f"{target}: {', '.join(f'{group} n = {len(codes)}' for group, codes in found.members(target).items())}"


def _scored(found: Resources, row: str, target: str, group: str) -> Cell:
    score, gap = found.score(row, target, group), found.score(row, target, group, "gaps")
    return Cell(text.value(score), "" if gap is None else text.value(gap, signed=True))


def _counted(codes: Sequence[str]) -> str:
    return f"{len(codes)}: {' '.join(codes)}" if codes else text.ABSENT
