"""AdamW is torch's own after its own clipping; Muon turns the matrices of the layers and leaves the rest to AdamW."""

import copy

import pytest
import torch

from stilts_xtreme.engine import muon
from stilts_xtreme.engine.optimizer import AdamW
from stilts_xtreme.utils.errors import UserError

torch.set_num_threads(1)


def layers() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 3), torch.nn.Linear(3, 2))


@pytest.mark.parametrize("clip", [0.05, 1e9])
def test_twenty_steps_are_torchs(clip):
    ours, plain = layers(), layers()
    mine = AdamW(ours.parameters(), 0.1, 0.98, 1e-6)
    decayed = [{"params": [p], "weight_decay": 0.1 if p.ndim > 1 else 0.0} for p in plain.parameters()]
    theirs = torch.optim.AdamW(decayed, lr=1.0, betas=(0.9, 0.98), eps=1e-6, fused=True)
    for number in range(20):
        x = torch.randn(6, 7, generator=torch.Generator().manual_seed(number))
        last = 3 if number % 3 else 4  # at times the last layer has no gradient, as a head that is not of the step's task
        loss = ours[:last](x).square().sum()
        loss.backward()
        mine.step(0.01 * (number + 1), 1 / 6, clip, loss.detach())
        plain[:last](x).square().sum().backward()
        for p in plain.parameters():
            if p.grad is not None:
                p.grad *= 1 / 6
        torch.nn.utils.clip_grad_norm_(plain.parameters(), clip)
        for group in theirs.param_groups:
            group["lr"] = 0.01 * (number + 1)
        theirs.step()
        theirs.zero_grad()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-6) and a.grad is None  # they divide before, we in the kernel: a last bit


@pytest.mark.parametrize("lost", [float("nan"), float("inf")])
def test_a_lost_step_changes_nothing(lost):
    model = layers()
    optimizer = AdamW(model.parameters(), 0.1, 0.999, 1e-8)
    before = copy.deepcopy(model.state_dict())
    model(torch.randn(4, 7)).sum().backward()
    optimizer.step(0.1, 1.0, 1.0, torch.tensor(lost))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(float(steps) == 0 for _, _, steps in optimizer.state.values())
    model(torch.randn(4, 7)).sum().backward()
    optimizer.step(0.1, 1.0, 1.0, torch.tensor(1.0))
    assert not torch.equal(model[0].weight, before["0.weight"])
    assert all(float(steps) == 1 for _, _, steps in optimizer.state.values())


@pytest.mark.parametrize("shape", [(8, 8), (8, 24)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    torch.manual_seed(0)
    given = torch.randn(3, *shape, dtype=torch.float64)
    turned = muon.orthogonal(given)
    left, _, right = torch.linalg.svd(given, full_matrices=False)
    inside = left.mT @ turned @ right.mT
    values = torch.diagonal(inside, dim1=1, dim2=2)
    assert (inside - torch.diag_embed(values)).abs().max() < 1e-6
    assert values.max() < 1.3 and values.median() > 0.65 and values.min() > 0


def both(clip: float, rate: float = 0.01, total: float = 1.0) -> tuple[dict, dict, dict, muon.Muon]:
    """Weights before a step, after one of AdamW, after one of Muon on the first and third layer (5 x 7 and 3 x 5); Muon."""
    model, other = layers(), layers()
    before = copy.deepcopy(model.state_dict())
    plain = AdamW(other.parameters(), 0.1, 0.98, 1e-6)
    turned = muon.Muon(model.parameters(), [model[0].weight, model[2].weight], 0.1, 0.98, 1e-6)
    for one, stepping in ((model, turned), (other, plain)):
        one(torch.randn(6, 7, generator=torch.Generator().manual_seed(1))).square().sum().backward()
        stepping.step(rate, 1 / 6, clip, torch.tensor(total))
    return before, other.state_dict(), model.state_dict(), turned


@pytest.mark.parametrize("clip", [0.05, 1e9])
def test_muon_turns_its_matrices_and_adamw_has_the_rest(clip):
    before, plain, turned, _ = both(clip)
    for name in before:
        if name in ("0.weight", "2.weight"):
            update = turned[name] - before[name] * (1 - 0.01 * 0.1)
            assert update.square().mean().sqrt() == pytest.approx(0.01 * muon.SIZE, rel=0.3)
            values = torch.linalg.svdvals(update / (0.01 * muon.SIZE * max(update.shape) ** 0.5))
            assert values[0] < 1.3
        else:  # clipped by the same norm, that of all gradients
            assert torch.equal(turned[name], plain[name])


def test_a_lost_step_of_muon_changes_nothing():
    before, _, turned, optimizer = both(1.0, total=float("nan"))
    assert all(torch.equal(turned[name], before[name]) for name in before)
    assert all(float(steps) == 0 and not first.any() for first, _, steps in optimizer.state.values())


def test_muon_wants_whole_matrices(monkeypatch):
    monkeypatch.setattr("stilts_xtreme.engine.optimizer.is_part", lambda tensor: True)
    model = layers()
    with pytest.raises(UserError, match="leave out --shard"):
        muon.Muon(model.parameters(), [model[0].weight], 0.1, 0.98, 1e-6)


def test_the_matrices_of_muon_are_those_of_the_layers():
    encoder = torch.nn.ModuleDict({"words": torch.nn.Embedding(9, 4), "layer": layers()})
    model = torch.nn.ModuleDict({"encoder": encoder, "head": torch.nn.Linear(2, 2)})
    assert type(muon.optimizer(model, encoder, "adamw", 0.1, 0.9, 1e-6)) is AdamW
    found = muon.optimizer(model, encoder, "muon", 0.1, 0.9, 1e-6)
    assert {shape: len(stack) for shape, stack in found.stacks.items()} == {(5, 7): 1, (3, 5): 1, (2, 3): 1}
    left = {p for _, group in found.groups for p in group}
    assert {encoder["words"].weight, model["head"].weight, encoder["layer"][0].bias} <= left and len(left) == 8
