"""The Python door: results with types, runs and advice as the commands give them, and an import that loads nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, TINY
from test_end_to_end import stilts as command
from test_report import invented

import stilts_xtreme as stilts
from stilts_xtreme import results
from stilts_xtreme.report.advice import words

RESULTS = sorted((EXPERIMENTS / "results").glob("*.json"))
STUDIES = [path for path in RESULTS if json.loads(path.read_text(encoding="utf-8"))["schema"] != results.LATENCY_STUDY]
NUMBERS = ("estimate", "low", "high", "p", "q", "n_seeds", "n_examples", "by_seed")
MAIN = EXPERIMENTS / "studies" / "main.yaml"
AXES = [*TINY, "intermediate=[none,mnli]", "targets=[xnli,panx]", "test_examples=9", "noise={rates: [0.3]}"]


def loaded(line: str) -> set[str]:
    """The modules, but for Python's own, that this line imports in a fresh interpreter."""
    program = f"import sys; old = set(sys.modules); {line}; print(*sorted(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}


def test_importing_it_loads_nothing() -> None:
    assert loaded("import stilts_xtreme as stilts") == {"stilts_xtreme"}
    found = loaded("from stilts_xtreme import read_results, recommend, run")
    assert "stilts_xtreme.api" in found and not found & {"torch", "transformers", "pandas", "scipy", "typer"}


