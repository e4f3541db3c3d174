"""Heads: what they encode, lose and decode; each checked against the tokenizer's own encoding or arithmetic written out."""

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import XLMRobertaConfig, XLMRobertaModel

from stilts_xtreme.engine import batches
from stilts_xtreme.engine.encoder import states
from stilts_xtreme.engine.tokenizer import train
from stilts_xtreme.models.heads import HEADS, Limits, classification, embedding, mlm, multiple_choice, tagging
from stilts_xtreme.models.heads.common import IGNORE
from stilts_xtreme.tasks.examples import Choices, Pair, Question, Sentence, Tagged, Text
from stilts_xtreme.utils.errors import UserError

torch.set_num_threads(1)

VOCABULARY = ["ka", "mitu", "soraben", "lo", "paniku", "vetora", "dumi", "rekasoli", "na", "tibora", "zu", "hamelo"]
_random = random.Random(0)
LINES = [" ".join(_random.choices(VOCABULARY, [12 / len(word) ** 2 for word in VOCABULARY], k=8)) + "." for _ in range(60)]
TOKENIZER = train(LINES, 60)  # small enough that longer words fall into several pieces, while "ka" and "lo" are one
TABLE = torch.nn.Embedding(len(TOKENIZER), 6)
WORDS = st.sampled_from([*VOCABULARY, "kasora", "lomi.", "Ωx"])

EXAMPLES = {
    "classification": [
        Pair("1", "ka mitu", "lo paniku vetora", "yes"),
        Pair("2", "soraben dumi na", "ka", "no"),
        Pair("3", "zu", "zu", "yes"),
    ],
    "multiple_choice": [
        Choices("1", "ka mitu", ("lo paniku", "na"), 1),
        Choices("2", "dumi", ("zu", "vetora lo", "rekasoli"), 0),
    ],
    "tagging": [
        Tagged("1", ("ka", "soraben", "", "rekasoli", "zu"), ("A", "B", "A", "C", "B")),
        Tagged("2", ("lo",), ("C",)),
        Tagged("3", tuple(VOCABULARY), tuple("ABC" * 4)),
    ],
    "span_qa": [
        Question("1", "mitu zu", "ka soraben lo paniku. dumi na vetora", ("lo paniku",), (11,)),
        Question("2", "na", "tibora zu hamelo " * 4, ("zu hamelo",), (7,)),
        Question("3", "lo", "ka mitu", (), ()),
    ],
    "mlm": [Text(str(i), line) for i, line in enumerate(LINES[:8])],
}
LABELS = {"classification": ("no", "yes"), "tagging": ("A", "B", "C")}
LIMITS = Limits(max_length=18, doc_stride=5, max_answer_length=8, mask_rate=0.4)


def encoded(head, training=True, limits=LIMITS):
    return HEADS[head].encode(EXAMPLES[head], TOKENIZER, LABELS.get(head, ()), limits, training)


def batch_of(head, features):
    return batches.collate(head, features, TOKENIZER, torch.Generator().manual_seed(1))


def output(head, dropout=0.0):
    torch.manual_seed(0)
    return HEADS[head].Head(6, LABELS.get(head, ()), dropout, TABLE).eval()


def entropy(scores, target):
    """Cross-entropy of one list of scores, written out."""
    top = max(scores)
    return top + math.log(sum(math.exp(score - top) for score in scores)) - scores[target]


# every head


@pytest.mark.parametrize("head", EXAMPLES)
def test_loss_is_a_sum_and_a_count_and_gradients_flow(head):
    features = encoded(head)
    batch = batch_of(head, features)
    module = output(head)
    hidden = torch.randn(len(batch[module.reads or "input_ids"]), 6, requires_grad=True)
    logits = module(hidden, batch)
    loss, count = module.loss(logits, batch)
    tokens = len(batch["input_ids"])
    masked_tokens = len(batch["positions"]) if head == "mlm" else 0
    shape, terms = {
        "classification": ((3, 2), 3),
        "multiple_choice": ((2, 3), 2),
        "tagging": ((18, 3), 18),
        "span_qa": ((tokens, 2), len(features)),
        "mlm": ((masked_tokens, 6), masked_tokens),
    }[head]
    assert (tuple(logits.shape), count) == (shape, terms)
    assert isinstance(count, int) and loss.shape == ()

    values = logits.detach().double().tolist()
    if head in ("classification", "multiple_choice"):
        expected = sum(entropy(values[i], feature["target"]) for i, feature in enumerate(features))
    elif head == "tagging":
        expected = sum(entropy(values[i], tag) for i, tag in enumerate(tag for feature in features for tag in feature["targets"]))
    elif head == "span_qa":
        expected = 0.0
        for i, feature in enumerate(features):
            at = int(batch["offsets"][i])
            real = values[at : at + len(feature["rows"][0])]  # each window has a softmax of its own
            expected += entropy([v[0] for v in real], feature["start"]) / 2 + entropy([v[1] for v in real], feature["end"]) / 2
    else:
        values = (logits @ TABLE.weight.T + module.bias).detach().double().tolist()
        expected = sum(entropy(value, target) for value, target in zip(values, batch["targets"].tolist(), strict=True))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)

    loss.backward()
    assert torch.isfinite(hidden.grad).all() and hidden.grad.abs().sum() > 0
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


