"""A published encoder's folder: its digest, and the refusal of what would be run instead of read."""

import hashlib
import json
from pathlib import Path
from typing import Any

from stilts_xtreme import files
from stilts_xtreme.errors import UserError

CONFIGS = ("config.json", "tokenizer_config.json")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
READ = (".json", ".safetensors", ".model", ".txt")  # configuration, weights, tokenizer
LARGEST = 256 * 2**20  # bytes of one JSON file


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of an encoder's files; UserError as `check`."""
    check(folder)
    whole = hashlib.sha256()
    try:
        for file in sorted(path for path in folder.iterdir() if path.suffix in READ and path.is_file()):
            with open(file, "rb") as content:
                whole.update(f"{file.name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    except OSError as fault:
        raise UserError(f"encoder {folder}: cannot be read: {fault.strerror}") from None
    return whole.hexdigest()


def check(folder: Path) -> None:
    """UserError for a folder without safetensors weights, and for one that names code of its own."""
    _json(folder / CONFIGS[0])
    for name in CONFIGS:
        if (folder / name).exists() and "auto_map" in _json(folder / name):
            what = "it names code of its own, which is never run; take it out if transformers knows this kind of encoder itself"
            raise UserError(f"{folder / name}: auto_map: {what}")
    if (folder / INDEX).exists():
        parts = _json(folder / INDEX).get("weight_map")
        named = parts.values() if isinstance(parts, dict) else [None]
        if strange := [name for name in named if not isinstance(name, str) or not name.endswith(".safetensors") or "/" in name]:
            raise UserError(
                f"{folder / INDEX}: weight_map: {strange[0]!r} is no .safetensors file beside it; save the model again"
            )
    elif not (folder / WEIGHTS).is_file():
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
        why = f"{pickled[0]!r} is pickled and could run code when read; save it again as {WEIGHTS}" if pickled else "put it there"
        raise UserError(f"encoder {folder}: there is no {WEIGHTS}: {why}")


def config(name: str, revision: str | None) -> dict[str, Any] | None:
    """The configuration of an encoder that is here, in a folder of that name or in the hub's cache; None where it is not."""
    folder = Path(name)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(name, CONFIGS[0], revision=revision)
        if not isinstance(found, str):
            return None
        folder = Path(found).parent
    try:
        return _json(folder / CONFIGS[0])
    except UserError:
        return None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(files.content(path, LARGEST))
    except OSError as fault:
        raise UserError(f"{path}: cannot be read: {fault.strerror}; is this an encoder's folder?") from None
    except (ValueError, RecursionError) as fault:
        raise UserError(f"{path}: not JSON ({fault}); save the encoder again") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: is {type(found).__name__} instead of an object; save the encoder again")
    return found
