"""Compare two results of the same kind: settings, data, scores, collapses, and the versions they were computed with."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TypeGuard

from stilts_xtreme import results
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

SAME = 1e-9  # scores that differ by no more are the same
KINDS = (results.STUDY, results.TRAINING, results.EVALUATION, results.LATENCY, results.LATENCY_STUDY)
NO = "absent"
STUDY_SETTINGS = (
    "name", "question", "setup", "note", "command", "benchmark", "rows", "mixtures", "targets", "seeds",
    "training_languages", "languages", "test_examples", "encoder", "code", "hyperparameters", "predictions",
    "recipes", "tasks", "models", "target", "how",
)  # fmt: skip  # fields of a study's result
NEWER_FIELDS = ("encoder", "code", "hyperparameters", "predictions", "readings")  # absent from older studies
SCORES = ("score", "metrics", "languages", "dev", "answers")
COMPARED = (
    "schema", "address", "plan", "chain", "data", "evaluations", "trainings", *STUDY_SETTINGS, *SCORES, "collapsed", "collapse",
)  # fmt: skip  # fields with a group of their own; the others are compared under `else`
Result = Mapping[str, object]  # as results.read returns it
Flat = dict[str, object]  # values by their path


@dataclass(frozen=True)
class Difference:
    """A value that differs: its group and key, and what it is in each result; scores also have second - first (`by`)."""

    group: str
    key: str
    first: object
    second: object

    @property
    def by(self) -> float | None:
        first, second = self.first, self.second
        return second - first if self.group == "scores" and _number(first) and _number(second) else None


def read(named: str, store: Store) -> Record:
    """Read the result in a file, or of the finished stage whose address begins so; UserError if there is not exactly one."""
    if Path(named).is_file():
        return results.read(Path(named), *KINDS)
    folders = store.beginning(named)
    if len(folders) != 1:
        fit = f"({len(folders)} begin so)"
        raise UserError(f"{named}: neither a file nor the address of one finished stage in {store.root} {fit}")
    return results.read(folders[0] / "result.json", *KINDS)


def between(first: Record, second: Record) -> list[Difference]:
    """Return all differences, group by group; none if the two results are the same above `provenance`.

    UserError if the results are of different kinds.
    """
    if first["schema"] != second["schema"]:
        raise UserError(f"one is {first['schema']}, the other {second['schema']}: only results of a kind can be compared")
    study = "evaluations" in first
    if study:
        first, second = _comparable(first, second), _comparable(second, first)
    differences = [
        *_settings(first, second),
        *_data(_readings(first), _readings(second)),
        *(_changed("scores", _means(first), _means(second)) if study else _changed("scores", *_parts(first, second, SCORES))),
        *(_changed("collapsed", _collapsed(first), _collapsed(second)) if study else ()),
        *(() if study else _changed("collapsed", *_parts(first, second, ("collapsed", "collapse")))),
    ]
    rest = [name for name in {**first, **second} if name not in (*COMPARED, *results.LAST)]
    further = list(_changed("else", *_parts(first, second, rest)))
    if study:  # what is drawn from the evaluations, and these in every language and seed
        further += _changed("else", *_parts(_by_name(first), _by_name(second), ("evaluations", "trainings")))
        return [*differences, *_counted(further)]
    if not differences and not further and results.stable(results.text(first)) != results.stable(results.text(second)):
        further = list(_changed("else", *_parts(first, second, [name for name in first if name not in results.LAST])))
    return [*differences, *further]


def _comparable(study: Record, other: Record) -> Record:
    """Return the study with its rows as labels, and "recorded" in place of each part that the other, an older result, lacks."""
    comparable = {**study, "rows": [row["row"] for row in study["rows"]], "data": dict(study.get("data") or {})}
    for part, beside in ((comparable, other), (comparable["data"], other.get("data") or {})):
        part |= {name: "recorded" for name in NEWER_FIELDS if name in part and name not in beside}
    return comparable


def provenance(first: Result, second: Result) -> list[Difference]:
    """Return where, when and with which versions the two were computed, as far as that differs."""
    return list(_changed("provenance", *_parts(first, second, ("provenance",))))


def _settings(first: Result, second: Result) -> Iterator[Difference]:
    """Compare the settings of studies, or of stages link by link of their chains; links that train the same are aligned."""
    ours, theirs = [_link(link) for link in _maps(first, "chain")], [_link(link) for link in _maps(second, "chain")]
    if not ours or not theirs:
        yield from _changed("settings", *_parts(first, second, (*STUDY_SETTINGS, "plan")))
        return
    names = [name for name, _ in ours], [name for name, _ in theirs]
    for _, a, b, c, d in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        for i in range(max(b - a, d - c)):
            left, right = (ours[a + i] if a + i < b else None), (theirs[c + i] if c + i < d else None)
            if left and right and left[0] == right[0]:
                for change in _changed("settings", left[1], right[1]):
                    yield Difference("settings", f"{left[0]}: {change.key}", change.first, change.second)
            else:
                yield Difference("settings", f"link {max(a, c) + i + 1}", left[0] if left else NO, right[0] if right else NO)


def _link(link: Result) -> tuple[str, Flat]:
    """Return a link's name, and what decides its result beside its data and the link before."""
    settings = {name: value for name, value in link.items() if name not in ("address", "reads", "start", "model")}
    origin = link.get("start") or link.get("model") or {}
    if isinstance(origin, Mapping) and "stage" not in origin:
        settings["start"] = origin
    return f"{link.get('kind')} {'+'.join(map(str, _list(link, 'tasks')))}", _flat(settings)


