"""The model of the last prediction, cached for the next: XQuAD and MLQA share a model, and so do Tatoeba and BUCC."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.engine import encoder
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store, whole
from stilts_xtreme.tasks.catalogue import TASKS, training
from stilts_xtreme.utils import system
from stilts_xtreme.utils.bounded_io import Record

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

LoadedModel = tuple[encoder.Model, Tokenizer, Record]  # with the notes of its task in heads.json


def trained(stage: plan.Predict, store: Store, device: "torch.device") -> LoadedModel:
    """Load the model of the training that the stage predicts with, on the device; RunFailed if its files are damaged."""
    assert isinstance(stage.model, plan.Train)
    return of_folder(store.path(stage.model), source(stage), device, stage.model.recipe.precision == "bf16")


def source(stage: plan.Predict) -> str:
    """Return the name of the training data whose head predicts: of a mixture that of the target."""
    assert isinstance(stage.model, plan.Train)
    of_target = [name for name in stage.model.tasks if training(name)[0].name == TASKS[stage.task].source_task]
    return (of_target or list(stage.model.tasks))[0]


def plain(stage: plan.Predict, store: Store, device: "torch.device") -> tuple["PreTrainedModel", Tokenizer]:
    """Load the stage's encoder without any head, on the device, and its tokenizer; RunFailed if its files are damaged."""
    if isinstance(stage.model, plan.Train):
        return _plain(store.path(stage.model), None, device)
    return _plain(stage.model.name, stage.model.revision, device)


def forget() -> None:
    """Release the cached model: a training needs the memory."""
    of_folder.cache_clear()
    _plain.cache_clear()


@lru_cache(maxsize=1)
def of_folder(folder: Path, task: str, device: "torch.device", bf16: bool) -> LoadedModel:
    """Load the model of a finished training with the head of one of its tasks, on the device."""
    forget()  # before the next model is there: two large ones may not fit
    model, tokenizer, notes = encoder.load_model(whole(folder), task)
    model.to(device)
    if bf16:
        model.halve()
    system.release_memory()  # what only the loading took
    return model, tokenizer, notes


@lru_cache(maxsize=1)
def _plain(name: Path | str, revision: str | None, device: "torch.device") -> tuple["PreTrainedModel", Tokenizer]:
    forget()
    model, tokenizer = encoder.load(whole(name) if isinstance(name, Path) else name, revision)
    system.release_memory()
    model.to(device)  # type: ignore[arg-type]  # transformers' wrapper loses `self`
    return model, tokenizer
