"""The training loop, written out once: it yields after every step, and the caller logs, scores and decides."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stilts_xtreme.engine.batches import Feature, batches, collate, draw
from stilts_xtreme.engine.encoder import Model
from stilts_xtreme.engine.features import lengths


@dataclass(frozen=True)
class Stream:
    """A task's training features, its groups (languages; one for most tasks) and their sampling shares."""

    head: str
    features: Sequence[Feature]
    groups: Mapping[str, Sequence[int]]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """What one optimizer step did; `score` is set where dev was scored after it, `best` where that was the best so far."""

    number: int
    task: str
    loss: float
    tokens: int
    score: float | None = None
    best: bool = False


def accelerator(precision: str, device: str) -> Any:
    """Device, precision and data parallelism, as accelerate sees them; `device` is auto or cpu."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(
        reset_partial_state=True
    )  # it is one a process, and the stage before may have had another precision
    return Accelerator(mixed_precision="bf16" if precision == "bf16" else "no", cpu=device == "cpu")


def train(
    model: Model,
    streams: Mapping[str, Stream],
    schedule: Sequence[str],
    recipe: Any,
    seed: int,
    tokenizer: Any,
    accelerator: Any,
    score: Callable[[Model], float] | None,
) -> Iterator[Step]:
    """Train `model` in place over `schedule` (a task per step), one task a step; ends on the best state by `score`.

    AdamW, linear warm-up and decay, clipping. Losses are summed over micro-batches and divided once by the number of terms,
    so `recipe.micro_batch` changes memory and, besides rounding, only how dropout and masks are drawn. Stops early after
    `recipe.patience` scorings without gain, and at once where a loss is not finite (the step that says so is the last, and
    the state before any step counts as the first best one).
    """
    torch.manual_seed(seed)
    plans = {task: iter(_batches(stream, schedule.count(task), recipe, seed)) for task, stream in streams.items()}
    masking = torch.Generator().manual_seed(seed)
    optimizer = _optimizer(model, recipe, fused=accelerator.device.type in ("cpu", "cuda"))
    warmup = math.ceil(recipe.warmup * len(schedule))
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: _slope(n, warmup, len(schedule)))
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    best, without_gain = -math.inf, 0
    best_state = _copy(model) if score else None  # until the first scoring, what to fall back to if the loss is lost

    for number, task in enumerate(schedule, start=1):
        model.train()
        stream = streams[task]
        chosen = [stream.features[i] for i in next(plans[task])][accelerator.process_index :: accelerator.num_processes]
        total, terms, tokens = 0.0, 0, 0
        micro = recipe.micro_batch or max(len(chosen), 1)
        for begin in range(0, len(chosen), micro):
            batch = collate(stream.head, chosen[begin : begin + micro], tokenizer, masking)
            tokens += int(batch["attention_mask"].sum())
            batch = {name: tensor.to(accelerator.device, non_blocking=True) for name, tensor in batch.items()}
            with accelerator.autocast():
                loss, count = wrapped(task, batch)
            accelerator.backward(loss)
            total, terms = total + loss.detach(), terms + count
        total, terms = _over_processes(accelerator, total, terms)
        loss = float(total) / max(terms, 1)
        if not math.isfinite(loss):
            optimizer.zero_grad(set_to_none=True)
            yield Step(number, task, loss, tokens)
            break
        _divide_gradients(model, accelerator.num_processes / max(terms, 1))
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        rate.step()
        optimizer.zero_grad(set_to_none=True)

        value = None
        at_check_point = recipe.evaluate_every and number % recipe.evaluate_every == 0
        if score and (at_check_point or number == len(schedule)):
            value = score(model)
            without_gain = 0 if value > best else without_gain + 1
            if value > best:
                best, best_state = value, _copy(model)
        yield Step(number, task, loss, tokens, value, value is not None and without_gain == 0)
        if value is not None and without_gain >= recipe.patience:
            break

    if best_state is not None:
        model.load_state_dict(best_state)


def _copy(model: Model) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _batches(stream: Stream, steps: int, recipe: Any, seed: int) -> list[list[int]]:
    order = draw(stream.groups, steps * recipe.batch_size, stream.shares, seed)
    return batches(order, lengths(stream.features).tolist(), recipe.batch_size, recipe.group_by_length, seed)


def _optimizer(model: Model, recipe: Any, fused: bool) -> torch.optim.Optimizer:
    """AdamW; biases and layer-norm weights (every vector) are not decayed."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta2), eps=recipe.epsilon, fused=fused)


def _slope(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / max(warmup, 1)
    return max(0.0, (total - step) / max(total - warmup, 1))


def _over_processes(accelerator: Any, total: Any, terms: int) -> tuple[Any, int]:
    if accelerator.num_processes == 1:
        return total, terms
    both = torch.tensor([float(total), float(terms)], dtype=torch.float64, device=accelerator.device)
    both = accelerator.reduce(both, reduction="sum")
    return both[0], int(both[1])


def _divide_gradients(model: Model, factor: float) -> None:
    gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
    torch._foreach_mul_(gradients, factor)
