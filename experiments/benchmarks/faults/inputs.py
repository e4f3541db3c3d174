"""What is mutated and by which command it is tried: specs, data files of every release format, results, submissions."""

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from experiments.benchmarks.faults import mutate
from stilts_xtreme import cli

ROOT = Path(__file__).parents[3]
EXPERIMENTS = ROOT / "experiments"
READINGS = ROOT / "tests" / "cases" / "readings"
SPECS = ("first", "setups", "studies")
COMMANDS = {
    "intermediate": "train-intermediate", "multitask": "train-multitask", "target": "finetune-target", "evaluation": "evaluate",
    "study": "study", "latency": "latency",
}  # fmt: skip
# Predictions and labels as submissions have them: by task, a language and the same file twice.
SUBMITTED = {
    "xnli": ("de", "neutral\nentailment\ncontradiction\n"),
    "pawsx": ("de", "0\n1\n1\n"),
    "xcopa": ("et", '{"label": 0}\n{"label": 1}\n'),
    "panx": ("de", "B-PER\nI-PER\nO\n\nO\nB-LOC\n"),
    "udpos": ("de", "NOUN\nVERB\n\nPRON\nX\n"),
    "tatoeba": ("de", "0\n2\n1\n"),
    "bucc2018": ("de", "de-1\ten-1\nde-2\ten-3\n"),
    "xquad": ("de", None),
    "mlqa": ("de", None),
    "mewslix": ("de", '{"a": ["x", "y"], "b": ["z"]}'),
}
QUESTIONS = {"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "a", "question": "q", "answers": [{"text": "Bo"}]}]}]}]}


def stilts(*words: object) -> None:
    """The command, in this process; SystemExit with its code."""
    sys.argv = ["stilts", *map(str, words)]
    cli.main()


def checked(*words: object) -> bool:
    """Whether the command ended well; SystemExit where it refused."""
    try:
        stilts(*words)
    except SystemExit as ended:
        if ended.code not in (0, None):
            raise
    return True


@dataclass(frozen=True)
class Specs:
    """Every committed spec: `stilts check`, and where it is sound the command of its kind with --dry-run."""

    seed: int
    files: tuple[Path, ...] = tuple(sorted(path for name in SPECS for path in (EXPERIMENTS / name).glob("*.yaml")))

    def __call__(self, number: int) -> None:
        chance = Random(f"spec {self.seed} {number}")
        for name in SPECS:
            shutil.copytree(EXPERIMENTS / name, name)
        asked = chance.choice([path for path in self.files if path.parent.name != "setups"]).relative_to(EXPERIMENTS)
        damaged = chance.choice((asked, asked, asked, chance.choice(self.files).relative_to(EXPERIMENTS)))
        words = chance.choice(self.files).read_text(encoding="utf-8").split()
        damaged.write_bytes(mutate.text(damaged.read_bytes(), chance, words))
        before = sorted(Path().rglob("*"))
        checked("check", asked)
        from stilts_xtreme import spec

        kind = spec.load(asked).kind
        if kind in COMMANDS:
            device = ("--device", "cpu") if kind == "latency" else ()
            checked(COMMANDS[kind], asked, "--dry-run", "--store", "runs", *device)
        assert sorted(Path().rglob("*")) == before, "something was written"


@dataclass(frozen=True)
class Data:
    """Every golden reading, one of its files damaged, plain or in an archive: `stilts data check`, `stilts tasks`, and the way a
    training reads, encodes and keeps it."""

    seed: int
    words: Any  # a tokenizer
    cases: tuple[Path, ...] = tuple(sorted(READINGS.glob("*.json")))
    told: dict[Path, Any] = field(default_factory=dict, compare=False)

    def __call__(self, number: int) -> None:
        from stilts_xtreme.data.read import Folder
        from stilts_xtreme.models.heads import Limits
        from stilts_xtreme.stages.events import SilentProgress
        from stilts_xtreme.stages.feature_cache import FeatureCache
        from stilts_xtreme.store import Store
        from stilts_xtreme.tasks.catalogue import TASKS
        from stilts_xtreme.utils.errors import UserError

        chance, path = Random(f"data {self.seed} {number}"), self.cases[number % len(self.cases)]
        told = self.told.setdefault(path, json.loads(path.read_text(encoding="utf-8")))
        files = {name: "\n".join(lines).encode() for name, lines in told["files"].items()}
        name = chance.choice(sorted(files))
        files[name] = _damaged(files[name], chance)
        _put(Path("data"), files, chance)
        for words in (("data", "check", told["task"]), ("tasks", told["task"])):
            try:
                checked(*words, "--data", "data")
            except SystemExit as ended:  # other splits and languages are not there
                if ended.code != 2:
                    raise
        task, where = TASKS[told["task"]], Folder(Path("data"), cut=True)
        desk = FeatureCache(Store(Path("runs")), where, self.words, Limits(64, doc_stride=16), SilentProgress())
        training = told["split"] in ("train", "translated")
        try:
            asked = told["task"], told["split"], told["language"]
            found = desk.encoded(*asked, head=task.head, labels=task.labels or ("O", "NP"), training=training)
            _ = [found.features[i] for i in range(len(found.features))], found.examples()
        except UserError as fault:
            cli._end(str(fault), 2)


@dataclass(frozen=True)
class Results:
    """Results of studies, damaged in their structure or their bytes: `stilts report` and `stilts recommend`."""

    seed: int
    studies: tuple[Any, ...]

    def __call__(self, number: int) -> None:
        chance, study = Random(f"result {self.seed} {number}"), self.studies[number % len(self.studies)]
        if chance.random() < 0.8:
            content = mutate.packed(mutate.tree(study, chance))
        else:
            content = mutate.text(json.dumps(study).encode(), chance)
        Path("study.json").write_bytes(content)
        checked("report", "study.json", "--to", "pages")
        if "targets" in study:
            checked("recommend", "study.json", "--target", study["targets"][0], *(("--languages", "xa") if number % 2 else ()))


@dataclass(frozen=True)
class Submissions:
    """Predictions and labels in the layout of submissions, one of them damaged: scored as `stilts score` does each file."""

    seed: int

    def __call__(self, number: int) -> None:
        from stilts_xtreme.scoring.submission import file_name, score_files
        from stilts_xtreme.utils.errors import UserError

        chance = Random(f"submission {self.seed} {number}")
        task = chance.choice(sorted(SUBMITTED))
        language, content = SUBMITTED[task]
        sides = [content or '{"a": "Bo"}', content or json.dumps(QUESTIONS)]
        damaged = chance.randrange(2)
        paths = [Path(side) / file_name(task, language) for side in ("predicted", "gold")]
        for side, (path, text) in enumerate(zip(paths, sides, strict=True)):
            path.parent.mkdir(parents=True)
            path.write_bytes(_damaged(text.encode(), chance) if side == damaged else text.encode())
        try:
            score_files(task, language, *paths)
        except UserError as fault:
            cli._end(str(fault), 2)


def _damaged(content: bytes, chance: Random) -> bytes:
    """A file's bytes mutated; of JSON as often its structure."""
    if chance.random() < 0.5 and content.lstrip()[:1] in (b"{", b"["):
        lines = content.split(b"\n")
        at = chance.randrange(len(lines))
        try:
            lines[at] = mutate.packed(mutate.tree(json.loads(lines[at]), chance))
        except ValueError:  # an object over several lines
            return mutate.text(content, chance)
        return b"\n".join(lines)
    return mutate.text(content, chance)


def _put(folder: Path, files: dict[str, bytes], chance: Random) -> None:
    """The files as they are, packed one by one, or in an archive, which may be damaged, too."""
    import gzip
    import io
    import tarfile
    import zipfile

    way = chance.choice(("plain", "plain", "plain", "gz", "zip", "tar"))
    if way in ("plain", "gz"):
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if way == "gz":
                path.unlink()
                whole = gzip.compress(content)
                path.with_name(f"{path.name}.gz").write_bytes(mutate.text(whole, chance) if chance.random() < 0.3 else whole)
        return
    whole = io.BytesIO()
    if way == "zip":
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=whole, mode="w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    folder.mkdir()
    packed = whole.getvalue()
    damaged = mutate.text(packed, chance) if chance.random() < 0.5 else packed
    (folder / f"release.{'zip' if way == 'zip' else 'tgz'}").write_bytes(damaged)
