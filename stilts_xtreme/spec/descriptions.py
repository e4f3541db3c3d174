"""Descriptions of a user's own tasks, named by their files where a spec says a task's name."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from stilts_xtreme.spec.faults import Fault, of_content, of_writing
from stilts_xtreme.spec.nodes import Node, Place, broken, plain
from stilts_xtreme.spec.task import TaskSpec, description
from stilts_xtreme.tasks import catalogue, own
from stilts_xtreme.tasks.task import Task

ONE = ("task", "target")  # keys of a spec that hold the name of a task
SEVERAL = ("tasks", "targets", "intermediate", "models")  # and those that hold a list of them, or of lists
APART = ("setup", "at")  # keys below which no task is named by its file


@dataclass
class Descriptions:
    """The descriptions that a spec names: the tasks that they come to, by name, and what is wrong with them.

    `read(path, top, named)`: the content of a file, placed as `top`; faults of the file as a whole stand at `named`.
    """

    read: Callable[[Path, Place, Place], Node]
    tasks: dict[str, Task] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    files: dict[Path, str | None] = field(default_factory=dict)  # the name of a file's task; None: it has faults

    def named(self, node: Node) -> Node:
        """The node with the names of tasks in place of the files of their descriptions, wherever a task's name can stand."""
        if not isinstance(node.value, dict):
            return node
        value: dict[str, Node] = {}
        for key, child in node.value.items():
            if key in ONE and file_of(child.value):
                value[key] = self._name(child)
            elif key in SEVERAL and isinstance(child.value, list):
                value[key] = self._listed(child)
            else:
                value[key] = child if key in APART else self.named(child)
        return replace(node, value=value)

    def add(self, spec: TaskSpec, path: Path) -> None:
        """Put the task of a description, which stands in `path`, among the tasks."""
        self.tasks[spec.name] = task = own.task(description(spec, path.parent.absolute()))
        catalogue.add(task)

    def _listed(self, node: Node) -> Node:
        items = [self._listed(item) if isinstance(item.value, list) else item for item in node.value]
        return replace(node, value=[self._name(item) if file_of(item.value) else item for item in items])

    def _name(self, naming: Node) -> Node:
        file, codes = file_of(naming.value) or ("", "")
        path = Path(os.path.normpath(naming.folder / os.path.expanduser(file)))
        node = self.read(path, Place("", str(path)), naming.place)
        if node.broken and node.place == naming.place:
            return node
        if path not in self.files:
            self.files[path] = self._task(node, path)
        if (name := self.files[path]) is None:
            return broken(naming.place, f"{path}: the task that it describes has faults")
        return replace(naming, value=name + codes, written=name + codes)

    def _task(self, node: Node, path: Path) -> str | None:
        """The name of the task that a file describes; None where that has faults, which are put among `faults`."""
        faults, spec = list(of_writing(node)), None
        kind = node.value.get("kind") if isinstance(node.value, dict) else None
        if not node.broken and (kind is None or kind.value != "task"):
            faults.append(Fault(kind.place if kind else node.place, "kind", "must be task: a spec names it as a task here"))
        elif not node.broken:
            try:
                spec = TaskSpec.model_validate(plain(node))
            except ValidationError as error:
                faults += of_content(error, node, TaskSpec)
        self.faults += faults
        if faults or spec is None:
            return None
        self.add(spec, path)
        return spec.name


def file_of(word: object) -> tuple[str, str] | None:
    """The file of a description that a word names, and what follows it ("own.yaml@de": languages); None for another word."""
    match = re.fullmatch(r"(.+\.ya?ml)(@.*)?", word) if isinstance(word, str) else None
    return (match[1], match[2] or "") if match else None
