"""The section on low-resource languages: does the gain reach them, and does it rise or fall with a language's resources?"""

from collections.abc import Mapping
from typing import Any

from stilts_xtreme.report import tested, text
from stilts_xtreme.report.comparisons import among
from stilts_xtreme.report.resources import tables
from stilts_xtreme.report.resources.groups import Resources, titles
from stilts_xtreme.report.resources.plot import plot
from stilts_xtreme.report.section import Plot, Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tested import Tested

AIM = ("low", "unseen")  # the groups that the question is about


def section(summary: Summary) -> Section | None:
    """None where the study does not hold its languages' resources."""
    told = summary.study.get("resources")
    if not told:
        return None
    found = Resources(
        summary, told["axis"], told["languages"], told["scores"],
        tested.read(told["groups"]), tested.read(told["narrowed"]), tested.read(told["slopes"]),
    )  # fmt: skip
    drawn = plot(found)
    caption = f"Gain over “none” by group of languages, in points, with 95 % intervals {among(len(summary.seeds))}."
    alternative = "Bars of the gain in each group of languages, by target; numbers in the table of gains by group."
    return Section(
        "resources",
        "Low-resource languages",
        tuple(filter(None, (_reaches(found), _leans(found)))),
        (_grouped(found), *_narrows(found)),
        {"resources": Plot(drawn, caption, alternative)} if drawn else {},
        tuple(filter(None, (tables.groups(found), tables.gains(found), tables.scores(found), tables.slopes(found)))),
    )


def _reaches(found: Resources) -> str:
    """Of the gains in languages of few resources, how many are significant; beside them those of the other groups."""
    parts = []
    for group in found.groups:
        ones = [one for one in found.gains if one.told["group"] == group]
        if ones:
            parts.append((group, ones))
    if not any(group in AIM for group, _ in parts):
        return "No target here has languages of few resources, or none that was compared." if parts else ""
    first = [f"{_in(group)} {tested.verdict(ones, 'gain', 'loss/losses')}" for group, ones in parts if group in AIM]
    rest = [f"{sum(one.significant and one.gain > 0 for one in ones)} of {len(ones)} {_in(group)}" for group, ones in parts
            if group not in AIM]  # fmt: skip
    tail = f" Significant gains elsewhere: {', '.join(rest)}." if rest else ""
    return f"Gains by pair of intermediate and target, {tested.at()}: {'; '.join(first)}.{tail}"


def _leans(found: Resources) -> str:
    """The slopes of gain on resources."""
    if not found.slopes:
        return ""
    unit = found.unit
    low, high = min(one.gain for one in found.slopes), max(one.gain for one in found.slopes)
    clear = [one for one in found.slopes if one.significant]
    told = f"Slope of gain on resources (rising: the more resources, the larger the gain): {_slopes(found.slopes)}."
    if not clear:
        one = len(found.slopes) == 1
        size = tested.number(low, 2) if one else f"from {tested.number(low, 2)} to {tested.number(high, 2)}"
        interval = f", 95 % interval {tested.spread(found.slopes[0].interval, 2)}" if one else ""
        return f"No significant slope of gain on resources: {size} points {unit}{interval} ({_pairs(found.slopes)})."
    if len(clear) <= 3:
        shown = [f"{one.row} on {one.column} {tested.number(one.gain, 2)} ({tested.spread(one.interval, 2)})" for one in clear]
        told += f" In points {unit}, with 95 % intervals: {'; '.join(shown)}."
    scatter = sum(map(_beyond, clear))
    told += f" Against the scatter of languages around the line {scatter} of {len(clear)} would stand out, too."
    return told


def _slopes(ones: list[Tested]) -> str:
    return tested.verdict(ones, "rising slope", "falling slope")


def _beyond(one: Tested) -> bool:
    ends = one.told.get("over_languages")
    return ends is not None and (ends[0] > 0 or ends[1] < 0)


def _pairs(ones: list[Tested]) -> str:
    return text.count(len(ones), "pair") + " of intermediate and target"


def _narrows(found: Resources) -> tuple[str, ...]:
    """Gains of the groups against those in English."""
    ones = [one for one in found.narrowed if one.told["group"] in AIM]
    if not ones:
        return ()
    groups = " or ".join(titles(group) for group in AIM if group in found.groups)
    return (f"Gain in {groups} minus gain in English, {tested.at()}: {tested.verdict(ones, 'narrower gap', 'wider gap')}.",)


def _grouped(found: Resources) -> str:
    """How languages were put in groups."""
    unseen = any(place["group"] == "unseen" for place in found.languages.values())
    if found.axis == "joshi":
        told = "Groups are the resource classes of Joshi et al. 2020: low 0–2, mid 3, high 4–5."
        told += " Languages that the encoder's training text lacks are the group unseen, whatever their class." if unseen else ""
    else:
        told = (
            "These languages are made up, so they are grouped by the lines of text that the encoder was trained on: high from"
            " two thirds of the most, low below a third, mid between."
        )
        told += " Languages without any are the group unseen." if unseen else ""
        lines = _lines(found.languages)
        told += f" Lines: {lines}." if lines else ""
    return told + (
        " English, the language of fine-tuning, is in no group. Every number is of one target: targets have different languages,"
        " so nothing is averaged over them."
    )


def _lines(languages: Mapping[str, Mapping[str, Any]]) -> str:
    known = sorted(((place["lines"], code) for code, place in languages.items() if place["lines"] is not None), reverse=True)
    return ", ".join(f"{code} {lines:,}" for lines, code in known)


def _in(group: str) -> str:
    return f"in {titles(group)}"
