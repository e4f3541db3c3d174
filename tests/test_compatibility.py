"""A spec that is sound by itself is held against the languages of its data and the shape of its encoder, before anything runs."""

import json
import types
import typing
from pathlib import Path

import pytest
from test_spec import SETUP

from stilts_xtreme import spec
from stilts_xtreme.models import shape
from stilts_xtreme.pipeline import compatibility, planner
from stilts_xtreme.spec.checks import Because, Model
from stilts_xtreme.spec.kinds import KINDS
from stilts_xtreme.utils.errors import UserError

PUBLISHED = """\
kind: setup
name: own
data: {files: {path: data}}
encoder: {pretrained: {name: ./encoder}}
retrieval: {layer: 1}
recipes: {default: {epochs: 1}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a setup of the miniature world, and one with a published encoder beside an empty data folder."""
    monkeypatch.chdir(tmp_path)
    Path("setup.yaml").write_text(SETUP)
    Path("own.yaml").write_text(PUBLISHED)
    Path("data").mkdir()
    encoder("xlm-roberta", max_position_embeddings=514, pad_token_id=1, num_hidden_layers=12)
    return tmp_path


def whole() -> None:
    """Weights and a tokenizer beside the configuration, empty ones: a plan takes their digest."""
    Path("encoder/model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    Path("encoder/tokenizer.json").write_text('{"model": {"vocab": {}}}')


def encoder(kind: str, **config: int) -> None:
    Path("encoder").mkdir(exist_ok=True)
    Path("encoder/config.json").write_text(json.dumps({"model_type": kind, **config}))


def put(name: str, text: str = "x") -> None:
    Path("data", name).parent.mkdir(parents=True, exist_ok=True)
    Path("data", name).write_text(text)


def told(text: str, *overrides: str) -> str:
    """What is said of a spec with all checks ("" if nothing)."""
    Path("spec.yaml").write_text(text)
    try:
        spec.load(Path("spec.yaml"), overrides, None, compatibility.problems)
        return ""
    except UserError as fault:
        return str(fault)


STUDY = "kind: study\nname: x\nsetup: setup.yaml\nintermediate: [{}]\ntargets: [xnli]\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "kind: evaluation\nsetup: setup.yaml\nmodel: {kind: target, task: xnli}\nlanguages: [en, qqq]\n",
            "4:17: languages[1]: ",
        ),
        ("kind: evaluation\nsetup: setup.yaml\nmodel: none\ntask: tatoeba\nlanguages: [qqq]\n", "5:13: languages[0]: "),
        ("kind: target\nsetup: setup.yaml\ntask: panx\ntraining_languages: [qqq]\n", "4:22: training_languages[0]: "),
        ("kind: target\nsetup: setup.yaml\ntask: xnli\ntraining_languages: [qqq]\n", "4:22: training_languages[0]: "),
        ("kind: intermediate\nsetup: setup.yaml\ntask: mnli@qqq\n", "3:7: task: "),
        (
            "kind: target\nsetup: setup.yaml\ntask: xnli\nstart: {kind: intermediate, task: mnli@xa+qqq}\n",
            "4:35: start.task: ",
        ),
        ("kind: multitask\nsetup: setup.yaml\ntasks: [mnli, squad@qqq]\n", "3:15: tasks[1]: "),
        (
            "kind: multitask\nsetup: setup.yaml\ntasks: [mnli]\ntext: {share: 0.5, languages: [qqq]}\n",
            "4:32: text.languages[0]: ",
        ),
        (STUDY.format("none, mnli@qqq"), "4:22: intermediate[1]: "),
        (STUDY.format("none, [mnli, squad@qqq]"), "4:29: intermediate[1][1]: "),
        (STUDY.format("none") + "training_languages: [[en], [xa, qqq]]\n", "6:33: training_languages[1][1]: "),
        (STUDY.format("none") + "orders: {tasks: [mnli, qqp@qqq]}\n", "6:24: orders.tasks[1]: "),
        (STUDY.format("none") + "mixtures: {m: {tasks: [target, qqp@qqq]}}\n", "6:32: mixtures.m.tasks[1]: "),
        ("kind: latency\nname: x\nsetup: setup.yaml\nmodels: [none]\nlanguages: [qqq]\n", "5:13: languages[0]: "),
    ],
)  # fmt: skip
def test_a_language_that_the_data_does_not_have_is_told_where_it_stands(text, place, here) -> None:
    said = told(text)
    assert said.startswith(f"spec.yaml:{place}'qqq' is not a language of ") and "\n" not in said
    assert told(text.replace("qqq", "xb")) == ""


