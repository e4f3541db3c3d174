"""A published encoder, by folder or hub id: is it there, do its files belong together; code and pickles are refused."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

from stilts_xtreme.utils import bounded_io
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import line

T = TypeVar("T")

CONFIGS = ("config.json", "tokenizer_config.json")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
READ = (".json", ".safetensors", ".model", ".txt")  # configuration, weights, tokenizer
LARGEST = 256 * 2**20  # bytes of a JSON file
HEADER = 100 * 2**20  # bytes of a safetensors file's header, at most (the format's own limit)
TOKENIZER = "tokenizer.json"
VOCABULARIES = ("vocab.txt", "vocab.json")  # read where there is no tokenizer.json, as are SentencePiece's *.model
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?", re.ASCII)
WAIT = 5.0  # seconds that the hub has to answer
FETCHED = {"e5-small": Path("encoders/e5-small")}  # encoders with a short name (`models.sources`): where `make encoder` puts them


def local(name: str) -> Path | None:
    """Return the folder that an encoder's name stands for; None for a hub id. UserError for what is neither, and for a short name
    whose encoder has not been fetched."""
    if os.path.isdir(name):
        return Path(name)
    if os.path.exists(name):
        raise UserError(f"encoder {name}: is a file; give the folder it is in")
    if (short := next((short for short, folder in FETCHED.items() if name in (short, folder.as_posix())), None)) is not None:
        fetched = FETCHED[short]
        if not unfetched(short):
            return fetched
        how = f"get it with `stilts encoder fetch {short} --to {fetched}`, or name another folder with --encoder"
        raise UserError(f"encoder {name}: is not in {fetched} below this folder; {how}")
    if not HUB_ID.fullmatch(name):
        raise UserError(f"encoder {name}: there is no such folder")
    return None


def unfetched(name: str) -> bool:
    """Return whether it is the short name of an encoder that has not been fetched here."""
    return name in FETCHED and not os.path.isdir(name) and not FETCHED[name].is_dir()


@lru_cache
def online(name: str, revision: str | None = None) -> bool:
    """Return whether the hub is there to load this id from; False where it does not answer and its cache holds the encoder.

    The hub is asked once and briefly. UserError where it does not give the encoder and its cache lacks it, too.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        within(WAIT, lambda: HfApi().model_info(name, revision=revision, timeout=WAIT))
        return True
    except HfHubHTTPError as fault:
        why = f"the hub answers {getattr(fault.response, 'status_code', 'an error')}: {line(fault)}"
    except Exception as fault:  # the kinds of several HTTP libraries
        why = f"the hub cannot be reached ({line(fault)}); connect once to fetch it, or give the folder of an encoder"
    folder = cached(name, revision)
    if folder is None:
        raise UserError(f"encoder {name}: there is no such folder here, it is not in the hub's cache, and {why}")
    _weights(folder)
    _tokenizer(folder, _json(folder / CONFIGS[0]))
    return False


def cached(name: str, revision: str | None = None) -> Path | None:
    """Return the folder of a hub id in the hub's cache; None where its configuration is not there."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, CONFIGS[0], revision=revision)
    return Path(path).parent if isinstance(path, str) else None


def within(seconds: float, ask: Callable[[], T]) -> T:
    """Return what `ask` returns, called in a thread of its own, since looking up a host's name has no time limit.

    Raises what it raises; TimeoutError after `seconds`.
    """
    answers: list[T] = []
    faults: list[BaseException] = [TimeoutError(f"no answer in {seconds:g} s")]

    def asked() -> None:
        try:
            answers.append(ask())
            faults.clear()
        except BaseException as fault:
            faults[:] = [fault]

    thread = threading.Thread(target=asked, daemon=True)
    thread.start()
    thread.join(seconds)
    for fault in faults[:1]:
        raise fault
    return answers[0]


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
    """UserError for a folder that names code of its own, whose weights are no safetensors or are broken, or whose tokenizer is
    missing, broken or larger than the word table."""
    configuration = settings(folder)
    _weights(folder)
    _tokenizer(folder, configuration)


def settings(folder: Path) -> Record:
    """Read the encoder's configuration; UserError where it is missing or broken, or names code of its own."""
    configuration = _json(folder / CONFIGS[0])
    for name in CONFIGS:
        if (folder / name).exists() and "auto_map" in _json(folder / name):
            what = "it names code of its own, which is never run; take it out if transformers knows this kind of encoder itself"
            raise UserError(f"{folder / name}: auto_map: {what}")
    return configuration


