"""Which languages gain? By resource class, script, family, and pretraining text, for targets that have many languages.

A group's numbers are of one target. English, the language of fine-tuning, and pairs of two languages ("de-en") are in no group.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from stilts_xtreme.analysis.bootstrap_scores import uniform_weights
from stilts_xtreme.analysis.effects import Gains, Groups, effect, group_effects, slope_effect, with_q
from stilts_xtreme.analysis.language_resources import PretrainingText, pretraining_text
from stilts_xtreme.pipeline import grid
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.languages import LANGUAGES, UNCLASSIFIED

MANY = 60  # languages of a target at least, more than any of the benchmarks' has; targets with fewer are left to `resources`
FEW = 3  # a script or family of fewer languages is no group of its own
GROUPINGS = ("class", "pretraining", "script", "family")
REST = {"script": "other scripts", "family": "other families"}
SEEN, UNSEEN, UNKNOWN = "seen", "unseen", "not known"  # whether the encoder's text had a language
GIB, LINES = "log10 GiB of CC-100", "log10 lines"  # axes of slopes: of published encoders, of those trained here


def many(cells: Iterable[grid.Cell]) -> dict[str, list[str]]:
    """Return the targets that have `MANY` languages of the table, with all languages that are in groups."""
    by_target = {cell.target: _single(cell.stage.languages) for cell in cells}
    return {target: own for target, own in by_target.items() if sum(code in LANGUAGES for code in own) >= MANY}


def gather(cells: Sequence[grid.Cell], gains: Gains, store: Store) -> Record:
    """Return `language_groups`: facts of each language, gains by group, of seen minus unseen ones, and slopes on the amount of
    text. Empty where no target has `MANY` languages.
    """
    codes = many(cells)
    if not codes:
        return {}
    text = pretraining_text(cells[0].stage, store)
    facts = {code: _facts(code, text) for code in sorted({code for own in codes.values() for code in own})}
    groups = {kind: {target: _groups(kind, own, facts) for target, own in codes.items()} for kind in GROUPINGS}
    gains = {key: by_seed for key, by_seed in gains.items() if key[1] in codes and not key[0].is_baseline}
    by_group = [with_q(group_effects(gains, groups[kind], grouping=kind)) for kind in GROUPINGS]
    return {
        "language_groups": {
            "axis": GIB if text.lines is None else LINES,
            "languages": facts,
            "groups": [record for family in by_group for record in family],
            "seen": with_q(_seen_minus_unseen(gains, groups["pretraining"])),
            "slopes": with_q(_slopes(gains, codes, facts)),
        }
    }


def _single(codes: Iterable[str]) -> list[str]:
    return [code for code in codes if code != "en" and "-" not in code]


def _facts(code: str, text: PretrainingText) -> Record:
    """Return a language's groups by grouping, and `text`: how much of it the encoder read, in the axis' unit, no logarithm."""
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


def _groups(kind: str, codes: Sequence[str], facts: Mapping[str, Record]) -> dict[str, list[str]]:
    """Return languages by group: seen before unseen, classes from 0 to 5, else the largest first; what is not known last."""
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


def _seen_minus_unseen(gains: Gains, groups: Groups) -> list[Record]:
    """Return the mean gain of languages that the encoder's text had, minus that of those it lacked."""
    records = []
    for (row, target), by_seed in gains.items():
        seen, unseen = (groups[target].get(name, []) for name in (SEEN, UNSEEN))
        if seen and unseen:
            weights = {**uniform_weights(seen), **{code: -1 / len(unseen) for code in unseen}}
            count = {"n": len(seen), "against": len(unseen)}
            records.append({**row.record(), "target": target, **count, **effect(by_seed, weights)})
    return records


def _slopes(gains: Gains, codes: Mapping[str, Sequence[str]], facts: Mapping[str, Record]) -> list[Record]:
    """Return slopes of gain on the decimal logarithm of the text that the encoder read, over the languages that it had."""
    records = []
    for (row, target), by_seed in gains.items():
        positions = {code: math.log10(facts[code]["text"]) for code in codes[target] if facts[code]["text"]}
        if slope := slope_effect(by_seed, positions):
            records.append({**row.record(), "target": target, "n": len(positions), **slope})
    return records
