"""The JSON Schema of specs, for editors: what the models take, with the names of tasks and what each field is.

It holds what can be checked of a field alone or with its neighbours; `stilts check` knows more.
"""

from collections.abc import Iterable, Mapping

from pydantic.json_schema import models_json_schema

from stilts_xtreme.spec.about import about
from stilts_xtreme.spec.kinds import KINDS
from stilts_xtreme.spec.names import MIXABLE, PAIRED, TRAINED_TARGETS
from stilts_xtreme.spec.study import SCALED_BY, TARGET, WHOLE
from stilts_xtreme.tasks.catalogue import INTERMEDIATES, TARGETS, TASKS, trained_on
from stilts_xtreme.utils.bounded_io import Record as Schema
from stilts_xtreme.utils.languages import CODE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CODES = rf"@{CODE}(\+{CODE})*$"  # languages of training data
FILE = {"type": "string", "pattern": r"\.ya?ml$", "description": "A file, relative to this file."}
OWN = {"type": "string", "pattern": r"\.ya?ml(@.*)?$", "description": "A file that describes a task of your own."}
SHIPPED = {"type": "string", "pattern": r"^[a-z0-9][a-z0-9_-]*$", "description": "The name of a setup that comes with stilts."}
ALONE = sorted(WHOLE)


def _enum(names: Iterable[str]) -> Schema:
    return {"enum": list(names)}


def _task(names: Iterable[str]) -> Schema:
    """Any of these tasks, or the file of a user's own."""
    return {"anyOf": [_enum(names), OWN]}


def _data(names: Iterable[str], free: bool = False) -> Schema:
    """Names of training data; `free`: or of a mixture."""
    names = list(names)
    spoken = rf"^({'|'.join(names)}){CODES}"
    word = {"type": "string", "pattern": rf"^[a-z0-9][a-z0-9_-]*$|{spoken}" if free else spoken}
    return {"anyOf": [_enum(names), word, OWN]}


def _entries() -> Schema:
    links = _data([*ALONE, *INTERMEDIATES], free=True)
    return {"anyOf": [links, {"type": "array", "minItems": 1, "items": _data(INTERMEDIATES, free=True)}]}


SOURCES = list(dict.fromkeys(["default", *(source for name in TRAINED_TARGETS for source in trained_on(name))]))
NAMES: dict[str, Schema] = {  # in place of plain text
    "Intermediate.task": _data(INTERMEDIATES),
    "Target.task": _task(TRAINED_TARGETS),
    "Evaluation.task": {"anyOf": [_task(TARGETS), {"type": "null"}]},
    "Latency.target": _task(PAIRED),
}
ITEMS: dict[str, Schema] = {  # of lists
    "Multitask.tasks": _data(MIXABLE),
    "StudyMixture.tasks": _data([*MIXABLE, TARGET]),
    "Orders.tasks": _data(INTERMEDIATES),
    "Study.intermediate": _entries(),
    "Study.targets": _task(TARGETS),
    "Latency.models": {
        "anyOf": [{"type": "string", "pattern": r"^[a-z0-9][a-z0-9_-]*$", "examples": ["none", *INTERMEDIATES]}, OWN]
    },
}
KEYS: dict[str, Schema] = {  # of mappings
    "Recipes.intermediate": _enum(["default", *INTERMEDIATES]),
    "Recipes.target": _enum(SOURCES),
    "Study.languages": _enum(TARGETS),
    "Study.mixtures": {"not": _enum([*TASKS, *ALONE, TARGET])},
    "Latency.mixtures": {"not": _enum([*TASKS, "none"])},
}
ONCE = (  # lists in which nothing stands twice
    "Multitask.tasks", "StudyMixture.tasks", "Orders.tasks", "Study.intermediate", "Study.targets", "Study.seeds",
    "Study.languages", "Study.training_languages", "Target.training_languages", "NoiseSpec.rates", "NoiseSpec.training",
    "Latency.models", "Latency.seeds", "Latency.variants", "Latency.batch_sizes", "Latency.lengths",
)  # fmt: skip
ONE_OF = ("DataSpec", "EncoderSpec")  # exactly one field is set
NESTED = ("setup", "start", "model")  # a spec may stand here as a file