@pytest.mark.parametrize("head", ["classification", "multiple_choice", "tagging", "span_qa"])
def test_a_tiny_encoder_learns_the_examples_and_decodes_them(head):
    """Encoding, collation, targets, unpacking and decoding agree with each other, padding and windows included."""
    features = encoded(head, training=False)
    batch = batch_of(head, features)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(TOKENIZER), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, type_vocab_size=1, pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    encoder = XLMRobertaModel(config, add_pooling_layer=False)
    module = HEADS[head].Head(32, LABELS.get(head, ()), 0.0, encoder.get_input_embeddings())
    optimizer = torch.optim.Adam([*encoder.parameters(), *module.parameters()], lr=5e-3)
    for _ in range(80):
        logits = module(states(encoder, batch, packed=True, read=module.reads and batch[module.reads]), batch)
        loss, count = module.loss(logits, batch)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    found = HEADS[head].decode(
        HEADS[head].unpack(logits.detach(), features, batch), features, EXAMPLES[head], LABELS.get(head, ()), LIMITS,
        **({"no_answer_threshold": 0.0} if head == "span_qa" else {}),
    )  # fmt: skip
    gold = {
        "classification": lambda e: e.label,
        "multiple_choice": lambda e: e.label,
        "tagging": lambda e: e.tags,
        "span_qa": lambda e: e.answers[0] if e.answers else "",
    }[head]
    assert found == [gold(example) for example in EXAMPLES[head]]


@pytest.mark.parametrize("head", HEADS)
def test_no_examples_no_features(head):
    assert HEADS[head].encode([], TOKENIZER, ("A",), LIMITS, True) == []


@pytest.mark.parametrize(
    ("head", "example"),
    [
        ("classification", Pair("x7", "ka", "lo", "maybe")),
        ("multiple_choice", Choices("x7", "ka", ("lo", "na"), 2)),
        ("tagging", Tagged("x7", ("ka",), ("Q",))),
    ],
)
def test_an_unknown_label_is_an_error_in_training_and_no_target_at_evaluation(head, example):
    with pytest.raises(UserError, match="example x7: label"):
        HEADS[head].encode([example], TOKENIZER, LABELS.get(head, ()), LIMITS, True)
    (feature,) = HEADS[head].encode([example], TOKENIZER, LABELS.get(head, ()), LIMITS, False)
    assert feature.get("target", feature.get("targets")) in (IGNORE, [IGNORE])


def test_a_hopeless_maximum_length_is_refused():
    with pytest.raises(UserError, match="max_length: 7"):
        Limits(max_length=7)


# classification and multiple choice


def test_pairs_are_encoded_as_the_tokenizer_does():
    rows = [feature["rows"] for feature in encoded("classification", limits=Limits(200))]
    assert rows == [[TOKENIZER(e.first, e.second)["input_ids"]] for e in EXAMPLES["classification"]]
    long = Pair("1", "ka " * 50, "lo", "yes")
    (row,) = classification.encode([long], TOKENIZER, LABELS["classification"], LIMITS, True)[0]["rows"]
    assert len(row) == 18 and row[-4:] == [2, 2, *TOKENIZER("lo")["input_ids"][1:]]  # the longer text is cut