def test_its_names_are_there_and_no_others() -> None:
    assert {*stilts.__all__} <= {*dir(stilts)} and all(getattr(stilts, name) for name in stilts.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'recomend'"):
        stilts.recomend  # type: ignore[attr-defined]  # noqa: B018


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> stilts.StudyResult:
    return stilts.run(MAIN, AXES, seed=2, store=tmp_path_factory.mktemp("door") / "runs")


def test_a_run_gives_what_the_command_writes(ran, tmp_path) -> None:
    store = ran.path.parents[1]
    path = tmp_path / "study.json"
    command("study", MAIN, *AXES, "seeds=[2]", "--store", store, "--out", path)
    assert results.stable(path.read_text()) == results.stable(ran.path.read_text())
    assert stilts.read_results(path).content == json.loads(path.read_text()) and ran.seeds == [2]
    assert stilts.read_results(ran.path) == ran


def test_a_study_that_was_loaded_runs_too(ran, tmp_path) -> None:
    config = stilts.load(MAIN, AXES)
    again = stilts.run(config, seed=2, store=ran.path.parents[1], out=tmp_path / "deep" / "study.json")
    assert again.evaluations == ran.evaluations and again.effects == ran.effects and again.path.is_file()
    assert config.seeds != [2]


def test_evaluations_carry_their_fields(ran) -> None:
    first = ran.evaluations[0]
    assert (first.row, first.intermediate, first.training_languages, first.training_noise, first.recipe) == (
        "none", (), ("en",), 0.0, "usual",
    )  # fmt: skip
    assert {(run.intermediate, run.target, run.noise) for run in ran.evaluations} == {
        (chain, target, noise) for chain in ((), ("mnli",)) for target in ("xnli", "panx") for noise in (0.0, 0.3)
    }
    assert [row.name for row in ran.rows] == ["none", "mnli"] and ran.targets == ["xnli", "panx"] and ran.name == "main"


def test_gains_are_differences_of_the_scores(ran) -> None:
    scores = {(run.intermediate, run.target, run.noise): run.score for run in ran.evaluations}
    gains = {one.target: one for one in ran.effects if one.question == "gain" and one.language is None}
    for target in ("xnli", "panx"):
        gain, gained = gains[target], scores[("mnli",), target, 0.0] - scores[(), target, 0.0]
        assert gain.estimate == pytest.approx(gained, abs=1e-9) and gain.by_seed == {2: gain.estimate}
        assert (gain.row, gain.reference, gain.n_seeds) == ("mnli", "none", 1) and gain.low <= gain.estimate <= gain.high
        single = [one.estimate for one in ran.effects if (one.question, one.target) == ("gain", target) and one.language]
        assert sum(single) / len(single) == pytest.approx(gained, abs=1e-9)
    assert gains["average"].estimate == pytest.approx((gains["xnli"].estimate + gains["panx"].estimate) / 2, abs=1e-9)
    drops = {(one.row, one.target): one for one in ran.effects if (one.contrast, one.unit) == ("clean - noisy", "points")}
    lost = scores[("mnli",), "xnli", 0.0] - scores[("mnli",), "xnli", 0.3]
    assert drops["mnli", "xnli"].estimate == pytest.approx(lost, abs=1e-9) and drops["mnli", "xnli"].rate == 0.3


def adjusted(told: object) -> int:
    """How many adjusted p-values stand in a part of a result."""
    if isinstance(told, dict):
        return ("q" in told) + sum(map(adjusted, told.values()))
    return sum(map(adjusted, told)) if isinstance(told, list) else 0


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_tested_difference_of_a_result_is_an_effect(path) -> None:
    study = stilts.read_results(path)
    told = {**study.content, "hyperparameters": {}}  # a recipe is no effect
    assert len([one for one in study.effects if one.q is not None]) == adjusted(told) > 0
    what = [{name: value for name, value in vars(one).items() if name not in NUMBERS} for one in study.effects]
    assert len({str(one) for one in what}) == len(study.effects)
    rows = {row.name: row for row in study.rows}
    for one in study.effects:
        if one.row in rows and one.intermediate is not None:
            assert one.intermediate == rows[one.row].intermediate and one.recipe == rows[one.row].recipe


def test_frames_hold_the_same() -> None:
    pytest.importorskip("pandas")
    study = stilts.read_results(EXPERIMENTS / "results" / "main.json")
    frame = study.to_pandas("effects")
    assert len(frame) == len(study.effects) and list(frame.estimate) == [one.estimate for one in study.effects]
    scores = study.to_pandas()
    whole = scores[(scores.language == "all") & (scores.metric == "score")]
    assert list(whole.score) == pytest.approx(
        [run.score for run in sorted(study.evaluations, key=lambda run: _place(study, run))]
    )
    with pytest.raises(stilts.UserError, match="there is no table 'gains'; there are scores and effects"):
        study.to_pandas("gains")


def _place(study: stilts.StudyResult, run: stilts.Evaluation) -> tuple[int, int, int]:
    rows = [row.name for row in study.rows]
    return rows.index(run.row), study.targets.index(run.target), study.seeds.index(run.seed)


def test_advice_is_the_commands_own() -> None:
    paths = [EXPERIMENTS / "results" / f"{name}.json" for name in ("main", "order")]
    told = json.loads(command("recommend", *paths, "--target", "xnli", "--json").stdout)
    mixed = [stilts.read_results(paths[0]), str(paths[1])]
    assert json.loads(json.dumps(words.content(stilts.recommend(mixed, "xnli")))) == told
    assert stilts.recommend(paths[0], "xnli").target == "xnli"


def test_pages_are_written(tmp_path) -> None:
    results.write(tmp_path / "study.json", invented((1,), ["none", "mnli"], ("xnli",)))
    written = stilts.write_report(tmp_path / "study.json", tmp_path / "pages")
    assert written[0] == tmp_path / "pages" / "report.md" and all(path.is_file() for path in written)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stilts.read_results("no.json"), "no.json: cannot be read"),
        (lambda: stilts.load("no.yaml"), "no.yaml"),
        (lambda: stilts.load(MAIN, ["targets=[xnly]"]), "targets"),
        (lambda: stilts.load(MAIN, setup="huge"), "--setup huge"),
        (lambda: stilts.run(MAIN, seed="two"), "seed: must be a whole number from 0 to 4294967295, found 'two'"),
        (lambda: stilts.run(MAIN, seed=True), "seed: must be a whole number"),
        (lambda: stilts.run(stilts.load(MAIN), ["targets=[xnli]"]), "overrides and setup go with a file"),
        (lambda: stilts.run(MAIN, device="abacus"), "--device abacus"),
        (lambda: stilts.recommend(EXPERIMENTS / "results" / "main.json", "xnly"), "there is no such task; did you mean xnli?"),
        (lambda: stilts.load(EXPERIMENTS / "first" / "1-intermediate.yaml"), "train-intermediate"),
    ],
)
def test_faulty_input_is_told_in_a_line(call, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(stilts.UserError) as fault:
        call()
    assert message in str(fault.value) and not list(Path(tmp_path).iterdir())
