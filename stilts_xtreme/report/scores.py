"""Scores and gains by target: the main table, the best of each target, intervals, chance levels, the heat map."""

from stilts_xtreme.report import figures, tables, tested, text
from stilts_xtreme.report.figures import Figure
from stilts_xtreme.report.summary import AVERAGE, Mean, Summary, above, metrics, raised
from stilts_xtreme.report.tables import Cell, Row, Rows, Table
from stilts_xtreme.results.rows import BASELINE, CONTROL
from stilts_xtreme.scoring.benchmarks import mean
from stilts_xtreme.scoring.tags import MIN_DIFFERENCE, NAMES
from stilts_xtreme.tasks import coverage

MARKS = {
    "†": "fewer seeds than the study has; see the missing evaluations.",
    "‡": "built on a collapsed training, in one seed or more.",
}


def main(summary: Summary) -> Table:
    """Tabulate, as the paper's main table, scores of the control and of no intermediate task, then gains over the latter."""
    columns, best = summary.columns, {column: summary.best(column) for column in summary.columns}

    bodies: dict[str, list[Row]] = {
        "Control: random encoder, no pre-training (scores)": [],
        "No intermediate training (scores)": [],
        f"Gains over “{BASELINE}” (points)": [],
        "Scores": [],
    }
    control, base, gained, others = bodies.values()
    for name, row in summary.rows.items():
        if summary.has_baseline and name in summary.compared:
            gained.append((name, [gain(summary, name, column, best[column] == name) for column in columns]))
        else:
            body = control if row.is_control else base if row.is_baseline else others
            body.append((name, [score(summary, name, column) for column in columns]))
    notes = ["Scores are 0 to 100. A dash: no score."]
    if len(summary.seeds) > 1:
        notes.append(
            "±: standard deviation over seeds, of the scores in score rows and of the gains paired by seed in gain rows."
        )
    if summary.has_baseline and summary.compared:
        notes.append("Bold: the largest gain of a column, where it is above zero; what is written 0.0 counts as zero.")
    if AVERAGE in columns:
        notes.append(f"An average is over all {len(summary.targets)} targets, and absent where one is missing.")
    caption = f"Scores without intermediate training and gains with it; {over(summary)}."
    table = tables.table(caption, "intermediate", columns, bodies, " ".join(notes), *marks(bodies, summary))
    return table or Table(caption, "intermediate", tuple(columns), ())


def best_per_target(summary: Summary) -> Table | None:
    """Tabulate for each target the intermediate with the largest gain; None without gains."""
    rows: list[Row] = []
    for target in summary.targets if summary.has_baseline else []:
        gains, name = summary.gains(target), summary.best(target)
        if name is None or not gains:
            continue
        base, count = text.value(summary.score(summary.baseline(name), target)), f"{raised(gains)} of {len(gains)}"
        if above(gains[name].mean):
            own = text.value(summary.score(name, target))
            cells = (name, base, own, gain(summary, name, target), reading(summary, name, target, gains[name]), count)
            rows.append((target, cells))
        else:
            rows.append((target, (text.ABSENT, base, text.ABSENT, text.ABSENT, "no gain above zero", count)))
    heads = ("best", f"score, {BASELINE}", "score, best", "gain", "reading", "gains above zero")
    picked = (
        "The best of several, on average as by target, is picked on the scores shown here:"
        " its gain is likely to be above zero even where no intermediate helps."
    )
    return tables.table("Largest gain of each target.", "target", heads, rows, *marks(rows, summary), picked)


def reading(summary: Summary, row: str, column: str, gain: Mean) -> str:
    """Say how much a mean gain shows, in a few words: its interval and q where it was tested."""
    if (effect := summary.tests.get((row, column, None))) is not None:
        parts = [] if effect.low is None else [f"95 % interval {tested.interval(effect)}"]
        return ", ".join([*parts, *([] if effect.q is None else [f"q {text.probability(effect.q)}"])]) or "not tested"
    if gain.clear is None:
        return "one seed: no spread" if len(gain.values) == 1 else "two seeds: spread is rough"
    return "two standard errors or more from zero" if gain.clear else "no clear effect"