def test_the_languages_of_pretraining(here) -> None:
    wrong = "setup.pretraining.languages=[en, qqq]"
    assert "'qqq' is not a language of text" in told("kind: intermediate\nsetup: setup.yaml\ntask: mnli\n", wrong)


TARGET = "kind: target\nsetup: own.yaml\ntask: panx\ntraining_languages: [{}]\n"


def test_a_task_of_a_folder_is_read_in_its_own_languages(here) -> None:
    wrong = "'swa' is not a language of panx's training data in release files (did you mean 'sw'?)"
    assert told(TARGET.format("swa")).endswith(wrong)
    assert told(TARGET.format("sw")) == ""  # nothing of the task is here: the plan says how to get it
    put("panx/train-sw.tsv")
    lines = told(TARGET.format("sw, swa, af")).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["spec.yaml:4:21:", "spec.yaml:4:26:", "spec.yaml:4:31:"]
    assert "panx: no dev data in 'en'" in lines[0] and "'swa' is not" in lines[1] and "panx: no train data in 'af'" in lines[2]
    put("panx/dev-en.tsv")
    assert told(TARGET.format("sw")) == ""


def test_data_may_add_languages(here) -> None:
    text = "kind: multitask\nsetup: own.yaml\ntasks: [mnli@zu, qqp]\ntext: {share: 0.5, languages: [en, zu]}\n"
    for name in ("mono/en.txt", "mono/zu.txt", "translated/zu/multinli_1.0/multinli_1.0_train.jsonl"):
        put(name)
    assert told(text) == ""
    assert "'zv' is not a language of mnli's training data in release files; one of: zu" in told(text.replace("@zu", "@zv"))
    assert "'zv' is not a language of text in release files" in told(text.replace("[en, zu]", "[en, zv]"))
    assert told(text, "setup.data.files.path=nowhere") == ""  # what is not here cannot be judged


def test_the_hub_has_the_languages_of_its_data_set(here) -> None:
    hub = ("setup.data.files=null", "setup.data.hub={}")
    assert "'qqq' is not a language of panx's training data in the Hugging Face hub" in told(TARGET.format("qqq"), *hub)
    assert told(TARGET.format("sw"), *hub) == ""


EVALUATION = "kind: evaluation\nsetup: own.yaml\nmodel: {kind: target, task: xnli}\n"


def test_lengths_and_layers_are_held_against_the_encoders_configuration(here) -> None:
    assert told(EVALUATION, "setup.retrieval.layer=12", "model.recipe={max_length: 512}") == ""
    said = told(EVALUATION, "setup.retrieval.layer=99", "setup.retrieval.max_length=513", "model.recipe={max_length: 4000}")
    assert said.splitlines() == [
        "override 'model.recipe={max_length: 4000}': model.recipe.max_length: "
        "4000 tokens do not fit the encoder, which reads 512",
        "override 'setup.retrieval.layer=99': 99 is no layer of the encoder, which has the states 0 (embeddings) to 12",
        "override 'setup.retrieval.max_length=513': 513 tokens do not fit the encoder, which reads 512",
    ]
    encoder("bert", max_position_embeddings=40)
    assert told(EVALUATION) == ""  # the default of 512 is not used
    assert "reads 40" in told(EVALUATION, "setup.recipes.intermediate={squad: {max_length: 41}}")
    assert told(EVALUATION, "setup.encoder.pretrained.name=some/encoder", "setup.retrieval.layer=99") == ""
    study = STUDY.format("none").replace("setup.yaml", "own.yaml") + "recipes: {long: {max_length: 41}}\n"
    assert told(study).startswith("spec.yaml:6:30: recipes.long.max_length: 41 tokens")


