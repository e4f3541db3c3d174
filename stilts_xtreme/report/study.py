"""A study's page: all its sections in their order."""

from stilts_xtreme.report import (
    findings,
    language_groups,
    languages,
    mixtures,
    noise,
    order,
    page,
    published_comparison,
    resources,
    scores,
    selection,
    settings,
    short_names,
    sizes,
    trainings,
)  # fmt: skip
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary

LEADING = (  # what a study with them is about
    language_groups.sections, order.sections, mixtures.sections, noise.sections, sizes.sections,
)  # fmt: skip
FOLLOWING = (published_comparison.sections, selection.sections, resources.sections)


def files(summary: Summary) -> dict[str, str]:
    """Write report.md, the SVG files that it shows, and index.html, as text by file name."""
    study = summary.study
    leading, following = ([section for make in places for section in make(summary)] for places in (LEADING, FOLLOWING))
    main = (scores.main(summary), scores.best_per_target(summary), scores.intervals(summary))
    sections = [
        *leading,
        Section("main", "Scores and gains", figures=[scores.heat_map(summary)], tables=main),
        *following,
        Section("targets", "Targets and chance levels", tables=[scores.targets(summary)], items=scores.retrieval(summary)),
        _languages(summary),
        Section("trainings", "Trainings", () if study["trainings"] else ("None.",), tables=[trainings.table(summary)]),
        _listed("collapsed", "Collapsed trainings", trainings.collapsed(summary)),
        _listed("missing", "Missing evaluations", trainings.missing(summary)),
        Section("data", "Data and how to reproduce", facts=settings.facts(summary), code=study.get("command") or ""),
    ]
    return page.files(study, findings.sentences(summary), sections)


def _listed(name: str, title: str, items: list[str]) -> Section:
    return Section(name, title, () if items else ("None.",), items=items)


def _languages(summary: Summary) -> Section:
    parts = [make(summary, target) for target in summary.targets for make in (languages.by_language, languages.by_kind)]
    named = short_names.explained(list(summary.rows.values()), summary.study)
    sentences = ["The score of a language is the mean of the target's metrics; n is its number of test examples."]
    sentences += [f"Names of models in these tables. {named}"] if named else []
    drawn = [languages.dots(summary), languages.bars(summary)]
    sentences = sentences if any(parts) else ["No scores."]
    return Section("by-language", "By language", sentences, drawn, [scores.transfer_gaps(summary), *parts])
