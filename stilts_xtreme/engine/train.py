"""The training loop: it yields after every step, so that the caller logs and shows progress."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stilts_xtreme.engine import checkpoint
from stilts_xtreme.engine.batches import batches, collate, draw, to
from stilts_xtreme.engine.embedding_subset import restore_embeddings, restrict_embeddings
from stilts_xtreme.engine.encoder import Model
from stilts_xtreme.engine.features import Feature, lengths
from stilts_xtreme.engine.muon import optimizer as optimizer_of
from stilts_xtreme.engine.parallel import DataParallel
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.pipeline.plan import Recipe
from stilts_xtreme.utils import ranks

if TYPE_CHECKING:
    from accelerate import Accelerator

LAG = 16  # steps a GPU may run ahead before their losses are read


@dataclass(frozen=True)
class Stream:
    """A task's training features, its groups (languages; English alone for most tasks) and their sampling shares."""

    head: str
    features: Sequence[Feature]
    groups: Mapping[str, Sequence[int]]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """An optimizer step; `score` is set if dev was scored after it, `best` if that was the best score so far, `micro_batch` if
    memory ran out and it was halved to this."""

    number: int
    task: str
    loss: float
    tokens: int
    score: float | None = None
    best: bool = False
    micro_batch: int | None = None


def accelerator(precision: str, device: str) -> "Accelerator":
    """Set up device, precision and processes with accelerate; `device` is auto or cpu."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # There is one of it in a process, and the stage before may have had another precision.
    AcceleratorState._reset_state(reset_partial_state=True)
    alone = ranks.count() == 1 or torch.cuda.is_available()  # else accelerate needs `cpu` to place them on CPUs
    return Accelerator(mixed_precision="bf16" if precision == "bf16" else "no", cpu=device == "cpu" or not alone)


def train(
    model: Model,
    streams: Mapping[str, Stream],
    schedule: Sequence[str],
    recipe: Recipe,
    seed: int,
    tokenizer: Tokenizer,
    accelerator: "Accelerator",
    score: Callable[[Model], float] | None,
    vocabulary: np.ndarray | None = None,
    snapshot: checkpoint.Snapshot | None = None,
    on_step_end: Callable[[Callable[[], checkpoint.Snapshot]], None] | None = None,
) -> Iterator[Step]:
    """Train `model` in place over `schedule`, the task of each step; yields every step, and ends on the best state by `score`.

    AdamW or Muon, linear warm-up and decay, clipping. Losses are summed over micro-batches and divided once by the number of
    terms, so `recipe.micro_batch` changes memory and, besides rounding, only how dropout and masks are drawn. Stops early after
    `recipe.patience` scorings without gain, and after a step whose loss is not finite, which is the last that is yielded; the
    state before any step counts as the first best state. `vocabulary`: token ids that occur in training and dev data, if only
    their embeddings are to be trained (None: all); the other rows get their weight decay at the end.

    `on_step_end` is called between steps, when all of them were yielded, with a function that takes a snapshot of the state. With
    that `snapshot`, and all else the same, training goes on as if it had never stopped. If a GPU's memory runs out, the
    micro-batch is halved and the step done again.

    Several processes share each micro-batch: losses, gradients and masks are those of a single process but for rounding; each
    draws its own dropout. A snapshot fits any number of processes.
    """
    torch.manual_seed(seed)
    plans = {task: iter(_batches(stream, schedule.count(task), recipe, seed)) for task, stream in streams.items()}
    masking = torch.Generator().manual_seed(seed)  # of its own: masks must not depend on how dropout was drawn
    restrict_embeddings(model.encoder, vocabulary)  # before the optimizer, which holds moments for every row
    optimizer = optimizer_of(model, model.encoder, recipe.optimizer, recipe.weight_decay, recipe.beta2, recipe.epsilon)
    rates = learning_rates(recipe, len(schedule))
    wrapped = accelerator.prepare_model(model, evaluation_mode=True)  # for its autocast; `parallel` sums the gradients, not DDP
    parallel = DataParallel(model) if ranks.count() > 1 else None
    state = checkpoint.State(micro_batch=recipe.micro_batch)
    # A copy from the start: if the loss is lost before the first scoring, there is a state to fall back to.
    best_state = {name: tensor.clone() for name, tensor in model.state_dict().items()} if score else {}
    pending: list[tuple[Step, Tensor]] = []  # steps whose losses are still on the device
    # Reading a loss waits for the GPU: losses are read together, some steps late, so that it always has work queued.
    lag = 1 if accelerator.device.type == "cpu" else LAG
    if snapshot:
        state = checkpoint.restore(snapshot, model, optimizer, best_state, masking)
        for task in schedule[: state.number]:  # the order of examples is drawn anew, so what was used must be skipped
            next(plans[task])
    if parallel:
        parallel.reseed(seed, state.number)
    model.train()  # a loaded encoder is in eval mode, whatever `model.training` says: its dropout would be off

    for number, task in enumerate(schedule[state.number :], start=state.number + 1):
        if not model.training:  # after a scoring; asking every module each time costs a small encoder a hundredth
            model.train()
        chosen = [streams[task].features[i] for i in next(plans[task])]
        gradients = partial(_gradients, wrapped, task, streams[task].head, chosen, tokenizer, masking, accelerator, parallel)
        total, terms, tokens, halved = _within_memory(gradients, len(chosen), state, model, parallel)
        if parallel:
            total = parallel.sum_gradients(total)
        # Divided once by all terms of the step: the loss does not depend on the size of micro-batches.
        optimizer.step(rates[number - 1], 1 / max(terms, 1), recipe.clip, total)

        pending.append((Step(number, task, math.nan, tokens, micro_batch=halved), total / max(terms, 1)))
        due = score and (number == len(schedule) or (recipe.evaluate_every and number % recipe.evaluate_every == 0))
        if len(pending) < lag and not due and number < len(schedule):
            continue
        steps, pending = _read_losses(pending), []
        lost = not math.isfinite(steps[-1].loss)  # the optimizer skipped that update, and those queued behind it do not count
        if score and due and not lost:
            steps[-1] = _scored(steps[-1], score(model), state, model, best_state)
        yield from steps  # before a snapshot is taken: the log in a checkpoint must hold every step up to it
        state.number = number
        if lost or (score and state.without_gain >= recipe.patience):
            break
        if on_step_end:
            on_step_end(partial(checkpoint.take, state, model, optimizer, best_state, masking))

    _finish(model, best_state)
    taken = state.best_step if score else state.number
    # Rows without data have no gradient, so AdamW only decays them: by all steps up to the state that is left.
    restore_embeddings(model.encoder, math.prod(1 - rate * recipe.weight_decay for rate in rates[:taken]))


def _within_memory(
    gradients: Callable[[int], tuple[Tensor, int, int]], size: int, state: checkpoint.State, model: Model,
    parallel: DataParallel | None,
) -> tuple[Tensor, int, int, int | None]:  # fmt: skip
    """Compute the gradients of a step of `size` features, halving `state.micro_batch` as often as memory runs out.

    Returns the sum of losses, the numbers of terms and tokens, and the new micro-batch (None: as before). Raises
    OutOfMemoryError if a micro-batch of an example for each process is too large.
    """
    halved = None
    while True:
        work = partial(gradients, micro_batch := state.micro_batch or size)
        try:
            return *(parallel.run_step(work) if parallel else work()), halved
        except torch.OutOfMemoryError:  # no weight has changed yet, so the step can be done again in smaller parts
            if micro_batch <= ranks.count():
                raise
            state.micro_batch = halved = -(-micro_batch // 2)
        for parameter in model.parameters():  # the failed attempt's gradients would be added to
            parameter.grad = None
        torch.cuda.empty_cache()


def _scored(
    step: Step, value: float, state: checkpoint.State, model: Model, best_state: Mapping[str, Tensor]
) -> Step:
    """Return the step with its score; a new best score resets the patience and copies the weights into `best_state`."""
    better = value > state.best
    state.without_gain = 0 if better else state.without_gain + 1
    if better:
        state.best, state.best_step = value, step.number
        for name, tensor in model.state_dict().items():
            best_state[name].copy_(tensor)
    return replace(step, score=value, best=better)


def _finish(model: Model, best_state: Mapping[str, Tensor]) -> None:
    """Leave the model in eval mode with the weights of `best_state`, if there are any."""
    for name in ("forward", "_original_forward"):  # accelerate's, methods of the model: it would live until the collector comes
        vars(model).pop(name, None)
    model.eval()
    if best_state:
        model.load_state_dict(best_state)


def _gradients(
    model: Model, task: str, head: str, chosen: Sequence[Feature], tokenizer: Tokenizer, masking: torch.Generator,
    accelerator: "Accelerator", parallel: DataParallel | None, size: int,
) -> tuple[Tensor, int, int]:  # fmt: skip
    """Add up the gradients of a step in micro-batches of `size` features.

    Returns the sum of losses (0-d tensor) and the numbers of loss terms and of tokens; of several processes those of this
    process's part.
    """
    total, terms, tokens = torch.zeros((), device=accelerator.device), 0, 0
    for begin in range(0, len(chosen), size):
        batch = (parallel.collate if parallel else collate)(head, chosen[begin : begin + size], tokenizer, masking)
        idle = batch.get("idle")
        tokens += 0 if idle else len(batch["input_ids"])
        with accelerator.autocast():
            loss, count = model(task, to(batch, accelerator.device))
        if idle:  # this process has no example of its own here: it computes along, and counts for nothing
            loss, count = loss * 0, 0
        accelerator.backward(loss)
        total, terms = total + loss.detach(), terms + count
    return total, terms, tokens


def _read_losses(pending: Sequence[tuple[Step, Tensor]]) -> list[Step]:
    """Return these steps with their losses, up to the first that is not finite. Only here the loop waits for the device."""
    steps = []
    losses = torch.stack([loss for _, loss in pending]).tolist()
    for (step, _), loss in zip(pending, losses, strict=True):
        steps.append(replace(step, loss=loss))
        if not math.isfinite(loss):
            break
    return steps


def _batches(stream: Stream, steps: int, recipe: Recipe, seed: int) -> list[list[int]]:
    order = draw(stream.groups, steps * recipe.batch_size, stream.shares, seed)
    return batches(order, lengths(stream.features).tolist(), recipe.batch_size, recipe.group_by_length, seed)


def learning_rates(recipe: Recipe, steps: int) -> list[float]:
    """Return the learning rate of each step: linear warm-up and decay."""
    warmup = math.ceil(recipe.warmup * steps)
    return [recipe.learning_rate * _slope(n, warmup, steps) for n in range(steps)]


def _slope(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / max(warmup, 1)
    return max(0.0, (total - step) / max(total - warmup, 1))
