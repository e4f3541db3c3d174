"""Every row of a study against its baseline: gains by target, by language and on average."""

from collections.abc import Container, Iterable, Sequence

import numpy as np

from stilts_xtreme.analysis.bootstrap_scores import BootstrapScores, Scored, by_row, paired_differences
from stilts_xtreme.analysis.effects import (
    Differences,
    Gains,
    average_effect,
    effect,
    language_means,
    target_effects,
    with_q,
    with_q_averages_apart,
)
from stilts_xtreme.pipeline import grid
from stilts_xtreme.results.rows import Row
from stilts_xtreme.utils.bounded_io import Record


def differences(cells: Iterable[grid.Cell], scores: BootstrapScores) -> dict[tuple[Row, str], dict[int, Scored]]:
    """Return the score minus the baseline's of the same seed, by row and target; rows without a baseline are absent."""
    stages = by_row(cells)
    rows = [key for key in stages if not key[0].is_plain and not key[0].is_control]
    gains = {
        (row, target): paired_differences(stages[row, target], stages.get((_baseline(row), target), {}), scores)
        for row, target in rows
    }
    return {key: by_seed for key, by_seed in gains.items() if by_seed}


def comparisons(gains: Gains, targets: Sequence[str], repeats: Container[tuple[Row, str]] = ()) -> list[Record]:
    """Return the records of every row's gains by target, and (where a seed has all targets) on average.

    Targets, averages and single languages are families of their own. `repeats`: rows and targets that only repeat another row's:
    they count in averages, and are not tested twice.
    """
    records = []
    for row in dict.fromkeys(row for row, _ in gains):
        columns: dict[str, Differences] = {target: gains.get((row, target), {}) for target in targets}
        fields = {**row.record(), "baseline": _baseline(row).name}
        effects = target_effects(fields, columns, _effect_and_languages, average_effect)
        records += [record for record in effects if (row, record["target"]) not in repeats]
    return _with_language_q(with_q_averages_apart(records))


def _effect_and_languages(by_seed: Differences) -> Record:
    examples = next(iter(by_seed.values())).examples
    return {**effect(by_seed), "examples": examples, "languages": language_effects(by_seed)}


def _baseline(row: Row) -> Row:
    """Return the row without intermediate training that is fine-tuned alike; for such a row the one fine-tuned as usual."""
    return Row(()) if row.is_baseline else row.baseline


def language_effects(by_seed: Differences) -> dict[str, Record]:
    """Return each language's gain and deviation as `language_gains`, with `interval` and `p`."""
    records = {}
    for code, gain in language_gains(by_seed).items():
        tested = effect(by_seed, {code: 1.0})
        records[code] = {**gain, "interval": tested["interval"], "p": tested["p"]}
    return records


def _with_language_q(records: Sequence[Record]) -> list[Record]:
    """Return the records with `q` for every single language: a family over all rows and targets."""
    tested = iter(with_q([language for record in records for language in record.get("languages", {}).values()]))
    return [
        {**record, "languages": {code: next(tested) for code in record["languages"]}} if "languages" in record else record
        for record in records
    ]


def language_gains(by_seed: Differences) -> dict[str, dict[str, float]]:
    """Return language -> `gain`, the mean over seeds, and `deviation`, its standard error over test examples."""
    deviations = np.mean([scored.resampled for scored in by_seed.values()], axis=0).std(axis=0, ddof=1)
    gains = zip(language_means(by_seed).items(), deviations.tolist(), strict=True)
    return {code: {"gain": gain, "deviation": deviation} for (code, gain), deviation in gains}
