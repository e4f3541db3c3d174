"""The training loop: it yields after every step, so that the caller logs and shows progress."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stilts_xtreme import ranks
from stilts_xtreme.engine import checkpoint
from stilts_xtreme.engine.batches import batches, collate, draw, to
from stilts_xtreme.engine.encoder import Model
from stilts_xtreme.engine.features import Feature, lengths
from stilts_xtreme.engine.muon import optimizer as optimizer_of
from stilts_xtreme.engine.parallel import Team
from stilts_xtreme.engine.vocabulary import narrow, widen

LAG = 16  # steps a GPU may run ahead before their losses are read


@dataclass(frozen=True)
class Stream:
    """A task's training features, its groups (languages; one for most tasks) and their sampling shares."""

    head: str
    features: Sequence[Feature]
    groups: Mapping[str, Sequence[int]]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """What one optimizer step did; `score` is set where dev was scored after it, `best` where that was the best so far;
    `micro_batch` where memory ran out and it was halved to this."""

    number: int
    task: str
    loss: float
    tokens: int
    score: float | None = None
    best: bool = False
    micro_batch: int | None = None


def accelerator(precision: str, device: str) -> Any:
    """Device, precision and processes, as accelerate sees them; `device` is auto or cpu."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(
        reset_partial_state=True
    )  # it is one a process, and the stage before may have had another precision
    alone = ranks.count() == 1 or torch.cuda.is_available()  # else accelerate needs `cpu` to place them on CPUs
    return Accelerator(mixed_precision="bf16" if precision == "bf16" else "no", cpu=device == "cpu" or not alone)


def train(
    model: Model,
    streams: Mapping[str, Stream],
    schedule: Sequence[str],
    recipe: Any,
    seed: int,
    tokenizer: Any,
    accelerator: Any,
    score: Callable[[Model], float] | None,
    vocabulary: np.ndarray | None = None,
    snapshot: checkpoint.Snapshot | None = None,
    on_step_end: Callable[[Callable[[], checkpoint.Snapshot]], None] | None = None,
) -> Iterator[Step]:
    """Train `model` in place over `schedule` (a task per step), one task a step; ends on the best state by `score`.

    AdamW or Muon, linear warm-up and decay, clipping. Losses are summed over micro-batches and divided once by the number of
    terms, so `recipe.micro_batch` changes memory and, besides rounding, only how dropout and masks are drawn. Stops early after
    `recipe.patience` scorings without gain, and where a loss is not finite (the step that says so is the last, and the state
    before any step counts as the first best one). `vocabulary`: all tokens that the model will meet, where only their embeddings
    are to be held and trained; the others get their weight decay at the end.

    `on_step_end` is called between steps, when all of them were yielded, with a function that takes a snapshot of the state; a
    training that is given such a `snapshot`, and all else alike, goes on from it as if it had never stopped.
    Where a GPU's memory runs out the micro-batch is halved and the step done again.

    Several processes divide each micro-batch among them: losses, gradients and what is drawn for masks are those of one process
    but for rounding; dropout is drawn by each for itself. A saved state is good for any number of them.
    """
    torch.manual_seed(seed)
    plans = {task: iter(_batches(stream, schedule.count(task), recipe, seed)) for task, stream in streams.items()}
    masking = torch.Generator().manual_seed(seed)
    narrow(model.encoder, vocabulary)
    optimizer = optimizer_of(model, model.encoder, recipe.optimizer, recipe.weight_decay, recipe.beta2, recipe.epsilon)
    rates = learning_rates(recipe, len(schedule))
    wrapped = accelerator.prepare_model(model, evaluation_mode=True)  # its precision; gradients are added up by us
    team = Team(model) if ranks.count() > 1 else None
    state = checkpoint.State(micro_batch=recipe.micro_batch)
    # Until the first scoring, what to fall back to if the loss is lost.
    best_state = {name: tensor.clone() for name, tensor in model.state_dict().items()} if score else {}
    pending: list[Step] = []  # whose losses are still tensors
    # Reading a loss waits for the GPU: losses are read together, some steps late, so that it always has work queued.
    lag = 1 if accelerator.device.type == "cpu" else LAG
    if snapshot:
        state = checkpoint.restore(snapshot, model, optimizer, best_state, masking)
        for task in schedule[: state.number]:  # the same batches as if it had not stopped: skip those already used
            next(plans[task])
    if team:
        team.reseed(seed, state.number)
    model.train()  # an encoder that was loaded is not, whatever `model.training` says: its dropout would be off

    for number, task in enumerate(schedule[state.number :], start=state.number + 1):
        if not model.training:  # after a scoring; asking every module each time costs a small encoder a hundredth
            model.train()
        stream = streams[task]
        chosen = [stream.features[i] for i in next(plans[task])]
        halved = None
        while True:
            size = state.micro_batch or len(chosen)
            work = partial(_gradients, wrapped, task, stream.head, chosen, size, tokenizer, masking, accelerator, team)
            try:
                total, terms, tokens = team.agreed(work) if team else work()
                break
            except torch.OutOfMemoryError:  # no weight has changed yet, so the step can be done again in smaller parts
                if size <= ranks.count():
                    raise
                state.micro_batch = halved = -(-size // 2)
            for parameter in model.parameters():  # what the lost attempt left there
                parameter.grad = None
            torch.cuda.empty_cache()
        # Divided once by all terms of the step: the loss does not depend on the size of micro-batches.
        total = team.add_up(total) if team else total
        optimizer.step(rates[number - 1], 1 / max(terms, 1), recipe.clip, total)

        pending.append(Step(number, task, total / max(terms, 1), tokens, micro_batch=halved))
        due = score and (number == len(schedule) or (recipe.evaluate_every and number % recipe.evaluate_every == 0))
        if len(pending) < lag and not due and number < len(schedule):
            continue
        steps, pending = _read_losses(pending), []
        lost = not math.isfinite(steps[-1].loss)
        if score and due and not lost:
            value = score(model)
            better = value > state.best
            steps[-1] = replace(steps[-1], score=value, best=better)
            state.without_gain = 0 if better else state.without_gain + 1
            if better:
                state.best, state.kept = value, number
                for name, tensor in model.state_dict().items():
                    best_state[name].copy_(tensor)
        yield from steps  # before a snapshot is taken: the log in a checkpoint must hold every step up to it
        state.number = number
        if lost or (score and state.without_gain >= recipe.patience):
            break
        if on_step_end:
            on_step_end(partial(checkpoint.take, state, model, optimizer, best_state, masking))

    for name in ("forward", "_original_forward"):  # accelerate's, methods of the model: it would live until the collector comes
        vars(model).pop(name, None)
    model.eval()
    if best_state:
        model.load_state_dict(best_state)
    taken = state.kept if score else state.number
    widen(model.encoder, math.prod(1 - rate * recipe.weight_decay for rate in rates[:taken]))


def _gradients(
    model: Any, task: str, head: str, chosen: Sequence[Feature], size: int, tokenizer: Any,
    masking: torch.Generator, accelerator: Any, team: Team | None,
) -> tuple[Tensor, int, int]:  # fmt: skip
    """Add up the gradients of a step in micro-batches of `size`.

    Returns the sum of losses (0-d tensor), the number of loss terms and of tokens; in a team those of this process's part.
    """
    total, terms, tokens = torch.zeros((), device=accelerator.device), 0, 0
    for begin in range(0, len(chosen), size):
        batch = (team.collate if team else collate)(head, chosen[begin : begin + size], tokenizer, masking)
        idle = batch.get("idle")
        tokens += 0 if idle else len(batch["input_ids"])
        with accelerator.autocast():
            loss, count = model(task, to(batch, accelerator.device))
        if idle:
            loss, count = loss * 0, 0
        accelerator.backward(loss)
        total, terms = total + loss.detach(), terms + count
    return total, terms, tokens


def _read_losses(pending: Sequence[Step]) -> list[Step]:
    """Return these steps, with losses as numbers, up to the first that is not finite. Only here the loop waits for the device."""
    steps = []
    losses = torch.stack([step.loss for step in pending]).tolist()  # type: ignore[arg-type]
    for step, loss in zip(pending, losses, strict=True):
        steps.append(replace(step, loss=loss))
        if not math.isfinite(loss):
            break
    return steps


def _batches(stream: Stream, steps: int, recipe: Any, seed: int) -> list[list[int]]:
    order = draw(stream.groups, steps * recipe.batch_size, stream.shares, seed)
    return batches(order, lengths(stream.features).tolist(), recipe.batch_size, recipe.group_by_length, seed)


def learning_rates(recipe: Any, steps: int) -> list[float]:
    """Return the learning rate of each step: linear warm-up and decay."""
    warmup = math.ceil(recipe.warmup * steps)
    return [recipe.learning_rate * _slope(n, warmup, steps) for n in range(steps)]


def _slope(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / max(warmup, 1)
    return max(0.0, (total - step) / max(total - warmup, 1))
