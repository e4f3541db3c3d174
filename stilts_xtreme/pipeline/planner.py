"""Plan the stages of a spec: every default explicit, every common stage the same object."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar, cast

from stilts_xtreme.data import read as data
from stilts_xtreme.models import published, shape
from stilts_xtreme.noise import Noise
from stilts_xtreme.pipeline.plan import Predict, Pretrained, Random, Reads, Recipe, Stage, Train
from stilts_xtreme.pipeline.recipes import check_undivided, lay
from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.spec.kinds import Evaluation, Intermediate, Multitask, Target
from stilts_xtreme.spec.mixtures import Mixture
from stilts_xtreme.spec.names import TRAINED
from stilts_xtreme.spec.setup import EncoderSpec, RecipeSpec, Setup
from stilts_xtreme.spec.study import TARGET, StudyMixture
from stilts_xtreme.tasks.catalogue import OWN, TASKS, trained_on, training
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import LANGUAGES

S = TypeVar("S", bound=Stage)


class Planner:
    """Builder of a setup's stages, each once (equal stages are the same object), with the languages of a benchmark.

    `where`: another place for data than the setup's. `languages`, `test_examples` and `probabilities`: of predictions, see
    `spec.study.Study`.
    """

    def __init__(
        self,
        setup: Setup,
        benchmark: str = "xtreme",
        where: data.Where | None = None,
        languages: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        test_examples: int | Mapping[str, int] | None = None,
        probabilities: bool = False,
    ):
        self.setup = setup
        self.benchmark = BENCHMARKS[benchmark]
        self.where = where or _where(setup)
        self.languages, self.test_examples, self.probabilities = languages, test_examples, probabilities
        self.shape = _shape(setup.encoder)
        self._stages: dict[Stage, Stage] = {}
        self._reads: dict[tuple[str, str, str], Reads] = {}

    def _same(self, stage: S) -> S:
        return cast(S, self._stages.setdefault(stage, stage))

    @cached_property
    def _published(self) -> Pretrained:
        """The setup's published encoder; UserError where its folder is missing or broken."""
        encoder = self.setup.encoder.pretrained
        assert encoder is not None  # `encoder` asks for it only then
        folder = published.local(encoder.name)
        if folder is None:
            return Pretrained(encoder.name, encoder.revision)
        return Pretrained(str(folder), encoder.revision, published.digest(folder))

    def _fits(self, field: str, length: int) -> None:
        """Raise UserError for a length, perhaps a default, that the encoder cannot read."""
        if self.shape.longest is not None and length > self.shape.longest:
            raise UserError(f"{field}: {length} is more than this encoder reads ({self.shape.longest} tokens): say a smaller one")

    def reads(self, task: str, split: str, language: str) -> Reads:
        """Return a split with the digest of its data; UserError where there is none."""
        key = task, split, language
        if key not in self._reads:
            digest = data.digest(TASKS[task], split, language, self.where)
            self._reads[key] = Reads(task, split, language, TASKS[task].version, digest)
        return self._reads[key]

    def encoder(self, seed: int, trained: bool = True) -> Train | Pretrained:
        """Plan the setup's first encoder: published, or trained here by masked LM from random weights (or not yet `trained`)."""
        encoder, pretraining = self.setup.encoder, self.setup.pretraining
        if encoder.pretrained is not None:
            return self._published
        assert encoder.random is not None and pretraining is not None  # as the checks of a setup see to
        recipe = lay(self.setup.recipes.default, pretraining.recipe)
        return self._same(
            Train(
                start=Random(**encoder.random.model_dump()),
                tasks=("text",),
                recipe=recipe if trained else replace(recipe, steps=0, epochs=None),
                seed=seed,
                reads=self.text(pretraining.languages),
                exponent=pretraining.exponent,
                where=self.where,
            )
        )

    def text(self, languages: Sequence[str] | None) -> tuple[Reads, ...]:
        """List the splits of text in `languages` (None: all there are), and English dev text; UserError where there is none."""
        codes = languages or data.languages(TASKS["text"], self.where)
        if not codes:
            raise UserError(f"text: there is none in {data.name(self.where)}. To get it: {TASKS['text'].about}")
        return tuple(self.reads("text", "train", code) for code in codes) + (self.reads("text", "dev", "en"),)

    def train(
        self, start: Train | Pretrained, tasks: Sequence[str], recipe: Recipe, seed: int, mixture: Mixture | None = None,
        noise: Noise | None = None,
    ) -> Train:  # fmt: skip
        """Plan a training on the data that `tasks` name, and on text if the mixture says so; UserError as `text`."""
        sources = [training(task) for task in tasks]
        check_undivided([task.name for task, _ in sources], recipe)
        self._fits(f"{'+'.join(tasks) or 'text'}: recipe.max_length", recipe.max_length)
        parts = [(name, code) for task, codes in sources for name in (task.name, *task.joins) for code in codes]
        reads = dict.fromkeys(
            [self.reads(name, data.training_split(TASKS[name], code, self.where), code) for name, code in parts]
            + [self.reads(task.name, "dev", "en") for task, _ in sources]
        )
        own = _own_tasks(reads)
        stage = Train(start, tuple(tasks), recipe, seed, tuple(reads), noise=noise, where=self.where, own_tasks=own)
        if mixture is not None and tasks:
            rates = tuple(sorted(mixture.rates.items())) if isinstance(mixture.rates, Mapping) else mixture.rates
            cap = mixture.cap if rates in ("proportional", "temperature") else None
            stage = replace(stage, rates=rates, cap=cap, temperature=mixture.temperature or stage.temperature)
        if mixture is not None and (text := mixture.text) is not None:
            share = text.share if tasks else None
            reads |= dict.fromkeys(self.text(text.languages))
            stage = replace(stage, tasks=(*tasks, "text"), reads=tuple(reads), text_share=share, exponent=text.exponent)
        return self._same(stage)

    def intermediate(self, task: str, start: Train | Pretrained, seed: int, recipe: RecipeSpec | None = None) -> Train:
        """Plan a training on an intermediate task by its recipe, overridden by `recipe`."""
        recipes = self.setup.recipes
        own = recipes.intermediate.get(training(task)[0].name)
        laid = lay(recipes.default, recipes.intermediate.get("default"), own, recipe)
        return self.train(start, [task], laid, seed)

    def mixture(self, mixture: Mixture, start: Train | Pretrained, seed: int, recipe: RecipeSpec | None = None) -> Train:
        """Plan a training on a mixture, by the recipe for mixtures; on a task beside text by that task's own."""
        recipes, names = self.setup.recipes, [training(task)[0].name for task in mixture.tasks]
        alone = mixture.text is not None and len(names) == 1
        own = recipes.intermediate.get(names[0]) if alone else recipes.multitask
        laid = lay(recipes.default, recipes.intermediate.get("default"), own, recipe)
        return self.train(start, mixture.tasks, laid, seed, mixture)

    def target(
        self, task: str, start: Train | Pretrained, seed: int, recipe: RecipeSpec | None = None,
        languages: Sequence[str] = ("en",), noise: Noise | None = None,
    ) -> Train:  # fmt: skip
        """Plan the fine-tuning for a target, on the data in `languages` (English alone: zero-shot) of the task it is trained on,
        or of several in order; `recipe` overrides that of the last, and its data alone has noise in it. UserError as `train`.
        """
        recipes, names = self.setup.recipes, trained_on(task)
        trained: Train | None = None
        for name in names:
            own, changed = (recipe, noise) if name == names[-1] else (None, None)
            laid = lay(recipes.default, recipes.target.get("default"), recipes.target.get(name), own)
            trained = self.train(trained or start, [_named(name, languages)], laid, seed, noise=changed)
        if trained is None:
            raise ValueError(f"{task} is never trained")
        return trained

    def predict(self, model: Train | Pretrained, task: str, languages: Sequence[str] | None = None) -> Predict:
        """Plan predictions for `task` in `languages` (None: the study's or the benchmark's, as far as they are here); UserError
        where test data is missing."""
        present = data.languages(TASKS[task], self.where)
        usual = self.usual(task)
        languages = self._asked(task, present) if languages is None else languages
        missing = [code for code in languages or () if code not in present]
        if missing:
            raise UserError(
                f"{task}: no test data for {', '.join(missing)} in {data.name(self.where)}; "
                f"there is: {' '.join(present) or 'none'}"
            )
        if not any(usual(code) for code in present) and languages is None:
            raise UserError(f"{task}: no test data in any language in {data.name(self.where)}. To get it: {TASKS[task].about}")
        chosen = tuple(code for code in present if (usual(code) if languages is None else code in languages))
        reads = [self.reads(task, "test", code) for code in chosen]
        reads += [self.reads(task, "pool", code) for code in TASKS[task].pools(chosen)]
        sample = self.test_examples.get(task) if isinstance(self.test_examples, Mapping) else self.test_examples
        if TASKS[task].head != "embedding":
            probabilities = self.probabilities and TASKS[task].head in TRAINED
            return self._same(
                Predict(
                    model, task, chosen, tuple(reads), test_examples=sample, probabilities=probabilities,
                    where=self.where, own_tasks=_own_tasks(reads),
                )
            )
        if task == "bucc2018":
            reads += [self.reads(task, "dev", code) for code in chosen]
        retrieval = self.setup.retrieval
        length = retrieval.max_length or shape.retrieval_length(self.shape.longest)
        self._fits(f"{task}: setup.retrieval.max_length", length)
        how = self._retrieval_layer(task), retrieval.pooling, length
        return self._same(Predict(model, task, chosen, tuple(reads), *how, test_examples=sample, where=self.where))

    def _retrieval_layer(self, task: str) -> int:
        """Return the setup's layer, or the default of the encoder's depth; UserError where that is not known."""
        if (layer := self.setup.retrieval.layer) is not None:
            return int(layer)
        if self.shape.layers is None:
            encoder = self.setup.encoder.pretrained
            name = encoder.name if encoder is not None else "of random weights"
            todo = "say setup.retrieval.layer, or fetch it first: stilts encoder fetch"
            raise UserError(f"{task}: how many layers the encoder {name} has is not known here; {todo}")
        return shape.retrieval_layer(self.shape.layers)

    def _asked(self, task: str, present: Sequence[str]) -> list[str] | None:
        """Return the languages that the study names for the task, and English; None where it names none, or no language is here;
        UserError where none of those it names is."""
        by_target = isinstance(self.languages, Mapping)
        given = self.languages.get(task) if isinstance(self.languages, Mapping) else self.languages
        if given is None or not present:
            return None
        chosen = [code for code in given if by_target or code in present]
        chosen += [code for code in ("en",) if code in present and code not in chosen]
        if not chosen:
            raise UserError(
                f"{task}: languages: there is no test data in {', '.join(given)}, only in {' '.join(present)}: take {task} out "
                f"of targets, or name languages by target (languages: {{{task}: [{present[0]}]}})"
            )
        return chosen

    def absent(self, targets: Sequence[str]) -> list[str]:
        """List the languages named for all targets that none of them has test data in."""
        given = () if self.languages is None or isinstance(self.languages, Mapping) else self.languages
        there = {code for task in targets for code in data.languages(TASKS[task], self.where)} if given else set()
        return [code for code in given if code not in there]

    def usual(self, task: str) -> Callable[[str], bool]:
        """Return the test whether the benchmark scores the task in a language; it does in all made-up languages."""
        listed = self.benchmark.languages.get(task, TASKS[task].languages)
        return lambda code: code in listed if code in LANGUAGES else "-" not in code

    def begin(
        self, name: str | Sequence[str], mixtures: Mapping[str, StudyMixture], target: str, seed: int, languages: Sequence[str]
    ) -> Train | Pretrained:
        """Plan what a study's `intermediate` entry stands for: an encoder, a task, a mixture, or a chain of those in order.

        `target` in `languages` is what a mixture that holds the target's training data holds.
        """
        if name in ("none", "untrained"):
            return self.encoder(seed, trained=name == "none")
        start = self.encoder(seed)
        for link in [name] if isinstance(name, str) else name:
            if link in mixtures:
                mixture = _of_target(mixtures[link], _training_name(target, languages))
                start = self.mixture(mixture, start, seed, mixture.recipe)
            else:
                start = self.intermediate(link, start, seed)
        return start

    def evaluate(
        self, name: str | Sequence[str], mixtures: Mapping[str, StudyMixture], task: str, seed: int,
        languages: Sequence[str] = ("en",), recipe: RecipeSpec | None = None, noise: Noise | None = None,
    ) -> Predict:  # fmt: skip
        """Plan an evaluation of a study: train the entry `name` (see `begin`), fine-tune for `task` in `languages` where the
        benchmark trains for it at all (and the entry's last mixture did not), then predict.
        """
        source = self.benchmark.encoders.get(task, task)
        start = self.begin(name, mixtures, source, seed, languages)
        last = name if isinstance(name, str) else name[-1]
        if TASKS[source].source_task and not (last in mixtures and mixtures[last].last):
            start = self.target(source, start, seed, recipe, languages, noise)
        return self.predict(start, task)

    def noisy(self, stage: Predict, noise: Noise) -> Predict:
        """Plan the same prediction, of test inputs with noise in them."""
        return self._same(replace(stage, noise=noise))


