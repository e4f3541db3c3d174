"""The top layer for the tokens that a head reads: what the whole computation gives, and no work for the others."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_packed import HEADS, KINDS, Words, encoder, features, model

from stilts_xtreme.engine import attention, first_token, predict
from stilts_xtreme.engine import encoder as engine
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.engine.train import Stream, accelerator, train
from stilts_xtreme.pipeline import plan

torch.set_num_threads(1)
READING = [head for head in HEADS if head != "span_qa"]
TOP = {"xlm-roberta": "encoder.layer.1", "bert": "encoder.layer.1", "eurobert": "layers.1", "modernbert": "layers.1"}
FEED_FORWARD = {"xlm-roberta": "intermediate", "bert": "intermediate", "eurobert": "mlp", "modernbert": "mlp"}


@pytest.fixture
def whole(monkeypatch):
    """Calls a function with the whole top layer computed."""

    def call(work):
        with monkeypatch.context() as patch:
            patch.setattr(engine, "_last", lambda *_: None)
            return work()

    return call


def outcome(made, batch):
    """Loss and all gradients."""
    made.zero_grad()
    loss, _ = made("task", batch)
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}


def batch_of(head, seed=3, **more):
    return collate(head, features(head, **more), Words(), torch.Generator().manual_seed(seed))


def calls(made, kind):
    """Sizes of what the top layer's feed-forward part is called with."""
    seen = []
    part = made.encoder.get_submodule(f"{TOP[kind]}.{FEED_FORWARD[kind]}")
    part.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[:2])))
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [0.0, 1e9])
@pytest.mark.parametrize("head", HEADS)
def test_losses_and_gradients_are_those_of_the_whole_layer(head, together, kind, whole, monkeypatch):
    monkeypatch.setattr(attention, "TOGETHER", together)
    made, batch = model(head, kind=kind).double().train(), batch_of(head)
    expected, others = whole(lambda: outcome(made, batch))
    seen = calls(made, kind)
    loss, gradients = outcome(made, batch)
    assert seen == [(1, len(batch[made.heads["task"].reads or "input_ids"]))]
    assert float(loss) == pytest.approx(float(expected), rel=1e-12) and gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        assert (gradient - others[name]).abs().max() <= 1e-12 * max(1.0, float(others[name].abs().max())), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", READING)
def test_states_in_single_precision_are_those_of_the_whole_layer(head, kind):
    made, batch = model(head, kind=kind).eval(), batch_of(head)
    read = batch[made.heads["task"].reads]
    with torch.no_grad():
        found, every = made.hidden(batch, read), made.hidden(batch)
    assert found.shape == (len(read), 32) and (found - every[read]).abs().max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_any_tokens_in_any_order(kind):
    """Some sequences are read often, some not at all, one token twice."""
    made, batch = encoder(kind).double().eval(), batch_of("tagging")
    for read in ([], [40], [165, 3, 3, 80, 0, 81, 82], list(range(166))[::-1]):
        read = torch.tensor(read, dtype=torch.long)
        found = engine.states(made, batch, True, read=read)
        assert (found - engine.states(made, batch, True)[read]).abs().sum() < 1e-10 and found.shape == (len(read), 32)
        padded = engine.states(made, batch, False, read=read)
        assert (found - padded).abs().sum() < 1e-10


def test_a_batch_without_masked_tokens_has_gradients_of_zero():
    made, batch = model("mlm").double().train(), batch_of("mlm")
    batch |= {"positions": batch["positions"][:0], "targets": batch["targets"][:0]}
    loss, gradients = outcome(made, batch)
    assert float(loss) == 0.0 and all(not gradient.any() for gradient in gradients.values()) and len(gradients) > 12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("packed", [True, False])
def test_first_tokens_of_a_layer(layer, packed, kind):
    made, batch = encoder(kind).eval(), batch_of("embedding")
    with torch.no_grad():
        every = engine.states(made, batch, packed, layer)
        found = engine.states(made, batch, packed, layer, batch["offsets"])
    assert (found - every[batch["offsets"]]).abs().max() < 1e-6


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_retrieval_reads_first_tokens_or_all(pooling, whole):
    made = encoder()
    asked = (made, features("embedding"), Words(), 2, pooling, torch.device("cpu"))
    found, expected = predict.vectors(*asked), whole(lambda: predict.vectors(*asked))
    assert np.abs(found - expected).max() < 1e-6 and found.any()


@pytest.mark.parametrize("head", READING)
def test_half_precision_reads_the_same(head, whole):
    made = model(head).eval()
    made.halve()
    with torch.no_grad():
        batch = batch_of(head)
        found, expected = made.logits("task", batch).float(), whole(lambda: made.logits("task", batch)).float()
    assert (found - expected).abs().max() < 0.02


@pytest.mark.parametrize("head", READING)
def test_a_training_in_micro_batches_ends_where_the_whole_one_does(head, whole):
    recipe = plan.Recipe(epochs=None, steps=3, batch_size=4, micro_batch=3, learning_rate=5e-3, dropout=0.0)
    start = model(head).double()
    streams = {"task": Stream(head, features(head), {"en": range(8)}, {"en": 1.0})}

    def run(recipe):
        made = copy.deepcopy(start)
        if head == "mlm":
            made.heads["task"]._tied = [made.encoder.get_input_embeddings()]
        list(train(made, streams, ["task"] * 3, recipe, 1, Words(), accelerator("fp32", "cpu"), None))
        return made.state_dict()

    found, expected = run(recipe), whole(lambda: run(recipe))
    assert all((found[name] - expected[name]).abs().max() < 1e-9 for name in found if "key.bias" not in name)
    if head not in ("mlm", "dual_encoder"):  # whose masks and rivals depend on the micro-batch
        at_once = run(replace(recipe, micro_batch=None))
        assert all((found[name] - at_once[name]).abs().max() < 1e-9 for name in found if "key.bias" not in name)


