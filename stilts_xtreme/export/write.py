"""A training as a folder of transformers' own format: weights, tokenizer, model card, on request ONNX."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme import disk
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.export import card
from stilts_xtreme.export.found import Run
from stilts_xtreme.shown import line
from stilts_xtreme.store.manifest import made

ONNX = "model.onnx"
NEAR = {"rtol": 1e-3, "atol": 1e-4}  # of ONNX Runtime's logits to torch's


@dataclass(frozen=True)
class Written:
    """The class whose checkpoint was written; why it is not one with a head, where it could have one ("" where it could not)."""

    name: str
    alone: str


def write(run: Run, to: Path, onnx: bool = False, model: str = ".") -> Written:
    """Write the folder whole or not at all; the card loads `model`. UserError where something is in the folder's place."""
    final = Path(os.path.abspath(to))
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise UserError(f"{to}: is there already and not an empty folder; give another one")
    if onnx:
        _onnx_there()
    from stilts_xtreme.engine import tokenizer

    with made(final) as scratch:
        try:
            written, noted = _weights(run, scratch)
            text = card.text(run, written.name, written.alone, noted, model, tokenizer.read_as_special(scratch))
        except (LookupError, TypeError, ValueError, AttributeError) as fault:  # a folder from elsewhere
            raise UserError(f"{run.folder}: is not what a training leaves ({type(fault).__name__}: {line(fault)})") from fault
        disk.put(scratch / "README.md", text)
        if onnx:
            _onnx(scratch, written.name, noted.get("head", ""))
    return written


def _weights(run: Run, folder: Path) -> tuple[Written, dict[str, Any]]:
    """Weights and tokenizer; heads of our own only where the checkpoint does not hold them.

    What was written, and what was noted of the head in it.
    """
    from stilts_xtreme.engine import encoder

    model, words, notes = encoder.load_models(run.folder)
    model.save(folder, words, notes)
    told = next(iter(encoder.noted(folder).values()))
    if "alone" in told:
        return Written(told["class"], told["alone"]), {}
    for file in folder.glob("head*"):
        file.unlink()
    return Written(told["class"], ""), told


def _onnx_there() -> None:
    from stilts_xtreme.engine import onnx

    try:
        onnx.needed()
    except onnx.Unavailable as why:
        raise UserError(f"--onnx: {why}") from None


def _onnx(folder: Path, name: str, kind: str) -> None:
    """Write the checkpoint as ONNX too, and compare what the two give."""
    import torch
    import transformers

    from stilts_xtreme.engine import onnx

    model = getattr(transformers, name).from_pretrained(folder).eval()
    outputs = {"span_qa": ("start_logits", "end_logits"), "": ("last_hidden_state",), "dual_encoder": ("last_hidden_state",)}
    names = outputs.get(kind, ("logits",))

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            found = self.model(input_ids=input_ids, attention_mask=attention_mask)
            return tuple(found[one] for one in names)

    device, choices = torch.device("cpu"), 2 if kind == "multiple_choice" else 0
    try:
        onnx.write(Named(), onnx.rows(device, choices), names, folder / ONNX)
        session = onnx.session(folder / ONNX, device, torch.get_num_threads())
    except onnx.Unavailable as why:
        raise UserError(f"--onnx: {why}; export without it") from None
    ids, mask = onnx.rows(device, choices and 3, length=10)  # of another size than it was written with
    found = session.run(None, dict(zip(onnx.INPUTS, (ids.numpy(), mask.numpy()), strict=True)))
    with torch.no_grad():
        right = Named()(ids, mask)
    for one, theirs, ours in zip(names, found, right, strict=True):
        if not torch.allclose(torch.from_numpy(theirs), ours, equal_nan=True, **NEAR):
            raise RunFailed(f"{ONNX}: ONNX Runtime gives another {one} than torch; export without --onnx")