def schema() -> Schema:
    """Of all kinds of spec, by `kind`."""
    _, definitions = models_json_schema([(model, "validation") for model in KINDS.values()], ref_template="#/$defs/{model}")
    models = definitions["$defs"]
    for name, model in models.items():
        _finish(name, model)
    for name in ("Study", "Latency"):
        own = models[name]["properties"]
        laid_over = {key: _laid_over(name, key, entry, models) for key, entry in own.items() if key not in SCALED_BY}
        for section in own["at"]["patternProperties"].values():
            section |= {"properties": laid_over, "additionalProperties": False}
    return {
        "$schema": DIALECT,
        "title": "Spec of stilts",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(KINDS), "description": about("", "kind")}},
        "oneOf": [_root(kind, model.__name__) for kind, model in KINDS.items()],
        "$defs": models,
    }


def _root(kind: str, model: str) -> Schema:
    """A whole file of a kind."""
    return {"title": kind, "allOf": [{"$ref": f"#/$defs/{model}"}, {"required": ["kind"]}]}


def _laid_over(name: str, key: str, entry: Schema, models: Mapping[str, Schema]) -> Schema:
    """What the spec `name` may say of a key for another setup: the key again, null, or of a mapping a part, with nulls in it."""
    own: Schema = {"$ref": f"#/$defs/{name}/properties/{key}"}
    named = [choice["$ref"] for choice in entry.get("anyOf", ()) if "$ref" in choice]
    if "patternProperties" in entry:
        entries = {pattern: _part(value["$ref"], models) for pattern, value in entry["patternProperties"].items()}
        own = {"type": "object", "patternProperties": entries, "additionalProperties": False}
    return _part(named[0], models) if named else {"anyOf": [own, {"type": "null"}]}


def _part(reference: str, models: Mapping[str, Schema]) -> Schema:
    """Some fields of the model referred to, any of them null; or null."""
    null, names = {"type": "null"}, models[reference.rpartition("/")[2]]["properties"]
    fields = {name: {"anyOf": [{"$ref": f"{reference}/properties/{name}"}, null]} for name in names}
    return {"anyOf": [{"type": "object", "properties": fields, "additionalProperties": False}, null]}


def _finish(name: str, model: Schema) -> None:
    model.pop("title", None)
    model["description"] = " ".join(model.get("description", "").split())
    if name in ONE_OF:
        model["oneOf"] = [{"required": [field], "properties": {field: {"type": "object"}}} for field in model["properties"]]
    if name == "RecipeSpec":
        model["not"] = {
            "required": ["epochs", "steps"],
            "properties": {"epochs": {"type": "number"}, "steps": {"type": "number"}},
        }
    if "setup" in model.get("required", ()):
        model["required"].remove("setup")
    if name == "Setup":
        model["properties"]["base"] = {"anyOf": [FILE, SHIPPED]}
        model["anyOf"] = [{"required": ["base"]}, {"required": model.pop("required")}]
    for field, entry in model["properties"].items():
        model["properties"][field] = _field(name, field, entry)


def _field(name: str, field: str, entry: Schema) -> Schema:
    place = f"{name}.{field}"
    entry.pop("title", None)
    if isinstance(entry.get("default"), dict) or entry.get("default", 0) is None:
        del entry["default"]  # of recipes a long list of nulls, else null: `required` says already that it may be left out
    if place in NAMES:
        entry = {**{key: value for key, value in entry.items() if key not in ("type", "anyOf")}, **NAMES[place]}
    if place in ITEMS:
        entry["items"] = ITEMS[place]
    if place in ONCE:
        entry["uniqueItems"] = True
    if "patternProperties" in entry:
        entry["additionalProperties"] = False
    if place in KEYS:
        entry["propertyNames"] = {**entry.get("propertyNames", {}), **KEYS[place]}
    if field in NESTED:
        choices = entry.pop("oneOf", None) or [{"$ref": entry.pop("$ref")}]
        entry["anyOf"] = [FILE, *([SHIPPED] if field == "setup" else []), *choices]
    if described := about(name, field):
        entry["description"] = described
    return entry
