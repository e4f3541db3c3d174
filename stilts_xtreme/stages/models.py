"""The model of the last prediction, kept for the next one: XQuAD and MLQA take the same, and Tatoeba and BUCC."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from stilts_xtreme import host, plan
from stilts_xtreme.engine import encoder
from stilts_xtreme.store import Store, whole
from stilts_xtreme.tasks.catalogue import TASKS, training


def trained(stage: plan.Predict, store: Store, device: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and notes of the training that the stage predicts with, on the device."""
    assert isinstance(stage.model, plan.Train)
    return of_folder(store.path(stage.model), source(stage), device, stage.model.recipe.precision == "bf16")


def source(stage: plan.Predict) -> str:
    """The training data, by name, whose head predicts: of a mixture that of the target."""
    assert isinstance(stage.model, plan.Train)
    of_target = [name for name in stage.model.tasks if training(name)[0].name == TASKS[stage.task].source_task]
    return (of_target or list(stage.model.tasks))[0]


def plain(stage: plan.Predict, store: Store, device: Any) -> tuple[Any, Any]:
    """The stage's encoder without any head and its tokenizer, on the device."""
    if isinstance(stage.model, plan.Train):
        return _plain(store.path(stage.model), None, device)
    return _plain(stage.model.name, stage.model.revision, device)


def forget() -> None:
    """Release the cached model: a training needs the memory."""
    of_folder.cache_clear()
    _plain.cache_clear()


@lru_cache(maxsize=1)
def of_folder(folder: Path, task: str, device: Any, bf16: bool) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and notes of a finished training with the head of one of its tasks, on the device."""
    forget()  # before the next one is there: two large ones may not fit
    model, tokenizer, notes = encoder.load_model(whole(folder), task)
    model.to(device)
    model = model.halve() if bf16 else model
    host.release_memory()  # what only the loading took
    return model, tokenizer, notes


@lru_cache(maxsize=1)
def _plain(name: Path | str, revision: str | None, device: Any) -> tuple[Any, Any]:
    forget()
    model, tokenizer = encoder.load(whole(name) if isinstance(name, Path) else name, revision)
    host.release_memory()
    return model.to(device), tokenizer
