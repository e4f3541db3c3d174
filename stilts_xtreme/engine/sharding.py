"""Shard an encoder's layers over the processes (FSDP2): for encoders that do not fit as a whole with their optimizer.

Each process holds a part of every layer, of its gradients and its moments, and has a whole layer only while it computes with it.
The embeddings and the heads stay whole everywhere: embeddings are restricted to the tokens that occur.
"""

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor
    from typing_extensions import TypeIs

    from stilts_xtreme.engine.encoder import Model


def is_part(tensor: Tensor) -> "TypeIs[DTensor]":
    """Return whether this process holds only a part of the tensor."""
    return hasattr(tensor, "to_local")


def is_sharded(model: nn.Module) -> bool:
    """Return whether any weight of the model is sharded."""
    return any(is_part(parameter) for parameter in model.parameters())


def local(tensor: Tensor) -> Tensor:
    """Return this process's part of the tensor, or the tensor if it is whole."""
    return tensor.to_local() if is_part(tensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """Return the whole tensor on the first process's CPU, an empty one elsewhere; all processes must call it if it is sharded."""
    if not is_part(tensor):
        return tensor
    full = tensor.full_tensor()
    return full.cpu() if ranks.first() else full.new_empty(0)


def like(tensor: Tensor, model: Tensor) -> Tensor:
    """Return this process's part of a whole tensor if `model` is sharded; else the tensor."""
    if not is_part(model):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements, src_data_rank=None)


def layers(encoder: PreTrainedModel) -> nn.ModuleList:
    """Return the stack of layers: of all lists of as many modules the list with most weights. UserError if there is none."""
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList) and len(module) > 0]
    stacks = [modules for modules in lists if len(modules) == getattr(encoder.config, "num_hidden_layers", None)]
    if not stacks:
        raise UserError(f"--shard: no stack of layers is found in an encoder of kind {encoder.config.model_type}")
    return max(stacks, key=lambda stack: sum(p.numel() for p in stack.parameters()))


def shard(model: "Model", device: torch.device, sharded: bool) -> None:
    """Move a model to the device; `sharded`: only this process's part of its encoder's layers."""
    if not sharded:
        model.to(device)
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh, stack = init_device_mesh(device.type, (ranks.count(),)), layers(model.encoder)
    inside = {id(p) for p in stack.parameters()}
    for layer in stack:
        fully_shard(layer, mesh=mesh)
    others = {p for p in model.encoder.parameters() if id(p) not in inside and not is_part(p)}
    fully_shard(model.encoder, mesh=mesh, ignored_params=others)  # nothing of its own: it lets each layer fetch the next
    for module in (*stack, model.encoder):
        module.set_gradient_divide_factor(1.0)  # sums, as everywhere; Gloo knows no other reduction
        module.set_force_sum_reduction_for_comms(True)
    inside_layers = {module for layer in stack for module in layer.modules()}
    for module in model.modules():
        if module not in inside_layers:  # what `to` does, but for the layers, which are there
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(device)
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = buffer.to(device)


def gather(model: "Model") -> None:
    """Make a sharded model an ordinary one on the first process's CPU, to be saved; elsewhere its layers are empty."""
    for module in list(model.modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            module._parameters[name] = nn.Parameter(whole(parameter.detach()))
        kind = type(module)
        if kind.__name__.startswith("FSDP") and kind.__mro__[1].__name__ == "FSDPModule":
            state = cast("FSDPModule", module)._get_fsdp_state()
            for handle in (state._pre_forward_hook_handle, state._post_forward_hook_handle):  # they would wait for the others
                handle.remove()
            module.__class__ = kind.__mro__[2]
