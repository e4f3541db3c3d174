"""Packed rows against padded ones: the same losses, outputs and gradients, for every head, in single and double precision."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, BertConfig, DebertaV2Config, EuroBertConfig, ModernBertConfig, XLMRobertaConfig

from stilts_xtreme.engine import attention, predict
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.engine.encoder import Model, can_pack, fallback, keeps_apart, states

torch.set_num_threads(1)
VOCABULARY = 300


class Words:
    """What collation asks of a tokenizer."""

    pad_token_id, mask_token_id, all_special_ids = 1, 299, [0, 1, 2, 3, 299]

    def __len__(self):
        return VOCABULARY


KINDS = ("xlm-roberta", "bert", "eurobert", "modernbert")


def encoder(kind="xlm-roberta", **more):
    shape = dict(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=80, pad_token_id=1,
    )  # fmt: skip
    config, own = {
        "xlm-roberta": (XLMRobertaConfig, {"type_vocab_size": 1}),
        "bert": (BertConfig, {"type_vocab_size": 1}),
        "eurobert": (EuroBertConfig, {"num_key_value_heads": 1}),
        "modernbert": (ModernBertConfig, {"local_attention": 16, "eos_token_id": 2, "bos_token_id": 0}),
    }[kind]
    torch.manual_seed(0)
    without = {} if kind in ("eurobert", "modernbert") else {"add_pooling_layer": False}
    return AutoModel.from_config(config(**shape, **own, **more), **without)


def features(head, lengths=(5, 9, 9, 30, 4, 30, 17, 62), seed=0):
    """Made-up features: every head's own entries are there for each."""
    draw, made = np.random.default_rng(seed), []
    for n in lengths:
        rows = [draw.integers(4, 290, size).tolist() for size in ([n, n // 2 + 3] if head in PAIRED else [n])]
        positions = sorted(draw.choice(n, size=min(n, 3), replace=False).tolist())
        made.append(
            {
                "rows": rows, "target": n % 2, "targets": [p % 3 for p in positions], "positions": positions, "start": n // 2,
                "end": n - 1, "mask_rate": 0.4, "match": str(n),
            }
        )  # fmt: skip
    return made


PAIRED = ("multiple_choice", "dual_encoder")
HEADS = ("classification", "multiple_choice", "tagging", "span_qa", "dual_encoder", "mlm")


def model(head, rate=0.0, kind="xlm-roberta"):
    return Model(encoder(kind), {"task": head}, {"task": ("a", "b", "c")}, rate)


def outcome(model, head, packed, made=None):
    """Loss and all gradients."""
    model.packed = packed
    model.zero_grad()
    batch = collate(head, made or features(head), Words(), torch.Generator().manual_seed(3))
    loss, terms = model("task", batch)
    loss.backward()
    return float(loss.detach()) / terms, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("precision", "near"), [(torch.float32, 3e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("head", HEADS)
def test_losses_and_gradients_are_those_of_padded_rows(head, precision, near, kind):
    made = model(head, kind=kind).to(precision).train()
    (ours, gradients), (plain, others) = outcome(made, head, True), outcome(made, head, False)
    assert ours == pytest.approx(plain, rel=near)
    assert gradients.keys() == others.keys() and len(gradients) > 12
    for name, gradient in gradients.items():
        assert (gradient - others[name]).abs().max() <= near * max(1.0, float(others[name].abs().max())), name


@pytest.mark.parametrize(("precision", "near"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("head", [head for head in HEADS if head != "mlm"])
def test_outputs_are_those_of_padded_rows_one_at_a_time(head, precision, near):
    made, asked = model(head).to(precision).eval(), features(head, range(4, 60, 5))
    if head == "tagging":  # label numbers: those of the logits, which stand further from each other than any rounding
        near = 0
    whole = predict.outputs(made, "task", asked, Words(), torch.device("cpu"))
    made.packed = False
    single = [predict.outputs(made, "task", [feature], Words(), torch.device("cpu"))[0] for feature in asked]
    for ours, plain in zip(whole, single, strict=True):
        assert ours.shape == plain.shape and np.abs(ours - plain).max() <= max(near, 4e-7 if near else 0)


def test_sentences_do_not_see_each_other():
    """The trap: attention that knows no boundaries runs across the packed row without a word."""
    made, asked = model("classification"), features("classification", (9, 9, 20))
    alone = made.hidden(collate("classification", asked[:1], Words()))
    asked[2]["rows"] = [[7] * 20]
    asked[1]["rows"] = [[8] * 9]
    batch = collate("classification", asked, Words())
    begin = int(batch["offsets"][0])
    assert torch.allclose(made.hidden(batch)[begin : begin + 9], alone, atol=1e-6)
    made.encoder.config._attn_implementation = "sdpa"
    ids, place = batch["input_ids"][None], batch["place"][None] + 2
    across = made.encoder(input_ids=ids, position_ids=place).last_hidden_state[0]
    assert not torch.allclose(across[begin : begin + 9], alone, atol=1e-3)
    with pytest.raises(ValueError, match="segments"):
        attention.attend(None, *(torch.zeros(1, 2, 4, 8),) * 3, None)


@pytest.mark.parametrize("kind", ["xlm-roberta", "modernbert"])
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("packed", [True, False])
def test_a_hidden_state_is_the_models_own(layer, packed, kind):
    made = encoder(kind).eval()
    batch = collate("embedding", features("embedding", (20,)), Words())
    found = states(made, batch, packed, layer)
    made.config._attn_implementation = "sdpa"
    whole = made(input_ids=batch["input_ids"][None], output_hidden_states=True)
    assert torch.allclose(found, whole.hidden_states[layer][0], atol=1e-5)
    assert len(made.layers if kind == "modernbert" else made.encoder.layer) == 2


def test_an_encoder_of_another_kind_gets_padded_rows():
    config = DebertaV2Config(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, pad_token_id=1,
        relative_attention=True, position_buckets=16, pos_att_type="p2c|c2p", position_biased_input=False,
    )  # fmt: skip
    torch.manual_seed(0)
    other = AutoModel.from_config(config).eval()
    assert not can_pack(other) and "deberta-v2" in fallback(other, torch.device("cpu"))
    rotary = encoder("eurobert")
    assert not fallback(rotary, torch.device("cpu")) and "on a GPU" in fallback(rotary, torch.device("cuda"))
    made = Model(other, {"task": "classification"}, {"task": ("a", "b")}, 0.0).eval()
    assert not made.packed
    asked = features("classification")
    whole = predict.outputs(made, "task", asked, Words(), torch.device("cpu"))
    single = [predict.outputs(made, "task", [feature], Words(), torch.device("cpu"))[0] for feature in asked]
    assert all(np.abs(ours - plain).max() < 1e-4 for ours, plain in zip(whole, single, strict=True))


# groups


@given(st.lists(st.integers(1, 70), min_size=1, max_size=40), st.sampled_from([8, 96, 768]))
@settings(deadline=None)
def test_groups_hold_every_sequence_once(lengths, width):
    lengths = sorted(lengths, reverse=True)
    made = attention.groups(lengths, width, 2)
    assert sum(group.rows for group in made) == len(lengths) and made[0].begin == 0 and made[-1].end == sum(lengths)
    assert all(a.end == b.begin for a, b in zip(made, made[1:], strict=False))
    states = torch.arange(2.0 * sum(lengths)).view(-1, 2, 1)
    for group in made:
        back = torch.zeros_like(states)
        attention._put(back, attention._rows(states, group), group)
        assert torch.equal(back[group.begin : group.end], states[group.begin : group.end])


@pytest.mark.parametrize("rate", [0.0, 0.25])
@pytest.mark.parametrize("together", [0.0, 1e9])
def test_attention_is_softmax_written_out_with_its_dropout(rate, together, monkeypatch):
    """Forward and backward against autograd over single sequences, with the very same dropped places."""
    monkeypatch.setattr(attention, "TOGETHER", together)
    lengths, heads, size = [7, 7, 5, 2], 2, 4
    torch.manual_seed(2)
    made = [torch.randn(1, heads, sum(lengths), size, dtype=torch.float64) for _ in range(3)]
    ours, plain = ([part.clone().requires_grad_() for part in made] for _ in range(2))
    cut = attention.groups(lengths, heads * size, heads)
    assert len(cut) == (3 if together == 0.0 else 1)
    bits = attention.random_bits(sum(g.rows * heads * g.width**2 for g in cut))
    monkeypatch.setattr(attention, "random_bits", lambda n: bits[:n])
    segments = attention.Segments(torch.tensor(0), lengths[0], cut)
    found, _ = attention.attend(None, *ours, None, None, rate, segments)
    weight = torch.randn(found.shape, dtype=torch.float64)
    (found * weight).sum().backward()

    kept, row = attention.keep(bits, rate) if rate else torch.ones(len(bits), dtype=torch.bool), 0
    masks, at = [], 0
    for group in cut:
        whole = kept[at : at + group.rows * heads * group.width**2].view(group.rows, heads, group.width, group.width)
        at += whole.numel()
        masks += [whole[i, :, :n, :n] for i, n in enumerate(lengths[row : row + group.rows])]
        row += group.rows
    expected, begin = [], 0
    for n, mask in zip(lengths, masks, strict=True):
        query, key, value = (part[0, :, begin : begin + n] for part in plain)
        shares = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(size), -1) * mask / (1 - rate)
        expected.append((shares @ value).transpose(0, 1))
        begin += n
    expected = torch.cat(expected)[None]
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    (expected * weight).sum().backward()
    assert all(torch.allclose(a.grad, b.grad, rtol=0, atol=1e-12) for a, b in zip(ours, plain, strict=True))


def test_the_kernel_of_a_gpu_is_told_the_boundaries(monkeypatch):
    """A stand-in for the operator, with its arguments, attends within the boundaries it is given: no GPU was at hand."""

    def kernel(query, key, value, bounds, bounds_k, longest, longest_k, rate, causal, debug, *, scale):
        assert bounds.dtype == torch.int32 and bounds_k is bounds and longest == longest_k == int(bounds.diff().max())
        assert (rate, causal, debug) == (0.0, False, False) and query.is_contiguous()
        parts = [slice(a, b) for a, b in zip(bounds.tolist(), bounds.tolist()[1:], strict=False)]
        found = [
            torch.nn.functional.scaled_dot_product_attention(
                *(states[part].transpose(0, 1) for states in (query, key, value)), scale=scale
            ).transpose(0, 1)
            for part in parts
        ]
        return torch.cat(found), None, None, None, None

    made, asked = model("span_qa").double().train(), features("span_qa")
    plain, others = outcome(made, "span_qa", False, asked)
    monkeypatch.setattr(attention, "FLASH", kernel)
    monkeypatch.setattr(attention._Grouped, "apply", None)

    def attend(module, query, key, value, mask, scaling, dropout, segments, **_):
        query, key, value = (states[0].transpose(0, 1) for states in (query, key, value))
        return attention.on_gpu(query, key, value, segments, scaling, dropout)[None], None

    monkeypatch.setitem(attention.AttentionInterface._global_mapping, attention.NAME, attend)
    ours, gradients = outcome(made, "span_qa", True, asked)
    assert ours == pytest.approx(plain, rel=1e-12)
    assert all((gradient - others[name]).abs().max() < 1e-12 for name, gradient in gradients.items())


# dropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_bits_keep_their_share(rate):
    torch.manual_seed(0)
    kept = attention.keep(attention.random_bits(200_001), rate)
    assert len(kept) == 200_001 and float(kept.float().mean()) == pytest.approx(1 - rate, abs=0.004)
    assert not torch.equal(kept, attention.keep(attention.random_bits(200_001), rate))


def test_dropped_packed_rows_are_the_dropped_padded_ones(monkeypatch):
    """With the same hidden units dropped at the same places, losses and gradients agree as they do without dropout."""
    made = model("classification", 0.3).double().train()
    for layer in made.encoder.encoder.layer:
        layer.attention.self.dropout.p = 0.0  # its own test stands above
    batch, calls = collate("classification", features("classification"), Words()), []
    shape = (len(batch["lengths"]), batch["longest"])

    def drop(self, states):
        mask = torch.rand(*shape, states.shape[-1], generator=torch.Generator().manual_seed(len(calls))) < 0.7
        calls.append(states.shape)
        if states.dim() == 2:  # the head's
            return states * mask[:, 0]
        if states.shape[:2] != shape:  # packed; in the top layer the first tokens only
            mask = mask[batch["row"], batch["place"]]
            mask = mask if len(mask) == states.shape[1] else mask[batch["offsets"].sort().values]
        return states * mask / 0.7

    monkeypatch.setattr(torch.nn.Dropout, "forward", drop)
    (ours, gradients), first = outcome(made, "classification", True), len(calls)
    calls.clear()
    plain, others = outcome(made, "classification", False)
    assert first == len(calls) >= 7 and ours == pytest.approx(plain, rel=1e-12)
    assert all((gradient - others[name]).abs().max() < 1e-12 for name, gradient in gradients.items())


@pytest.mark.parametrize(
    ("device", "half", "capability", "heads", "packed"),
    [
        ("cpu", False, None, 2, True),
        ("mps", True, None, 2, False),  # has no kernel for it, and the groups are a CPU's
        ("cuda", False, (9, 0), 2, False),
        ("cuda", True, (9, 0), 2, True),
        ("cuda", True, (7, 5), 2, False),
        ("cuda", True, (9, 0), 8, False),  # heads of 4
    ],
)
def test_rows_are_packed_only_where_attention_can_keep_them_apart(monkeypatch, device, half, capability, heads, packed):
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: half)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    small = encoder()
    small.config.num_attention_heads = heads
    assert keeps_apart(small, torch.device(device)) == packed
