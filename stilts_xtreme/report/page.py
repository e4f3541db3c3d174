"""A summary -> the two pages and the plots, as text by file name."""

from collections.abc import Sequence
from typing import Any

from stilts_xtreme.report import bars, beside, findings, intervals, kinds, opening, plots, repeat, short_names, tables, text
from stilts_xtreme.report.rendered import rendered
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.sections import sections
from stilts_xtreme.report.summary import Summary

ALT = {
    "gains": "Heat map of gains over no intermediate training, by intermediate and target; numbers as in the main table.",
    "languages": "Dot plot of scores by language and target without and with intermediate training; numbers in the tables below.",
    "language-gains": "Bars of the gain in every language, by target, of the intermediate with that target's largest gain.",
}


def pages(summary: Summary) -> dict[str, str]:
    """report.md, the SVG files that it shows, and index.html, which holds all in itself."""
    drawn = {"gains": plots.gains(summary), "languages": plots.languages(summary), "language-gains": bars.gains(summary)}
    drawn = {name: svg for name, svg in drawn.items() if svg is not None}
    leading, following = sections(summary)
    alternatives = {name: ALT[name] for name in drawn}
    for section in (*leading, *following):
        drawn |= {name: plot.svg for name, plot in section.plots.items()}
    return rendered("report.md.jinja", "page.html.jinja", _content(summary, leading, following), drawn, alternatives)


def _content(summary: Summary, leading: Sequence[Section], following: Sequence[Section]) -> dict[str, Any]:
    study = summary.study
    by_language = [
        (target, table)
        for target in summary.targets
        for table in (tables.languages(summary, target), kinds.classes(summary, target))
        if table is not None
    ]
    return {
        "study": study,
        "note": study.get("note") or "",
        "found": _found(summary, leading, following),
        "leading": leading,
        "following": following,
        "main": tables.main(summary),
        "intervals": intervals.table(summary),
        "published": beside.section(summary),
        "best": tables.best_per_target(summary),
        "targets": tables.targets(summary),
        "retrieval": findings.retrieval(summary),
        "named": short_names.explained(list(summary.rows.values()), summary.study),
        "gaps": kinds.transfer_gaps(summary),
        "languages": by_language,
        "trainings": tables.trainings(summary) if study["trainings"] else None,
        "collapsed": tables.collapsed(summary),
        "missing": tables.missing(summary),
        "data": _facts(summary),
        "command": study.get("command") or "",
        "provenance": text.provenance(study.get("provenance") or {}),
    }


def _found(summary: Summary, leading: Sequence[Section], following: Sequence[Section]) -> list[str]:
    """The sentences at the top: what a reader must know first, then what was found, where anything was learned."""
    first = opening.sentences(summary)
    if nothing := opening.learned_nothing(summary):
        return [*first, nothing]
    return [*first, *_said(leading), *findings.found(summary), *_said(following)]


def _said(sections: Sequence[Section]) -> list[str]:
    return [sentence for section in sections for sentence in section.found]


def _facts(summary: Summary) -> list[tuple[str, str]]:
    study = summary.study
    facts = [("Setup", str(study["setup"]))] if study.get("setup") else []
    for key, value in sorted((name, value) for name, value in (study.get("data") or {}).items() if name != "readings"):
        lines = value if isinstance(value, list) else [value]  # a row for each split of which there is something to say
        facts += [(str(key).replace("_", " ").capitalize(), text.flat(line)) for line in lines]
    for name, mixture in sorted((study.get("mixtures") or {}).items()):
        facts.append((f"Mixture {name}", text.flat(mixture)))
    facts.append(("Seeds", ", ".join(map(str, summary.seeds))))
    return facts + repeat.facts(summary)
