"""A study's result as it was written before rows had fields (`stilts/study@1`), brought into the form of today.

A row was its label there, `squad>mnli (en+de, noise 0.1, few)`: this is the one place that takes a label apart.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from stilts_xtreme.results.rows import BASELINE, ENGLISH, LISTS, USUAL, Row, entries_at, labelled

OLD, NEW = "stilts/study@1", "stilts/study@2"
MOST = 10_000  # ways of fine-tuning: a study holds no more evaluations
SECTIONS = ("evaluations", "comparisons", "best", "arms", "pairs", "pooled", "noise", "orders", "resources", "sizes")


def upgraded(study: Mapping[str, Any]) -> dict[str, Any]:
    """The study as `stilts/study@2`; what is no part of one stays as it is, for the check that follows.

    ValueError where the labels do not say what the rows are.
    """
    labels = study.get("intermediates")
    if not isinstance(labels, list) or not labels:
        raise ValueError("intermediates: missing" if labels is None else "intermediates: must be a list of names")
    rows = _rows(labels, study)
    renamed = {label: row.name for label, row in rows.items() if label != row.name}
    told: dict[str, Any] = {}
    for key, value in study.items():
        if key == "intermediates":
            told["rows"] = [row.record() for row in rows.values()]
        else:
            told[key] = _copy(value, renamed if key in SECTIONS else {})
    by_name = {row.name: row for row in rows.values()}
    for path in LISTS:
        for number, entry in enumerate(entries_at(told, path)):
            _fill(entry, by_name, f"{'.'.join(path)}[{number}]")
    _fill_orders(told.get("orders"), by_name)
    _fill_interactions(told.get("sizes"))
    return told | {"schema": NEW}


def _rows(labels: Sequence[Any], study: Mapping[str, Any]) -> dict[str, Row]:
    """The rows by their old labels, in order."""
    tails = _tails(study)
    found: dict[str, Row] = {}
    for number, label in enumerate(labels):
        if not isinstance(label, str):
            raise ValueError(f"intermediates[{number}]: must be a name")
        if label in found:
            raise ValueError(f"intermediates[{number}]: {label} stands there twice")
        chain, mark, tail = label.partition(" (")
        ways = tails.get(mark + tail, [])
        if len(ways) > 1:
            raise ValueError(f"intermediates[{number}]: {label} may be one of two rows")
        languages, noise, recipe = ways[0] if ways else _taken_apart(tail.removesuffix(")"), study, f"intermediates[{number}]")
        found[label] = Row(() if chain == BASELINE else tuple(chain.split(">")), languages, noise, recipe)
    return dict(zip(found, labelled(found.values()), strict=True))


def _tails(study: Mapping[str, Any]) -> dict[str, list[tuple[tuple[str, ...], float, str]]]:
    """Every way of fine-tuning that the study's axes give, by what stood in brackets behind its rows."""
    noise = study.get("noise")
    axes = [study.get("training_languages"), noise.get("training") if isinstance(noise, dict) else None, study.get("recipes")]
    usual: list[list[Any]] = [[list(ENGLISH)], [0.0], [USUAL]]
    kinds: list[Any] = [list, int | float, str]
    given = [
        list(axis) if isinstance(axis, list | dict) and axis and all(isinstance(one, kind) for one in axis) else default
        for axis, kind, default in zip(axes, kinds, usual, strict=True)
    ]
    found: dict[str, list[tuple[tuple[str, ...], float, str]]] = {}
    if math.prod(map(len, given)) > MOST:
        raise ValueError("training_languages, noise and recipes: more rows than a study holds")
    for languages, share, recipe in product(*given):
        parts = [] if languages == list(ENGLISH) else ["+".join(map(str, languages))]
        parts += [f"noise {share:g}"] if share else []
        parts += [recipe] if recipe != USUAL else []
        tail = f" ({', '.join(parts)})" if parts else ""
        found.setdefault(tail, []).append((tuple(map(str, languages)), float(share), recipe))
    return found


def _taken_apart(tail: str, study: Mapping[str, Any], place: str) -> tuple[tuple[str, ...], float, str]:
    """Languages, noise and recipe of a row that the study's axes do not give; they say none where it was put together by hand."""
    languages: tuple[str, ...] = ENGLISH
    noise, recipe = 0.0, USUAL
    recipes = study.get("recipes")
    for part in filter(None, tail.split(", ")):
        if isinstance(recipes, dict) and part in recipes:
            recipe = part
        elif part.startswith("noise "):
            noise = _share(part.removeprefix("noise "), place)
        else:
            languages = tuple(part.split("+"))
    return languages, noise, recipe


def _share(word: str, place: str) -> float:
    try:
        share = float(word)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"{place}: {word[:60]} is no share of changed words")
    return share


def _copy(value: Any, renamed: Mapping[str, str]) -> Any:
    """A copy, with today's label wherever an old one that differs stands."""
    if isinstance(value, dict):
        return {renamed.get(key, key): _copy(part, renamed) for key, part in value.items()}
    if isinstance(value, list):
        return [_copy(part, renamed) for part in value]
    return renamed.get(value, value) if isinstance(value, str) else value


def _fill(entry: dict[str, Any], rows: Mapping[str, Row], place: str) -> None:
    """The fields of the row that the entry is of, and `target` for what was called its column."""
    if "column" in entry:
        entry["target"] = entry.pop("column")
    entry.pop("tail", None)
    key = "row" if "row" in entry else "intermediate"
    label = entry.get(key)
    if isinstance(label, str):
        if label not in rows:
            raise ValueError(f"{place}.{key}: {label} is not one of the study's intermediates")
        entry |= rows[label].record()


def _fill_orders(orders: Any, rows: Mapping[str, Row]) -> None:
    ways = {row.tail: row for row in rows.values()}
    for name in ("panels", "absent"):
        for number, panel in enumerate(entries_at({"orders": orders}, ("orders", name))):
            place = f"orders.{name}[{number}]"
            _fill(panel, rows, place)
            way = panel.setdefault("way", "")
            if isinstance(way, str):
                row = ways.get(way)
                if row is None:
                    raise ValueError(f"{place}.way: no row is fine-tuned so")
                panel |= {key: value for key, value in row.fields().items() if key != "intermediate"}
            for part in ("mixtures", "last"):
                for at, entry in enumerate(entries_at({"panel": panel}, ("panel", part))):
                    _fill(entry, rows, f"{place}.{part}[{at}]")


def _fill_interactions(sizes: Any) -> None:
    """Those are of a row as it is with the usual recipe, which may be none of the study's."""
    known = [point for point in entries_at({"sizes": sizes}, ("sizes", "points")) if "intermediate" in point]
    points = {point["of"]: point for point in known if isinstance(point.get("of"), str)}
    for number, entry in enumerate(entries_at({"sizes": sizes}, ("sizes", "interactions"))):
        entry |= {new: entry.pop(old) for new, old in (("target", "column"), ("row", "of")) if old in entry}
        if isinstance(label := entry.get("row"), str):
            if label not in points:
                raise ValueError(f"sizes.interactions[{number}].of: {label} is none of the points'")
            fields = {key: points[label][key] for key in ("intermediate", "training_languages", "training_noise")}
            entry |= {**fields, "recipe": USUAL}
