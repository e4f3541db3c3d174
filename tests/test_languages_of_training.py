"""Training data in other languages, text in a mixture, and the languages a benchmark takes."""

import json
from pathlib import Path

import pytest

from stilts_xtreme import spec
from stilts_xtreme.data.miniature import rows
from stilts_xtreme.data.read import Folder, HubCache, Miniature, digest, languages, read
from stilts_xtreme.data.read import training_split as data_split
from stilts_xtreme.pipeline import grid, plan, planner
from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.stages import schedule, train
from stilts_xtreme.tasks import mixture
from stilts_xtreme.tasks.catalogue import TASKS, training
from stilts_xtreme.tasks.task import training_split
from stilts_xtreme.utils.errors import UserError

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
MAIN = EXPERIMENTS / "studies" / "main.yaml"
FIRST = EXPERIMENTS / "first"


def reads(stage: plan.Train) -> set[tuple[str, str, str]]:
    return {(read.task, read.split, read.language) for read in stage.reads}


def test_names_of_training_data() -> None:
    assert training("mnli") == (TASKS["mnli"], ("en",))
    assert training("mnli@en+de") == (TASKS["mnli"], ("en", "de"))
    splits = {name: training_split(TASKS[name], "de") for name in ("mnli", "pawsx", "squad", "tydiqa", "qqp", "panx", "udpos")}
    assert {name for name, split in splits.items() if split == "train"} == {"panx", "udpos"}
    assert all(training_split(task, "en") == "train" for task in TASKS.values())


def test_a_translated_intermediate_reads_its_language_and_english_dev() -> None:
    stage = planner.resolve(spec.load(FIRST / "1-intermediate.yaml", ["task=mnli@xa"]))
    assert isinstance(stage, plan.Train) and stage.tasks == ("mnli@xa",)
    assert reads(stage) == {("mnli", "translated", "xa"), ("mnli", "dev", "en")}
    assert stage.recipe == planner.resolve(spec.load(FIRST / "1-intermediate.yaml", ["task=mnli"])).recipe  # type: ignore[union-attr]


def test_zero_shot_training_reads_english_alone() -> None:
    for cell in grid.study(spec.load(MAIN)):
        for stage in plan.chain(cell.stage)[1:-1]:
            assert {(read.split, read.language) for read in stage.reads} <= {("train", "en"), ("dev", "en")}


def test_a_study_over_training_languages() -> None:
    given = ["intermediate=[none,squad]", "targets=[xnli,panx,tatoeba]", "training_languages=[[en],[en,xa]]", "seeds=[1]"]
    study = spec.load(MAIN, given)
    assert [row.name for row in grid.rows(study)] == ["none", "none (en+xa)", "squad", "squad (en+xa)"]
    by = {(cell.row.name, cell.target): cell.stage for cell in grid.study(study)}
    assert len(by) == 4 * 3
    model = by["none (en+xa)", "xnli"].model
    assert model.tasks == ("mnli@en+xa",)
    assert reads(model) == {("mnli", "train", "en"), ("mnli", "translated", "xa"), ("mnli", "dev", "en")}
    assert ("panx", "train", "xa") in reads(by["none (en+xa)", "panx"].model)
    assert by["none (en+xa)", "tatoeba"] is by["none", "tatoeba"]  # nothing is trained for it
    assert by["none", "xnli"].model.tasks == ("mnli",)
    alone = spec.load(MAIN, ["intermediate=[none]", "targets=[xnli]", "training_languages=[[en,xa]]"])
    assert [row.name for row in grid.rows(alone)] == ["none (en+xa)"]
    with pytest.raises(UserError, match="stands in the list twice"):
        spec.load(MAIN, ["training_languages=[[en,xa],[xa,en]]"])


@pytest.mark.parametrize("name", ["mnli@", "mnli@DE", "mnli@en+", "mnly@de", "mnli de", "mnli@en", "mnli@xa+xa"])
def test_a_name_that_means_nothing_is_refused(name) -> None:
    with pytest.raises(UserError, match="after @ come languages|is not an intermediate task"):
        spec.load(FIRST / "1-intermediate.yaml", [f"task={name}"])


def test_training_data_of_the_tasks_own_comes_before_translations(tmp_path: Path) -> None:
    question = {"id": "1", "question": "Wer?", "answers": [{"text": "Bo", "answer_start": 0}]}
    content = json.dumps({"data": [{"paragraphs": [{"context": "Bo ran.", "qas": [question]}]}]})
    folder = tmp_path / "tydiqa" / "tydiqa-goldp-v1.1-train"
    folder.mkdir(parents=True)
    for code in ("en", "sw"):
        (folder / f"tydiqa.goldp.{code}.train.json").write_text(content)
    (tmp_path / "squad_v1").mkdir()
    (tmp_path / "squad_v1" / "train-v1.1.json").write_text(content)
    where = Folder(tmp_path)
    splits = {code: data_split(TASKS["tydiqa"], code, where) for code in ("en", "sw", "ko", "de")}
    assert splits == {"en": "train", "sw": "train", "ko": "translated", "de": "translated"}  # de is none of its languages
    assert len(read(TASKS["tydiqa"], "train", "sw", where).examples) == 1
    assert data_split(TASKS["squad"], "sw", where) == "translated"  # its one file is English
    assert data_split(TASKS["tydiqa"], "sw", Miniature(0)) == "translated"
    assert data_split(TASKS["panx"], "sw", where) == "train"


