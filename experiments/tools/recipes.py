"""Search learning rates and epochs for a setup on English development data, and report what each leaves of retrieval.

    python -m experiments.tools.recipes --data FOLDER --encoder FOLDER --out experiments/tools/recipes-small.json

Each training is `stilts train-intermediate` or `stilts finetune-target` at the setup, so the same command resumes. Retrieval
(Tatoeba, mean accuracy of the languages) is scored for intermediate tasks only: a target's model is not used for it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

TASKS = {"mnli": ("intermediate", 2000), "squad": ("intermediate", 800), "panx": ("target", 1000)}
RATES = (1e-4, 3e-4, 3e-5)
BATCH = 16
EPOCHS = (1, 2)
LANGUAGES = ("ar", "de", "ja", "ru", "sw", "tr")
PAIRS = 100  # of each language


def stilts(command: str, spec: Path, options: list[str]) -> dict:
    """The JSON result of one `stilts` command; its progress stays on stderr."""
    words = [sys.executable, "-m", "stilts_xtreme", command, str(spec), *options, "--json"]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)


def specs(folder: Path, task: str, rate: float, epochs: int) -> tuple[str, Path, Path]:
    """The training command with its spec, and the spec of a retrieval evaluation of its encoder."""
    kind, examples = TASKS[task]
    length = {"max_length": 256} if task == "squad" else {}
    recipe = {"learning_rate": rate, "epochs": epochs, "examples": examples, "batch_size": BATCH, "evaluate_every": 0, **length}
    training = {"kind": kind, "setup": "SETUP", "task": task, "recipe": recipe}
    retrieval = {"kind": "evaluation", "setup": "SETUP", "model": training, "task": "tatoeba"}
    retrieval |= {"languages": list(LANGUAGES), "test_examples": PAIRS}
    setup = Path(__file__).resolve().parents[1] / "setups" / "small.yaml"
    paths = []
    for name, spec in (("train", training), ("retrieval", retrieval)):
        path = folder / f"{task}-{rate:g}-{epochs}-{name}.yaml"
        path.write_text(json.dumps(spec).replace('"SETUP"', json.dumps(str(setup))))
        paths.append(path)
    return ("finetune-target" if kind == "target" else "train-intermediate"), *paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--store", type=Path, default=Path("runs"))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.store.mkdir(parents=True, exist_ok=True)
    options = ["--encoder", given.encoder, "--data", given.data, "--store", str(given.store), "--threads", "1"]
    rows = []
    for task in given.tasks:
        for rate in RATES:
            for epochs in EPOCHS:
                command, train, retrieval = specs(given.store, task, rate, epochs)
                result = stilts(command, train, options)
                row = {"task": task, "examples": TASKS[task][1], "learning_rate": rate, "epochs": epochs}
                row |= {"english_dev": result["dev"][task]["score"], "seconds": round(result["provenance"]["seconds"])}
                if TASKS[task][0] == "intermediate":
                    row["tatoeba"] = stilts("evaluate", retrieval, options)["score"]
                rows.append(row)
                given.out.write_text(json.dumps(rows, indent=1) + "\n")
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
