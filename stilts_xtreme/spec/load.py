"""Reading a spec: fold in its files, lay the overrides over it, hand settings down, check it, report all faults at once."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from stilts_xtreme.spec import names
from stilts_xtreme.spec.base import Option, laid_over, setup_over, without
from stilts_xtreme.spec.checks import Problem
from stilts_xtreme.spec.descriptions import Descriptions
from stilts_xtreme.spec.faults import Fault, of_content, of_problems, of_writing, refuse
from stilts_xtreme.spec.kinds import KINDS, Spec
from stilts_xtreme.spec.nodes import DEPTH, Flaw, Node, Place, broken, parse, plain
from stilts_xtreme.spec.setup import Setup
from stilts_xtreme.spec.study import SCALED_BY
from stilts_xtreme.spec.task import TaskSpec
from stilts_xtreme.utils import shipped

SIZE = 32 * 1024  # bytes of a file; pure-Python YAML reads about 100 kB a second
TOTAL = 2 * SIZE  # bytes of a spec and all the files it names
NESTED = 16  # depth of nested specs
COMMANDS = {
    "intermediate": "stilts train-intermediate",
    "multitask": "stilts train-multitask",
    "target": "stilts finetune-target",
    "evaluation": "stilts evaluate",
    "study": "stilts study",
    "latency": "stilts latency",
    "setup": "stilts check",
    "task": "stilts check",
}
ALONE = ("setup", "task")  # kinds without a setup of their own


def load(
    path: Path,
    overrides: Sequence[str | Option] = (),
    kinds: Collection[str] | None = None,
    further: Callable[[Spec], Iterable[Problem]] | None = None,
) -> Spec:
    """The spec in the YAML file `path`, with the files it names folded in and `overrides` (`key.path=value`, or options of the
    command) laid over it. A spec that names no setup has the setup called small.

    `kinds` are those that the calling command takes (None: any). `further` finds what else is wrong with a spec that is sound by
    itself: faults by their way from its top. Raises UserError with a line for every fault of the spec, of the files it names and
    of the overrides: file, line, column, key, what is wrong.
    """
    files = _Files()
    described = Descriptions(files.read)
    with names.described(described.tasks):
        root, model, faults, spec = _read(path, overrides, kinds, files, described)
        refuse([*described.faults, *faults])
        assert model is not None and spec is not None  # else there was a fault
        if isinstance(spec, TaskSpec):
            described.add(spec, path)
        spec._described = described.tasks
        if further is not None:
            refuse(of_problems(further(spec), root, model))
    return spec


def described(path: Path) -> str:
    """The name of the user's own task that is described in `path`; UserError like `load`."""
    return load(path, (), {"task"}).name  # type: ignore[union-attr]


def _read(
    path: Path, overrides: Sequence[str | Option], kinds: Collection[str] | None, files: "_Files", described: Descriptions
) -> tuple[Node, type[Spec] | None, list[Fault], Spec | None]:
    """The spec in a file as a tree and as what it comes to, with the model of its kind and all faults of the spec."""
    place = Place("", str(path))
    root = _with_setup(_fold(files.read(path, place, place), files), kinds, files)
    written = _value(root, "setup")
    asked = _overridden(root, overrides, files)
    scaled = _at_scale(root, asked)
    root = asked if scaled is root else _overridden(scaled, overrides, files)
    root = described.named(root)
    if isinstance(root.value, dict):
        root = _hand_down(root, [node for node in (written, _value(root, "setup")) if node is not None])
    faults = list(of_writing(root))
    model, kind_faults = _model(root, kinds)
    faults += kind_faults
    spec = None
    if model is not None:
        try:
            spec = model.model_validate(plain(root))
        except ValidationError as error:
            faults += of_content(error, root, model)
    return root, model, faults, spec


@dataclass
class _Files:
    """The files read for a spec, each once."""

    nodes: dict[Path, Node] = field(default_factory=dict)
    size: int = 0

    def read(self, path: Path, top: Place, named: Place, above: tuple[Path | None, ...] = ()) -> Node:
        """The content of `path`, placed as `top`; faults of the file as a whole stand at `named`, which names it."""
        prefix = f"{path}: " if named is not top else ""
        try:
            file = path.resolve()
            if file in above:
                return broken(named, f"{prefix}this file names itself, perhaps through others")
            if file not in self.nodes:
                self.nodes[file] = replace(self._parse(file, path.parent, top), file=file)
            return self.nodes[file]
        except FileNotFoundError:
            return broken(named, f"{prefix}there is no such file{_sibling(path)}")
        except _Unreadable as fault:
            return broken(named, f"{prefix}{fault}")
        except (OSError, ValueError, RuntimeError) as fault:  # RuntimeError: a loop of links
            return broken(named, f"{prefix}cannot be read: {getattr(fault, 'strerror', None) or fault}")

    def _parse(self, file: Path, folder: Path, top: Place) -> Node:
        if not stat.S_ISREG(file.stat().st_mode):
            raise _Unreadable("is not a file")
        with open(file, "rb") as stream:
            content = stream.read(SIZE + 1)
        self.size += len(content)
        if len(content) > SIZE or self.size > TOTAL:
            limit = f"{SIZE // 1024} kB" if len(content) > SIZE else f"{TOTAL // 1024} kB with all it names"
            raise _Unreadable(f"is too large: a spec holds at most {limit}")
        try:
            return parse(content.decode("utf-8-sig"), folder, top)
        except UnicodeDecodeError as fault:
            before = content[: fault.start]
            line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
            return broken(replace(top, line=line, column=column), "is not UTF-8 text")


