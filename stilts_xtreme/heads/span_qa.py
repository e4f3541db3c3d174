"""Extractive question answering: a question, a context read through overlapping windows, a span or no answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.heads.literal import literal
from stilts_xtreme.heads.shared import CHUNK, Feature, Limits, Rows, frame, linear, token_ids
from stilts_xtreme.scoring.qa import squad_scores
from stilts_xtreme.tasks.examples import Question

LONGEST_QUESTION = 64  # tokens, as in the original SQuAD script for BERT
NO_SPAN = -1e9  # score of a context without tokens


def encode(
    examples: Sequence[Question], tokenizer: Any, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """One feature `<s> question </s></s> part of the context </s>` per window, `doc_stride` tokens apart.

    `start` and `end` are the first answer's first and last token in the row, or 0, the first token, where the window does
    not hold it whole. Evaluation features also know where the context begins in the row (`context_at`) and the character
    range of each of its tokens (`spans`).
    """
    before, between, after = frame(tokenizer)
    room = limits.max_length - len(before) - len(between) - len(after)
    longest = min(LONGEST_QUESTION, room // 2)
    questions = token_ids(tokenizer, [example.question for example in examples], add_special_tokens=False)
    contexts = _contexts(examples, tokenizer)
    features: list[Feature] = []
    for i, example in enumerate(examples):
        head = [*before, *questions[i][:longest], *between]
        ids, spans = contexts[example.context]
        first, last = _answer(example, spans)
        for begin, end in _windows(len(ids), limits.max_length - len(head) - len(after), limits.doc_stride):
            shift = len(head) - begin
            held = begin <= first <= last < end
            feature = {
                "rows": [head + ids[begin:end] + after],
                "example": i,
                "start": first + shift if held else 0,
                "end": last + shift if held else 0,
            }
            features.append(feature if training else feature | {"context_at": len(head), "spans": spans[begin:end]})
    return features


def _contexts(examples: Sequence[Question], tokenizer: Any) -> dict[str, tuple[list[int], np.ndarray]]:
    """Ids [n] and character ranges [n, 2] of each distinct context: several questions share one."""
    texts = list(dict.fromkeys(example.context for example in examples))
    known = {}
    for begin in range(0, len(texts), CHUNK // 10):
        chunk = texts[begin : begin + CHUNK // 10]
        with literal(tokenizer):
            encoded = tokenizer(chunk, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for text, ids, spans in zip(chunk, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            known[text] = (ids, np.array(spans, dtype=np.int32).reshape(-1, 2))
    return known


def _answer(example: Question, spans: np.ndarray) -> tuple[int, int]:
    """First and last context token of the first answer; (-1, -1) where there is none, at no place, or no token covers it."""
    if not example.answers or example.starts[0] < 0:
        return -1, -1
    begin = example.starts[0]
    first = int(np.searchsorted(spans[:, 1], begin, side="right"))
    last = int(np.searchsorted(spans[:, 0], begin + len(example.answers[0]), side="left")) - 1
    return (first, last) if first <= last else (-1, -1)


def _windows(size: int, room: int, stride: int) -> Iterator[tuple[int, int]]:
    begin = 0
    while begin + room < size:
        yield begin, begin + room
        begin += min(stride, room)
    yield begin, size


def collate(features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """`starts` and `ends` [R], positions in the rows."""
    return {f"{name}s": torch.tensor([int(feature[name]) for feature in features]) for name in ("start", "end")}


class Output(nn.Module):
    """Hidden states [N, H] to start and end logits [N, 2]."""

    reads: str | None = None

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()
        self.project = linear(hidden_size, 2)

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.project(hidden)

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum over the windows of the mean of start and end loss, and the number of windows; each has a softmax of its own."""
        windows = logits.new_full((len(batch["starts"]), batch["longest"], 2), -torch.inf, dtype=torch.float32)
        starts, ends = windows.index_put((batch["row"], batch["place"]), logits.float()).unbind(-1)
        both = cross_entropy(starts, batch["starts"], reduction="sum") + cross_entropy(ends, batch["ends"], reduction="sum")
        return both / 2, len(windows)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Logits [tokens of the row, 2] per feature."""
    values, offsets = logits.float().cpu().numpy(), batch["offsets"].tolist()
    return [values[at : at + len(feature["rows"][0])] for at, feature in zip(offsets, features, strict=True)]


def decode(
    outputs: Sequence[np.ndarray],
    features: Sequence[Feature],
    examples: Sequence[Question],
    labels: tuple[str, ...],
    limits: Limits,
    no_answer_threshold: float | None = None,
) -> list[str]:
    """The answer of each example, a slice of its context.

    With a threshold, "" where the best span's margin over "no answer" is below it; None: the task always has an answer.
    """
    found = _best(outputs, features, examples, limits)
    return [text if no_answer_threshold is None or margin >= no_answer_threshold else "" for text, margin in found]


def tune_threshold(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Question], limits: Limits
) -> float:
    """The threshold for `decode` with the highest F1 on these (dev) examples; of several the lowest, that answers most."""
    found = _best(outputs, features, examples, limits)
    if not found:
        return 0.0
    margins = np.array([margin for _, margin in found])
    # What answering instead of leaving empty gains: an answerable question's F1, or the 100 an unanswerable one would get.
    gains = np.array(
        [
            squad_scores({example.id: text}, {example.id: example.answers})["f1"] if example.answers else -100.0
            for example, (text, _) in zip(examples, found, strict=True)
        ]
    )
    order = np.argsort(margins, kind="stable")
    margins, lost = margins[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    lines = np.concatenate([[margins[0] - 1], (margins[1:] + margins[:-1]) / 2, [margins[-1] + 1]])
    possible = np.concatenate([[True], np.diff(margins) > 1e-9, [True]])  # no line parts margins that are equal but for rounding
    return float(lines[np.where(possible, lost, np.inf).argmin()])


def _best(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Question], limits: Limits
) -> list[tuple[str, float]]:
    """Best answer of each example over its windows, and its log-probability less that of no answer (its least over windows)."""
    answers, scores, nulls = [""] * len(examples), np.full(len(examples), NO_SPAN), np.zeros(len(examples))
    for feature, output in zip(features, outputs, strict=True):
        i, at, spans = feature["example"], feature["context_at"], feature["spans"]
        logs = _log_softmax(output)
        nulls[i] = min(nulls[i], logs[0].sum())
        if not len(spans):
            continue
        score, first, last = _best_span(logs[at : at + len(spans)], limits.max_answer_length)
        if score > scores[i]:
            scores[i] = score
            answers[i] = examples[i].context[spans[first][0] : spans[last][1]]
    return list(zip(answers, (scores - nulls).tolist(), strict=True))


def _best_span(logs: np.ndarray, longest: int) -> tuple[float, int, int]:
    """The best of all spans of at most `longest` tokens: its score and its two ends."""
    ends = sliding_window_view(np.concatenate([logs[:, 1], np.full(longest - 1, -np.inf)]), longest)
    lengths = ends.argmax(1)
    scores = logs[:, 0] + np.take_along_axis(ends, lengths[:, None], 1)[:, 0]
    first = int(scores.argmax())
    return float(scores[first]), first, first + int(lengths[first])


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    values = logits.astype(np.float64)
    values -= values.max(0)
    return values - np.log(np.exp(values).sum(0))