def resolve(spec: Intermediate | Multitask | Target | Evaluation) -> Train | Predict:
    """Plan the stage that a spec asks for; UserError for data or an encoder that is not there."""
    spec.declare_tasks()
    if not isinstance(spec, Evaluation):
        return _training(spec, Planner(spec.setup))
    planner = Planner(spec.setup, spec.benchmark, test_examples=spec.test_examples, probabilities=spec.probabilities)
    model = _start(spec.model, spec.seed, planner)
    task = spec.task or (spec.model.task if isinstance(spec.model, Target) else None)
    assert task is not None  # the checks of an evaluation refuse any other model without a task
    return planner.predict(model, task, spec.languages)


def _own_tasks(reads: Iterable[Reads]) -> tuple[Task, ...]:
    """The tasks of one's own among those that are read."""
    return tuple(OWN[name] for name in dict.fromkeys(read.task for read in reads) if name in OWN)


def _training_name(target: str, languages: Sequence[str]) -> str:
    """Return the name of a target's training data, the last it is trained on."""
    return _named(trained_on(target)[-1] if TASKS[target].source_task else target, languages)


def _named(task: str, languages: Sequence[str]) -> str:
    return task if list(languages) == ["en"] else f"{task}@{'+'.join(languages)}"


def _of_target(mixture: StudyMixture, data: str) -> StudyMixture:
    """Put the target's training data in place of the word for it in a mixture; data that it names already counts once."""
    named = dict.fromkeys(data if task == TARGET else task for task in mixture.tasks)
    update: dict[str, object] = {"tasks": list(named)}
    if isinstance(mixture.rates, Mapping):
        update["rates"] = {data if task == TARGET else task: weight for task, weight in mixture.rates.items()}
    return mixture.model_copy(update=update)


