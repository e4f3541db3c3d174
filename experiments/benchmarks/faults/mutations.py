"""Mutated specs, data files, results and submissions through the real commands: none may end in a traceback, a crash, or late.

"kinds" are data, encoders and submissions with one known kind of damage each (`lies`, `verdicts`): those that do not come to what
is right are told as open.

    python -m experiments.benchmarks.faults.mutations

Writes results/mutations.json beside this file; `--seed` draws others, `--share 0.05` tries a part of them and writes nothing.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks import store
from experiments.benchmarks.faults import inputs, verdicts
from experiments.benchmarks.faults.batches import Outcome, tried

RESULTS = Path(__file__).parent / "results" / "mutations.json"
SHOWN = 500  # inputs from one line of progress to the next
SLOW = 2.0  # seconds of processor time
COUNTS = {"specs": 10_000, "data files": 5_000, "results": 2_000, "submissions": 2_000, "kinds": 400}
LINES = ["the cat sat on the mat", "Bo ran to the hill and sang a song", "Wer hat den Ball gesehen?", "η γάτα κάθεται εδώ"]


def kinds(seed: int) -> dict[str, Callable[[int], Any]]:
    """What is tried, by kind; what the processes share is loaded here, before they are forked."""
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    from stilts_xtreme import spec
    from stilts_xtreme.engine import tokenizer
    from stilts_xtreme.pipeline import grid, plan, planner  # noqa: F401  what commands import when they run
    from stilts_xtreme.results import upgrade

    words = tokenizer.train(LINES * 8, 120)
    spec.load(inputs.EXPERIMENTS / "studies" / "main.yaml")
    written = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((inputs.EXPERIMENTS / "results").glob("*.json"))]
    studies = [*written, *(upgrade.upgraded(study) for study in written if study["schema"] == upgrade.OLD)]
    return {
        "specs": inputs.Specs(seed),
        "data files": inputs.Data(seed, words),
        "results": inputs.Results(seed, tuple(map(smaller, studies))),
        "submissions": inputs.Submissions(seed),
        "kinds": verdicts.Kinds(seed, words, encoder_files(words)),
    }


def encoder_files(words: Any) -> dict[str, bytes]:
    """The files of a tiny encoder of random weights with this tokenizer."""
    import tempfile
    from types import SimpleNamespace

    from safetensors.torch import save_file

    from stilts_xtreme.engine import encoder

    shape = SimpleNamespace(hidden_size=16, layers=1, heads=2, intermediate_size=16, max_positions=34)
    with tempfile.TemporaryDirectory() as folder:
        model = encoder.random_encoder(shape, words, 0)
        save_file(model.state_dict(), Path(folder) / "model.safetensors", {"format": "pt"})
        model.config.save_pretrained(folder)
        words.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def smaller(study: dict[str, Any], rows: int = 4, targets: int = 3) -> dict[str, Any]:
    """The study with its first rows and targets alone, so that a mutation often hits what is drawn; one of latency as it is."""
    old = study.get("intermediates")  # of a result that is read through the converter
    if old is None and "rows" not in study:
        return study
    labels = (old or [row["row"] for row in study["rows"]])[:rows]
    columns = [*study["targets"][:targets], "average"]
    names = {"row": labels, "of": labels, "against": labels, "target": columns, "column": columns}
    names |= {"intermediate": labels} if old else {}

    def kept(value: Any) -> Any:
        if isinstance(value, list):
            found = [kept(one) for one in value]
            fits = [one for one in found if not isinstance(one, dict) or all(one.get(k, n[0]) in n for k, n in names.items())]
            return [one for one in fits if not isinstance(one, str) or one not in study["targets"] or one in columns]
        if isinstance(value, dict):
            return {key: kept(one) for key, one in value.items() if key not in study["targets"] or key in columns}
        return value

    return kept(study) | ({"intermediates": labels} if old else {})


def row(kind: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What came of one kind."""
    failed = [one for one in outcomes if one.code not in (0, 2)]
    slow = [one for one in outcomes if one.seconds > SLOW]
    said = {line for one in outcomes for line in one.said.splitlines()}
    still = sorted(line.removeprefix(verdicts.OPEN) for line in said if line.startswith(verdicts.OPEN))
    return {
        "row": f"mutated {kind}",
        "tried": len(outcomes),
        "sound": sum(one.code == 0 for one in outcomes),
        "refused": sum(one.code == 2 for one in outcomes),
        "tracebacks": sum(bool(one.traceback) for one in failed),
        "crashes": sum(not one.traceback for one in failed),
        "slow": len(slow),
        "slowest": max(one.seconds for one in outcomes),
        **({"open": still} if still else {}),
        "failures": [{"number": one.number, "what": _last(one)} for one in [*failed, *slow][:20]],
    }


def _last(one: Outcome) -> str:
    if one.code in (0, 2):
        return f"{one.seconds:.1f} s"
    return one.traceback.strip().splitlines()[-1][:200] if one.traceback else f"ended with {one.code}"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--share", type=float, default=1.0)
    asked.add_argument("--kind", choices=[*COUNTS])
    given = asked.parse_args()
    for kind, one in kinds(given.seed).items():
        if given.kind not in (None, kind):
            continue
        began, outcomes = time.monotonic(), []
        for outcome in tried(round(COUNTS[kind] * given.share), one):
            outcomes.append(outcome)
            if outcome.code not in (0, 2):
                print(f"{kind} {outcome.number}: {outcome.traceback or f'ended with {outcome.code}'}", flush=True)
            if len(outcomes) % SHOWN == 0:
                print(f"{kind}: {len(outcomes):,} tried, {time.monotonic() - began:.0f} s", flush=True)
        found = row(kind, outcomes)
        print({key: value for key, value in found.items() if key != "failures"}, flush=True)
        if given.share == 1.0:
            store.add(RESULTS, [found | {"seed": given.seed}], time.monotonic() - began)


if __name__ == "__main__":
    main()
