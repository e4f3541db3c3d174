"""Labels of evaluated data that a model's head does not have: its predictions cannot be right there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.tasks.constant import headline
from stilts_xtreme.tasks.task import Task


def lacking(task: Task, examples: Sequence[Any], labels: Sequence[str], language: str) -> dict[str, Any] | None:
    """Find what a head with these `labels` cannot get right; None where it has all, and for heads without labels.

    {"labels": {label: how often it is gold}, "at_most": the highest score that is left, 0 to 100}.
    """
    if task.head not in ("classification", "tagging") or not labels:
        return None
    known = set(labels)
    counts = Counter(label for example in examples for label in _gold(example) if label not in known)
    if not counts:
        return None
    instead = "O" if "O" in known else labels[0]
    best = [[label if label in known else instead for label in _gold(example)] for example in examples]
    answers: Sequence[Any] = best if task.head == "tagging" else [answer for (answer,) in best]
    return {"labels": dict(sorted(counts.items())), "at_most": headline(task, task.metric(answers, examples, language))}


def in_words(gap: Mapping[str, Any]) -> str:
    """A sentence on what `lacking` gives."""
    names = ", ".join(f"{label} ({count:,})" for label, count in gap["labels"].items())
    return f"the head has no {names}: the score can be {gap['at_most']:.1f} at most"


def _gold(example: Any) -> Sequence[str]:
    """Return the tags of a tagged sentence, or the one label of a pair."""
    return example.tags if hasattr(example, "tags") else (example.label,)
