"""What differs between two results of a kind: settings, data, scores, collapses, and the versions they were made with."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from stilts_xtreme import results
from stilts_xtreme.errors import UserError
from stilts_xtreme.store import Store

SAME = 1e-9  # scores that differ by no more are the same
KINDS = (results.STUDY, results.TRAINING, results.EVALUATION, results.LATENCY, results.LATENCY_STUDY)
NO = "absent"
SETTINGS = (
    "name", "question", "setup", "note", "command", "benchmark", "rows", "mixtures", "targets", "seeds",
    "training_languages", "languages", "test_examples", "encoder", "code", "hyperparameters", "predictions",
    "recipes", "tasks", "models", "target", "how",
)  # fmt: skip  # of a study, as its result keeps them
SINCE = ("encoder", "code", "hyperparameters", "predictions", "readings")  # of a study and its data: many values each
SCORES = ("score", "metrics", "languages", "dev", "answers")
TOLD = ("schema", "address", "plan", "chain", "data", "evaluations", "trainings", *SETTINGS, *SCORES, "collapsed", "collapse")
Flat = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing: where, and what it is in each; scores also have their difference, the second less the first."""

    group: str
    key: str
    first: Any
    second: Any

    @property
    def by(self) -> float | None:
        both = (self.first, self.second)
        return self.second - self.first if self.group == "scores" and all(map(_number, both)) else None


def read(named: str, store: Store) -> dict[str, Any]:
    """The result in a file, or of the finished stage whose address begins so."""
    if Path(named).is_file():
        return results.read(Path(named), *KINDS)
    found = store.beginning(named)
    if len(found) != 1:
        raise UserError(f"{named}: neither a file nor the address of one finished stage in {store.root} ({len(found)} begin so)")
    return results.read(found[0] / "result.json", *KINDS)


