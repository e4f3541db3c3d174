"""A head's answer to an example, with probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITS = 6  # of a probability
Probability = float | list[float]  # 0 to 1; of tags a list, one for each token


@dataclass(frozen=True)
class Prediction:
    """The answer to one example, by its head: a label, the number of a choice (from 0), tags, or a span of the context.

    `probability`: that of the answer. `probabilities`: of every label, choice (by number) or tag; none of spans. `text`: of the
    choice. `start`: where the span begins, in characters; None where there is no answer. `tokens`: those tagged.
    """

    id: str
    answer: str | int | list[str]
    probability: Probability
    probabilities: Mapping[str, Probability] = field(default_factory=dict)
    text: str = ""
    start: int | None = None
    tokens: tuple[str, ...] = ()

    def record(self) -> dict[str, Probability | dict[str, Probability]]:
        """Return the fields `probability` and, where there are any, `probabilities`, as files hold them."""
        every = {name: _rounded(value) for name, value in self.probabilities.items()}
        return {"probability": _rounded(self.probability), **({"probabilities": every} if every else {})}


def _rounded(value: Probability) -> Probability:
    return [round(share, DIGITS) for share in value] if isinstance(value, list) else round(value, DIGITS)
