"""The text of a new spec, with a comment on every line, from the few things a person names."""

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stilts_xtreme.spec.descriptions import file_of
from stilts_xtreme.spec.kinds import KINDS
from stilts_xtreme.spec.load import COMMANDS
from stilts_xtreme.spec.names import TRAINED_TARGETS
from stilts_xtreme.spec.nodes import resolve

DRAFTED = ("study", "intermediate", "multitask", "target", "evaluation")
BASELINE = "none"
EXAMPLES = 300  # a score in percent is then known to about 6 points (95 %); a study of two languages takes minutes
USUAL = ("mnli", "squad")  # rows of a study that names none: a sentence-pair task and a reading task


@dataclass(frozen=True)
class Draft:
    """What a spec is to hold. `encoder`: a hub id, a short name or a folder; `data`: a folder, or hub; None: those of the `base`
    setup. `intermediate` holds tasks and chains of tasks (squad>mnli)."""

    kind: str
    name: str
    base: str
    encoder: str | None = None
    data: str | None = None
    cut: bool = False
    targets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    intermediate: tuple[str, ...] = ()


def text(draft: Draft, file: Path) -> str:
    """The spec as YAML; folders and files that were given relative to the working directory become relative to its `file`."""
    entries = (">".join(_named(link, file.parent) for link in entry.split(">")) for entry in draft.intermediate)
    draft = replace(draft, targets=tuple(_named(name, file.parent) for name in draft.targets), intermediate=tuple(entries))
    body = {
        "study": _study,
        "intermediate": _intermediate,
        "multitask": _multitask,
        "target": _target,
        "evaluation": _evaluation,
    }[draft.kind](draft)
    head = [
        f"# {_purpose(draft)}",
        f"# {COMMANDS[draft.kind]} {file}",
        "# With --dry-run: what it would do. Any line can be set from the command line, too: key.path=value.",
        f"kind: {draft.kind}",
    ]
    return "\n".join([*head, *_setup(draft, file.parent), *body]) + "\n"


def takes_languages(kind: str) -> bool:
    """Whether a spec of this kind says which languages are evaluated."""
    return "languages" in KINDS[kind].model_fields


def _purpose(draft: Draft) -> str:
    targets, tasks = ", ".join(draft.targets), ", ".join(draft.intermediate)
    return {
        "study": f"Which intermediate task helps zero-shot transfer, and on which of these targets: {targets}?",
        "intermediate": f"Intermediate training on {tasks}, in English.",
        "multitask": f"Intermediate training on a mixture of {tasks}, in English.",
        "target": f"Fine-tuning on the English training data of {targets}{f', after {tasks}' if tasks else ''}.",
        "evaluation": f"Zero-shot evaluation on {targets}{f', after {tasks}' if tasks else ''}.",
    }[draft.kind]


def _setup(draft: Draft, folder: Path) -> list[str]:
    """The setup: the base alone, or the base with another encoder and other data."""
    file = draft.base.endswith((".yaml", ".yml"))
    base = _plain(_relative(draft.base, folder) if file else draft.base)
    if draft.encoder is None and draft.data is None:
        return [_line("setup", base, "encoder, data and recipes")]
    lines = ["setup:", "  " + _line("base", base, "recipes, and all that is not said here")]
    if draft.encoder is not None:
        local = os.path.isdir(draft.encoder)
        name = _plain(_relative(draft.encoder, folder, dotted=True) if local else draft.encoder)
        lines.append("  " + _line("encoder", f"{{pretrained: {{name: {name}}}}}", "a folder or a hub id"))
    if draft.data is not None:
        cut = ", cut: true" if draft.cut else ""
        files = f"{{files: {{path: {_plain(_relative(draft.data, folder))}{cut}}}}}"
        lines.append("  " + _line("data", "{hub: {}}" if draft.data == "hub" else files, "stilts data check tells what is there"))
    return lines


def _study(draft: Draft) -> list[str]:
    rows = [chain if len(chain) > 1 else chain[0] for chain in (entry.split(">") for entry in draft.intermediate or USUAL)]
    rows = rows if BASELINE in rows else [BASELINE, *rows]
    written = _list(row if isinstance(row, str) else _list(row) for row in rows)
    lines = [
        _line("name", draft.name, "of result and report"),
        _line("intermediate", written, "the rows; none is what the others are compared with"),
        _line("targets", _list(draft.targets), "the columns"),
    ]
    if draft.languages:
        lines.append(_line("languages", _list(draft.languages), "evaluated, and English beside them"))
    lines.append(_line("test_examples", str(EXAMPLES), "evaluated of each language, the same for every row and seed; null: all"))
    return [*lines, _line("seeds", "[1]", "with several, [1, 2, 3], intervals speak of other trainings, too")]


def _intermediate(draft: Draft) -> list[str]:
    return [_line("task", draft.intermediate[0], "in English")]


def _multitask(draft: Draft) -> list[str]:
    drawn = _line("rates", "proportional", "how often a task is drawn: by its size; or equal, or weights by task")
    return [_line("tasks", _list(draft.intermediate), "in English"), drawn]


def _target(draft: Draft) -> list[str]:
    return [_line("task", draft.targets[0], "its English training data"), *_start(draft.intermediate)]


def _start(tasks: Sequence[str], key: str = "start") -> list[str]:
    """The training before: on a single task, on a mixture of several, or none."""
    if not tasks:
        return [_line(key, BASELINE, "the encoder as it is")]
    before = f"{{kind: multitask, tasks: {_list(tasks)}}}" if len(tasks) > 1 else f"{{kind: intermediate, task: {tasks[0]}}}"
    return [_line(key, before, "intermediate training, done first")]


def _evaluation(draft: Draft) -> list[str]:
    target = draft.targets[0]
    if target in TRAINED_TARGETS or file_of(target.strip('"')):
        nested = ["model:  # trained on English, then evaluated", "  kind: target", f"  task: {target}"]
        lines = [*nested, *(f"  {line}" for line in _start(draft.intermediate))]
    else:
        lines = [*_start(draft.intermediate, "model"), _line("task", target, "by the sentence vectors of the encoder")]
    return [*lines, *([_line("languages", _list(draft.languages), "of the test data")] if draft.languages else [])]


def _line(key: str, value: str, comment: str) -> str:
    return f"{key}: {value}  # {comment}"


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _named(task: str, folder: Path) -> str:
    """The name of a task, or the file that describes it."""
    return _plain(_relative(task, folder)) if file_of(task) else task


def _plain(word: str) -> str:
    """The word as YAML reads it as text."""
    safe = re.fullmatch(r"[A-Za-z0-9_./-]+", word) and isinstance(resolve(word), str)
    return word if safe else json.dumps(word, ensure_ascii=False)


def _relative(path: str, folder: Path, dotted: bool = False) -> str:
    """A path relative to `folder`; absolute ones stay; `dotted`: beginning with ./ or ../, as folders of encoders do."""
    if os.path.isabs(path):
        return path
    relative = Path(os.path.relpath(path, folder)).as_posix()
    return f"./{relative}" if dotted and not relative.startswith("../") else relative