def intervals(summary: Summary) -> Table | None:
    """Tabulate gain, interval, p and q of every row and target; None where the study holds no comparisons."""
    rows: list[tuple[str, Row]] = []
    for column in summary.columns:
        for row in summary.compared:
            if effect := summary.tests.get((row, column, None)):
                examples = f"{effect.n_examples:,}" if effect.n_examples else text.ABSENT
                rows.append((column, (row, (*tested.cells(effect), examples, str(effect.n_seeds)))))
    note = (
        f"Gain: points over “{BASELINE}”, means over seeds. The interval is of the gain itself, not adjusted for their number;"
        " q is p adjusted for it. A dash: not tested, for want of seeds or of predictions of single examples."
    )
    heads = ("gain", *tested.HEADS[1:], "test examples", "seeds")
    star = legend(summary) if any(map(tested.significant, summary.tests.values())) else ""
    return tables.table("Gains with their 95 % intervals.", "intermediate", heads, tables.grouped(rows), note, star)


def targets(summary: Summary) -> Table | None:
    """Tabulate of each target metric, chance, English training data, languages, test examples."""
    rows = []
    for target in summary.targets:
        codes, level = summary.languages(target), summary.chance(target)
        sizes = [size for code in codes for size in summary.examples(target, code)]
        trained = summary.study["tasks"][target].get("trains_on") or "nothing"
        count = str(len(codes)) if codes else text.ABSENT
        rows.append((target, (metric(summary, target), text.number(level), trained, count, text.between(sizes))))
    lists = summary.study.get("training_languages") or [["en"]]
    trained = "English" if lists == [["en"]] else text.listed(["+".join(codes) for codes in lists])
    heads = ("score", "chance", f"trained on ({trained})", "languages", "test examples per language")
    note = (
        "A score is the mean of the metrics named, each a mean over languages."
        " Chance: the score of guessing; – where it is near 0. Clearly above it: by more than two standard errors of the"
        " smallest language's test set."
    )
    return tables.table("Targets and their chance levels.", "target", heads, rows, note, _strict(summary), _lacking(summary))


def transfer_gaps(summary: Summary) -> Table | None:
    """Tabulate every row's cross-lingual transfer gap on each target scored in English and elsewhere; None without any."""
    gaps = {(name, target): summary.transfer_gap(name, target) for name in summary.rows for target in summary.targets}
    shown = [target for target in summary.targets if any(gaps[name, target] for name in summary.rows)]
    rows = [
        (name, [_cell(summary, name, target, gaps[name, target]) for target in shown])
        for name in summary.rows
        if any(gaps[name, target] for target in shown)
    ]
    caption = f"Cross-lingual transfer gap: English score minus the mean of the other languages, in points; {over(summary)}."
    note = "To be read beside the scores: a gap is also smaller where English falls."
    return tables.table(caption, "intermediate", shown, rows, *marks(rows), note)


def heat_map(summary: Summary) -> Figure:
    """Draw the gains, row by column."""
    values = {}
    for name in summary.compared if summary.has_baseline else ():
        for column in summary.columns:
            if (gain := summary.gain(name, column)) is not None:
                effect = summary.tests.get((name, column, None))
                outlined = tested.significant(effect) if summary.tests else bool(gain.clear)
                shown = gain.mean if above(abs(gain.mean)) else 0.0
                values[name, column] = (shown, text.number(gain.mean, True) + ("†" if gain.partial else ""), outlined)
    outline = f"q < {tested.LEVEL}" if summary.tests else "two standard errors or more from zero"
    caption = f"Gain over “none” in points. Blue: gain. Orange: loss; the shade grows with the square root. Outlined: {outline}."
    alternative = "Heat map of gains over no intermediate training, by intermediate and target; numbers as in the main table."
    panels = (figures.heat_map(summary.compared, summary.columns, values),) if values else ()
    return Figure("gains", caption, alternative, panels)


def score(summary: Summary, row: str, column: str) -> Cell:
    """Write a mean score with its spread and marks."""
    return _cell(summary, row, column, summary.score(row, column))


