"""The dual-encoder head: rows, the loss written out, equal candidates, gradients through both sides, ranking."""

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.engine import batches
from stilts_xtreme.engine.encoder import states
from stilts_xtreme.engine.tokenizer import train
from stilts_xtreme.models.heads import HEADS, Limits, dual_encoder
from stilts_xtreme.tasks.examples import Candidate, Query

torch.set_num_threads(1)
VOCABULARY = ["ka", "mitu", "soraben", "lo", "paniku", "vetora", "dumi", "rekasoli"]
_random = random.Random(0)
TOKENIZER = train([" ".join(_random.choices(VOCABULARY, k=8)) + "." for _ in range(60)], 60)
LIMITS = Limits(max_length=12)
HEN, COW = Candidate("hen", "ka mitu", "ka mitu. lo dumi."), Candidate("cow", "vetora", "")
QUERIES = [
    Query("1", "soraben lo", ("hen",), HEN),
    Query("2", "dumi", ("cow",), COW),
    Query("3", "paniku", ("hen",), HEN),
]


def encode(examples, training=True):
    return dual_encoder.encode(examples, TOKENIZER, (), LIMITS, training)


def test_rows_are_the_tokenizers_own():
    def ids(*texts):
        return TOKENIZER(*texts)["input_ids"]

    features = encode([QUERIES[0], QUERIES[1], Query("4", "lo", ("cow",)), COW, Candidate("dog", "lo", "dumi")], False)
    assert [feature["rows"] for feature in features] == [
        [ids("soraben lo"), ids("ka mitu", "ka mitu. lo dumi.")[:11] + [2]],
        [ids("dumi"), ids("vetora")],
        [ids("lo")],
        [ids("vetora")],
        [ids("lo", "dumi")],
    ]
    assert [feature["match"] for feature in features] == ["hen", "cow", None, "cow", "dog"]
    assert [feature["example"] for feature in features] == [0, 1, 2, 3, 4]
    assert encode([]) == []


def test_a_long_context_is_cut_before_the_sentence():
    (feature,) = encode([Candidate("1", "ka lo ka", "mitu " * 50)])
    (row,) = feature["rows"]
    sentence = TOKENIZER("ka lo ka", add_special_tokens=False)["input_ids"]
    assert len(row) == 12 and row[1 : 1 + len(sentence)] == sentence


def test_the_loss_is_the_softmax_written_out_and_equal_candidates_are_no_wrong_answers():
    features = encode(QUERIES)
    batch = batches.collate("dual_encoder", features, TOKENIZER)
    assert batch["matches"].tolist() == [0, 1, 0] and len(batch["offsets"]) == 6
    torch.manual_seed(0)
    # Nearly equal vectors, so that the scaled softmax is not simply the largest.
    hidden = (torch.ones(len(batch["input_ids"]), 4) + 0.2 * torch.randn(len(batch["input_ids"]), 4)).requires_grad_()
    module = HEADS["dual_encoder"].Head(4, (), 0.0, None)
    vectors = module(hidden[batch[module.reads]], batch)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(6)) and not list(module.parameters())
    loss, count = module.loss(vectors, batch)

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    first = hidden[batch["offsets"]].tolist()
    asked, found = first[0::2], first[1::2]
    expected = 0.0
    for query, rivals in ((0, [0, 1]), (1, [0, 1, 2]), (2, [1, 2])):  # the others' candidates but its own again
        scores = {rival: 100 * cosine(asked[query], found[rival]) for rival in rivals}
        top = max(scores.values())
        expected += top + math.log(sum(math.exp(score - top) for score in scores.values())) - scores[query]
    assert count == 3 and isinstance(count, int)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4) and expected > 0.1

    loss.backward()
    moved = hidden.grad.abs().sum(1) > 0
    assert (
        sorted(batch["offsets"].tolist()) == moved.nonzero().flatten().tolist()
    )  # first tokens, of queries and candidates alike


def test_a_batch_of_one_candidate_has_nothing_to_tell_apart():
    batch = {"matches": torch.tensor([0, 0])}
    loss, count = HEADS["dual_encoder"].Head(4, (), 0.0, None).loss(torch.randn(4, 4), batch)
    assert (float(loss), count) == (0.0, 2)


def test_unpacking_follows_the_rows():
    examples = [QUERIES[0], Query("4", "lo", ("cow",)), QUERIES[1]]
    features = encode(examples, False)
    made = dual_encoder.unpack(torch.arange(10.0).reshape(5, 2), features, {})
    assert [output.tolist() for output in made] == [[[0, 1], [2, 3]], [[4, 5]], [[6, 7], [8, 9]]]


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_decoding_ranks_every_candidate_once(seed):
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 40))
    owners = draw.integers(0, 25, count).tolist()
    points = {owner: draw.normal(size=3) for owner in owners}
    examples = [Query(str(i), "", (str(o),), Candidate(str(o), "", "")) for i, o in enumerate(owners)]
    features = [{"rows": [[], []], "match": str(o)} for o in owners]
    outputs = [np.stack([draw.normal(size=3), points[o]]).astype(np.float32) for o in owners]
    ranked = dual_encoder.decode(outputs, features, examples, (), LIMITS)
    for output, names in zip(outputs, ranked, strict=True):
        query = output[0].astype(np.float64)
        cosines = {str(o): float(p.astype(np.float32) @ query) / np.linalg.norm(p) for o, p in points.items()}
        slow = sorted(cosines, key=lambda name: -cosines[name])[:20]
        assert names == slow


def test_a_tiny_encoder_learns_which_belongs_to_which():
    from transformers import XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(0)
    words = VOCABULARY[:6]
    examples = [Query(w, w, (w,), Candidate(w, words[i - 1], "lo")) for i, w in enumerate(words)]
    config = XLMRobertaConfig(
        vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, type_vocab_size=1, pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    encoder = XLMRobertaModel(config, add_pooling_layer=False)
    module = HEADS["dual_encoder"].Head(32, (), 0.0, None)
    features = encode(examples)
    batch = batches.collate("dual_encoder", features, TOKENIZER)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=2e-3)
    for step in range(150):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / 150)  # at a constant rate the loss may jump, even in the last steps
        vectors = module(states(encoder, batch, packed=True, read=batch[module.reads]), batch)
        loss, count = module.loss(vectors, batch)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    outputs = dual_encoder.unpack(vectors.detach(), features, batch)
    ranked = dual_encoder.decode(outputs, features, examples, (), LIMITS)
    assert [names[0] for names in ranked] == words and all(sorted(names) == sorted(words) for names in ranked)


def test_lost_vectors_find_nothing() -> None:
    """A training whose weights are lost is scored 0 and reported as collapsed; it does not end in a traceback."""
    features = dual_encoder.encode(QUERIES, TOKENIZER, (), LIMITS, training=True)
    outputs = [np.full((len(feature["rows"]), 4), np.nan, dtype=np.float32) for feature in features]
    assert dual_encoder.decode(outputs, features, QUERIES, (), LIMITS) == [[] for _ in QUERIES]