def _shape(encoder: EncoderSpec) -> shape.Shape:
    """Find the shape of a setup's encoder, as far as it can be known here; nothing is downloaded."""
    if encoder.random is not None:
        return shape.Shape(encoder.random.max_positions - 2, encoder.random.layers)
    assert encoder.pretrained is not None  # either is set
    try:
        return shape.of_config(published.config(encoder.pretrained.name, encoder.pretrained.revision) or {})
    except (OSError, ValueError):  # neither a folder nor an id of the hub: refused where it is loaded
        return shape.Shape()


def _where(setup: Setup) -> data.Where:
    """Return the place that a setup names for its data."""
    source = setup.data
    if source.miniature is not None:
        return data.Miniature(source.miniature.seed)
    if source.files is not None:
        return data.Folder(Path(source.files.path), source.files.cut)
    folder = source.hub.folder if source.hub is not None else None
    return data.HubCache(Path(folder) if folder else None)


def _start(spec: Intermediate | Multitask | Target | Literal["none"], seed: int, planner: Planner) -> Train | Pretrained:
    """Plan a nested training; "none" is the setup's encoder."""
    return planner.encoder(seed) if isinstance(spec, str) else _training(spec, planner)


def _training(spec: Intermediate | Multitask | Target, planner: Planner) -> Train:
    start = _start(spec.start, spec.seed, planner)
    if isinstance(spec, Multitask):
        return planner.mixture(spec, start, spec.seed, spec.recipe)
    if isinstance(spec, Target):
        return planner.target(spec.task, start, spec.seed, spec.recipe, spec.training_languages)
    return planner.intermediate(spec.task, start, spec.seed, spec.recipe)