def test_default_lengths_are_refused_where_they_would_be_used(here) -> None:
    encoder("bert", max_position_embeddings=64, num_hidden_layers=2)
    whole()
    Path("spec.yaml").write_text("kind: intermediate\nsetup: own.yaml\ntask: mnli\n")
    with pytest.raises(UserError, match=r"mnli: recipe.max_length: 256 is more than this encoder reads \(64 tokens\)"):
        planner.resolve(spec.load(Path("spec.yaml"), ["setup.data={miniature: {}}"]))


RETRIEVAL = "kind: evaluation\nsetup: own.yaml\nmodel: none\ntask: tatoeba\n"
MINIATURE = "setup.data={miniature: {}}"


@pytest.mark.parametrize(("layers", "layer"), [(12, 7), (24, 14), (6, 4), (3, 2), (1, 1)])
def test_retrieval_takes_the_layer_at_14_of_24_and_what_the_encoder_reads_where_a_setup_says_nothing(layers, layer, here) -> None:
    encoder("bert", max_position_embeddings=64, num_hidden_layers=layers)
    whole()
    Path("own.yaml").write_text(PUBLISHED.replace("retrieval: {layer: 1}\n", ""))
    Path("spec.yaml").write_text(RETRIEVAL)
    planned = planner.resolve(spec.load(Path("spec.yaml"), [MINIATURE]))
    assert (planned.layer, planned.pooling, planned.max_length) == (layer, "mean", 64)
    said = planner.resolve(spec.load(Path("spec.yaml"), [MINIATURE, "setup.retrieval={layer: 1, max_length: 32}"]))
    assert (said.layer, said.max_length) == (1, 32)


def test_a_random_encoders_default_layer_is_that_of_its_depth(here) -> None:
    Path("spec.yaml").write_text(RETRIEVAL.replace("own", "setup"))
    planned = planner.resolve(spec.load(Path("spec.yaml"), ["setup.retrieval={}"]))
    assert (planned.layer, planned.max_length) == (1, 64)  # of 2 layers, 66 positions


def test_a_default_layer_asks_for_an_encoder_whose_depth_is_known(here) -> None:
    Path("spec.yaml").write_text(RETRIEVAL)
    with pytest.raises(UserError, match=r"tatoeba: how many layers the encoder some/encoder has is not known here; say setup"):
        over = ["setup.retrieval.layer=null", "setup.encoder.pretrained.name=some/encoder"]
        planner.resolve(spec.load(Path("spec.yaml"), [MINIATURE, *over]))


def test_a_configuration_that_does_not_say_is_not_judged() -> None:
    assert shape.of_config({"model_type": "xmod", "max_position_embeddings": 50}) == shape.Shape()
    assert shape.of_config({"max_position_embeddings": "50", "num_hidden_layers": True}) == shape.Shape()


def numbers(kind: typing.Any, bounds: tuple = ()) -> typing.Iterator[tuple]:
    """What is said of every number in an annotation, at all levels around it."""
    said = (*bounds, *getattr(kind, "__metadata__", ()))
    if kind in (int, float):
        yield bounds
    parts = typing.get_args(kind) if typing.get_origin(kind) is not typing.Annotated else (kind.__origin__,)
    for part in parts if not isinstance(kind, types.GenericAlias) or typing.get_origin(kind) is not typing.Literal else ():
        yield from numbers(part, said)


def models(kind: typing.Any) -> typing.Iterator[type[Model]]:
    if isinstance(kind, type) and issubclass(kind, Model):
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)
    for part in typing.get_args(kind):
        yield from models(part)


@pytest.mark.parametrize("model", sorted({one for kind in KINDS.values() for one in models(kind)}, key=lambda one: one.__name__))
def test_every_number_of_a_spec_has_a_range_and_a_reason(model) -> None:
    for name, field in model.model_fields.items():
        for said in numbers(field.annotation, tuple(field.metadata)):
            limits = [limit for one in said for limit in (one, *getattr(one, "metadata", ()))]
            low = any(hasattr(limit, "ge") or hasattr(limit, "gt") for limit in limits)
            high = any(hasattr(limit, "le") or hasattr(limit, "lt") for limit in limits) or name == "clip"
            assert low and high and any(isinstance(limit, Because) for limit in limits), f"{model.__name__}.{name}"
