"""Whether each kind of damage comes to what is right: data that can be read and is wrong, encoders' folders, submissions."""

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from experiments.benchmarks.faults import inputs
from experiments.benchmarks.faults.lies import DATA, Kind, Release
from stilts_xtreme.utils.errors import UserError

OPEN = "open: "  # begins what is said on stderr of a kind that did not come to what is right
SPEC = """\
kind: target
setup:
  name: s
  data: {files: {path: data, cut: true}}
  encoder: {pretrained: {name: ./encoder}}
  retrieval: {layer: 1, max_length: 16}
  recipes: {default: {steps: 2, batch_size: 4, max_length: 16, evaluate_every: 0}}
task: panx
"""
WORDS = "the cat sat on mat Bo ran to hill and sang a song".split()  # of the tokenizer's own text
TAGGED = "".join(f"{one}\tO\n{other}\tB-PER\n\n" for one in WORDS for other in WORDS)
GOLD = [{"id": "a", "question": "q", "answers": [{"text": "Bo"}]}, {"id": "b", "question": "q", "answers": [{"text": "Ida"}]}]


@dataclass(frozen=True)
class Kinds:
    """All kinds in turn; `encoder` holds the files of a sound one, `words` is its tokenizer."""

    seed: int
    words: Any
    encoder: Mapping[str, bytes]

    def __len__(self) -> int:
        return len(DATA) + len(ENCODERS) + len(SUBMISSIONS)

    def __call__(self, number: int) -> None:
        chance, at = Random(f"kind {self.seed} {number}"), number % len(self)
        if at < len(DATA):
            name, right, came = DATA[at].name, DATA[at].right, _data(DATA[at], chance, self.words)
        elif at < len(DATA) + len(ENCODERS):
            name, right, change = ENCODERS[at - len(DATA)]
            came = _encoder(change, dict(self.encoder), chance)
        else:
            name, right, *submitted = SUBMISSIONS[at - len(DATA) - len(ENCODERS)]
            came = _submission(*submitted)
        if came != right:
            print(f"{OPEN}{name}: is {came}, right is {right}", file=sys.stderr)


# ---- data ----


def _data(kind: Kind, chance: Random, words: Any) -> str:
    damaged, whole = kind.make(chance)
    expected = _read(kind, whole, words, "whole")
    try:
        found = _read(kind, damaged, words, "damaged")
    except UserError:
        return "refused"
    if kind.right == "sound":
        return "sound" if found[2] == expected[2] else "read otherwise"
    return "told" if found[:2] != expected[:2] else "not told"


def _read(kind: Kind, release: Release, words: Any, name: str) -> tuple[str, str, int]:
    """What `data check` says, what a result records of the reading, and how many control tokens its rows hold."""
    from stilts_xtreme.data.read import Folder
    from stilts_xtreme.models.heads import Limits
    from stilts_xtreme.stages.events import SilentProgress
    from stilts_xtreme.stages.feature_cache import FeatureCache
    from stilts_xtreme.store import Store
    from stilts_xtreme.tasks.catalogue import TASKS

    folder = Path("data")
    shutil.rmtree(folder, ignore_errors=True)
    for file, text in release.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    task, split, language = kind.asked
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        inputs.stilts("data", "check", task, "--data", folder)
    head, labels = TASKS[task].head, TASKS[task].labels or ("B-PER", "O")
    desk = FeatureCache(Store(Path(name)), Folder(folder, cut=True), words, Limits(64, doc_stride=16), SilentProgress())
    training = split in ("train", "translated")
    found = desk.encoded(task, split, language, head=head, labels=labels, training=training)
    control = set(words.all_special_ids) - {words.unk_token_id}
    special = sum(int(token) in control for i in range(len(found.features)) for row in found.features[i]["rows"] for token in row)
    told = {name: value for name, value in found.stats.items() if name not in ("digest", "source")}
    return said.getvalue(), json.dumps(told, sort_keys=True, default=str), special


# ---- encoders ----


def _encoder(change: Callable[[dict[str, bytes], Random], None], files: dict[str, bytes], chance: Random) -> str:
    """A short training that starts from the folder."""
    change(files, chance)
    for name in ("train-en", "dev-en"):
        Path("data/panx").mkdir(parents=True, exist_ok=True)
        Path(f"data/panx/{name}.tsv").write_text(TAGGED)
    for file, content in files.items():
        Path("encoder").mkdir(exist_ok=True)
        Path("encoder", file).write_bytes(content)
    Path("spec.yaml").write_text(SPEC)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            inputs.stilts("finetune-target", "spec.yaml", "--store", "runs", "--device", "cpu", "--threads", 1)
    except SystemExit as ended:
        if ended.code == 2:
            return "refused"
        if ended.code not in (0, None):
            raise
    return "sound"