@given(st.integers(0, 30), st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(8, 30))
@settings(max_examples=60, deadline=None)
def test_options_are_whole_where_they_fit(first, options, longest):
    example = Choices("1", "ka " * first, tuple("lo " * n for n in options), 0)
    (feature,) = multiple_choice.encode([example], TOKENIZER, (), Limits(longest), True)
    (ka,), (lo,) = (TOKENIZER(word, add_special_tokens=False)["input_ids"] for word in ("ka", "lo"))
    for row, n in zip(feature["rows"], options, strict=True):
        assert len(row) == min(first + n + 4, longest)
        a, b = row.count(ka), row.count(lo)
        assert row == [0] + [ka] * a + [2, 2] + [lo] * b + [2]
        assert b == n if n < longest - 4 else min(a, first) >= min(first, (longest - 4) // 2)


def test_scores_of_absent_options_never_win():
    features = encoded("multiple_choice")
    batch = batch_of("multiple_choice", features)
    logits = output("multiple_choice")(torch.randn(len(batch["input_ids"]), 6), batch)
    assert torch.isinf(logits).tolist() == [[False, False, True], [False, False, False]]
    assert [scores.shape for scores in multiple_choice.unpack(logits.detach(), features, batch)] == [(2,), (3,)]


# tagging


@given(st.lists(st.lists(st.tuples(WORDS | st.sampled_from(["", " ", "\u200b"]), st.sampled_from("ABC")))), st.integers(8, 16))
@settings(max_examples=60, deadline=None)
def test_every_token_is_tagged_once_however_inputs_are_split(sentences, longest):
    examples = [Tagged(str(i), tuple(w for w, _ in s), tuple(t for _, t in s)) for i, s in enumerate(sentences)]
    features = tagging.encode(examples, TOKENIZER, LABELS["tagging"], Limits(longest), True)
    outputs = [np.array(feature["targets"]) for feature in features]
    assert tagging.decode(outputs, features, examples, LABELS["tagging"], LIMITS) == [example.tags for example in examples]
    for feature in features:
        (row,) = feature["rows"]
        assert len(row) <= longest and (row[0], row[-1]) == (0, 2)
        assert feature["positions"][0] == 1 and feature["positions"] == sorted(set(feature["positions"]))


def test_words_are_split_as_the_tokenizer_does_and_the_first_piece_is_labelled():
    tokens = ("ka", "rekasoli", "lomi.", "soraben")
    (feature,) = tagging.encode([Tagged("1", tokens, tuple("ABCA"))], TOKENIZER, LABELS["tagging"], Limits(60), True)
    whole = TOKENIZER([list(tokens)], is_split_into_words=True)
    assert feature["rows"] == whole["input_ids"] and len(feature["rows"][0]) > len(tokens) + 2
    assert feature["positions"] == [whole.word_ids(0).index(i) for i in range(4)]
    assert all(TOKENIZER.convert_ids_to_tokens(feature["rows"][0][at]).startswith("▁") for at in feature["positions"])


def test_a_token_without_pieces_becomes_unknown():
    (feature,) = tagging.encode([Tagged("1", ("ka", "", "lo"), tuple("ABC"))], TOKENIZER, LABELS["tagging"], LIMITS, True)
    assert feature["rows"][0][feature["positions"][1]] == TOKENIZER.unk_token_id


# masked language modelling


def masked(seed, rate=0.15, lines=400):
    features = mlm.encode([Text(str(i), LINES[i % 60]) for i in range(lines)], TOKENIZER, (), Limits(40, mask_rate=rate), True)
    batch = batches.collate("mlm", features, TOKENIZER, torch.Generator().manual_seed(seed))
    plain = [features[row]["rows"][0][place] for row, place in zip(batch["row"].tolist(), batch["place"].tolist(), strict=True)]
    return torch.tensor(plain), batch


def test_masking_rates():
    plain, batch = masked(0, rate=0.3)
    maskable = ~torch.isin(plain, torch.tensor(TOKENIZER.all_special_ids))
    chosen = len(batch["positions"])
    assert chosen / int(maskable.sum()) == pytest.approx(0.3, abs=0.02)
    shown = batch["input_ids"][batch["positions"]]
    assert float((shown == TOKENIZER.mask_token_id).float().mean()) == pytest.approx(0.8, abs=0.03)
    other = 0.1 / (len(TOKENIZER) - 5)  # random tokens that happen to be the right one
    assert float((shown == batch["targets"]).float().mean()) == pytest.approx(0.1 + other, abs=0.03)


def test_only_ordinary_tokens_are_masked_and_their_ids_are_the_targets():
    plain, batch = masked(0, rate=1.0, lines=50)
    special = torch.isin(plain, torch.tensor(TOKENIZER.all_special_ids))
    assert torch.equal(batch["targets"], plain[batch["positions"]])
    assert torch.equal(batch["input_ids"][special], plain[special])
    assert len(batch["positions"]) == int((~special).sum())
    assert set(batch["input_ids"][~special].tolist()) & set(TOKENIZER.all_special_ids) == {TOKENIZER.mask_token_id}


def test_masks_come_from_the_generator_alone():
    (_, one), (_, same), (_, other) = masked(3), masked(3), masked(4)
    assert all(torch.equal(one[name], same[name]) for name in one if isinstance(one[name], torch.Tensor))
    assert not torch.equal(one["input_ids"], other["input_ids"])


def test_the_output_is_tied_to_the_input_table_without_owning_it():
    module = output("mlm")
    assert sorted(module.state_dict()) == ["bias", "dense.bias", "dense.weight", "norm.bias", "norm.weight"]
    assert all(parameter is not TABLE.weight for parameter in module.parameters())
    hidden, batch = torch.randn(2, 6), {"positions": torch.tensor([1, 5]), "targets": torch.tensor([7, 8])}
    made = module(hidden, batch)
    assert torch.allclose(made, module.norm(torch.nn.functional.gelu(module.dense(hidden))))
    loss, count = module.loss(made[:0], {"targets": torch.tensor([], dtype=torch.long)})
    assert (float(loss.detach()), count) == (0.0, 0)


@pytest.mark.parametrize("parts", [1, 3, 100])
@pytest.mark.parametrize("times", [1.0, 2.5])
def test_the_loss_in_parts_is_the_whole_one_with_its_gradients(parts, times, monkeypatch):
    monkeypatch.setitem(mlm.MAX_LOGITS, "cpu", 40 * parts)
    torch.manual_seed(1)
    made = [torch.randn(n, 5, dtype=torch.float64) for n in (7, 40)] + [torch.randn(40, dtype=torch.float64)]
    targets = torch.randint(40, (7,))
    ours, plain = ([part.clone().requires_grad_() for part in made] for _ in range(2))
    workspace = mlm.Workspace()
    mlm.TiedCrossEntropy.apply(ours[0][:5], *ours[1:], targets[2:], workspace)  # its memory is used again for a larger batch
    (mlm.TiedCrossEntropy.apply(*ours, targets, workspace) * times).backward()
    states, table, bias = plain
    (torch.nn.functional.cross_entropy(states @ table.T + bias, targets, reduction="sum") * times).backward()
    assert all(torch.allclose(a.grad, b.grad, rtol=0, atol=1e-12) for a, b in zip(ours, plain, strict=True))


def test_the_next_step_uses_the_memory_of_the_last(monkeypatch):
    monkeypatch.setattr(mlm, "BLOCK", 64)
    workspace, addresses = mlm.Workspace(), list[dict[str, int]]()
    for count in (9, 9, 4):
        states, table = torch.randn(count, 8, requires_grad=True), torch.randn(50, 8, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            loss = mlm.TiedCrossEntropy.apply(states, table, torch.zeros(50), torch.arange(count), workspace)
        loss.backward()
        addresses.append({name: buffer.data_ptr() for name, buffer in workspace._buffers.items()})
        expected = torch.nn.functional.cross_entropy(states.bfloat16() @ table.bfloat16().T, torch.arange(count), reduction="sum")
        assert torch.allclose(loss, expected.float(), rtol=0.01)
    assert {"table", "products", "gradient"} <= set(addresses[0]) and addresses[0] == addresses[1] == addresses[2]


def test_guesses_are_the_largest_logits(monkeypatch):
    monkeypatch.setitem(mlm.MAX_LOGITS, "cpu", len(TOKENIZER) * 2)
    module, states = output("mlm"), torch.randn(5, 6)
    assert torch.equal(module.predict(states), (states @ TABLE.weight.T + module.bias).argmax(1))
    assert module.predict(states[:0]).tolist() == []


# sentence vectors


def test_pooling_keeps_to_the_row_and_counts_special_tokens():
    sentences = [Sentence("1", "ka", "english", None), Sentence("2", "ka lo soraben", "english", None)]
    features = embedding.encode(sentences, TOKENIZER, (), LIMITS, False)
    batch = batches.collate("embedding", features, TOKENIZER)
    hidden = torch.randn(len(batch["input_ids"]), 6)
    short, long = (len(feature["rows"][0]) for feature in features)
    assert short == 3 and long > 3 and batch["offsets"].tolist() == [long, 0]  # the longest stands first
    mean = embedding.pool(hidden, batch, "mean")
    assert torch.allclose(mean[0], hidden[long:].mean(0), atol=1e-6) and torch.allclose(mean[1], hidden[:long].mean(0), atol=1e-6)
    assert embedding.reads("mean") is None
    assert torch.equal(embedding.pool(hidden[batch[embedding.reads("cls")]], batch, "cls"), hidden[[long, 0]])
