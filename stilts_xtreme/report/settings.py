"""What a page says of how to repeat its study: encoder, hyperparameters, readings. Older results do not hold it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stilts_xtreme.models.sources import recognise
from stilts_xtreme.report import text
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.utils.bounded_io import Record

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.study import Reading

DIGITS = 12  # of a digest: the result holds all of it


def facts(summary: Summary) -> list[tuple[str, str]]:
    """List the facts of the section on data, as name and value."""
    study = summary.study
    lines = [("Setup", str(study["setup"]))] if study.get("setup") else []
    for key, value in sorted((name, value) for name, value in (study.get("data") or {}).items() if name != "readings"):
        each = value if isinstance(value, list) else [value]  # a row for each split of which there is something to say
        lines += [(str(key).replace("_", " ").capitalize(), text.flat(line)) for line in each]
    lines += [(f"Mixture {name}", text.flat(mixture)) for name, mixture in sorted((study.get("mixtures") or {}).items())]
    lines.append(("Seeds", ", ".join(map(str, summary.seeds))))
    if study.get("encoder"):
        lines.append(("Encoder", text.flat(study["encoder"])))
    if "test_examples" in study:
        sample = "the same ones for every row and seed, chosen by a hash of their ids"
        lines.append(("Test examples", f"{_sizes(study['test_examples'])}, {sample}"))
    lines += _hyperparameters(study.get("hyperparameters") or {})
    lines += [(f"Prediction of {name}", text.flat(settings)) for name, settings in (study.get("predictions") or {}).items()]
    by_split: dict[str, list[str]] = {}
    for name, reading in (summary.readings or {}).items():
        split, _, code = name.rpartition("/")
        by_split.setdefault(split, []).append(f"{code} {reading['digest'][:DIGITS]} ({_size(reading)})")
    return lines + [(f"Read of {split}", ", ".join(parts)) for split, parts in by_split.items()]


def _sizes(sample: int | Mapping[str, int]) -> str:
    if isinstance(sample, int):
        return f"{sample:,} of each language"
    return "of each language, " + ", ".join(f"{size:,} of {target}" for target, size in sample.items())


def tuned(summary: Summary) -> list[str]:
    """Say what a known encoder was tuned on and what that means here; nothing for an encoder that is not known."""
    encoder = (summary.study.get("encoder") or {}).get("pretrained")
    known = recognise(encoder["name"], encoder.get("digest")) if encoder else None
    if known is None:
        return []
    source, certain = known
    name = source.hub.partition("/")[2]
    intro = f"The encoder is {name}" if certain else f"The encoder is {name}, if the name of its folder is true"
    sentences = [
        f"{intro}. {source.tuned_on}: scores without intermediate training and gains over them are not those of an encoder that"
        " was pretrained by masked LM alone, as the paper's was."
    ]
    resources = summary.study.get("resources")
    if resources and any(language["group"] == "unseen" for language in resources["languages"].values()):
        sentences.append(
            "Unseen are the languages that the text of its pretraining lacks; the pairs it was tuned on may hold some of them."
        )
    return sentences


def seeds(summary: Summary) -> list[str]:
    """Say what seeds share where they start from a published encoder; nothing where each has an encoder of its own."""
    published = (summary.study.get("encoder") or {}).get("pretrained")
    if not published:
        return []
    return [
        f"Every seed starts from the same published encoder, {published['name']}, as in the paper: seeds differ in the first"
        " weights of heads, the order of examples and dropout."
    ]


def _hyperparameters(settings: Mapping[str, Record]) -> list[tuple[str, str]]:
    """What all trainings have in common, then what is different in each."""
    flat = {name: {**values, **values.get("recipe", {})} for name, values in settings.items()}
    for values in flat.values():
        values.pop("recipe", None)
    first = next(iter(flat.values()), {})
    common = {key: value for key, value in first.items() if all(values.get(key) == value for values in flat.values())}
    lines = [("Settings of every training", text.flat(common))] if common else []
    own = {name: {key: value for key, value in values.items() if key not in common} for name, values in flat.items()}
    return lines + [(f"Settings of {name}", text.flat(values)) for name, values in own.items() if values]


def _size(reading: "Reading") -> str:
    whole = text.count(reading["examples"], "example")
    return f"{reading['sampled']:,} of {whole}" if "sampled" in reading else whole