class _Unreadable(Exception):
    pass


def _sibling(path: Path) -> str:
    try:
        near = get_close_matches(path.name[:80], sorted(os.listdir(path.parent))[:1000], n=1, cutoff=0.8)
    except (OSError, ValueError):
        near = []
    return f" (did you mean '{near[0]}'?)" if near else ""


def _value(node: Node, key: str) -> Node | None:
    """The entry of `key`; None where it is missing or null."""
    child = node.value.get(key) if isinstance(node.value, dict) else None
    return None if child is None or (child.value is None and not child.broken) else child


def _fold(node: Node, files: _Files, above: tuple[Path | None, ...] = ()) -> Node:
    """`node` with the specs that it names by path in place of the paths."""
    if not isinstance(node.value, dict):
        return node
    if _value(node, "base") is not None and _is_setup(node, ("setup",)):
        node = _based(node, files, above)
        if not isinstance(node.value, dict):
            return node
    above = (*above, node.file)
    folded = dict(node.value)
    for slot in ("setup", "start", "model"):
        child = _value(node, slot)
        if child is None:
            continue
        if isinstance(child.value, str) and (slot == "setup" or child.value != "none"):
            child = _named(child, slot, files, above)
        if slot == "setup":
            child = _based(child, files, above)
        if slot != "setup" and len(above) > NESTED:
            child = broken(child.place, f"more than {NESTED} specs inside one another")
        folded[slot] = child if slot == "setup" else _fold(child, files, above)
    return replace(node, value=folded)


def _named(naming: Node, slot: str, files: _Files, above: tuple[Path | None, ...]) -> Node:
    path = Path(os.path.normpath(naming.folder / os.path.expanduser(naming.value)))
    if slot == "setup" and not os.path.isfile(path):
        path = shipped.file("setups", naming.value) or path
    node = files.read(path, Place("", str(path)), naming.place, above)
    if node.broken:
        return node
    if not isinstance(node.value, dict):
        return broken(naming.place, f"{path}: is not a spec: a mapping with a kind")
    kind = _value(node, "kind")
    if slot == "setup" and kind is not None and kind.value != "setup":
        return broken(naming.place, f"{path}: is not of kind setup")
    return node


def _based(setup: Node, files: _Files, above: tuple[Path | None, ...]) -> Node:
    """The setup laid over the setup that it names as its base."""
    base = _value(setup, "base")
    if base is None or not isinstance(setup.value, dict):
        return setup
    own = without(setup, ("base",))
    if not isinstance(base.value, str):
        return setup if base.broken else broken(base.place, "base must be the name of a setup, or its file")
    above = (*above, setup.file)
    laid = setup_over(_based(_named(base, "setup", files, above), files, above), own)
    return laid if laid.broken else replace(laid, place=setup.place, folder=setup.folder, file=setup.file)


def _with_setup(root: Node, kinds: Collection[str] | None, files: _Files) -> Node:
    """A spec that names no setup, with the default setup."""
    kind = _value(root, "kind")
    alone = kind is not None and kind.value in ALONE or kinds is not None and set(kinds) <= set(ALONE)
    if not isinstance(root.value, dict) or alone or "setup" in root.value:
        return root
    place = Place("", str(shipped.file("setups", shipped.DEFAULT_SETUP)))
    setup = files.read(Path(place.file), place, root.place)
    return replace(root, value={**root.value, "setup": setup}, keys={**root.keys, "setup": root.place})


def _is_setup(root: Node, kinds: Collection[str] | None) -> bool:
    kind = _value(root, "kind")
    return kind.value == "setup" if kind is not None else kinds is not None and set(kinds) == {"setup"}


def _overridden(root: Node, overrides: Sequence[str | Option], files: _Files) -> Node:
    for override in overrides:
        root = _fold(_lay(root, override, files), files) if isinstance(override, str) else _with_option(root, override)
    return root


