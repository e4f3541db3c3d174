"""What a report hands to other programs: scores and gains as CSV, the main table as LaTeX."""

from collections.abc import Sequence

from stilts_xtreme.report import records, tables
from stilts_xtreme.report.records import ALL
from stilts_xtreme.report.summary import Mean, Summary
from stilts_xtreme.report.tables import Cell, Table

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "−": "$-$", "±": r"$\pm$", "+": "$+$", "*": "$^{*}$", "†": r"$\dagger$", "‡": r"$\ddagger$", "–": "--", 
    "[": "{[}", "“": "``", "”": "''",
}  # fmt: skip


def files(summary: Summary) -> dict[str, str]:
    """table.csv, gains.csv and table.tex."""
    return {"table.csv": scores(summary), "gains.csv": gains(summary), "table.tex": latex(tables.main(summary))}


def scores(summary: Summary) -> str:
    """Every score on clean inputs, unrounded, one a line; all that is known of each: `records`."""
    found = [record for record in records.records(summary) if not record["noise"]]
    return records.table(("row", "target", "seed", "language", "metric", "score"), found)


def gains(summary: Summary) -> str:
    """Every gain over the row's baseline, means over seeds, unrounded; an empty field is not known.

    `deviation`: over seeds; `error`: standard error over test examples of one language; `low` to `high`: 95 %; `q` of single
    languages is adjusted over all of them, rows and targets together.
    """
    rows: list[Sequence[object]] = []
    for row in summary.compared if summary.has_baseline else []:
        base = summary.baseline(row)
        for column in summary.columns:
            one = summary.comparisons.get((row, column))
            gain = summary.gain(row, column)
            if gain is None:
                continue
            ends = one.interval if one is not None and one.interval is not None else (None, None)
            tested = (None, *ends, one.p, one.q) if one is not None else (None,) * 5
            rows.append((row, base, column, ALL, *_means(gain), *tested))
            for code in summary.languages(column) if column in summary.targets else []:
                if (found := summary.language_gain(row, column, code)) is not None:
                    known = one.languages.get(code) if one is not None else None
                    tested = one.tests.get(code, (None,) * 4) if one is not None else (None,) * 4
                    rows.append((row, base, column, code, *_means(found), known[1] if known else None, *tested))
    heads = ("row", "baseline", "target", "language", "seeds", "gain", "deviation", "error", "low", "high", "p", "q")
    return records.table(heads, rows)


def latex(table: Table) -> str:
    """A tabular for \\input, with booktabs; its notes are comments."""
    whole = len(table.columns) + 1
    lines = ["% \\usepackage{booktabs}; then \\input this file, in a table or as it stands", f"% {table.caption}"]
    lines += [f"% {note}" for note in table.notes]
    lines += [r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}%"]
    lines += [rf"\begin{{tabular}}{{l{''.join('r' if column.numeric else 'l' for column in table.columns)}}}", r"\toprule"]
    lines += [_row([escaped(table.corner), *(escaped(column.label) for column in table.columns)]), r"\midrule"]
    for number, body in enumerate(table.bodies):
        lines += [r"\addlinespace"] if number else []
        if body.title:
            lines.append(rf"\multicolumn{{{whole}}}{{l}}{{\textit{{{escaped(body.title)}}}}} \\")
        lines += [_row([escaped(head), *map(_cell, cells)]) for head, cells in body.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}\endgroup", ""])


def escaped(words: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(LATEX.get(letter, letter) for letter in " ".join(words.split()))


def _cell(cell: Cell) -> str:
    words = escaped(cell.text)
    if cell.strong:
        words = rf"\textbf{{{words}}}"
    return rf"{words} {{\tiny {escaped(cell.small)}}}" if cell.small else words


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _means(found: Mean) -> tuple[int, float, float | None]:
    return len(found.values), found.mean, found.deviation