def gain(summary: Summary, row: str, column: str, best: bool = False) -> Cell:
    """Write a gain with its spread and marks, starred where significant; bold where it is its column's best and above zero."""
    value = summary.gain(row, column)
    cell = _cell(summary, row, column, value, signed=True)
    star = " *" if tested.significant(summary.tests.get((row, column, None))) else ""
    return Cell(cell.text, f"{cell.small}{star}".strip(), best and value is not None and above(value.mean))


def _cell(summary: Summary, row: str, column: str, value: Mean | None, signed: bool = False) -> Cell:
    """A mean with its spread, and the mark of a collapsed training, beneath it."""
    collapsed = "‡" if value is not None and summary.collapsed(row, column) else ""
    return tables.mean(value, signed, collapsed)


def marks(rows: Rows, summary: Summary | None = None) -> tuple[str, ...]:
    """Explain the marks that stand in the rows; those of significance need the summary."""
    used = tables.beneath(rows)
    notes = tuple(f"{mark} {words}" for mark, words in MARKS.items() if mark in used)
    return (*notes, legend(summary)) if summary is not None and "*" in used else notes


def legend(summary: Summary) -> str:
    """Explain the star: the families that gains were adjusted in."""
    tested_gains = [effect for effect in summary.tests.values() if effect.language is None and effect.q is not None]
    averages = sum(effect.target == AVERAGE for effect in tested_gains)
    parts = [f"{len(tested_gains) - averages:,} comparisons on targets"] if len(tested_gains) > averages else []
    parts += [f"the {averages} of averages{', a family of their own' if parts else ''}"] if averages else []
    seeds = max((effect.n_seeds or 0 for effect in tested_gains), default=0)
    return (
        f"* differs from no intermediate training, q < {tested.LEVEL}: paired bootstrap {tested.varied(seeds)}, adjusted for"
        f" {' and for '.join(parts)} (Benjamini-Hochberg)."
    )


def metric(summary: Summary, target: str) -> str:
    """Name the target's headline metrics."""
    task = summary.study["tasks"][target]
    if "reading" in task:
        return NAMES["f1"]
    return " and ".join(name.replace("_", " ").replace("f1", "F1") for name in task["headline"])


def over(summary: Summary) -> str:
    """Name the seeds that the numbers are means over."""
    return f"means over {len(summary.seeds)} seeds" if len(summary.seeds) > 1 else f"seed {summary.seeds[0]}"


def retrieval(summary: Summary) -> list[str]:
    """Say what scores of targets without any training can and cannot show; empty where the study has none."""
    targets = summary.retrieval()
    if not targets:
        return []
    control = (
        f"the “{CONTROL}” row says how many do, and only what lies above it can be credited to training."
        if CONTROL in summary.rows
        else f"this study has no “{CONTROL}” row to say how many do: absolute scores may overstate what training gave."
    )
    return [
        f"Nothing is trained for {text.listed(targets)}: sentence vectors of the encoder are compared as they are. Sentences that"
        f" share names, digits or words match even under random weights; {control}"
    ]


def _strict(summary: Summary) -> str:
    """By how much F1 of strict IOB2 differs from XTREME's, where it does."""
    notes = []
    for target in summary.targets:
        languages = [(code, metrics(run, code)) for run in summary.runs(target) for code in run["languages"]]
        scores = [(both["f1"], both["f1_iob2"], code) for code, both in languages if "f1_iob2" in both]
        lenient, strict, code = max(scores, key=lambda score: abs(score[0] - score[1]), default=(0.0, 0.0, ""))
        if abs(lenient - strict) > MIN_DIFFERENCE:
            first, second = mean([score for score, _, _ in scores]), mean([score for _, score, _ in scores])
            notes.append(
                f"{target}: {NAMES['f1']} is {text.number(first)} over all rows and languages, {NAMES['f1_iob2']}"
                f" {text.number(second)}; farthest apart in {code}: {text.number(lenient)} and {text.number(strict)}."
            )
    return " ".join(notes)


def _lacking(summary: Summary) -> str:
    """Which labels of test data the heads do not have."""
    gaps = {
        (target, code): coverage.in_words(**gap)
        for target in summary.targets
        for run in reversed(summary.runs(target))
        for code, gap in run.get("lacking", {}).items()
    }
    return " ".join(f"{target}, {code}: {words}." for (target, code), words in sorted(gaps.items()))
