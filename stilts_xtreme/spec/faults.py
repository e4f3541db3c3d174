"""What is wrong with a spec, a line each: where it stands, its key, what is wrong, what was perhaps meant."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from stilts_xtreme.spec.checks import Because, Model, Problem
from stilts_xtreme.spec.nodes import Node, Place, resolve
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

SHOWN = 100  # lines of a message
Key = str | int
BOUNDS = ("gt", "ge", "lt", "le")
RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_TEXTS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "too_short": "must have {min_length} or more entries",
}


@dataclass(frozen=True)
class Fault:
    """A line of the message."""

    place: Place
    path: str
    text: str
    word: str = ""
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        near = get_close_matches(self.word, self.names, n=1) if 0 < len(self.word) < 60 else []
        choice = f"; one of: {', '.join(self.names)}" if 0 < len(self.names) <= 30 else ""
        hint = f" (did you mean '{near[0]}'?)" if near else choice
        return visible(f"{self.place}: {self.path + ': ' if self.path else ''}{self.text}{hint}")


def refuse(faults: Iterable[Fault]) -> None:
    """Raise UserError with all of `faults`, sorted by place, if there are any."""
    once: dict[tuple[Place, str, str], Fault] = {}
    for fault in faults:
        once.setdefault((fault.place, fault.text, fault.path.rpartition(".")[2]), fault)
    if once:
        ordered = sorted(once.values(), key=lambda fault: (fault.place, fault.path, fault.text))
        more = [f"... and {len(ordered) - SHOWN} more"] if len(ordered) > SHOWN else []
        raise UserError("\n".join([str(fault) for fault in ordered[:SHOWN]] + more))


def of_writing(node: Node, path: tuple[Key, ...] = (), full: tuple[Key, ...] = ()) -> Iterator[Fault]:
    """The flaws of a tree of nodes, with keys from the top of the file they stand in."""
    path = () if node.file else path
    for flaw in node.flaws:
        yield Fault(flaw.place, _key_path(flaw.place, path, full), flaw.text)
    if isinstance(node.value, dict | list):
        for key, child in node.value.items() if isinstance(node.value, dict) else enumerate(node.value):
            yield from of_writing(child, (*path, key), (*full, key))


def of_content(error: ValidationError, root: Node, model: type[Model]) -> Iterator[Fault]:
    """The faults that pydantic reports, each put back where it is written."""
    for detail in error.errors(include_url=False, include_input=False):
        kind, context = detail["type"], detail.get("ctx", {})
        for problem in context["problems"] if kind == "spec" else [_problem(kind, detail["msg"], context)]:
            fault = _put_back(problem, kind, (*detail["loc"], *problem.tail), root, model)
            if fault is not None:
                yield fault


def of_problems(problems: Iterable[Problem], root: Node, model: type[Model]) -> Iterator[Fault]:
    """Faults of a spec that is sound by itself, each put back where it is written; a problem's tail begins at the spec's top."""
    faults = (_put_back(problem, "spec", problem.tail, root, model) for problem in problems)
    return (fault for fault in faults if fault is not None)


def _problem(kind: str, message: str, context: Record) -> Problem:
    shown = {name: f"{value:,}" if isinstance(value, int) else f"{value:g}" for name, value in context.items() if name in BOUNDS}
    return Problem(_TEXTS[kind].format(**context | shown) if kind in _TEXTS else message)


def _put_back(problem: Problem, kind: str, loc: tuple[Key, ...], root: Node, model: type[Model]) -> Fault | None:
    node, parent = root, root
    path: list[Key] = []
    full: list[Key] = []
    for step in loc:
        child = _child(node, step)
        if child is not None:
            if full and child is root.value.get("setup"):
                return None  # handed down: reported at the top
            parent, node = node, child
            path = [] if node.file else [*path, step]
            full.append(step)
        if node.broken:
            return None  # reported already
    text, word, names = problem.text, problem.word, problem.names
    key: Key = loc[-1] if loc else ""
    place = node.place
    if kind == "extra_forbidden":
        place, text, word, names = parent.keys[str(key)], "unknown key", str(key), tuple(_fields(model, loc[:-1]))
    elif kind == "missing" or (kind == "spec" and key not in full[-1:] and key in _fields(model, loc[:-1])):
        path, full = [*path, key], [*full, key]  # it is not written: the place is that of the mapping it should be in
    elif problem.on_key or key == "[key]":
        place = parent.keys[str(full[-1])]
        text = text if problem.on_key else f"the key {text}"
    elif kind == "kind" and isinstance(node.value, dict) and "kind" in node.value:
        node = node.value["kind"]
        path, full, place, text = [*path, "kind"], [*full, "kind"], node.place, text + _written(node, kind)
    elif kind == "kind" and isinstance(node.value, dict):
        path, full, text = [*path, "kind"], [*full, "kind"], "is missing"
    elif kind != "spec":
        before, text = text, text + _written(node, kind) + (_reason(model, loc) if kind in RANGES else "")
        if kind == "literal_error":
            word = str(node.value)[:60]
            names = tuple(get_close_matches(word, re.findall("'([^']*)'", before), n=1))
    if problem.conflict and (removable := _removable(problem.conflict, parent, str(full[-1]), _walk(model, loc[:-1])[0])):
        text += f"; the override {'.'.join(map(str, [*full[:-1], removable]))}=null takes that of the file out"
    return Fault(place, _key_path(place, tuple(path), tuple(full)), text, word, names)


def _child(node: Node, key: Key) -> Node | None:
    """Return the entry of a mapping or a list; None where the node has no such entry."""
    child: Node | None = None
    if isinstance(node.value, dict):
        child = node.value.get(key)
    elif isinstance(node.value, list) and isinstance(key, int):
        child = node.value[key]
    return child


def _removable(first: str, parent: Node, second: str, models: Iterable[type[BaseModel]]) -> str:
    """Which of two keys that conflict stands in a file, where an override sets the other, and may be left out; or ""."""
    overridden = [key for key in (first, second) if any(_overrides(parent.value[key]))]
    required = [key for key in (first, second) if any(model.model_fields[key].is_required() for model in models)]
    free = [key for key in (first, second) if key not in (*overridden, *required)]
    return free[0] if overridden and free else ""


def _overrides(node: Node) -> Iterator[str]:
    if node.place.override:
        yield node.place.override
    children = node.value if isinstance(node.value, list) else node.value.values() if isinstance(node.value, dict) else ()
    for child in children:
        yield from _overrides(child)


def _written(node: Node, kind: str) -> str:
    value = node.value
    if value is None:
        return ", is empty"
    if isinstance(value, dict | list):
        return ", is a mapping" if isinstance(value, dict) else ", is a list"
    shown = node.written[:60] + ("..." if len(node.written) > 60 else "")
    if not isinstance(value, str):
        whole = isinstance(value, float) and kind.startswith("int") and value == int(value)
        return f", is {shown}" + (f": write {int(value)}" if whole else "")
    if not kind.endswith("_type"):
        return f", is '{shown}'"
    try:
        unquoted = isinstance(resolve(value), int | float) and value != ""
    except ValueError:
        unquoted = False
    return f", is the text '{shown}'" + (": drop the quotes" if unquoted else "")


def _key_path(place: Place, path: tuple[Key, ...], full: tuple[Key, ...]) -> str:
    """The key as a message shows it: from the top of its file; for an override in full, where that is more than the override
    itself; for an option not at all, since whoever names an option need not know the key."""
    if place.option:
        return ""
    keys = full if place.override else path
    shown = "".join(f"[{key}]" if isinstance(key, int) else f".{key[:60]}" for key in keys).removeprefix(".")
    key = place.override.partition("=")[0]
    return "" if place.override and f"{key}.".startswith(f"{shown}.") else shown


def _fields(model: type[BaseModel], loc: tuple[Key, ...]) -> list[str]:
    """Names of the fields of the model at `loc` (as pydantic gives it: with a tag after every union) below `model`."""
    return list(dict.fromkeys(name for inner in _walk(model, loc)[0] for name in inner.model_fields))


def _reason(model: type[BaseModel], loc: tuple[Key, ...]) -> str:
    """Why the number at `loc` has its range, to go behind what is wrong with it."""
    reasons = (reason for field in _walk(model, loc)[1] for reason in _reasons([field.annotation, *field.metadata]))
    reason = next(reasons, None)
    return f" ({reason.text})" if reason else ""


def _walk(model: type[BaseModel], loc: tuple[Key, ...]) -> tuple[list[type[BaseModel]], list[FieldInfo]]:
    """The models at `loc`, and the fields that hold what stands there: several below a union."""
    models, fields = [model], list[FieldInfo]()
    for key in loc:
        named = [inner.model_fields[key] for inner in models if key in inner.model_fields] if isinstance(key, str) else []
        if named:
            models, fields = [inner for field in named for inner in _models(field.annotation)], named
        elif tagged := [own for own in models if (kind := own.model_fields.get("kind")) and key in get_args(kind.annotation)]:
            models = tagged
    return models, fields


def _reasons(parts: Iterable[object]) -> Iterator[Because]:
    for part in parts:
        if isinstance(part, Because):
            yield part
        yield from _reasons([*get_args(part), *getattr(part, "__metadata__", ())])


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
