"""The real commands in children of a process that has imported everything: hundreds of runs without hundreds of imports."""

import ctypes
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme import results

ROOT = Path(__file__).parents[3]
SETUP = (
    "setup.encoder.random.hidden_size=16", "setup.encoder.random.layers=1", "setup.encoder.random.heads=2",
    "setup.encoder.random.intermediate_size=32", "setup.encoder.random.vocab_size=1200",
    "setup.pretraining.recipe.steps=30", "setup.pretraining.languages=[en,xa]", "setup.retrieval.layer=1",
    "setup.recipes={default: {steps: 24, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128, evaluate_every: 8}}",
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: the signal that killed it), what it said, seconds."""

    code: int
    told: str
    seconds: float


def preload() -> None:
    """Import what commands import; threads must not be started before a process forks."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import accelerate  # noqa: F401
    import sentencepiece  # noqa: F401
    import torch
    import transformers.models.xlm_roberta.modeling_xlm_roberta  # noqa: F401

    import stilts_xtreme.report  # noqa: F401
    import stilts_xtreme.stages.predict
    import stilts_xtreme.stages.run
    import stilts_xtreme.stages.train  # noqa: F401

    torch.set_num_threads(1)


def start(words: Sequence[object], log: Path, before: Callable[[], None] = lambda: None) -> int:
    """Begin a command in a child, where `before` comes first, and whose output goes to `log`; its process id."""
    if pid := os.fork():
        return pid
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.chdir(ROOT)
        sys.argv = ["stilts", *map(str, words)]
        before()
        from stilts_xtreme.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int, log: Path, began: float) -> Ended:
    """Wait for a command's end."""
    _, status = os.waitpid(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), log.read_text(errors="replace"), time.monotonic() - began)


def run(words: Sequence[object], log: Path, before: Callable[[], None] = lambda: None, kill_after: float | None = None) -> Ended:
    """A command from begin to end, killed after so many seconds where it has not ended by then."""
    began = time.monotonic()
    pid = start(words, log, before)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    return wait(pid, log, began)


def interposed(mode: str, folder: Path, number: int) -> Callable[[], None]:
    """What befalls the `number`-th write, fsync or rename below `folder`: "kill" before it or "half" way through; "full": this
    write and all that follow fail. For `before`, in a process with the library.
    """
    library = ctypes.CDLL(None)
    how = ctypes.c_int(["kill", "half", "full"].index(mode))
    return lambda: library.faults_arm(how, str(folder).encode(), ctypes.c_long(number))


def contents(root: Path) -> dict[str, str]:
    """Digest of each file that two runs must have alike: not manifests and locks; results and pages without provenance."""
    found = {}
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if not file.is_file() or file.name == "manifest.json" or file.suffix == ".lock":
            continue
        content = file.read_bytes()
        if file.suffix == ".json" and b'"provenance"' in content:
            told = json.loads(content)
            content = json.dumps({key: told[key] for key in told if key not in results.LAST}).encode()
        if "pages" in file.parts:  # where and how long: the page's own provenance
            content = b"".join(line for line in content.splitlines() if b"Computed with:" not in line)
        found[name] = hashlib.sha256(content).hexdigest()
    return found
