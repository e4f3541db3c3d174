"""A study's result as it was written before rows had fields (`stilts/study@1`), brought into the form of today.

A row was its label there, `squad>mnli (en+de, noise 0.1, few)`: no other place parses a label.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from types import UnionType
from typing import Any

from stilts_xtreme.results.rows import BASELINE, ENGLISH, LISTS, USUAL, Fields, Row, entries_at, labelled
from stilts_xtreme.utils.bounded_io import Record

OLD, NEW = "stilts/study@1", "stilts/study@2"
MOST = 10_000  # fine-tunings: a study holds no more evaluations
Tuning = tuple[tuple[str, ...], float, str]  # languages, noise and recipe of fine-tuning
SECTIONS = ("evaluations", "comparisons", "best", "arms", "pairs", "pooled", "noise", "orders", "resources", "sizes")


def upgraded(study: Fields) -> Record:
    """Return the study as `stilts/study@2`; what is no part of a study stays as it is, for the check that follows.

    ValueError where the labels do not say what the rows are.
    """
    labels = study.get("intermediates")
    if not isinstance(labels, list) or not labels:
        raise ValueError("intermediates: missing" if labels is None else "intermediates: must be a list of names")
    rows = _rows(labels, study)
    renamed = {label: row.name for label, row in rows.items() if label != row.name}
    new: Record = {}
    for key, value in study.items():
        if key == "intermediates":
            new["rows"] = [row.record() for row in rows.values()]
        else:
            new[key] = _copy(value, renamed if key in SECTIONS else {})
    by_name = {row.name: row for row in rows.values()}
    for path in LISTS:
        for number, entry in enumerate(entries_at(new, path)):
            _fill(entry, by_name, f"{'.'.join(path)}[{number}]")
    _fill_orders(new.get("orders"), by_name)
    _fill_interactions(new.get("sizes"))
    return new | {"schema": NEW}


def _rows(labels: Sequence[object], study: Fields) -> dict[str, Row]:
    """Return the rows by their old labels, in order."""
    tunings = _tunings(study)
    rows: dict[str, Row] = {}
    for number, label in enumerate(labels):
        if not isinstance(label, str):
            raise ValueError(f"intermediates[{number}]: must be a name")
        if label in rows:
            raise ValueError(f"intermediates[{number}]: {label} stands there twice")
        chain, mark, tail = label.partition(" (")
        given = tunings.get(mark + tail, [])
        if len(given) > 1:
            raise ValueError(f"intermediates[{number}]: {label} may be one of two rows")
        tuning = given[0] if given else _parsed(tail.removesuffix(")"), study, f"intermediates[{number}]")
        rows[label] = Row(() if chain == BASELINE else tuple(chain.split(">")), *tuning)
    return dict(zip(rows, labelled(rows.values()), strict=True))


def _tunings(study: Fields) -> dict[str, list[Tuning]]:
    """Return every fine-tuning that the study's axes give, by what stood in brackets behind its rows."""
    noise = study.get("noise")
    languages = _axis(study.get("training_languages"), list, list(ENGLISH))
    shares = _axis(noise.get("training") if isinstance(noise, dict) else None, int | float, 0.0)
    recipes = _axis(study.get("recipes"), str, USUAL)
    if len(languages) * len(shares) * len(recipes) > MOST:
        raise ValueError("training_languages, noise and recipes: more rows than a study holds")
    tunings: dict[str, list[Tuning]] = {}
    for codes, share, recipe in product(languages, shares, recipes):
        parts = [] if codes == list(ENGLISH) else ["+".join(map(str, codes))]
        parts += [f"noise {share:g}"] if share else []
        parts += [recipe] if recipe != USUAL else []
        tail = f" ({', '.join(parts)})" if parts else ""
        tunings.setdefault(tail, []).append((tuple(map(str, codes)), float(share), recipe))
    return tunings


def _axis(axis: Any, kind: type | UnionType, usual: Any) -> list[Any]:
    """Return the entries of an axis; the usual entry alone where it is not a list or mapping of entries of this kind."""
    known = isinstance(axis, list | dict) and axis and all(isinstance(entry, kind) for entry in axis)
    return list(axis) if known else [usual]


def _parsed(tail: str, study: Fields, place: str) -> Tuning:
    """Return the fine-tuning of a row that the study's axes do not give: results put together by hand have no axes."""
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


def _share(text: str, place: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"{place}: {text[:60]} is no share of changed words")
    return share


def _copy(value: object, renamed: Mapping[str, str]) -> object:
    """Return a copy, with today's label wherever an old label that differs stands."""
    if isinstance(value, dict):
        return {renamed.get(key, key): _copy(part, renamed) for key, part in value.items()}
    if isinstance(value, list):
        return [_copy(part, renamed) for part in value]
    return renamed.get(value, value) if isinstance(value, str) else value


def _fill(entry: Record, rows: Mapping[str, Row], place: str) -> None:
    """Add the fields of the row that the entry is of, and `target` for what was called its column."""
    if "column" in entry:
        entry["target"] = entry.pop("column")
    entry.pop("tail", None)
    key = "row" if "row" in entry else "intermediate"
    label = entry.get(key)
    if isinstance(label, str):
        if label not in rows:
            raise ValueError(f"{place}.{key}: {label} is not one of the study's intermediates")
        entry |= rows[label].record()


def _fill_orders(orders: object, rows: Mapping[str, Row]) -> None:
    by_tail = {row.tail: row for row in rows.values()}
    for name in ("panels", "absent"):
        for number, panel in enumerate(entries_at({"orders": orders}, ("orders", name))):
            place = f"orders.{name}[{number}]"
            _fill(panel, rows, place)
            tail = panel.setdefault("way", "")
            if isinstance(tail, str):
                row = by_tail.get(tail)
                if row is None:
                    raise ValueError(f"{place}.way: no row is fine-tuned so")
                panel |= {key: value for key, value in row.fields().items() if key != "intermediate"}
            for part in ("mixtures", "last"):
                for at, entry in enumerate(entries_at({"panel": panel}, ("panel", part))):
                    _fill(entry, rows, f"{place}.{part}[{at}]")


def _fill_interactions(sizes: object) -> None:
    """Add the fields of an interaction's row: the row with the usual recipe, which need not be among the study's."""
    known = [point for point in entries_at({"sizes": sizes}, ("sizes", "points")) if "intermediate" in point]
    points = {point["of"]: point for point in known if isinstance(point.get("of"), str)}
    for number, entry in enumerate(entries_at({"sizes": sizes}, ("sizes", "interactions"))):
        entry |= {new: entry.pop(old) for new, old in (("target", "column"), ("row", "of")) if old in entry}
        if isinstance(label := entry.get("row"), str):
            if label not in points:
                raise ValueError(f"sizes.interactions[{number}].of: {label} is none of the points'")
            fields = {key: points[label][key] for key in ("intermediate", "training_languages", "training_noise")}
            entry |= {**fields, "recipe": USUAL}
