"""Labels of evaluated data that a model's head does not have: its predictions cannot be right there."""

from collections import Counter
from collections.abc import Mapping, Sequence

from stilts_xtreme.tasks.constant_baseline import headline
from stilts_xtreme.tasks.examples import Example, Pair, Tagged
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.bounded_io import Record


def lacking(task: Task, examples: Sequence[Example], labels: Sequence[str], language: str) -> Record | None:
    """Find the gold labels that a head with these `labels` lacks; None where it has all, and for heads without labels.

    {"labels": {label: how often it is gold}, "at_most": the highest score within reach, 0 to 100}.
    """
    if task.head not in ("classification", "tagging") or not labels:
        return None
    known = set(labels)
    counts = Counter(label for example in examples for label in _gold(example) if label not in known)
    if not counts:
        return None
    instead = "O" if "O" in known else labels[0]
    best = [[label if label in known else instead for label in _gold(example)] for example in examples]
    answers = best if task.head == "tagging" else [answer for (answer,) in best]
    return {"labels": dict(sorted(counts.items())), "at_most": headline(task, task.metric(answers, examples, language))}


def in_words(labels: Mapping[str, int], at_most: float) -> str:
    """Describe what `lacking` gives in a sentence."""
    names = ", ".join(f"{label} ({count:,})" for label, count in labels.items())
    return f"the head has no {names}: the score can be {at_most:.1f} at most"


def _gold(example: Example) -> Sequence[str]:
    """Return the tags of a tagged sentence, or the label of a pair as the only member."""
    if isinstance(example, Tagged):
        return example.tags
    assert isinstance(example, Pair)  # what classification heads read
    return (example.label,)
