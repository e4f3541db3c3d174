"""Whether a sound spec fits what its setup names: languages that the data has, lengths and layers that the encoder has.

Only names of files and the encoder's config.json are looked at; what is not here cannot be judged, and is left to the run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from stilts_xtreme.data import read
from stilts_xtreme.data.file_languages import known
from stilts_xtreme.models import shape
from stilts_xtreme.pipeline.planner import Planner
from stilts_xtreme.spec import Evaluation, Intermediate, Mixture, Setup, Spec, Study, Target
from stilts_xtreme.spec.checks import Model, Problem, Tail, unknown
from stilts_xtreme.spec.latency import Latency
from stilts_xtreme.spec.mixtures import TextShare
from stilts_xtreme.spec.setup import Pretraining, RecipeSpec, Retrieval
from stilts_xtreme.spec.study import Orders
from stilts_xtreme.spec.task import TaskSpec
from stilts_xtreme.tasks.catalogue import TASKS, trained_on, training
from stilts_xtreme.tasks.own import PLACES
from stilts_xtreme.tasks.task import NamedFiles, Task
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import LANGUAGES


@dataclass(frozen=True)
class _Data:
    """A setup's data: its place, and the languages of a task (by name) in a split, as `known` tells them."""

    where: read.Where
    languages: Callable[[str, str], tuple[str, ...] | None]


def problems(spec: Spec) -> Iterator[Problem]:
    """Find what does not fit, each by its way from the top of the spec; UserError where the data folder cannot be looked into."""
    if isinstance(spec, TaskSpec):
        yield from _described(TASKS[spec.name], spec)
        return
    setup = spec if isinstance(spec, Setup) else spec.setup
    models = list(_models(spec, ()))
    planner = Planner(setup)
    for tail, model in models:
        yield from _lengths(model, tail, planner.shape)
    where = planner.where
    data = _Data(where, cache(lambda task, split: known(TASKS[task], split, where)))
    for tail, model in models:
        yield from _languages(model, tail, data)


def _described(task: Task, spec: TaskSpec) -> Iterator[Problem]:
    """Find what is wrong with the files of a task of one's own, all of which are read."""
    assert task.folder is not None
    files = next(source for source in task.sources if isinstance(source, NamedFiles))
    for split in PLACES:
        given = getattr(spec.files, split)
        if given is not None and not any(name == split for name, _, _ in files.named):
            yield Problem(f"there is no file {task.folder / given}", ("files", split))
        for code in (code for name, code, _ in files.named if name == split):
            tail: Tail = ("files", split, code) if isinstance(given, dict) else ("files", split)
            try:
                read.read(task, split, code, read.Folder(task.folder))
            except UserError as fault:
                yield from (Problem(line, tail) for line in str(fault).splitlines())


def _models(value: object, tail: Tail) -> Iterator[tuple[Tail, Model]]:
    """Yield every model of a spec with its path; nested specs have the setup of the spec around them, which is looked at once."""
    if isinstance(value, Model):
        yield tail, value
        nested = [name for name in type(value).model_fields if name != "setup" or not tail]
        children: Iterable[tuple[str | int, object]] = ((name, getattr(value, name)) for name in nested)
    elif isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        return
    for key, child in children:
        yield from _models(child, (*tail, key))


def _lengths(model: Model, tail: Tail, encoder: shape.Shape) -> Iterator[Problem]:
    if isinstance(model, RecipeSpec | Retrieval) and "max_length" in model.model_fields_set:  # a default may never be used
        yield from _too_long(model.max_length, (*tail, "max_length"), encoder)
    if isinstance(model, Latency):
        for i, length in enumerate(model.lengths):
            yield from _too_long(length, (*tail, "lengths", i), encoder)
    if isinstance(model, Retrieval) and encoder.layers is not None and (model.layer or 0) > encoder.layers:
        text = f"{model.layer} is no layer of the encoder, which has the states 0 (embeddings) to {encoder.layers}"
        yield Problem(text, (*tail, "layer"))


def _too_long(length: int | None, tail: Tail, encoder: shape.Shape) -> Iterator[Problem]:
    if length is not None and encoder.longest is not None and length > encoder.longest:
        yield Problem(f"{length} tokens do not fit the encoder, which reads {encoder.longest}", tail)


