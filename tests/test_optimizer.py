"""The optimizer is torch's own after its own clipping."""

import copy

import pytest
import torch

from stilts_xtreme.engine.optimizer import AdamW

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
