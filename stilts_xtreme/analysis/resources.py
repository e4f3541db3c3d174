"""Does the gain reach languages with few resources? Scores and gains by group of languages, slopes of gain on resources.

A group's numbers are always of one target: another target has other languages, so nothing is averaged over targets.
"""

from collections.abc import Mapping, Sequence

from stilts_xtreme.analysis.bootstrap_scores import BootstrapScores, Weights, uniform_weights
from stilts_xtreme.analysis.effects import Gains, Groups, group_effects, languages_of, slope_effect, with_q
from stilts_xtreme.analysis.language_resources import ResourceAxis, pretraining_text, resource_axis
from stilts_xtreme.pipeline import grid
from stilts_xtreme.results.rows import Row
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record


def gather(cells: Sequence[grid.Cell], gains: Gains, store: Store, scores: BootstrapScores) -> Record:
    """Return `resources`: the languages, scores and gains by group, `narrowed`: how much more a group gains than English does
    (above zero where the gap narrows), and slopes. Empty where no target has three languages (but English) in two groups.
    """
    if not cells:
        return {}
    codes = sorted({code for cell in cells for code in cell.stage.languages})
    axis = resource_axis(codes, pretraining_text(cells[0].stage, store))
    by_target = {cell.target: axis.groups(cell.stage.languages) for cell in cells}
    groups = {target: members for target, members in by_target.items() if _enough(members)}
    if not groups:
        return {}
    gains = {key: by_seed for key, by_seed in gains.items() if key[1] in groups and not key[0].is_baseline}
    with_english = {key: by_seed for key, by_seed in gains.items() if "en" in languages_of(by_seed)}
    return {
        "resources": {
            "axis": axis.axis,
            "languages": {
                code: {"group": language.group, "class": language.level, "lines": language.lines}
                for code, language in axis.languages.items()
            },
            "scores": _scores(cells, groups, scores),
            "groups": with_q(group_effects(gains, groups)),
            "narrowed": with_q(group_effects(with_english, groups, _minus_english)),
            "slopes": with_q(_slopes(gains, groups, axis)),
        }
    }


def _enough(groups: Mapping[str, Sequence[str]]) -> bool:
    return len(groups) > 1 and sum(map(len, groups.values())) > 2


def _minus_english(codes: Sequence[str]) -> Weights:
    return {**uniform_weights(codes), "en": -1.0}


def _scores(cells: Sequence[grid.Cell], groups: Groups, scores: BootstrapScores) -> list[Record]:
    """Return every row's `scores` in each group by seed, and `gaps`: that score minus the English score."""
    records: dict[tuple[Row, str, str], Record] = {}
    for cell in cells:
        scored = scores.scored(cell.stage)
        english = scored.weighted({"en": 1.0}).value if "en" in scored.languages else None
        for group, codes in groups.get(cell.target, {}).items():
            fields = {"target": cell.target, "group": group, "languages": list(codes), "n": len(codes), "scores": {}}
            gaps: Record = {} if english is None else {"gaps": {}}
            record = records.setdefault((cell.row, cell.target, group), {**cell.row.record(), **fields, **gaps})
            record["scores"][str(cell.seed)] = score = scored.weighted(uniform_weights(codes)).value
            if english is not None:
                record["gaps"][str(cell.seed)] = score - english
    return list(records.values())


def _slopes(gains: Gains, groups: Groups, axis: ResourceAxis) -> list[Record]:
    """Return slopes of gain on the axis, over the languages that the encoder saw, without English."""
    records = []
    for (row, target), by_seed in gains.items():
        codes = [code for members in groups[target].values() for code in members]
        positions = {code: position for code in codes if (position := axis.position(code)) is not None}
        if slope := slope_effect(by_seed, positions):
            records.append({**row.record(), "target": target, "languages": list(positions), "n": len(positions), **slope})
    return records
