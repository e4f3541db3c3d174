"""bfloat16 by products in single precision: the same numbers, forward and backward, and nothing multiplied in bfloat16."""

import numpy as np
import pytest
import torch
from test_packed import HEADS, KINDS, Words, features, model
from torch.utils._python_dispatch import TorchDispatchMode

from stilts_xtreme.engine import bf16
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.utils import system

torch.set_num_threads(1)


@pytest.fixture(params=[True, False], ids=["native", "emulated"])
def fast(request, monkeypatch):
    return _processor(monkeypatch, request.param)


def _processor(monkeypatch, fast):
    monkeypatch.setattr(system, "fast_bf16", lambda: fast)
    return fast


def small(*shape, seed=0):
    """Whole numbers whose products, and sums of these, are exact in both types."""
    return torch.from_numpy(np.random.default_rng(seed).integers(-2, 3, shape)).float()


def test_a_linear_layer_and_its_gradients_where_all_sums_are_exact(monkeypatch) -> None:
    results = []
    for fast in (True, False):
        _processor(monkeypatch, fast)
        layer = torch.nn.Linear(8, 6)
        layer.weight.data, layer.bias.data = small(6, 8, seed=1), small(6, seed=2)
        rows = small(3, 5, 8).requires_grad_()
        with bf16.autocast("cpu"):
            result = layer(rows)
        assert result.dtype == torch.bfloat16
        result.backward(small(3, 5, 6, seed=3).bfloat16())
        results.append([result, rows.grad, layer.weight.grad, layer.bias.grad])
    for native, emulated in zip(*results, strict=True):
        assert native.dtype == emulated.dtype and torch.equal(native, emulated)


def test_products_of_batches_where_all_sums_are_exact(fast) -> None:
    left, right = small(4, 3, 8).bfloat16(), small(4, 8, 5).bfloat16()
    product = bf16.bmm(left, right)
    assert product.dtype == torch.bfloat16 and torch.equal(product.float(), torch.bmm(left.float(), right.float()))


class Products(TorchDispatchMode):
    """Counts large products by the type of their factors."""

    def __init__(self) -> None:
        super().__init__()
        self.types = {torch.float32: 0, torch.bfloat16: 0}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in ("mm", "addmm", "bmm", "linear"):
            factor = args[1]
            self.types[factor.dtype] += factor.numel() > 200
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_nearer_to_the_native_one_than_to_single_precision(kind, head, monkeypatch) -> None:
    gradients, counted = [], []
    for fast, low in ((True, True), (False, True), (True, False)):
        _processor(monkeypatch, fast)
        trained = model(head, kind=kind)
        trained.bf16 = low
        batch = collate(head, features(head), Words(), torch.Generator().manual_seed(3))
        with Products() as products, torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss, _ = trained("task", batch)
            loss.backward()
        counted.append(products.types)
        gradients.append(torch.cat([p.grad.double().flatten() for p in trained.encoder.parameters() if p.grad is not None]))
    native, emulated, single = gradients
    assert (emulated - native).norm() < 0.7 * (single - native).norm()
    assert counted[0][torch.bfloat16] > 3 * counted[1][torch.bfloat16] and counted[1][torch.float32] > 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_halved_model_predicts_as_it_does_natively(kind, monkeypatch) -> None:
    logits = []
    for fast in (True, False):
        _processor(monkeypatch, fast)
        predicting = model("classification", kind=kind).eval().halve()
        batch = collate("classification", features("classification"), Words(), None)
        with torch.inference_mode(), Products() as products:
            logits.append(predicting.logits("task", batch))
        assert (products.types[torch.bfloat16] > products.types[torch.float32]) is fast
    assert torch.allclose(*logits, atol=2e-2)


@pytest.mark.parametrize(
    ("lines", "fast"),
    [
        ("vendor_id : AuthenticAMD\nflags : avx2 avx512f avx512_bf16\n", True),
        ("vendor_id : AuthenticAMD\nflags : avx2\n", False),
        ("vendor_id : GenuineIntel\nflags : avx512_bf16\n", True),
        ("vendor_id : GenuineIntel\nflags : avx512_bf16 avx512_fp16\n", False),
        ("vendor_id : GenuineIntel\nflags : avx512_bf16 avx512_fp16 amx_bf16\n", True),
        ("CPU implementer : 0x41\nFeatures : fp asimd bf16\n", True),
        ("CPU implementer : 0x41\nFeatures : fp asimd\n", False),
        ("", None),
    ],
)  # fmt: skip
def test_what_a_processor_says_of_itself(lines, fast, monkeypatch) -> None:
    told = dict(line.split(" : ") for line in lines.splitlines())
    monkeypatch.setattr(system, "proc_field", lambda file, key: told.get(key))
    system.fast_bf16.cache_clear()
    assert system.fast_bf16() is fast
    system.fast_bf16.cache_clear()