def _weights(folder: Path) -> None:
    """UserError where the weights are not there, pickled, or broken."""
    if (folder / INDEX).exists():
        parts = _json(folder / INDEX).get("weight_map")
        named = parts.values() if isinstance(parts, dict) else [None]
        if strange := [name for name in named if not isinstance(name, str) or not name.endswith(".safetensors") or "/" in name]:
            raise UserError(
                f"{folder / INDEX}: weight_map: {strange[0]!r} is no .safetensors file beside it; save the model again"
            )
        for name in sorted(set(named)):
            _safetensors(folder / name)
    elif (folder / WEIGHTS).is_file():
        _safetensors(folder / WEIGHTS)
    else:
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
        why = f"{pickled[0]!r} is pickled and could run code when read; save it again as {WEIGHTS}" if pickled else "put it there"
        raise UserError(f"encoder {folder}: there is no {WEIGHTS}: {why}")


def _safetensors(path: Path) -> None:
    """UserError for a file that is no safetensors file, or not whole: its header says how many bytes it has."""
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= HEADER:
                raise ValueError("its first 8 bytes are not the size of a header")
            header = json.loads(file.read(size))
        ends = [8 + size + tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        if (there := path.stat().st_size) != (wanted := max(ends, default=8 + size)):
            raise ValueError(f"it has {there:,} bytes where {wanted:,} were written")
    except OSError as fault:
        raise UserError(f"{path}: cannot be read: {fault.strerror}; copy the encoder again") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as fault:
        raise UserError(f"{path}: not safetensors, or cut off ({line(fault)}); copy the encoder again") from None


def _tokenizer(folder: Path, configuration: Record) -> None:
    """UserError where there is no tokenizer, or one that gives ids for which the word table has no row."""
    path = folder / TOKENIZER
    if not path.exists():
        if not any(file.suffix == ".model" or file.name in VOCABULARIES for file in folder.iterdir()):
            what = f"no {TOKENIZER}, *.model or {' or '.join(VOCABULARIES)}; copy it from where the weights come from"
            raise UserError(f"encoder {folder}: there is no tokenizer: {what}")
        return
    content, rows = _json(path), configuration.get("vocab_size")
    try:
        pieces = content["model"]["vocab"]
        ids = range(len(pieces)) if isinstance(pieces, list) else pieces.values()
        added = [token["id"] for token in content.get("added_tokens") or ()]
        largest = max(chain(ids, added), default=-1)
    except (LookupError, TypeError, AttributeError, ValueError) as fault:
        raise UserError(f"{path}: is no tokenizer ({type(fault).__name__} {line(fault)}); save the encoder again") from None
    if isinstance(rows, int) and largest >= rows:
        raise UserError(f"{path}: {beyond(largest + 1, rows)}")


def beyond(tokens: int, rows: int) -> str:
    """Return the error message for a tokenizer of more tokens than the word table has rows."""
    what = "they do not belong together, or tokens were added without resizing the table"
    return f"the tokenizer has {tokens:,} tokens, the encoder's word table {rows:,} rows: {what}"


def config(name: str, revision: str | None) -> Record | None:
    """Read the configuration of an encoder that is here, in a folder of that name or in the hub's cache; None where it is not.

    UserError as `local`.
    """
    folder = None if unfetched(name) else local(name) or cached(name, revision)
    if folder is None:
        return None
    try:
        return _json(folder / CONFIGS[0])
    except UserError:
        return None


def _json(path: Path) -> Record:
    try:
        content = json.loads(bounded_io.content(path, LARGEST))
    except OSError as fault:
        raise UserError(f"{path}: cannot be read: {fault.strerror}; is this an encoder's folder?") from None
    except (ValueError, RecursionError) as fault:
        raise UserError(f"{path}: not JSON ({fault}); save the encoder again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: is {type(content).__name__} instead of an object; save the encoder again")
    return content