def _without(*names: str) -> Callable[[dict[str, bytes], Random], None]:
    def change(files: dict[str, bytes], chance: Random) -> None:
        for name in [file for file in files if not names or file in names]:
            del files[name]

    return change


def _cut(name: str) -> Callable[[dict[str, bytes], Random], None]:
    def change(files: dict[str, bytes], chance: Random) -> None:
        files[name] = files[name][: chance.randrange(len(files[name]))]

    return change


def _tensors(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes], Random], None]:
    def changed(files: dict[str, bytes], chance: Random) -> None:
        from safetensors.torch import load, save

        tensors = load(files["model.safetensors"])
        change(tensors)
        files["model.safetensors"] = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"format": "pt"})

    return changed


def _fewer(files: dict[str, bytes], chance: Random) -> None:
    """A word table that ends before the tokenizer's last pieces, with a configuration that says so."""
    config = json.loads(files["config.json"])
    config["vocab_size"] = size = chance.randrange(8, 16)
    files["config.json"] = json.dumps(config).encode()
    table = "embeddings.word_embeddings.weight"
    _tensors(lambda tensors: tensors.update({table: tensors[table][:size]}))(files, chance)


def _extra(tensors: dict[str, Any]) -> None:
    import torch

    tensors["embeddings.token_type_ids"] = torch.zeros(1, 8, dtype=torch.long)


def _layer(tensors: dict[str, Any]) -> None:
    name = "encoder.layer.0."
    more = {one.replace(name, "encoder.layer.9."): tensor.clone() for one, tensor in tensors.items() if name in one}
    tensors.update(more)


TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "sentencepiece.bpe.model")
ENCODERS: tuple[tuple[str, str, Callable[[dict[str, bytes], Random], None]], ...] = (
    ("a sound encoder", "sound", lambda files, chance: None),
    ("a missing encoder folder", "refused", _without()),
    ("an encoder without a tokenizer", "refused", _without(*TOKENIZER)),
    ("a vocabulary larger than the word table", "refused", _fewer),
    ("weights cut short", "refused", _cut("model.safetensors")),
    ("an empty file of weights", "refused", lambda files, chance: files.update({"model.safetensors": b""})),
    ("a tokenizer.json cut short", "refused", _cut("tokenizer.json")),
    ("a config.json cut short", "refused", _cut("config.json")),
    ("a buffer that no parameter asks for", "sound", _tensors(_extra)),
    ("a layer too many", "refused", _tensors(_layer)),
)


# ---- submissions ----


def _submission(task: str, predicted: str, gold: str) -> str:
    from stilts_xtreme.scoring.submission import score_files

    for name, text in (("predicted", predicted), ("gold", gold)):
        Path(name).write_text(text, encoding="utf-8")
    try:
        score_files(task, "de", Path("predicted"), Path("gold"))
    except UserError:
        return "refused"
    return "sound"


def _questions(*questions: dict[str, Any]) -> str:
    return json.dumps({"data": [{"paragraphs": [{"context": "c", "qas": [*questions]}]}]})


ANSWERS = '{"a": "Bo", "b": "Ida"}'
BLANKED = [{"text": ""}]
SUBMISSIONS = (
    ("answers to some of the questions", "sound", "xquad", '{"a": "Bo"}', _questions(*GOLD)),
    ("answers to none of the questions", "refused", "xquad", "{}", _questions(*GOLD)),
    ("question ids without answers", "refused", "xquad", "a\nb\n", _questions(*GOLD)),
    ("labels with blanked answers", "refused", "xquad", ANSWERS, _questions(*(one | {"answers": BLANKED} for one in GOLD))),
    ("labels without answers", "refused", "tydiqa", ANSWERS, _questions(*(one | {"answers": []} for one in GOLD))),
    ("ids in the other order", "refused", "bucc2018", "en-1\tde-1\nen-2\tde-2\n", "de-1\ten-1\nde-2\ten-2\n"),
    ("a header before labels", "refused", "xnli", "label\nneutral\n", "neutral\nneutral\n"),
    ("ranked ids of no question", "refused", "mewslix", '{"x": ["Q1"]}', '{"m": ["Q1"]}'),
)
