"""Tables by kind of language: resource classes, families and scripts, and the gap between English and the rest."""

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import Mean, Summary
from stilts_xtreme.report.tables import Body, Cell, Column, Table, marks, metric, models, over, plain, small
from stilts_xtreme.scoring import language_groups

TITLES = {"joshi": "Resource class (Joshi et al. 2020; 0 least, 5 most)", "family": "Family", "script": "Script"}


def transfer_gaps(summary: Summary) -> Table | None:
    """The cross-lingual transfer gap of every intermediate on each target scored in English and elsewhere; None without one."""
    found = {
        target: {name: gap for name in summary.rows if (gap := summary.transfer_gap(name, target)) is not None}
        for target in summary.targets
    }
    shown = [target for target in summary.targets if found[target]]
    rows = [
        (name, tuple(_cell(summary, name, target, found[target].get(name)) for target in shown))
        for name in summary.rows
        if any(name in found[target] for target in shown)
    ]
    if not rows:
        return None
    caption = f"Cross-lingual transfer gap: English score minus the mean of the other languages, in points; {over(summary)}."
    notes = ("To be read beside the scores: a gap is also smaller where English falls.",)
    return Table(caption, "intermediate", tuple(map(Column, shown)), (Body("", tuple(rows)),), marks(rows) + notes)


def classes(summary: Summary, target: str) -> Table | None:
    """Scores of one target by resource class, family and script of its languages; None where fewer than two are real ones."""
    shown = [name for name in summary.rows if summary.by_seed(name, target)]
    bodies = []
    for way, members in language_groups.group_languages(summary.languages(target)).items():
        rows = [
            (name, (Cell(str(len(codes))), *(plain(summary.language(row, target, codes)) for row in shown)))
            for name, codes in members.items()
        ]
        means = tuple(plain(summary.macro(row, target, list(members.values()))) for row in shown)
        bodies.append(Body(TITLES[way], (*rows, ("mean", (Cell(""), *means)))))
    if not bodies:
        return None
    caption = f"{target}: {metric(summary, target)} by kind of language and intermediate; {over(summary)}."
    columns = (Column("languages"), *models(summary, shown))
    notes = ("Mean: each class, family or script weighs the same, however many languages it has.",)
    return Table(caption, "kind", columns, tuple(bodies), marks([row for body in bodies for row in body.rows]) + notes)


def _cell(summary: Summary, name: str, target: str, gap: Mean | None) -> Cell:
    return Cell(text.value(gap), small(summary, name, target, gap))
