"""YAML text as a tree of nodes that know where they stand; nothing is constructed, tags and aliases are refused."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from stilts_xtreme.utils.sanitize import HIDDEN

Scalar = bool | int | float | str | None
PATHS = ("path", "folder", "dictionary")  # keys whose values are relative to the file that says them
DEPTH = 40  # of nested lists and mappings
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TRUTH: tuple[tuple[str, bool | None], ...] = (("null", None), ("true", True), ("false", False))
_WORDS = {"": None, "~": None, **{form: value for word, value in _TRUTH for form in (word, word.title(), word.upper())}}


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where something is written: line and column (from 1) of a file, or an override (named as it was given; line 0).

    An override that begins with `--` is an option of the command.
    """

    override: str  # first, so that overrides sort after files
    file: str
    line: int = 0
    column: int = 0

    @property
    def option(self) -> bool:
        return self.override.startswith("--")

    def __str__(self) -> str:
        if self.option:
            return self.override[:200]
        if self.override:
            return f"override '{self.override[:200]}{'...' if len(self.override) > 200 else ''}'"
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the writing of a node itself."""

    place: Place
    text: str


@dataclass(frozen=True)
class Node:
    """A value as written. Where it could not be read, `value` is None and `flaws` says why."""

    value: Any  # None, bool, int, float, str, list[Node] or dict[str, Node]
    place: Place
    folder: Path  # what relative paths in it are relative to
    keys: dict[str, Place] = field(default_factory=dict)
    written: str = ""
    flaws: tuple[Flaw, ...] = ()
    file: Path | None = None  # set where the node is the whole of a file

    @property
    def broken(self) -> bool:
        return self.value is None and bool(self.flaws)


Event = Any  # of PyYAML's parser, whose types leave out marks and tags
At = Callable[[Any], Place]  # the place of a mark in the text


class _Stop(Exception):
    def __init__(self, flaw: Flaw):
        self.flaw = flaw


def broken(place: Place, text: str) -> Node:
    """A node that stands for what could not be read."""
    return Node(None, place, Path(), flaws=(Flaw(place, text),))


def of_value(value: object, place: Place) -> Node:
    """The node of a plain value that an option stands for; paths in it are relative to the working directory."""
    if isinstance(value, dict):
        return Node({key: of_value(child, place) for key, child in value.items()}, place, Path(), dict.fromkeys(value, place))
    return Node(value, place, Path(), written=str(value))


def plain(node: Node, key: str = "") -> Any:
    """The node as Python values, paths made absolute; what could not be read is None."""
    if isinstance(node.value, dict):
        return {name: plain(child, name) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    if isinstance(node.value, str) and (key in PATHS or (key == "name" and node.value.startswith(("./", "../")))):
        return os.path.abspath(node.folder / os.path.expanduser(node.value))
    return node.value


def resolve(text: str) -> Scalar:
    """A plain scalar's value by the core rules of YAML 1.2 (`1e-5` is a number; `no`, `on` and `yes` are text).

    Raises ValueError for numbers that no field can hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("must be a finite number")
    if _INT.fullmatch(text):
        number = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) < 30 else 1 << 64
        if abs(number) >= 1 << 63:
            raise ValueError("is too large a number")
        return number
    if _FLOAT.fullmatch(text):
        value = float(text)
        if abs(value) >= 2.0**63:  # as with whole numbers; results refuse them, too
            raise ValueError("is too large a number")
        return value
    return text


def parse(text: str, folder: Path, place: Place) -> Node:
    """The YAML document in `text`; `place` names its file or override. What cannot be read comes back as flaws."""
    at: At = (lambda mark: place) if place.override else lambda mark: replace(place, line=mark.line + 1, column=mark.column + 1)
    last: Any = yaml.Mark("", 0, 0, 0, None, 0)  # the two last (an excerpt of the text, a place in it) are not looked at

    def events() -> Iterator[Event]:
        nonlocal last
        for event in yaml.parse(text, Loader=yaml.SafeLoader):  # the pure-Python loader: the C one crashes on deep nesting
            last = event.end_mark
            yield event

    try:
        return _document(events(), folder, at)
    except _Stop as stop:
        flaw = stop.flaw
    except yaml.MarkedYAMLError as fault:
        context = f" ({fault.context})" if fault.context else ""
        flaw = Flaw(at(fault.problem_mark or last), f"not YAML: {fault.problem}{context}")
    except yaml.reader.ReaderError as fault:
        before = text[: fault.position]
        mark = yaml.Mark("", 0, before.count("\n"), len(before) - before.rfind("\n") - 1, None, 0)
        flaw = Flaw(at(mark), f"not YAML: the character {text[fault.position]!a} is not allowed")
    except (ValueError, OverflowError):
        flaw = Flaw(at(last), "not YAML: an escape or directive holds a number that is out of range")
    return Node(None, flaw.place, folder, flaws=(flaw,))


def _document(events: Iterator[Event], folder: Path, at: At) -> Node:
    next(events)
    if isinstance(event := next(events), yaml.StreamEndEvent):
        raise _Stop(Flaw(at(event.start_mark), "is empty"))
    node = _build(next(events), events, folder, at, 1)
    next(events)
    if not isinstance(event := next(events), yaml.StreamEndEvent):
        raise _Stop(Flaw(at(event.start_mark), "a second document begins here; one file holds one spec"))
    return node


def _build(event: Event, events: Iterator[Event], folder: Path, at: At, depth: int) -> Node:
    place = at(event.start_mark)
    if depth > DEPTH:
        raise _Stop(Flaw(place, f"more than {DEPTH} lists and mappings inside one another"))
    if isinstance(event, yaml.AliasEvent):
        return broken(place, f"aliases are not read: write the value out instead of *{event.anchor}")
    if event.tag is not None:
        refused = f"tags are not read: drop {event.tag}"
    elif event.anchor is not None:
        refused = f"anchors are not read: drop &{event.anchor}"
    else:
        refused = ""
    if isinstance(event, yaml.ScalarEvent):
        node = _scalar(event, folder, place)
    elif isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_build(event, events, folder, at, depth + 1))
        node = Node(items, place, folder)
    else:
        node = _mapping(events, folder, at, depth, place)
    return broken(place, refused) if refused else node


def _mapping(events: Iterator[Event], folder: Path, at: At, depth: int, place: Place) -> Node:
    values: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    flaws: list[Flaw] = []
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        where = at(event.start_mark)
        key = _build(event, events, folder, at, depth + 1)
        value = _build(next(events), events, folder, at, depth + 1)
        name = key.written
        if key.flaws:
            flaws += key.flaws
        elif isinstance(key.value, list | dict):
            flaws.append(Flaw(where, "a key must be a word"))
        elif name in keys:
            flaws.append(Flaw(where, f"the key '{name[:60]}' stands here twice (first in line {keys[name].line or 1})"))
        else:
            keys[name], values[name] = where, value
    return Node(values, place, folder, keys, flaws=tuple(flaws))


def _scalar(event: yaml.ScalarEvent, folder: Path, place: Place) -> Node:
    text = event.value
    if hidden := HIDDEN.search(text):
        return broken(place, f"the control character {hidden[0]!a} is not allowed in text")
    if event.style is not None:
        return Node(text, place, folder, written=text)
    try:
        return Node(resolve(text), place, folder, written=text)
    except ValueError as fault:
        return broken(place, f"{fault}, is {text[:60]}")
