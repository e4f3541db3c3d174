"""Does the gain reach languages with few resources? Scores and gains by group of languages, slopes of gain on resources.

A group's numbers are always of one target: another target has other languages, so nothing is averaged over targets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme import axes
from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.comparisons import Differences, adjusted
from stilts_xtreme.analysis.effects import Drawing
from stilts_xtreme.analysis.places import Map, located, seen
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring.intervals import slope_interval
from stilts_xtreme.store import Store

Found = Mapping[tuple[Row, str], Differences]  # gains by row and target


def gather(cells: Sequence[axes.Cell], found: Found, store: Store, drawing: Drawing) -> dict[str, Any]:
    """`resources`: the languages' places, scores and gains by group, slopes; absent where no target has three languages (but
    English) in two groups.
    """
    codes = sorted({code for cell in cells for code in cell.stage.languages})
    where = located(codes, seen(cells[0].stage, store)) if cells else None
    by_target = {cell.target: where.groups(cell.stage.languages) for cell in cells} if where is not None else {}
    groups = {target: members for target, members in by_target.items() if _enough(members)}
    if where is None or not groups:
        return {}
    gains = {key: by_seed for key, by_seed in found.items() if key[1] in groups and not key[0].is_baseline}
    return {
        "resources": {
            "axis": where.axis,
            "languages": {
                code: {"group": place.group, "class": place.level, "lines": place.lines} for code, place in where.places.items()
            },
            "scores": _scores(cells, groups, drawing),
            "groups": adjusted(_gains(gains, groups)),
            "narrowed": adjusted(_narrowed(gains, groups)),
            "slopes": adjusted(_slopes(gains, groups, where)),
        }
    }


def _enough(groups: Mapping[str, Sequence[str]]) -> bool:
    return len(groups) > 1 and sum(map(len, groups.values())) > 2


def _scores(
    cells: Sequence[axes.Cell], groups: Mapping[str, Mapping[str, Sequence[str]]], drawing: Drawing
) -> list[dict[str, Any]]:
    """Every row's score in each group by seed, and its gap: that score minus the one in English."""
    told: dict[tuple[Row, str, str], dict[str, Any]] = {}
    for cell in cells:
        scored = drawing.scored(cell.stage)
        english = scored.weighed({"en": 1.0})[0] if "en" in scored.languages else None
        for group, codes in groups.get(cell.target, {}).items():
            one = told.setdefault(
                (cell.row, cell.target, group),
                {**_named(cell.row, cell.target, group, codes), "scores": {}} | ({} if english is None else {"gaps": {}}),
            )
            one["scores"][str(cell.seed)] = score = scored.weighed(effects.even(codes))[0]
            if english is not None:
                one["gaps"][str(cell.seed)] = score - english
    return list(told.values())


def _gains(found: Found, groups: Mapping[str, Mapping[str, Sequence[str]]]) -> list[dict[str, Any]]:
    return [
        {**_named(row, target, group, codes), **effects.effect(by_seed, effects.even(codes))}
        for (row, target), by_seed in found.items()
        for group, codes in groups[target].items()
    ]


def _narrowed(found: Found, groups: Mapping[str, Mapping[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """How much more a group gains than English does: above zero where the gap narrows."""
    return [
        {**_named(row, target, group, codes), **effects.effect(by_seed, {**effects.even(codes), "en": -1.0})}
        for (row, target), by_seed in found.items()
        if all("en" in one.languages for one in by_seed.values())
        for group, codes in groups[target].items()
    ]


def _slopes(found: Found, groups: Mapping[str, Mapping[str, Sequence[str]]], where: Map) -> list[dict[str, Any]]:
    """Slopes of gain on the axis, over the languages that the encoder saw, without English.

    `interval`, `p` and `q` speak of these languages with other test examples and seeds; `over_languages` is the interval by how
    the languages scatter around the line.
    """
    told = []
    for (row, target), by_seed in found.items():
        codes = [code for members in groups[target].values() for code in members]
        places = {code: at for code in codes if (at := where.at(code)) is not None}
        weights = effects.slope(places) if len(places) > 2 else None
        if weights is None:
            continue
        means = {code: sum(one.weighed({code: 1.0})[0] for one in by_seed.values()) / len(by_seed) for code in places}
        scatter = slope_interval(list(places.values()), list(means.values()))
        told.append({
            **row.record(), "target": target, "languages": list(places), "n": len(places),
            **effects.effect(by_seed, weights), "over_languages": None if scatter is None else list(scatter),
        })  # fmt: skip
    return told


def _named(row: Row, target: str, group: str, codes: Sequence[str]) -> dict[str, Any]:
    return {**row.record(), "target": target, "group": group, "languages": list(codes), "n": len(codes)}
