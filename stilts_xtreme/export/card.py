"""Write the model card: origin of the weights, training data, scores, and how to load the model."""

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.export import licences, usage_snippets
from stilts_xtreme.export.run_lookup import Result, Run
from stilts_xtreme.report.tables import escaped
from stilts_xtreme.report.text import ABSENT, language, number
from stilts_xtreme.scoring import tags
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.languages import LANGUAGES

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

HERE = Path(__file__).parent


def text(run: Run, name: str, alone: str, head: Record, model: str, special: Sequence[str]) -> str:
    """Return the card of a checkpoint of transformers' class `name`, loaded from `model`.

    `alone`: why it is the encoder alone, "" otherwise; `head`: the record of its head in heads.json, if any; `special`: strings
    that its tokenizer takes for special tokens in a text.
    """
    from huggingface_hub import ModelCard
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    kind, data, limits = head.get("head", ""), _training_data(run), head.get("limits", {})
    names = sorted({licence for row in data for licence in row["licences"]})
    strictest, made_up = licences.strictest(names), any(row["source"].startswith(licences.MADE_UP) for row in data)
    env = Environment(loader=FileSystemLoader(HERE), trim_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True)
    body = env.get_template("card.md.jinja").render(
        title=" → ".join("+".join(link["tasks"]) for link, _ in run.chain),
        run=run.result,
        name=name,
        alone=alone,
        threshold=head.get("threshold"),
        made_up=made_up,
        origin=_origin(run),
        own_tokenizer="random" in run.chain[0][0]["start"],
        stages=[_stage(link, result) for link, result in run.chain],
        seen=data,
        whole=all(result for _, result in run.chain),
        strictest=strictest,
        unclear=[licence for licence in names if licence not in licences.NAMES],
        labelled=", ".join(language(code) for code in sorted({row["language"] for row in data if row["role"] == "training"})),
        dev=[(task, ", ".join(_scores(scores, run.result)), scores["n"]) for task, scores in run.result["dev"].items()],
        zero_shot=[_zero_shot(result) for result in run.evaluations],
        code=usage_snippets.snippet(kind, model, limits.get("max_answer_length", 0), limits.get("doc_stride", 0)),
        special=special,
        length=limits.get("max_length"),
        tagging=kind == "tagging",
        version=metadata.version("stilts-xtreme"),
        escaped=escaped,
    )
    metadata_ = _metadata(run, kind, data, strictest, made_up)
    return str(ModelCard(f"---\n{metadata_.to_yaml()}\n---\n\n{body}"))


def _metadata(run: Run, kind: str, data: list[Record], licence: str | None, made_up: bool) -> "ModelCardData":
    from huggingface_hub import ModelCardData

    codes = {row["language"] for row in data} | {code for result in run.evaluations for code in result["languages"]}
    codes = {part for code in codes for part in code.split("-") if part in LANGUAGES}
    fields: Record = {
        "language": [] if made_up else sorted(codes),  # made-up languages have no codes outside this package
        "license": licence or "other",
        "library_name": "transformers",
        "pipeline_tag": usage_snippets.TAGS[kind],
        "tags": ["stilts", "cross-lingual-transfer", *dict.fromkeys(task for link, _ in run.chain for task in link["tasks"])],
        "base_model": _base(run),
        "datasets": _hub_ids(data),
    }
    if not licence:
        fields |= {"license_name": "terms-of-the-data", "license_link": "README.md#data-and-licences"}
    if results := [*_results(run, made_up)]:
        fields |= {"model_name": f"stilts {run.fingerprint}", "eval_results": results}
    return ModelCardData(**{key: value for key, value in fields.items() if value})


def _base(run: Run) -> str | None:
    """Return the hub id of the encoder of origin; None for a local folder, of which only the digest is known."""
    return run.chain[0][0]["start"].get("pretrained", {}).get("name")


def _origin(run: Run) -> str:
    start = run.chain[0][0]["start"]
    if shape := start.get("random"):
        sizes = ", ".join(f"{name} {value}" for name, value in shape.items())
        return f"an XLM-R of random weights ({sizes}), its tokenizer trained on the text of the first stage"
    origin = start["pretrained"]
    if "name" in origin:
        return f"[{origin['name']}](https://huggingface.co/{origin['name']}) at revision {origin.get('revision') or 'main'}"
    return f"an encoder of a local folder whose files have the SHA-256 `{origin['digest']}` together"


