"""Read a person's own classification data: a TSV file with the columns text and label."""

from pathlib import Path

from stilts_xtreme.formats.lines import columns, fail, lines, without_last_blanks

HEADER = ("text", "label")


def labelled_tsv(path: Path) -> list[tuple[int, str, str]]:
    """Return (line number, text, label) of each row below the header `text TAB label`, which may come in either order.

    UserError with file and line for another header, a row of another number of columns, an empty text or label, and for
    fewer than two labels.
    """
    rows: list[tuple[int, str, str]] = []
    order: list[str] = []
    for number, line in without_last_blanks(lines(path)):
        if not order:
            order = line.split("\t")
            if sorted(order) != sorted(HEADER):
                fail(path, number, "header", f"the first line has to be {' TAB '.join(HEADER)}, divided by a tab")
            continue
        record = dict(zip(order, columns(path, number, line.split("\t"), len(HEADER)), strict=True))
        for name in HEADER:
            if not record[name].strip():
                fail(path, number, name, "is empty; write one, or remove the line")
        rows.append((number, record["text"], record["label"]))
    if len({label for _, _, label in rows}) < 2:
        fail(path, 1, "label", f"{len(rows)} rows with fewer than two labels: nothing can be learnt from them")
    return rows
