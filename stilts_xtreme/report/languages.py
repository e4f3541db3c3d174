"""Scores and gains by language: tables by language and by kind of language, dots of scores, bars of gains."""

from collections.abc import Sequence
from dataclasses import replace

from stilts_xtreme.report import figures, language_groups, scores, short_names, tables, text
from stilts_xtreme.report.figures import Figure, Mark, Panel
from stilts_xtreme.report.summary import AVERAGE, Summary
from stilts_xtreme.report.tables import Row, Table, plain
from stilts_xtreme.results.rows import BASELINE
from stilts_xtreme.scoring.language_groups import group_languages
from stilts_xtreme.utils.languages import LANGUAGES

CLASSES = {"low": "few resources (0–2)", "mid": "some resources (3)", "high": "many resources (4–5)", "unclassified": "no class"}
KINDS = {"joshi": "Resource class (Joshi et al. 2020; 0 least, 5 most)", "family": "Family", "script": "Script"}
NINETY_FIVE = 1.959964  # standard errors to each side of a 95 % interval


def by_language(summary: Summary, target: str) -> Table | None:
    """Tabulate the scores of every language and row for a target; None where nothing was scored."""
    codes, shown = summary.languages(target), _shown(summary, target)
    sizes = {code: text.between(summary.examples(target, code)) for code in codes}
    rows: list[Row] = [
        (text.language(code), (sizes[code], *(plain(summary.score(name, target, [code])) for name in shown))) for code in codes
    ]
    means: list[Row] = [("all languages", ("", *(plain(summary.score(name, target)) for name in shown)))] if codes else []
    if "en" in codes and len(codes) > 1:
        means.append(("all but English", ("", *(plain(summary.score(name, target, codes[1:])) for name in shown))))
    caption = f"{target}: {scores.metric(summary, target)} by language and intermediate; {scores.over(summary)}."
    heads = ("n", *_heads(summary, shown))
    return tables.table(caption, "language", heads, {"": rows, "Means": means}, *scores.marks(rows))


def by_kind(summary: Summary, target: str) -> Table | None:
    """Tabulate a target's scores by resource class, family and script; None where fewer than two languages are real."""
    shown, bodies = _shown(summary, target), dict[str, list[Row]]()
    for kind, members in group_languages(summary.languages(target)).items():
        rows = bodies.setdefault(KINDS[kind], [])
        for name, codes in members.items():
            rows.append((name, (str(len(codes)), *(plain(summary.score(row, target, codes)) for row in shown))))
        rows.append(("mean", ("", *(plain(summary.macro(row, target, list(members.values()))) for row in shown))))
    caption = f"{target}: {scores.metric(summary, target)} by kind of language and intermediate; {scores.over(summary)}."
    note = "Mean: each class, family or script weighs the same, however many languages it has."
    return tables.table(caption, "kind", ("languages", *_heads(summary, shown)), bodies, *scores.marks(bodies), note)


def dots(summary: Summary) -> Figure:
    """Draw the scores without intermediate training, and of the row best on average."""
    best = summary.best(AVERAGE if AVERAGE in summary.columns else summary.targets[0])
    base = (summary.baseline(best) if best else BASELINE) if summary.has_baseline else None
    shown = [name for name in (base, best) if name is not None and name in summary.rows]
    panels = []
    for target in _drawn(summary):
        marks = [mark for code in summary.languages(target) if (mark := _dots(summary, shown, target, code)).points]
        level = summary.chance(target)
        panels.append(Panel(target, [("", marks)], () if level is None else (level,)))
    caption = f"Score by language and target, 0 to 100, of {' (hollow) and '.join(shown)}"
    caption += ", the row that is best on average, with its gain. Dashed: chance."
    alternative = "Dot plot of scores by language and target without and with intermediate training; numbers in the tables below."
    return Figure("languages", caption, alternative, figures.rows(panels, "dots", limits=(0, 100), links=True))


def bars(summary: Summary) -> Figure:
    """Draw the gains of the row with the largest gain on each target."""
    panels, whiskers = [], ""
    for target in _drawn(summary) if summary.has_baseline else ():
        if row := summary.best(target):
            marks = {code: mark for code in summary.languages(target) if (mark := _bar(summary, row, target, code))}
            panels.append(Panel(f"{target}: {row}", _grouped(marks)))
            if any(mark.interval for mark in marks.values()):
                whiskers = " Whiskers: 95 %, over test examples alone."
    caption = (
        "Gain by language over “none” in points, of the intermediate with each target's largest gain (picked on the scores"
        f" shown); each panel has its own scale, languages stand by resource class and family.{whiskers}"
    )
    alternative = "Bars of the gain in every language, by target, of the intermediate with that target's largest gain."
    return Figure("language-gains", caption, alternative, figures.rows(panels, "bars", signed=True))


def _drawn(summary: Summary) -> list[str]:
    """The targets that have a row a language in figures; of hundreds there is another figure."""
    others = [target.name for target in language_groups.targets(summary)]
    return [target for target in summary.targets if target not in others]


def _dots(summary: Summary, shown: Sequence[str], target: str, code: str) -> Mark:
    means = [(name, score.mean) for name in shown if (score := summary.score(name, target, [code])) is not None]
    points = tuple((value, None if summary.rows[name].is_baseline else 1) for name, value in means)
    gain = summary.gain(shown[1], target, [code]) if len(points) == 2 else None
    return Mark(code, points, None, text.value(gain, signed=True) if gain else "")


def _bar(summary: Summary, row: str, target: str, code: str) -> Mark | None:
    gain, known = summary.gain(row, target, [code]), summary.comparison_in(row, target, code)
    if gain is None:
        return None
    value, error = (known["gain"], known.get("deviation")) if known else (gain.mean, None)
    interval = None if error is None else (value - NINETY_FIVE * error, value + NINETY_FIVE * error)
    family = LANGUAGES[code].family.rpartition(": ")[2] if code in LANGUAGES else ""
    return Mark(f"{code} {family}".strip(), ((value, 1),), interval, text.number(value, signed=True))


def _grouped(marks: dict[str, Mark]) -> list[tuple[str, list[Mark]]]:
    """English first, then real languages by resource class and family; made-up ones under no heading."""
    real = [code for code in marks if code in LANGUAGES and code != "en"]
    if not real:
        return [("", [replace(mark, label=code) for code, mark in marks.items()])]  # the family of a single language says nothing
    groups = [("", [marks["en"]] if "en" in marks else [])]
    for level, heading in CLASSES.items():
        members = [code for code in real if LANGUAGES[code].resources == level]
        groups.append((heading, [marks[code] for code in sorted(members, key=lambda code: (LANGUAGES[code].family, code))]))
    return [*groups, ("others", [mark for code, mark in marks.items() if code not in LANGUAGES])]


def _shown(summary: Summary, target: str) -> list[str]:
    return [name for name in summary.rows if summary.by_seed(name, target)]


def _heads(summary: Summary, rows: Sequence[str]) -> list[str]:
    """The rows' short names."""
    short = short_names.names(list(summary.rows.values()))
    return [short[row] for row in rows]
