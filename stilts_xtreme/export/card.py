"""The model card: where the weights come from, what they saw, how well they do, how to load them."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from stilts_xtreme.export import licences, use
from stilts_xtreme.export.found import Run
from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.report.rendered import escaped
from stilts_xtreme.report.text import ABSENT, language, number
from stilts_xtreme.scoring import tags
from stilts_xtreme.tasks.catalogue import TASKS

HERE = Path(__file__).parent


def text(run: Run, name: str, alone: str, noted: Mapping[str, Any], model: str, special: Sequence[str]) -> str:
    """The card of a checkpoint of class `name`, loaded from `model`.

    `alone`: why it is the encoder alone; `noted`: what heads.json holds of the head that it has, if any; `special`: what its
    tokenizer takes for special tokens where a text holds it.
    """
    from huggingface_hub import ModelCard
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    kind, seen, limits = noted.get("head", ""), _seen(run), noted.get("limits", {})
    named = sorted({one for row in seen for one in row["licences"]})
    strictest, made_up = licences.strictest(named), any(row["source"].startswith(licences.MADE_UP) for row in seen)
    env = Environment(loader=FileSystemLoader(HERE), trim_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True)
    body = env.get_template("card.md.jinja").render(
        title=" → ".join("+".join(link["tasks"]) for link, _ in run.chain),
        run=run.result,
        name=name,
        alone=alone,
        threshold=noted.get("threshold"),
        made_up=made_up,
        origin=_origin(run),
        own_tokenizer="random" in run.chain[0][0]["start"],
        stages=[_stage(link, result) for link, result in run.chain],
        seen=seen,
        whole=all(result for _, result in run.chain),
        strictest=strictest,
        unclear=[one for one in named if one not in licences.NAMES],
        labelled=", ".join(language(code) for code in sorted({row["language"] for row in seen if row["role"] == "training"})),
        dev=[(task, ", ".join(_scores(scores, run.result)), scores["n"]) for task, scores in run.result["dev"].items()],
        zero_shot=[_zero_shot(one) for one in run.evaluations],
        code=use.code(kind, model, limits.get("max_answer_length", 0), limits.get("doc_stride", 0)),
        special=special,
        length=limits.get("max_length"),
        tagging=kind == "tagging",
        version=metadata.version("stilts-xtreme"),
        escaped=escaped,
    )
    told = _metadata(run, kind, seen, strictest, made_up)
    return str(ModelCard(f"---\n{told.to_yaml()}\n---\n\n{body}"))


def _metadata(run: Run, kind: str, seen: list[dict[str, Any]], known: str | None, made_up: bool) -> Any:
    from huggingface_hub import ModelCardData

    codes = {row["language"] for row in seen} | {code for one in run.evaluations for code in one["languages"]}
    codes = {part for code in codes for part in code.split("-") if part in LANGUAGES}
    told: dict[str, Any] = {
        "language": [] if made_up else sorted(codes),  # the codes of made-up languages are nobody's
        "license": known or "other",
        "library_name": "transformers",
        "pipeline_tag": use.TAGS[kind],
        "tags": ["stilts", "cross-lingual-transfer", *dict.fromkeys(task for link, _ in run.chain for task in link["tasks"])],
        "base_model": _base(run),
        "datasets": _hub_ids(seen),
    }
    if not known:
        told |= {"license_name": "terms-of-the-data", "license_link": "README.md#data-and-licences"}
    if results := [*_results(run, made_up)]:
        told |= {"model_name": f"stilts {run.address}", "eval_results": results}
    return ModelCardData(**{key: value for key, value in told.items() if value})


def _base(run: Run) -> str | None:
    """The encoder of origin where it is one of the hub's; of a folder only its digest is known."""
    return run.chain[0][0]["start"].get("pretrained", {}).get("name")


def _origin(run: Run) -> str:
    start = run.chain[0][0]["start"]
    if shape := start.get("random"):
        told = ", ".join(f"{name} {value}" for name, value in shape.items())
        return f"an XLM-R of random weights ({told}), its tokenizer trained on the text of the first stage"
    found = start["pretrained"]
    if "name" in found:
        return f"[{found['name']}](https://huggingface.co/{found['name']}) at revision {found.get('revision') or 'main'}"
    return f"an encoder of a local folder whose files have the SHA-256 `{found['digest']}` together"


def _stage(link: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any]:
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


def _seen(run: Run) -> list[dict[str, Any]]:
    """Every reading of every stage, once; those of stages whose result is not there without counts."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for link, result in run.chain:
        roles = {_cut(one): role for role, found in link["read_for"].items() for one in found}
        for row in result["data"] if result else _bare(link):
            key = _cut(f"{row['task']}/{row['split']}/{row['language']}@{row['digest']}")
            row = {**row, "role": roles.get(key, "training"), "version": TASKS[row["task"]].version}
            rows.setdefault((row["role"], key), row | {"licences": licences.of(row["task"], row["source"])})
    return list(rows.values())


def _cut(reading: str) -> str:
    """With a digest that is long enough to know it by."""
    name, _, digest = reading.partition("@")
    return f"{name}@{digest[:12]}"


def _bare(link: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for read in link["reads"]:
        name, _, digest = read.partition("@")
        task, split, code = name.split("/")
        yield {"task": task, "split": split, "language": code, "digest": digest, "source": "", "examples": None, "labels": {}}


def _hub_ids(seen: list[dict[str, Any]]) -> list[str]:
    """Data sets of the hub among the sources, such as "hub:facebook/xnli/de@main:test"."""
    return sorted(
        {"/".join(part[4:].split("/")[:2]) for row in seen for part in row["source"].split() if part.startswith("hub:")}
    )


def _zero_shot(one: dict[str, Any]) -> dict[str, Any]:
    rows = one["languages"].values()
    plain = sorted({name for row in rows for name in row} - {"n"})
    names = tags.displayed_metrics(rows) if "reading" in one else {name: name for name in plain}

    def cells(values: dict[str, float]) -> list[str]:
        return [number(values[name]) if name in values else ABSENT for name in names]

    lines = [(language(code), cells(row), row["n"]) for code, row in one["languages"].items()]
    kept = {key: one[key] for key in ("task", "address", "collapsed")}
    return {**kept, "names": list(names.values()), "rows": lines, "means": cells(one["metrics"])}


def _scores(values: dict[str, float], told: dict[str, Any]) -> list[str]:
    names = tags.NAMES if "reading" in told else {}
    return [f"{names.get(name, name)} {number(value)}" for name, value in values.items() if name != "n"]


def _results(run: Run, made_up: bool) -> Iterator[Any]:
    """Scores as the hub's metadata has them; those of made-up languages would only mislead who searches there."""
    from huggingface_hub import EvalResult

    if made_up:
        return
    for one in run.evaluations:
        task = TASKS[one["task"]]
        for code, row in one["languages"].items():
            for name, value in row.items():
                if name != "n":
                    yield EvalResult(
                        task_type=use.TAGS.get(task.head, use.TAGS[""]), dataset_type=one["task"], dataset_name=one["task"],
                        dataset_config=code, dataset_split="test", metric_type=name, metric_value=value,
                        metric_name=f"{name} ({code})",
                    )  # fmt: skip
