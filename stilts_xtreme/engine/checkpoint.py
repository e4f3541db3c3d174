"""The state of a training between two steps: all it needs to resume as if it had never stopped, as safetensors and JSON."""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from stilts_xtreme.engine import sharding
from stilts_xtreme.engine.optimizer import AdamW

TENSORS, FACTS = "state.safetensors", "state.json"
BEST_STEP = "kept"  # the key of `State.best_step` in the file, under which checkpoints of older versions have it
MOMENTS = ("first", "second", "steps")  # of the optimizer, for each weight


@dataclass
class State:
    """What a training counts: steps done (`number`), the best score and its step (0: none yet), scorings without gain since; and
    the micro-batch, which shrinks if memory runs out."""

    number: int = 0
    best: float = -math.inf
    best_step: int = 0
    without_gain: int = 0
    micro_batch: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """A state with its tensors by name: weights, the optimizer's moments, the best weights, the states of the random numbers.

    They are those of the training, not copies; of sharded weights whole tensors, on the first process.
    """

    state: State
    tensors: dict[str, Tensor]

    @property
    def bytes(self) -> int:
        """Size of the tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())


def take(state: State, model: torch.nn.Module, optimizer: AdamW, best: dict[str, Tensor], masking: torch.Generator) -> Snapshot:
    """Take a snapshot between two steps. If the weights are sharded, all processes must call it."""
    tensors = {"random": torch.get_rng_state(), "masking": masking.get_state()}
    if (device := next(model.parameters()).device).type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(device)
    tensors |= {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    for name, parameter in model.named_parameters():
        if parameter in optimizer.state:
            tensors |= {f"{part}/{name}": value for part, value in zip(MOMENTS, optimizer.state[parameter], strict=True)}
    return Snapshot(replace(state), {name: sharding.whole(tensor) for name, tensor in tensors.items()})


@torch.no_grad()
def restore(
    saved: Snapshot, model: torch.nn.Module, optimizer: AdamW, best: dict[str, Tensor], masking: torch.Generator
) -> State:
    """Put a training that was begun alike where the saved one was; returns the counts of it."""
    tensors = saved.tensors
    own = model.state_dict()
    weights = {name.partition("/")[2]: tensor for name, tensor in tensors.items() if name.startswith("model/")}
    model.load_state_dict({name: sharding.like(tensor, own.get(name, tensor)) for name, tensor in weights.items()})
    for name, tensor in best.items():
        tensor.copy_(sharding.like(tensors[f"best/{name}"], tensor))
    for name, parameter in model.named_parameters():
        if f"steps/{name}" in tensors:
            first, second, steps = (tensors[f"{part}/{name}"].to(parameter.device) for part in MOMENTS)
            optimizer.state[parameter] = sharding.like(first, parameter), sharding.like(second, parameter), steps
    torch.set_rng_state(tensors["random"])
    masking.set_state(tensors["masking"])
    if "random.cuda" in tensors and (device := next(model.parameters()).device).type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], device)
    return replace(saved.state)


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write a state into an existing folder."""
    save_file({name: tensor.contiguous() for name, tensor in snapshot.tensors.items()}, folder / TENSORS)
    facts = asdict(snapshot.state)
    facts[BEST_STEP] = facts.pop("best_step")
    if not facts[BEST_STEP]:
        facts["best"] = None  # minus infinity is no JSON
    (folder / FACTS).write_text(json.dumps(facts, sort_keys=True) + "\n", encoding="utf-8")


def read(folder: Path) -> Snapshot:
    """Read the state in a folder."""
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    facts["best_step"] = facts.pop(BEST_STEP)
    if facts["best"] is None:
        facts["best"] = -math.inf
    return Snapshot(State(**facts), load_file(folder / TENSORS))
