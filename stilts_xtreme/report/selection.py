"""The section on choosing an intermediate for each target: what English dev data would have picked, and what it gives."""

from stilts_xtreme.report import tables, text
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import AVERAGE, Summary, averaged
from stilts_xtreme.report.tables import Row
from stilts_xtreme.results.rows import BASELINE
from stilts_xtreme.scoring.benchmarks import BENCHMARKS


def sections(summary: Summary) -> list[Section]:
    best = summary.study.get("best") or {}
    picked, halves = best.get("english-dev"), best.get("other-half")
    if not picked or not halves:
        return []
    base = {column: text.value(summary.score(BASELINE, column)) for column in summary.columns}
    rows: list[Row] = []
    for target in summary.targets:
        names = " / ".join(dict.fromkeys(halves["picks"][target]))
        scores = [tables.mean(summary.over_seeds(choice["scores"][target])) for choice in (picked, halves)]
        rows.append((target, (base[target], picked["picks"][target], scores[0], names, scores[1])))
    benchmark = BENCHMARKS.get(summary.study.get("benchmark") or "xtreme")
    whole = benchmark is not None and set(summary.targets) == set(benchmark.tasks)
    total = f"{benchmark.name.upper()} score" if benchmark and whole else AVERAGE
    bodies = {"": rows}
    if len(rows) > 1:
        scores = [tables.mean(summary.over_seeds(averaged(list(choice["scores"].values())))) for choice in (picked, halves)]
        bodies["Over all targets"] = [(total, (base[AVERAGE], "", scores[0], "", scores[1]))]
    heads = (f"score, {BASELINE}", "picked on English dev", "its score", "picked on other half", "its score")
    notes = (
        "Picked on English dev: the row whose models score best there, on average over seeds; for targets that are never trained,"
        " the row that gains most on English dev of the others. Zero-shot.",
        "Picked on other half: half of the test examples in all languages choose, the other half are scored, and the other way"
        " round. It needs labels in the target languages, as the paper's choice on dev data of all languages did: not zero-shot."
        f" It changes the average by {text.number(halves['gain'], signed=True)}.",
        f"{total}: the mean over the benchmark's tasks, in the languages that were evaluated here." if total != AVERAGE else "",
    )
    caption = "The best intermediate of each target, chosen without the scores shown."
    table = tables.table(caption, "target", heads, bodies, *notes)
    return [Section("best", "Choosing one intermediate for each target", tables=(table,))]
