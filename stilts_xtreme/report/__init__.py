"""A study's result drawn: a Markdown page with SVG plots, one self-contained HTML page, and tables for other programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(study: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write report.md, the plots it shows, index.html, table.csv, gains.csv and table.tex into `folder`; returns their paths.

    `study` is `stilts/study@2`, or `stilts/latency-study@1`, which gives pages and plots only. The same study and published
    numbers give the same bytes on any machine. UserError where the study contradicts itself.
    """
    from stilts_xtreme import results

    if study["schema"] == results.LATENCY_STUDY:
        from stilts_xtreme.report.latency import pages as latency

        files = latency.pages(study)
    else:
        from stilts_xtreme.report.exports import files as exports
        from stilts_xtreme.report.page import pages
        from stilts_xtreme.report.summary import summarise

        summary = summarise(study)
        files = pages(summary) | exports(summary)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if (folder / name).is_symlink():
            (folder / name).unlink()  # a page stands here, whatever a link of its name leads to
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in files]