def between(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """All of them, group by group; none where the two are the same above `provenance`.

    UserError where the results are of different kinds.
    """
    if first["schema"] != second["schema"]:
        raise UserError(f"one is {first['schema']}, the other {second['schema']}: only results of a kind can be compared")
    study = "evaluations" in first
    if study:
        first, second = _since(first, second), _since(second, first)
    found = [
        *_settings(first, second),
        *_data(_readings(first), _readings(second)),
        *(_changed("scores", _means(first), _means(second)) if study else _changed("scores", *_parts(first, second, SCORES))),
        *(_changed("collapsed", _collapsed(first), _collapsed(second)) if study else ()),
        *(() if study else _changed("collapsed", *_parts(first, second, ("collapsed", "collapse")))),
    ]
    rest = [name for name in {**first, **second} if name not in (*TOLD, *results.LAST)]
    further = list(_changed("else", *_parts(first, second, rest)))
    if study:  # what is drawn from the evaluations, and these in every language and seed
        further += _changed("else", *_parts(_by_name(first), _by_name(second), ("evaluations", "trainings")))
        return [*found, *_counted(further)]
    if not found and not further and results.stable(results.text(dict(first))) != results.stable(results.text(dict(second))):
        further = list(_changed("else", *_parts(first, second, [name for name in first if name not in results.LAST])))
    return [*found, *further]


def _since(study: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The study, its rows by their labels, with one word in place of each part that older results do not hold, where the other
    lacks it.
    """
    told = {**study, "rows": [row["row"] for row in study["rows"]], "data": dict(study.get("data") or {})}
    for part, beside in ((told, other), (told["data"], other.get("data") or {})):
        part |= {name: "told" for name in SINCE if name in part and name not in beside}
    return told


def made(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Where, when and with which versions the two were made, as far as that differs."""
    return list(_changed("provenance", *_parts(first, second, ("provenance",))))


def _settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    """Of a study as it was written; of a stage link by link of its chain, links that train the same held side by side."""
    one, other = [_link(link) for link in _maps(first, "chain")], [_link(link) for link in _maps(second, "chain")]
    if not one or not other:
        yield from _changed("settings", *_parts(first, second, (*SETTINGS, "plan")))
        return
    names = [name for name, _ in one], [name for name, _ in other]
    for _, a, b, c, d in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        for i in range(max(b - a, d - c)):
            left, right = (one[a + i] if a + i < b else None), (other[c + i] if c + i < d else None)
            if left and right and left[0] == right[0]:
                for found in _changed("settings", left[1], right[1]):
                    yield Difference("settings", f"{left[0]}: {found.key}", found.first, found.second)
            else:
                yield Difference("settings", f"link {max(a, c) + i + 1}", left[0] if left else NO, right[0] if right else NO)


def _link(link: Mapping[str, Any]) -> tuple[str, Flat]:
    """A link's name, and what decides its result beside its data and the link before."""
    said = {name: value for name, value in link.items() if name not in ("address", "reads", "start", "model")}
    origin = link.get("start") or link.get("model") or {}
    if isinstance(origin, Mapping) and "stage" not in origin:
        said["start"] = origin
    return f"{link.get('kind')} {'+'.join(map(str, _list(link, 'tasks')))}", _flat(said)


def _readings(result: Mapping[str, Any]) -> Flat:
    """What was read: digests of all a chain depends on, and the facts of the stage's own readings."""
    if isinstance(result.get("data"), Mapping):
        return _flat(result["data"])
    told: Flat = {}
    for link in _maps(result, "chain"):
        for reading in _list(link, "reads"):
            name, _, digest = str(reading).partition("@")
            told[f"{name}: digest"] = digest
    for reading in _maps(result, "data"):
        name = "/".join(str(reading.get(part)) for part in ("task", "split", "language"))
        facts = {part: value for part, value in reading.items() if part not in ("task", "split", "language", "digest")}
        told |= {f"{name}: {part}": value for part, value in _flat(facts).items()}
    return told


def _data(first: Flat, second: Flat) -> Iterator[Difference]:
    """Of a reading that one has and the other has not only that it is so."""
    names = [{key.partition(": ")[0] for key in one} for one in (first, second)]
    for one in _changed("data", first, second):
        name, _, fact = one.key.partition(": ")
        if fact in ("", "digest") or all(name in there for there in names):
            yield one


def _means(study: Mapping[str, Any]) -> Flat:
    """Means over seeds by row and target."""
    cells: dict[str, list[float]] = {}
    for run in study["evaluations"]:
        cells.setdefault(f"{run['row']} on {run['target']}", []).append(run["score"])
    return {name: math.fsum(found) / len(found) for name, found in cells.items()}


def _collapsed(study: Mapping[str, Any]) -> Flat:
    """The seeds of each row and target whose chain has a collapsed training, where there are any."""
    cells: dict[str, list[int]] = {}
    for run in study["evaluations"]:
        if run.get("collapsed"):
            cells.setdefault(f"{run['row']} on {run['target']}", []).append(run["seed"])
    return {name: sorted(seeds) for name, seeds in cells.items()}


def _by_name(study: Mapping[str, Any]) -> dict[str, Any]:
    """Lists whose order means nothing, by what their entries are."""
    runs = {f"{run['row']} on {run['target']}, seed {run['seed']}": run for run in study["evaluations"]}
    return {"evaluations": runs, "trainings": {training["address"]: training for training in study["trainings"]}}


def _counted(found: Sequence[Difference]) -> Iterator[Difference]:
    """Only how many there are, by the part of the study they stand in: hundreds follow from one."""
    counts: dict[str, int] = {}
    for one in found:
        part = one.key.partition(".")[0].partition("[")[0]
        counts[part] = counts.get(part, 0) + 1
    for part, count in counts.items():
        yield Difference("else", part, f"{count} values", "differ")


def _parts(first: Mapping[str, Any], second: Mapping[str, Any], names: Sequence[str]) -> tuple[Flat, Flat]:
    return tuple(_flat({name: one[name] for name in names if name in one}) for one in (first, second))  # type: ignore[return-value]


def _flat(value: Any, path: str = "") -> Flat:
    """Values by the way to them; lists of plain values are values. Depth is that of a result: bounded when it is read."""
    if isinstance(value, Mapping) and value:
        return {key: end for name, part in value.items() for key, end in _flat(part, f"{path}.{name}".lstrip(".")).items()}
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        return {key: end for i, part in enumerate(value) for key, end in _flat(part, f"{path}[{i}]").items()}
    return {path: value}


def _changed(group: str, first: Flat, second: Flat) -> Iterator[Difference]:
    for key in {**first, **second}:
        one, other = first.get(key, NO), second.get(key, NO)
        close = _number(one) and _number(other) and abs(one - other) <= SAME
        if not close and (one != other or isinstance(one, bool) != isinstance(other, bool)):
            yield Difference(group, key, one, other)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    """The list of that name; none where it is something else."""
    found = value.get(name)
    return found if isinstance(found, list) else []


def _maps(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [part for part in _list(value, name) if isinstance(part, Mapping)]