def _with_option(root: Node, option: Option) -> Node:
    """`root` with what an option says in place of its setup's own keys; `root` itself may be a setup."""
    if not isinstance(root.value, dict):
        return root
    if (setup := _value(root, "setup")) is None:
        return setup_over(root, option.node()) if _is_setup(root, ("setup",)) else root
    return replace(root, value={**root.value, "setup": setup_over(setup, option.node())})


def _at_scale(root: Node, asked: Node) -> Node:
    """`root` with its section `at` the setup that is `asked` for laid over its own keys."""
    sections, setup = _value(asked, "at"), _value(asked, "setup")
    name = _value(setup, "name") if setup is not None else None
    section = _value(sections, str(name.value)) if sections is not None and name is not None else None
    if section is None or not isinstance(section.value, dict):
        return root
    return laid_over(root, replace(section, value={key: value for key, value in section.value.items() if key not in SCALED_BY}))


def _lay(root: Node, override: str, files: _Files) -> Node:
    """`root` with an override; what is wrong with the override's form is added as a flaw."""
    place = Place(override, "")
    key, sign, text = override.partition("=")
    keys = key.split(".")
    wrong = ""
    if not sign or not all(keys) or not key.isprintable() or len(keys) > DEPTH:
        wrong = "an override is written key.path=value"
    elif "setup" in keys[1:]:
        wrong = "a nested spec has the setup of the spec around it: override setup instead"
    if wrong:
        return replace(root, flaws=(*root.flaws, Flaw(place, wrong)))
    return _put(root, keys, parse(text, Path(), place) if text else Node(None, place, Path()), place)


def _put(node: Node, keys: list[str], new: Node, place: Place) -> Node:
    if not keys:
        return new
    if node.value is None and not node.broken:
        node = Node({}, place, Path())
    if not isinstance(node.value, dict):
        what = "a list: give the whole of it" if isinstance(node.value, list) else "not a mapping"
        return node if node.broken else replace(node, flaws=(*node.flaws, Flaw(place, f"nothing can be set below: it is {what}")))
    child = _put(node.value.get(keys[0], Node(None, place, Path())), keys[1:], new, place)
    standing = node.keys if keys[0] in node.keys and len(keys) > 1 else {**node.keys, keys[0]: place}
    return replace(node, value={**node.value, keys[0]: child}, keys=standing)


def _hand_down(node: Node, setups: list[Node]) -> Node:
    """Nested specs with the setup and the seed of the spec around them, where they say none (or, of the setup, the same)."""
    handed = dict(node.value)
    for slot in ("start", "model"):
        child = _value(node, slot)
        if child is None or not isinstance(child.value, dict):
            continue
        inside, keys = dict(child.value), dict(child.keys)
        own = _value(child, "setup")
        if own is None or any(_same(own, setup) for setup in setups):
            if setups:
                inside["setup"], keys["setup"] = setups[-1], node.keys["setup"]
        elif all(_valid(setup) is not None for setup in (own, *setups)):
            flaw = Flaw(keys["setup"], "another setup than that of the spec around it")
            inside["setup"] = replace(own, file=None, flaws=(flaw,))
        if _value(child, "seed") is None and (seed := _value(node, "seed")) is not None:
            inside["seed"], keys["seed"] = seed, node.keys["seed"]
        handed[slot] = _hand_down(replace(child, value=inside, keys=keys), setups)
    return replace(node, value=handed)


def _same(first: Node, second: Node) -> bool:
    return first is second or (_valid(first) is not None and _valid(first) == _valid(second))


def _valid(node: Node) -> Setup | None:
    """The setup, if nothing is wrong with it."""
    try:
        return None if any(of_writing(node)) else Setup.model_validate(plain(node))
    except ValidationError:
        return None


def _model(root: Node, kinds: Collection[str] | None) -> tuple[type[Spec] | None, list[Fault]]:
    """The model of the root's kind (None: the kind is not clear), and what is wrong with the kind."""
    allowed = [kind for kind in KINDS if kinds is None or kind in kinds]
    if not isinstance(root.value, dict):
        wrong = [] if root.broken else [Fault(root.place, "", "a spec is a mapping: kind, setup, ...")]
        return None, wrong
    node = _value(root, "kind")
    if node is None:
        return (KINDS[allowed[0]] if len(allowed) == 1 else None), [Fault(root.place, "kind", "is missing", "", tuple(allowed))]
    if node.broken:
        return None, []
    if not isinstance(node.value, str) or node.value not in KINDS:
        text = f"'{node.written[:60]}' is not a kind of spec"
        return None, [Fault(node.place, "kind", text, node.written, tuple(allowed))]
    if node.value not in allowed:
        text = f"this command takes kind {' or '.join(allowed)}; a spec of kind {node.value} goes to `{COMMANDS[node.value]}`"
        return KINDS[node.value], [Fault(node.place, "kind", text)]
    return KINDS[node.value], []
