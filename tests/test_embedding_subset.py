"""Training on the rows of the table that occur: the same weights as training on all of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stilts_xtreme.engine.embedding_subset import Compact, restore_embeddings, restrict_embeddings
from stilts_xtreme.engine.encoder import Model, random_encoder
from stilts_xtreme.engine.train import Stream, accelerator, train
from stilts_xtreme.pipeline import plan

torch.set_num_threads(1)
SHAPE = plan.Random(16, 1, 2, 32, 66, 400)
RECIPE = plan.Recipe(
    epochs=None, steps=10, batch_size=8, learning_rate=5e-3, dropout=0.1, evaluate_every=4, warmup=0.2, weight_decay=0.0
)


class Words:
    pad_token_id, bos_token_id, eos_token_id, mask_token_id, all_special_ids = 1, 0, 2, 399, [0, 1, 2, 3, 399]

    def __len__(self):
        return 400


def stream() -> Stream:
    draw = np.random.default_rng(0)
    made = [{"rows": [draw.integers(50, 120, int(n)).tolist()], "target": i % 2} for i, n in enumerate(draw.integers(4, 30, 60))]
    return Stream("classification", made, {"en": range(60)}, {"en": 1.0})


def ids() -> np.ndarray:
    return np.unique([token for feature in stream().features for row in feature["rows"] for token in row])


def trained(recipe: plan.Recipe, vocabulary, precision=torch.float32, score=None):
    torch.manual_seed(0)
    model = Model(random_encoder(SHAPE, Words(), 0), {"pair": "classification"}, {"pair": ("0", "1")}, recipe.dropout)
    model.to(precision)
    order = ["pair"] * recipe.steps
    told = list(train(model, {"pair": stream()}, order, recipe, 1, Words(), accelerator("fp32", "cpu"), score, vocabulary))
    return told, model.state_dict()


def test_without_weight_decay_every_bit_is_the_same():
    (told, ours), (plain, dense) = trained(RECIPE, ids()), trained(RECIPE, None)
    assert [step.loss for step in told] == [step.loss for step in plain]
    assert ours.keys() == dense.keys() and all(torch.equal(ours[name], dense[name]) for name in ours)


@pytest.mark.parametrize(("precision", "near"), [(torch.float32, 1e-7), (torch.float64, 1e-15)])
@pytest.mark.parametrize("scores", [None, [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]])
def test_with_weight_decay_untouched_rows_shrink_as_they_would_have(precision, near, scores):
    """Also where the state that is kept is not the last one."""
    decay = replace(RECIPE, weight_decay=0.3)
    draws = [iter(scores) if scores else None for _ in range(2)]
    scorers = [(lambda _, told=told: next(told)) if told else None for told in draws]
    _, ours = trained(decay, ids(), precision, scorers[0])
    _, dense = trained(decay, None, precision, scorers[1])
    for name in ours:
        assert (ours[name] - dense[name]).abs().max() <= near, name
    untouched = torch.tensor(sorted(set(range(4, 400)) - set(ids().tolist())))
    moved = ours["encoder.embeddings.word_embeddings.weight"][untouched]
    before = random_encoder(SHAPE, Words(), 0).embeddings.word_embeddings.weight.detach().to(precision)[untouched]
    assert len(untouched) > 300 and 0.9 < float((moved / before).mean()) < 1.0


@pytest.mark.parametrize("padding", [1, 300])
def test_padding_is_not_learned(padding):
    """A text can hold the padding token by name; its row gets no gradient in a whole table either."""
    table = Compact(torch.nn.Embedding(400, 16, padding), np.array([50]))
    assert table.weight.shape == (2, 16)  # wherever the padding stands in the table
    table(torch.tensor([padding, 50])).sum().backward()
    gradient = table.weight.grad
    assert float(gradient[table.number[padding]].abs().sum()) == 0.0 and float(gradient[table.number[50]].sum()) == 16.0


def test_micro_batches_add_up_in_the_kept_gradient():
    (_, whole), (_, parts) = (
        trained(replace(RECIPE, dropout=0.0), ids()),
        trained(replace(RECIPE, dropout=0.0, micro_batch=3), ids()),
    )
    assert all(torch.allclose(whole[name], parts[name], rtol=0, atol=1e-5) for name in whole)


def test_the_compact_table_is_small_and_speaks_in_whole_numbers():
    encoder = random_encoder(SHAPE, Words(), 0)
    table = encoder.get_input_embeddings()
    before = table.weight.detach().clone()
    restrict_embeddings(encoder, np.array([50, 60, 70]))
    compact = encoder.get_input_embeddings()
    assert isinstance(compact, Compact) and compact.weight.shape == (4, 16)  # and the padding
    assert torch.equal(compact(torch.tensor([[60, 1]])), before[[60, 1]][None])
    assert sum(p.numel() for p in encoder.parameters()) < before.numel()
    with pytest.raises(IndexError):
        compact(torch.tensor([51]))
    with torch.no_grad():
        compact.weight[compact.number[60]] = 7.0
    restore_embeddings(encoder, 0.5)
    after = encoder.get_input_embeddings().weight
    assert encoder.get_input_embeddings() is table and (after[60] == 7.0).all()
    assert torch.equal(after[50], before[50]) and torch.equal(after[51:60], before[51:60] * 0.5)


def test_a_torch_without_processes_trains_too(monkeypatch):
    table = Compact(torch.nn.Embedding(20, 4), np.array([3, 5]))
    monkeypatch.setattr(torch.distributed, "is_available", lambda: False)
    monkeypatch.delattr(torch.distributed, "is_initialized")
    table(torch.tensor([5, 3, 5])).sum().backward()
    assert table.weight.grad.sum() == 12
