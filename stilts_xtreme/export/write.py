"""Export a training to a folder in transformers' format: weights, tokenizer, model card, optionally ONNX."""

import os
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.export import card
from stilts_xtreme.export.run_lookup import Run
from stilts_xtreme.store.heads import read_notes
from stilts_xtreme.store.manifest import atomic_folder
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import RunFailed, UserError
from stilts_xtreme.utils.sanitize import line

ONNX = "model.onnx"
TOLERANCE = {"rtol": 1e-3, "atol": 1e-4}  # between ONNX Runtime's logits and torch's


@dataclass(frozen=True)
class Written:
    """The checkpoint's class, and why it has no head although the training has one ("" otherwise)."""

    name: str
    alone: str


def write(run: Run, to: Path, onnx: bool = False, model: str = ".") -> Written:
    """Write the folder atomically; the card's code loads `model`.

    Raises UserError if `to` is not empty, ONNX is not installed or the training's folder is not valid; RunFailed if ONNX Runtime
    gives other outputs than torch.
    """
    final = Path(os.path.abspath(to))
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise UserError(f"{to}: is there already and not an empty folder; give another")
    if onnx:
        _check_onnx()
    from stilts_xtreme.engine import tokenizer

    with atomic_folder(final) as scratch:
        try:
            written, head = _weights(run, scratch)
            text = card.text(run, written.name, written.alone, head, model, tokenizer.read_as_special(scratch))
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # a folder that was not written by a training
            raise UserError(f"{run.folder}: is not what a training leaves ({type(error).__name__}: {line(error)})") from error
        atomic_io.put(scratch / "README.md", text)
        if onnx:
            _onnx(scratch, written.name, head.get("head", ""))
    return written


def _weights(run: Run, folder: Path) -> tuple[Written, Record]:
    """Write weights and tokenizer, and heads in our own format only where the checkpoint does not contain them.

    Returns what was written, and the record of the checkpoint's head in heads.json (empty without).
    """
    from stilts_xtreme.engine import encoder

    model, tokenizer, notes = encoder.load_models(run.folder)
    model.save(folder, tokenizer, notes)
    head = next(iter(read_notes(folder).values()))
    if "alone" in head:
        return Written(head["class"], head["alone"]), {}
    for file in folder.glob("head*"):
        file.unlink()
    return Written(head["class"], ""), head


def _check_onnx() -> None:
    from stilts_xtreme.engine import onnx

    try:
        onnx.needed()
    except onnx.Unavailable as error:
        raise UserError(f"--onnx: {error}") from None


def _onnx(folder: Path, name: str, kind: str) -> None:
    """Write the checkpoint as ONNX too, and compare the outputs."""
    import torch
    import transformers

    from stilts_xtreme.engine import onnx

    model = getattr(transformers, name).from_pretrained(folder).eval()
    outputs = {"span_qa": ("start_logits", "end_logits"), "": ("last_hidden_state",), "dual_encoder": ("last_hidden_state",)}
    names = outputs.get(kind, ("logits",))

    class NamedOutputs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            output = self.model(input_ids=input_ids, attention_mask=attention_mask)
            return tuple(output[name] for name in names)

    device, choices = torch.device("cpu"), 2 if kind == "multiple_choice" else 0
    try:
        onnx.write(NamedOutputs(), onnx.rows(device, choices), names, folder / ONNX)
        session = onnx.session(folder / ONNX, device, torch.get_num_threads())
    except onnx.Unavailable as error:
        raise UserError(f"--onnx: {error}; export without it") from None
    ids, mask = onnx.rows(device, choices and 3, length=10)  # of another size than it was written with
    outputs_onnx = session.run(None, dict(zip(onnx.INPUTS, (ids.numpy(), mask.numpy()), strict=True)))
    with torch.no_grad():
        outputs_torch = NamedOutputs()(ids, mask)
    for output, theirs, ours in zip(names, outputs_onnx, outputs_torch, strict=True):
        if not torch.allclose(torch.from_numpy(theirs), ours, equal_nan=True, **TOLERANCE):
            raise RunFailed(f"{ONNX}: ONNX Runtime gives another {output} than torch; export without --onnx")