def _stage(link: Record, result: Record | None) -> Record:
    recipe = {name: value for name, value in link["recipe"].items() if value is not None}
    steps = result["steps"] if result else {}
    return {
        "address": link["address"],
        "tasks": [f"{task} ({result['examples'][task]:,} examples)" if result else task for task in link["tasks"]],
        "seed": link["seed"],
        "recipe": ", ".join(f"{name} {value}" for name, value in recipe.items()),
        "rates": ", ".join(f"{task} {rate:.3f}" for task, rate in result["rates"].items()) if result else "",
        "steps": f"{steps['done']:,} of {steps['planned']:,}, state of step {steps['best']:,}" if steps.get("best") else
        f"{steps['done']:,} of {steps['planned']:,}" if steps else "",
        "collapse": (result or {}).get("collapse", {}),
        "noise": link.get("noise"),
    }  # fmt: skip


def _training_data(run: Run) -> list[Record]:
    """Return a row for each split that a stage read; splits of stages without result have no counts."""
    rows: dict[tuple[str, ...], Record] = {}
    for link, result in run.chain:
        roles = {_short(split): role for role, splits in link["read_for"].items() for split in splits}
        for row in result["data"] if result else _without_counts(link):
            key = _short(f"{row['task']}/{row['split']}/{row['language']}@{row['digest']}")
            row = {**row, "role": roles.get(key, "training"), **_terms(row)}
            rows.setdefault((row["role"], key), row)
    return list(rows.values())


def _terms(row: Record) -> Record:
    """Return version and licences of a split's task; of a described task as they were recorded, and unknown where the result that
    recorded them is missing."""
    if "licence" in row or row["examples"] is None and row["task"] not in TASKS:
        return {"version": 1, "licences": [row.get("licence", "none stated")]}
    return {"version": TASKS[row["task"]].version, "licences": licences.of(row["task"], row["source"])}


def _short(split: str) -> str:
    """Return a split with the first 12 digits of its digest, which identify it."""
    name, _, digest = split.partition("@")
    return f"{name}@{digest[:12]}"


def _without_counts(link: Record) -> Iterator[Record]:
    for read in link["reads"]:
        name, _, digest = read.partition("@")
        task, split, code = name.split("/")
        yield {"task": task, "split": split, "language": code, "digest": digest, "source": "", "examples": None, "labels": {}}


def _hub_ids(data: list[Record]) -> list[str]:
    """Return the ids of the hub's data sets among the sources, such as "hub:facebook/xnli/de@main:test"."""
    return sorted(
        {"/".join(part[4:].split("/")[:2]) for row in data for part in row["source"].split() if part.startswith("hub:")}
    )


def _zero_shot(result: Result) -> Record:
    rows = result["languages"].values()
    metrics = sorted({name for row in rows for name in row} - {"n"})
    names = tags.displayed_metrics(rows) if "reading" in result else {name: name for name in metrics}

    def cells(values: dict[str, float]) -> list[str]:
        return [number(values[name]) if name in values else ABSENT for name in names]

    lines = [(language(code), cells(row), row["n"]) for code, row in result["languages"].items()]
    fields = {key: result[key] for key in ("task", "address", "collapsed")}
    return {**fields, "names": list(names.values()), "rows": lines, "means": cells(result["metrics"])}


def _scores(values: dict[str, float], result: Result) -> list[str]:
    names = tags.NAMES if "reading" in result else {}
    return [f"{names.get(name, name)} {number(value)}" for name, value in values.items() if name != "n"]


def _results(run: Run, made_up: bool) -> Iterator["EvalResult"]:
    """Yield the scores for the hub's metadata; none of made-up languages, which would mislead searches."""
    from huggingface_hub import EvalResult

    if made_up:
        return
    for result in run.evaluations:
        head = TASKS[result["task"]].head if result["task"] in TASKS else ""  # described elsewhere
        for code, row in result["languages"].items():
            for name, value in row.items():
                if name != "n":
                    yield EvalResult(
                        task_type=usage_snippets.TAGS.get(head, usage_snippets.TAGS[""]),
                        dataset_type=result["task"], dataset_name=result["task"],
                        dataset_config=code, dataset_split="test", metric_type=name, metric_value=value,
                        metric_name=f"{name} ({code})",
                    )  # fmt: skip
