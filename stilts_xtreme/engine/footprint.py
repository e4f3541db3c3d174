"""Memory of a variant of inference, in a process that does nothing else."""

import gc
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from stilts_xtreme.engine import encoder, variants
from stilts_xtreme.utils import system

MiB = 1 << 20
PATIENCE, GOODBYE = 900.0, 20.0  # seconds: for its answer, since a compiler may have to work; for its end


def measure(
    variant: str, folder: Path, task: str, rows: Sequence[np.ndarray], device: torch.device, threads: int
) -> dict[str, float]:
    """Return MiB of a process that loads the model, prepares the variant and runs a batch; empty if it ended without an answer.

    On a CPU `libraries` before anything is loaded, `peak` over its whole life, `resident` in the end, without the original
    where the variant has weights of its own. On a GPU `peak`: what tensors took there at most.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(theirs, variant, folder, task, list(rows), device.type, threads))
    child.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(PATIENCE) else {}
    except EOFError:
        return {}
    finally:
        child.join(GOODBYE)
        child.terminate()
        child.join()


def _child(
    pipe: Connection, variant: str, folder: Path, task: str, rows: list[np.ndarray], kind: str, threads: int
) -> None:  # pragma: no cover - in a process of its own
    torch.set_num_threads(threads)
    device = torch.device(kind)
    libraries = system.held_memory()
    model, tokenizer, _ = encoder.load_model(folder, task)
    run = variants.build(variant, model.to(device), task, tokenizer, device, threads)
    del model
    run(rows, None)
    gc.collect()
    if kind == "cuda":
        pipe.send({"peak": torch.cuda.max_memory_allocated() / MiB})
    else:
        sizes = {"libraries": libraries, "peak": system.peak_memory(), "resident": system.held_memory()}
        pipe.send({name: size / MiB for name, size in sizes.items() if size is not None})
