"""A study's result drawn: a Markdown page with figures, a self-contained HTML page, and tables for other programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.latency import LatencyStudy


def write(study: Mapping[str, object], folder: Path) -> list[Path]:
    """Write report.md, the figures it shows, index.html, table.csv, gains.csv and table.tex into `folder`; returns their paths.

    `study` is `stilts/study@2`, or `stilts/latency-study@1`, which gives pages and figures only, as `results.read` gives it. The
    same study, published numbers and matplotlib give the same bytes on any machine.
    """
    from stilts_xtreme import results

    if study["schema"] == results.LATENCY_STUDY:
        from stilts_xtreme.report.latency import page as latency

        files = latency.files(cast("LatencyStudy", study))
    else:
        from stilts_xtreme.report import exports
        from stilts_xtreme.report import study as page
        from stilts_xtreme.report.summary import summarise

        summary = summarise(study)
        files = page.files(summary) | exports.files(summary)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if (folder / name).is_symlink():
            (folder / name).unlink()  # a page stands here, whatever a link of its name leads to
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in files]
