"""The section on what intermediate training reads: languages beside or in place of English, text beside the task."""

from stilts_xtreme.report import against
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.summary import Summary

TITLES = {
    "languages": "Translated training data against English alone",
    "text": "Masked LM on text beside the task against the task alone",
}


def section(summary: Summary) -> Section | None:
    pairs = {kind: found for kind, found in against.read(summary).items() if kind in TITLES}
    if not pairs:
        return None
    found = []
    for kind, title in TITLES.items():
        if kind in (means := against.pooled(summary)):
            count, mean = means[kind]
            found.append(f"{title}, mean of {count} pairs of rows: {against.verdict(mean)}.")
        found += [f"{row} against {other}: {against.verdict(effects)}." for (row, other), effects in pairs.get(kind, {}).items()]
    title = "What intermediate training reads"
    return Section("training-data", title, tuple(found), tables=(against.table(summary, TITLES, pairs),))