def _languages(model: Model, tail: Tail, data: _Data) -> Iterator[Problem]:
    match model:
        case Evaluation():
            task = model.task or str(getattr(model.model, "task", ""))  # the checks of an evaluation refuse it without a task
            yield from _all(task, "test", model.languages, (*tail, "languages"), data)
        case Latency():
            yield from _all(model.target, "test", model.languages, (*tail, "languages"), data)
        case Target():
            yield from _fine_tuned([model.task], model.training_languages, (*tail, "training_languages"), data)
        case Study():
            yield from _tested(model, (*tail, "languages"), data)
            for i, codes in enumerate(model.training_languages):
                yield from _fine_tuned(model.targets, codes, (*tail, "training_languages", i), data)
            for i, entry in enumerate(model.intermediate):
                for place, name in [((), entry)] if isinstance(entry, str) else [((j,), link) for j, link in enumerate(entry)]:
                    yield from _named(name, (*tail, "intermediate", i, *place), data)
        case Intermediate():
            yield from _named(model.task, (*tail, "task"), data)
        case Pretraining() | TextShare():
            yield from _all("text", "train", model.languages, (*tail, "languages"), data)
        case Mixture() | Orders():
            for i, name in enumerate(model.tasks):
                yield from _named(name, (*tail, "tasks", i), data)


def _all(task: str, split: str, codes: Sequence[str] | None, tail: Tail, data: _Data) -> Iterator[Problem]:
    for i, code in enumerate(codes or ()):
        yield from _language(TASKS[task], split, code, (*tail, i), data)


def _tested(study: Study, tail: Tail, data: _Data) -> Iterator[Problem]:
    """Faults of the languages that a study evaluates: by target, or for all targets, of which any has to have it."""
    if isinstance(study.languages, Mapping):
        for target, codes in study.languages.items():
            yield from _all(target, "test", codes, (*tail, target), data)
        return
    by_target = {target: data.languages(target, "test") or TASKS[target].languages for target in study.targets}
    codes_there = sorted({code for codes in by_target.values() for code in codes})
    places = [((*tail, i), code) for i, code in enumerate(study.languages or ())]
    yield from unknown(places, codes_there, f"a language of any target's test data in {read.name(data.where)}")


def _fine_tuned(targets: Sequence[str], codes: Sequence[str], tail: Tail, data: _Data) -> Iterator[Problem]:
    """Faults of the languages that targets are fine-tuned in: of each task that they are trained on, in order."""
    for name in dict.fromkeys(source for target in targets for source in trained_on(target)):
        yield from _trained(TASKS[name], [((*tail, i), code) for i, code in enumerate(codes)], tail, data)


def _named(name: str, tail: Tail, data: _Data) -> Iterator[Problem]:
    """Faults of the languages in a name of training data ("mnli@de"); other names (of mixtures, `none`) have none."""
    if name.partition("@")[0] in TASKS:
        task, codes = training(name)
        yield from _trained(task, [(tail, code) for code in codes], tail, data)


def _trained(task: Task, codes: Iterable[tuple[Tail, str]], tail: Tail, data: _Data) -> Iterator[Problem]:
    for place, code in codes:
        yield from _language(task, read.training_split(task, code, data.where), code, place, data)
    yield from _language(task, "dev", "en", tail, data)  # it stops every training and selects its weights


def _language(task: Task, split: str, code: str, tail: Tail, data: _Data) -> Iterator[Problem]:
    """Yield the problem of a language without data: a split that is missing here, or none of the task's languages."""
    anyone = split == "translated" or task.head == "mlm"  # text and translations may be in any language
    there = data.languages(task.name, split)
    if there is None:
        there = (code,) if anyone else task.languages
    if code in there:
        return
    if code in (LANGUAGES if anyone else task.languages) and (absent := _absent(task, split, code, data.where)):
        yield Problem(absent, tail)
    else:
        what = "text" if task.head == "mlm" else f"{task.name}'s {'test' if split == 'test' else 'training'} data"
        yield from unknown([(tail, code)], there, f"a language of {what} in {read.name(data.where)}")


def _absent(task: Task, split: str, code: str, where: read.Where) -> str:
    """Return what was looked for and how to get it; empty where the split is there after all."""
    try:
        read.source(task, split, code, where)
    except UserError as fault:
        return str(fault)
    return ""