def test_dropout_thins_the_top_layer_as_it_thins_the_whole(whole):
    """The same mean and spread of the states, from other draws."""
    torch.manual_seed(0)
    made, row = model("classification", 0.3).train(), list(range(10, 17))
    batch = collate("classification", [{"rows": [row], "target": 0}] * 200, Words())

    def many():
        with torch.no_grad():
            return torch.cat([made.hidden(batch, batch["offsets"]) for _ in range(40)])

    ours, other = many(), whole(many)
    errors = (ours.mean(0) - other.mean(0)).abs() / (other.std(0) * (2 / len(ours)) ** 0.5)
    assert errors.max() < 4.5 and torch.allclose(ours.std(0), other.std(0), rtol=0.06)


def test_the_layer_is_itself_again_after_a_fault(monkeypatch):
    made, batch = model("tagging"), batch_of("tagging")
    monkeypatch.setattr(attention, "attend", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        with monkeypatch.context() as patch:
            patch.setattr(made.encoder.encoder.layer[0], "forward", lambda hidden, *_, **__: hidden)
            made.hidden(batch, batch["positions"])
    assert "forward" not in vars(made.encoder.encoder.layer[-1])


# one token per sequence


@pytest.mark.parametrize("rate", [0.0, 0.25])
@pytest.mark.parametrize("together", [0.0, 1e9])
def test_first_tokens_attend_as_with_keys_and_values(rate, together, monkeypatch):
    """Forward and backward against keys and values written out, with the very same dropped places."""
    monkeypatch.setattr(attention, "TOGETHER", together)
    lengths, heads, width = [7, 7, 5, 2], 2, 8
    torch.manual_seed(4)
    key, value = (torch.nn.Linear(width, width).double() for _ in range(2))
    made = [torch.randn(count, width, dtype=torch.float64) for count in (len(lengths), sum(lengths))]
    ours, plain = ([part.clone().requires_grad_() for part in made] for _ in range(2))
    cut = attention.groups(lengths, width, heads)
    assert len(cut) == (3 if together == 0.0 else 1)
    bits = attention.random_bits(sum(g.rows * heads * g.width for g in cut))
    monkeypatch.setattr(first_token, "random_bits", lambda n: bits[:n])
    found = first_token.attend(*ours, key, value, heads, cut, 0.5, rate)
    weight = torch.randn(found.shape, dtype=torch.float64)
    (found * weight).sum().backward()
    gradients = [p.grad.clone() for p in (*key.parameters(), *value.parameters())]
    key.zero_grad(), value.zero_grad()

    kept = attention.keep(bits, rate) if rate else torch.ones(len(bits), dtype=torch.bool)
    expected, row, at, begin = [], 0, 0, 0
    for group in cut:
        masks = kept[at : at + group.rows * heads * group.width].view(group.rows, heads, group.width)
        at += masks.numel()
        for mask in masks:
            n = lengths[row]
            states = plain[1][begin : begin + n]
            keys, values = (part(states).view(n, heads, -1) for part in (key, value))
            shares = torch.softmax(0.5 * torch.einsum("hs,nhs->hn", plain[0][row].view(heads, -1), keys), -1) * mask[:, :n]
            expected.append(torch.einsum("hn,nhs->hs", shares / (1 - rate), values).flatten())
            row, begin = row + 1, begin + n
    expected = torch.stack(expected)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    (expected * weight).sum().backward()
    others = [p.grad for p in (*key.parameters(), *value.parameters())]
    pairs = [*zip(gradients, others, strict=True), *((a.grad, b.grad) for a, b in zip(ours, plain, strict=True))]
    assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in pairs) and not gradients[1].any()


# groups of queries


@given(st.data())
@settings(deadline=None)
def test_groups_of_queries_hold_every_token_once(data):
    lengths = sorted(data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=20)), reverse=True)
    chosen = data.draw(st.lists(st.booleans(), min_size=sum(lengths), max_size=sum(lengths)))
    read, heads = np.flatnonzero(chosen), 2
    groups = attention.groups(lengths, data.draw(st.sampled_from([8, 96, 768])), heads)
    asked = attention.queries(read, lengths, groups, heads)
    places = np.concatenate([np.arange(n) for n in lengths])
    states = torch.from_numpy(places[read].astype(float))[:, None, None].expand(-1, heads, 1).contiguous()
    assert len(asked) == len(groups) and sum(one.end - one.begin for one in asked) == len(read)
    for one, group in zip(asked, groups, strict=True):
        assert one.rows == group.rows
        if one.width:
            rows, back = attention._rows(states, one), torch.full_like(states, -1)
            attention._put(back, rows, one)
            assert torch.equal(back[one.begin : one.end], states[one.begin : one.end])
            real = torch.ones(()) if one.real is None else one.real
            wanted = rows.view(one.rows, heads, one.width, 1)
            assert torch.equal(wanted * real, one.place * real.expand_as(wanted))
