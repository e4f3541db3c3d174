"""A study's result drawn: a Markdown page with SVG plots, and one self-contained HTML page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(study: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write report.md, the plots it shows and index.html into `folder`; returns their paths.

    `study` is `stilts/study@1` or `stilts/latency-study@1`. The same study gives the same bytes on any machine. UserError where
    the study contradicts itself.
    """
    from stilts_xtreme import results
    from stilts_xtreme.report import latency
    from stilts_xtreme.report.page import pages
    from stilts_xtreme.report.summary import summarise

    files = latency.pages(study) if study["schema"] == results.LATENCY_STUDY else pages(summarise(study))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in files]
