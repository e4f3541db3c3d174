"""Extractive question answering: a span of the context, which is read in overlapping windows, or no answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.models.heads.common import CHUNK, Feature, Limits, Rows, TaskHead, Tokenizer, linear, special_tokens, token_ids
from stilts_xtreme.models.heads.literal import literal
from stilts_xtreme.scoring.qa import squad_scores
from stilts_xtreme.tasks.examples import Question

MAX_QUESTION = 64  # tokens, as in the original SQuAD script for BERT
NO_SPAN = -1e9  # score of a context without tokens


def encode(
    examples: Sequence[Question], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return a feature with the row `<s> question </s></s> part of the context </s>` per window, `doc_stride` tokens apart.

    `start` and `end` are the first answer's first and last token in the row, or 0, the first token, where the window does not
    contain all of it. Evaluation features also have the start of the context in the row (`context_at`) and the character range of
    each of its tokens (`spans`).
    """
    before, between, after = special_tokens(tokenizer)
    room = limits.max_length - len(before) - len(between) - len(after)
    longest = min(MAX_QUESTION, room // 2)
    questions = token_ids(tokenizer, [example.question for example in examples], add_special_tokens=False)
    contexts = _contexts(examples, tokenizer)
    features: list[Feature] = []
    for i, example in enumerate(examples):
        head = [*before, *questions[i][:longest], *between]
        ids, spans = contexts[example.context]
        first, last = _answer(example, spans)
        for begin, end in _windows(len(ids), limits.max_length - len(head) - len(after), limits.doc_stride):
            shift = len(head) - begin
            inside = begin <= first <= last < end
            feature = {
                "rows": [head + ids[begin:end] + after],
                "example": i,
                "start": first + shift if inside else 0,
                "end": last + shift if inside else 0,
            }
            features.append(feature if training else feature | {"context_at": len(head), "spans": spans[begin:end]})
    return features


def _contexts(examples: Sequence[Question], tokenizer: Tokenizer) -> dict[str, tuple[list[int], np.ndarray]]:
    """Return context -> (ids [n], character ranges [n, 2]); several questions share a context."""
    texts = list(dict.fromkeys(example.context for example in examples))
    encodings = {}
    for begin in range(0, len(texts), CHUNK // 10):
        chunk = texts[begin : begin + CHUNK // 10]
        with literal(tokenizer):
            encoded = tokenizer(chunk, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for text, ids, spans in zip(chunk, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            encodings[text] = (ids, np.array(spans, dtype=np.int32).reshape(-1, 2))
    return encodings


def _answer(example: Question, spans: np.ndarray) -> tuple[int, int]:
    """Return the first and last context token of the first answer; (-1, -1) without answer, offset or tokens."""
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


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return `starts` and `ends` [R], positions in the rows."""
    return {f"{name}s": torch.tensor([int(feature[name]) for feature in features]) for name in ("start", "end")}


class Head(TaskHead):
    """Map hidden states [N, H] to start and end logits [N, 2]."""

    reads: str | None = None

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()
        self.project = linear(hidden_size, 2)

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.project(hidden)

    def loss(self, logits: Tensor, batch: Rows) -> tuple[Tensor, int]:
        """Return the sum over windows of the mean of start and end loss, each with its own softmax, and the number of windows."""
        windows = logits.new_full((len(batch["starts"]), batch["longest"], 2), -torch.inf, dtype=torch.float32)
        starts, ends = windows.index_put((batch["row"], batch["place"]), logits.float()).unbind(-1)
        both = cross_entropy(starts, batch["starts"], reduction="sum") + cross_entropy(ends, batch["ends"], reduction="sum")
        return both / 2, len(windows)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return logits [tokens of the row, 2] per feature."""
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
    """Return the answer of each example, a slice of its context.

    With a threshold, the answer is "" where the best span's margin over "no answer" is below it; None: there is always an answer.
    """
    answers = best_answers(outputs, features, examples, limits)
    return [answer.text if answer.holds(no_answer_threshold) else "" for answer in answers]


def tune_threshold(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Question], limits: Limits
) -> float:
    """Return the threshold for `decode` with the highest F1 on these (dev) examples; of several the lowest."""
    answers = best_answers(outputs, features, examples, limits)
    if not answers:
        return 0.0
    margins = np.array([answer.margin for answer in answers])
    # The gain of a non-empty answer over an empty one: F1 for an answerable question, -100 for an unanswerable one.
    gains = np.array(
        [
            squad_scores({example.id: answer.text}, {example.id: example.answers})["f1"] if example.answers else -100.0
            for example, answer in zip(examples, answers, strict=True)
        ]
    )
    order = np.argsort(margins, kind="stable")
    margins, loss = margins[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    thresholds = np.concatenate([[margins[0] - 1], (margins[1:] + margins[:-1]) / 2, [margins[-1] + 1]])
    possible = np.concatenate([[True], np.diff(margins) > 1e-9, [True]])  # not between margins that differ by rounding alone
    return float(thresholds[np.where(possible, loss, np.inf).argmin()])


@dataclass(frozen=True, slots=True)
class Answer:
    """The best span of a context, its first character, and the logarithms of its probability and of that of no answer.

    A span's probability is that of its first token times that of its last one, each among the tokens of its window.
    """

    text: str
    start: int
    log_probability: float
    log_null: float

    @property
    def margin(self) -> float:
        """How far it is ahead of no answer."""
        return self.log_probability - self.log_null

    def holds(self, threshold: float | None) -> bool:
        """Return whether the answer is given at this threshold; None: always."""
        return threshold is None or self.margin >= threshold


def best_answers(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Question], limits: Limits
) -> list[Answer]:
    """Return the best answer over the windows of each example; that of no answer is the lowest over them."""
    answers, scores, nulls = [("", 0)] * len(examples), np.full(len(examples), NO_SPAN), np.zeros(len(examples))
    for feature, output in zip(features, outputs, strict=True):
        i, at, spans = feature["example"], feature["context_at"], feature["spans"]
        logs = _log_softmax(output)
        nulls[i] = min(nulls[i], logs[0].sum())
        if not len(spans):
            continue
        score, first, last = _best_span(logs[at : at + len(spans)], limits.max_answer_length)
        if score > scores[i]:
            scores[i] = score
            begin = int(spans[first][0])
            answers[i] = examples[i].context[begin : spans[last][1]], begin
    return [Answer(*answer, *both) for answer, *both in zip(answers, scores.tolist(), nulls.tolist(), strict=True)]


def _best_span(logs: np.ndarray, longest: int) -> tuple[float, int, int]:
    """Return (score, first, last token) of the best span of at most `longest` tokens."""
    ends = sliding_window_view(np.concatenate([logs[:, 1], np.full(longest - 1, -np.inf)]), longest)
    lengths = ends.argmax(1)
    scores = logs[:, 0] + np.take_along_axis(ends, lengths[:, None], 1)[:, 0]
    first = int(scores.argmax())
    return float(scores[first]), first, first + int(lengths[first])


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    values = logits.astype(np.float64)
    values -= values.max(0)
    return values - np.log(np.exp(values).sum(0))