def test_a_language_without_translations_is_refused() -> None:
    with pytest.raises(UserError, match="there is no mnli translated in 'de'; it has xa"):
        planner.resolve(spec.load(FIRST / "1-intermediate.yaml", ["task=mnli@de"]))


def test_translated_rows_are_the_english_ones_in_other_words() -> None:
    there, here = rows("mnli", "translated", "xb", 0), rows("mnli", "train", "en", 0)
    assert [row["id"] for row in there] == [row["id"] for row in here]
    assert [row["label"] for row in there] == [row["label"] for row in here]
    assert all(one["premise"] != two["premise"] for one, two in zip(there, here, strict=True))


def test_all_of_a_translation_is_for_training(tmp_path: Path) -> None:
    """`cut` makes a dev half of English training data, not of its translations, whose dev half nobody would read."""
    rows = [{"gold_label": "neutral", "sentence1": f"Satz {i}", "sentence2": f"Wort {i}"} for i in range(60)]
    for name in ("translated/fi/mnli", "mnli"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "multinli_1.0_train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "XNLI-MT-1.0/multinli").mkdir(parents=True)
    (tmp_path / "XNLI-MT-1.0/multinli/multinli.train.de.tsv").write_text("premise\thypo\tlabel\nein Satz\tein Wort\tneutral\n")
    where = Folder(tmp_path, cut=True)
    assert len(read(TASKS["mnli"], "train", "en", where).examples) < 60
    assert len(read(TASKS["mnli"], "translated", "fi", where).examples) == 60  # a layout of its own for each language
    assert len(read(TASKS["mnli"], "translated", "de", where).examples) == 1
    with pytest.raises(UserError, match="mnli: no train data in 'sw'.*translations as published, or your own below translated/"):
        read(TASKS["mnli"], "translated", "sw", where)


@pytest.mark.parametrize(
    ("task", "split", "language"), [("mnli", "translated", "fi"), ("panx", "train", "az"), ("xquad", "test", "ro")]
)
def test_what_the_hub_has_not_is_told_before_anything_is_loaded(task, split, language) -> None:
    with pytest.raises(UserError, match=f"{task}: .* has no '{language}'"):
        digest(TASKS[task], split, language, HubCache())


MIXED = "mixtures={mixed: {tasks: [mnli], text: {share: 0.25, exponent: 0.3}}}"


def test_text_in_a_mixture_takes_its_share_of_the_steps() -> None:
    (cell,) = grid.study(spec.load(MAIN, [MIXED, "intermediate=[mixed]", "targets=[tatoeba]", "seeds=[1]"]))
    stage = cell.stage.model
    assert stage.tasks == ("mnli", "text") and stage.exponent == 0.3
    assert {("text", "train", code) for code in languages(TASKS["text"], stage.where)} <= reads(stage)
    sizes = {"mnli": 3200, "text": 100000}
    rates = schedule.rates(stage, sizes)
    assert rates == {"mnli": 0.75, "text": 0.25}
    order = schedule.order(stage, sizes)
    assert order.count("text") == pytest.approx(len(order) / 4, abs=1)
    passes = stage.recipe.epochs * 3200 / stage.recipe.batch_size
    assert order.count("mnli") == pytest.approx(passes, abs=1)  # text is trained besides the epochs, not in their place
    assert stage.labelled == ("mnli",)


def test_one_task_alone_is_no_mixture() -> None:
    with pytest.raises(UserError, match="one task alone is no mixture"):
        spec.load(MAIN, ["mixtures={mixed: {tasks: [mnli]}}", "intermediate=[mixed]"])


def test_a_benchmark_chooses_the_languages(tmp_path: Path) -> None:
    for code in ("de", "pl", "uk", "en"):
        (tmp_path / "panx").mkdir(exist_ok=True)
        (tmp_path / "panx" / f"test-{code}.tsv").write_text("Ann\tB-PER\n")
    where = f"setup.data={{files: {{path: {tmp_path}}}}}"
    setup = spec.load(EXPERIMENTS / "setups" / "miniature.yaml", [where.removeprefix("setup.")])
    encoder = plan.Pretrained("any")
    taken = {name: planner.Planner(setup, name).predict(encoder, "panx").languages for name in BENCHMARKS}
    assert taken == {"xtreme": ("de", "en"), "xtreme-r": ("de", "en", "pl", "uk")}
    assert planner.Planner(setup).predict(encoder, "panx", ["pl"]).languages == ("pl",)  # by name any that is there


def test_the_miniature_takes_part_in_both_benchmarks_and_pairs_are_asked_for() -> None:
    setup = spec.load(EXPERIMENTS / "setups" / "miniature.yaml")
    for name in BENCHMARKS:
        found = planner.Planner(setup, name).predict(plan.Pretrained("any"), "mlqa").languages
        assert found == ("en", "xa", "xb", "xc", "xd", "xe")
    assert planner.Planner(setup).predict(plan.Pretrained("any"), "mlqa", ["xa-en"]).languages == ("xa-en",)


def test_xtreme_r_trains_the_encoder_of_tatoeba_on_squad() -> None:
    given = ["intermediate=[none]", "targets=[tatoeba,xquad]", "seeds=[1]"]
    zero, trained = (
        {cell.target: cell.stage for cell in grid.study(spec.load(MAIN, [*given, f"benchmark={name}"]))} for name in BENCHMARKS
    )
    assert zero["tatoeba"].model.tasks == ("text",)
    assert trained["tatoeba"].model is trained["xquad"].model and trained["tatoeba"].model.tasks == ("squad",)


def test_in_xtreme_r_tatoeba_is_not_evaluated_without_training() -> None:
    ask = ["task=tatoeba", "model=none"]
    assert planner.resolve(spec.load(FIRST / "4-evaluate.yaml", ask)).task == "tatoeba"  # type: ignore[union-attr]
    with pytest.raises(UserError, match="a model none can be evaluated on bucc2018 only, not on tatoeba"):
        spec.load(FIRST / "4-evaluate.yaml", [*ask, "benchmark=xtreme-r"])
    trained = [ask[0], "model={kind: target, task: xquad}", "benchmark=xtreme-r"]
    assert planner.resolve(spec.load(FIRST / "4-evaluate.yaml", trained)).model.tasks == ("squad",)  # type: ignore[union-attr]


def test_the_exponent_is_for_text_and_goes_by_all_of_it(tmp_path) -> None:
    """Labelled data in two languages keeps its own shares; text counts by its size however few examples are taken."""
    from stilts_xtreme.engine.tokenizer import train as train_tokenizer
    from stilts_xtreme.models.heads import Limits
    from stilts_xtreme.stages.events import SilentProgress
    from stilts_xtreme.stages.feature_cache import FeatureCache
    from stilts_xtreme.store import Store

    (cell,) = grid.study(
        spec.load(MAIN, [MIXED, "intermediate=[mixed]", "targets=[tatoeba]", "setup.recipes.multitask={examples: 50}"])
    )
    stage = cell.stage.model
    english = read(TASKS["text"], "train", "en", stage.where)
    words = train_tokenizer([example.text for example in english.examples[:500]], 300)
    held = {("text", "train", "en"): english}
    desk = FeatureCache(Store(tmp_path), stage.where, words, Limits(64), SilentProgress(), held)
    facts = {code: desk.facts("text", "train", code) for code in ("en", "xe")}
    shares = train._stream("text", stage, desk, facts, ()).shares
    sizes = {code: told["examples"] for code, told in facts.items()}
    assert shares == mixture.powers(sizes, 0.3) and shares["en"] > shares["xe"] * 1.2
    labelled = {code: desk.facts("panx", "train", code) for code in ("en", "xa")}
    assert train._stream("panx", stage, desk, labelled, TASKS["panx"].labels).shares == {"en": 0.5, "xa": 0.5}


def test_a_pair_has_the_context_of_one_language_and_the_question_of_the_other() -> None:
    where = Miniature(0)
    both, context, question = (read(TASKS["mlqa"], "test", code, where).examples for code in ("xa-xb", "xa", "xb"))
    for one, two, three in zip(both, context, question, strict=True):
        assert (one.context, one.answers) == (two.context, two.answers) and one.question == three.question != two.question


def test_half_of_a_bitext_is_for_the_threshold(tmp_path: Path) -> None:
    """Where BUCC has one file only, `cut` halves it: translations stay together, nothing is in both halves, none is lost."""
    folder = tmp_path / "bucc2018"
    folder.mkdir()
    (folder / "zh-en.dev.zh").write_text("".join(f"zh-{i}\tzh sentence {i}\n" for i in range(60)))
    (folder / "zh-en.dev.en").write_text("".join(f"en-{i}\ten sentence {i}\n" for i in range(60)))
    (folder / "zh-en.dev.gold").write_text("".join(f"zh-{i}\ten-{i + 3}\n" for i in range(40)))
    task, where = TASKS["bucc2018"], Folder(tmp_path, cut=True)
    halves = {split: read(task, split, "zh", where).examples for split in ("dev", "test")}
    ids = {split: {example.id for example in examples} for split, examples in halves.items()}
    assert not ids["dev"] & ids["test"] and len(ids["dev"] | ids["test"]) == 120 and min(map(len, ids.values())) > 30
    for split, examples in halves.items():
        assert all(example.match is None or example.match in ids[split] for example in examples)
    assert len({read(task, split, "zh", where).digest for split in ("dev", "test")}) == 2