def _readings(result: Result) -> Flat:
    """Return what was read: digests of all a chain depends on, and the dataset records of the stage's own splits."""
    if isinstance(data := result.get("data"), Mapping):
        return _flat(data)
    readings: Flat = {}
    for link in _maps(result, "chain"):
        for reading in _list(link, "reads"):
            name, _, digest = str(reading).partition("@")
            readings[f"{name}: digest"] = digest
    for record in _maps(result, "data"):
        name = "/".join(str(record.get(part)) for part in ("task", "split", "language"))
        facts = {part: value for part, value in record.items() if part not in ("task", "split", "language", "digest")}
        readings |= {f"{name}: {part}": value for part, value in _flat(facts).items()}
    return readings


def _data(first: Flat, second: Flat) -> Iterator[Difference]:
    """Compare data; of a split that only either of the two read, only the digest."""
    names = [{key.partition(": ")[0] for key in flat} for flat in (first, second)]
    for change in _changed("data", first, second):
        name, _, fact = change.key.partition(": ")
        if fact in ("", "digest") or all(name in there for there in names):
            yield change


def _means(study: Record) -> Flat:
    """Return means over seeds by row and target."""
    cells: dict[str, list[float]] = {}
    for run in study["evaluations"]:
        cells.setdefault(f"{run['row']} on {run['target']}", []).append(run["score"])
    return {name: math.fsum(scores) / len(scores) for name, scores in cells.items()}


def _collapsed(study: Record) -> Flat:
    """Return the seeds whose chain has a collapsed training, by row and target."""
    cells: dict[str, list[int]] = {}
    for run in study["evaluations"]:
        if run.get("collapsed"):
            cells.setdefault(f"{run['row']} on {run['target']}", []).append(run["seed"])
    return {name: sorted(seeds) for name, seeds in cells.items()}


def _by_name(study: Record) -> Record:
    """Return the lists whose order means nothing as mappings from what their entries are."""
    runs = {f"{run['row']} on {run['target']}, seed {run['seed']}": run for run in study["evaluations"]}
    return {"evaluations": runs, "trainings": {training["address"]: training for training in study["trainings"]}}


def _counted(differences: Sequence[Difference]) -> Iterator[Difference]:
    """Yield only how many there are, by the part of the study they are in: hundreds follow from a single cause."""
    counts: dict[str, int] = {}
    for difference in differences:
        part = difference.key.partition(".")[0].partition("[")[0]
        counts[part] = counts.get(part, 0) + 1
    for part, count in counts.items():
        yield Difference("else", part, f"{count} values", "differ")


def _parts(first: Result, second: Result, names: Iterable[str]) -> tuple[Flat, Flat]:
    return _flat(_only(first, names := tuple(names))), _flat(_only(second, names))


def _only(result: Result, names: Sequence[str]) -> Flat:
    return {name: result[name] for name in names if name in result}


def _flat(value: object, path: str = "") -> Flat:
    """Return values by their path; lists of plain values are values. Depth is that of a result: bounded when it is read."""
    if isinstance(value, Mapping) and value:
        return {key: end for name, part in value.items() for key, end in _flat(part, f"{path}.{name}".lstrip(".")).items()}
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        return {key: end for i, part in enumerate(value) for key, end in _flat(part, f"{path}[{i}]").items()}
    return {path: value}


def _changed(group: str, first: Flat, second: Flat) -> Iterator[Difference]:
    for key in {**first, **second}:
        a, b = first.get(key, NO), second.get(key, NO)
        close = _number(a) and _number(b) and abs(a - b) <= SAME
        if not close and (a != b or isinstance(a, bool) != isinstance(b, bool)):
            yield Difference(group, key, a, b)


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: Result, name: str) -> list[object]:
    """Return the list of that name; empty if it is something else."""
    items = value.get(name)
    return items if isinstance(items, list) else []


def _maps(value: Result, name: str) -> list[Result]:
    return [part for part in _list(value, name) if isinstance(part, Mapping)]
