"""Which languages gain? By resource class, script, family, and pretraining text, for targets that have many languages.

A group's numbers are of one target. English, the language of fine-tuning, and pairs of two languages ("de-en") are in no group.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stilts_xtreme import axes
from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.comparisons import Differences, adjusted
from stilts_xtreme.analysis.places import Seen, seen
from stilts_xtreme.languages import LANGUAGES, UNCLASSIFIED
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring.intervals import slope_interval
from stilts_xtreme.store import Store

MANY = 60  # languages that a target has at least, more than any of the benchmarks'; of fewer, `resources` tells what there is
FEW = 3  # a script or family of fewer languages is no group of its own
GROUPINGS = ("class", "pretraining", "script", "family")
REST = {"script": "other scripts", "family": "other families"}
SEEN, UNSEEN, UNKNOWN = "seen", "unseen", "not known"  # whether the encoder's text had a language
GIB, LINES = "log10 GiB of CC-100", "log10 lines"  # axes of slopes: of published encoders, of those trained here

Found = Mapping[tuple[Row, str], Differences]  # gains by row and target


def many(cells: Iterable[axes.Cell]) -> dict[str, list[str]]:
    """The targets that have `MANY` languages of the table, with all that are in groups."""
    by_target = {cell.target: _single(cell.stage.languages) for cell in cells}
    return {target: own for target, own in by_target.items() if sum(code in LANGUAGES for code in own) >= MANY}


def gather(cells: Sequence[axes.Cell], found: Found, store: Store) -> dict[str, Any]:
    """`language_groups`: what is known of each language, gains by group, of seen minus unseen ones, and slopes on the amount of
    text; absent where no target has `MANY` languages.
    """
    codes = many(cells)
    if not codes:
        return {}
    text = seen(cells[0].stage, store)
    facts = {code: _facts(code, text) for code in sorted({code for own in codes.values() for code in own})}
    groups = {target: {kind: _groups(kind, own, facts) for kind in GROUPINGS} for target, own in codes.items()}
    gains = {key: by_seed for key, by_seed in found.items() if key[1] in codes and not key[0].is_baseline}
    return {
        "language_groups": {
            "axis": GIB if text.lines is None else LINES,
            "languages": facts,
            "groups": [one for kind in GROUPINGS for one in adjusted(_gains(gains, groups, kind))],
            "seen": adjusted(_seen_minus_unseen(gains, groups)),
            "slopes": adjusted(_slopes(gains, codes, facts)),
        }
    }


def _single(codes: Iterable[str]) -> list[str]:
    return [code for code in codes if code != "en" and "-" not in code]


def _facts(code: str, text: Seen) -> dict[str, Any]:
    """A language's groups by grouping, and `text`, how much of it the encoder read in the axis' unit before its logarithm."""
    known = LANGUAGES.get(code)
    status = UNKNOWN
    amount: float | None = None
    if text.lines is not None:
        amount = text.lines.get(code)
        status = SEEN if amount else UNSEEN
    elif text.unseen(code):
        status = UNSEEN
    elif text.lacks is not None and known and known.xlmr:
        status, amount = SEEN, known.cc100_gib
    return {
        "class": UNCLASSIFIED if known is None or known.joshi is None else str(known.joshi),
        "pretraining": status,
        "script": (known.script_code or known.script if known else code.partition("_")[2]) or UNCLASSIFIED,
        "family": known.family if known and known.family else UNCLASSIFIED,
        "text": amount,
    }


def _groups(kind: str, codes: Sequence[str], facts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Languages by group: seen before unseen, classes from none to most, else the largest first; what is not known last."""
    members: dict[str, list[str]] = {}
    for code in codes:
        members.setdefault(facts[code][kind], []).append(code)
    if kind in REST:
        small = [name for name, own in members.items() if len(own) < FEW and name != UNCLASSIFIED]
        rest = [code for name in small for code in members.pop(name)]
        members |= {REST[kind]: rest} if rest else {}
    last = (UNCLASSIFIED, UNKNOWN, *REST.values())

    def place(name: str) -> tuple[bool, int, str]:
        return name in last, -len(members[name]) if kind in REST else 0, name

    return {name: members[name] for name in sorted(members, key=place)}


def _gains(found: Found, groups: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]], kind: str) -> list[dict[str, Any]]:
    return [
        {
            **row.record(), "target": target, "grouping": kind, "group": group, "languages": list(codes), "n": len(codes),
            **effects.effect(by_seed, effects.even(codes)),
        }
        for (row, target), by_seed in found.items()
        for group, codes in groups[target][kind].items()
    ]  # fmt: skip


def _seen_minus_unseen(found: Found, groups: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]) -> list[dict[str, Any]]:
    """The mean gain of languages that the encoder's text had, minus that of those it lacked."""
    differences = []
    for (row, target), by_seed in found.items():
        own = groups[target]["pretraining"]
        if SEEN in own and UNSEEN in own:
            weights = {**effects.even(own[SEEN]), **{code: -1 / len(own[UNSEEN]) for code in own[UNSEEN]}}
            count = {"n": len(own[SEEN]), "against": len(own[UNSEEN])}
            differences.append({**row.record(), "target": target, **count, **effects.effect(by_seed, weights)})
    return differences


def _slopes(found: Found, codes: Mapping[str, Sequence[str]], facts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Slopes of gain on the decimal logarithm of the text that the encoder read, over the languages that it had.

    `interval`, `p` and `q` speak of these languages with other test examples and seeds; `over_languages` is the interval by how
    the languages scatter around the line.
    """
    lines = []
    for (row, target), by_seed in found.items():
        places = {code: math.log10(facts[code]["text"]) for code in codes[target] if facts[code]["text"]}
        weights = effects.slope(places) if len(places) > 2 else None
        if weights is None:
            continue
        means = {code: sum(one.weighed({code: 1.0})[0] for one in by_seed.values()) / len(by_seed) for code in places}
        scatter = slope_interval(list(places.values()), list(means.values()))
        lines.append({
            **row.record(), "target": target, "n": len(places), **effects.effect(by_seed, weights),
            "over_languages": None if scatter is None else list(scatter),
        })  # fmt: skip
    return lines
