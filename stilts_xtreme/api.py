"""The Python API: what the commands do, as functions with typed results. `import stilts_xtreme as stilts` has its names.

study = stilts.run("main", setup="miniature", seed=2)
study.to_pandas("effects")
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme import results
from stilts_xtreme.results.effects import Effect, effects
from stilts_xtreme.results.rows import Row
from stilts_xtreme.results.rows import read as read_rows
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import RunFailed, UserError

if TYPE_CHECKING:
    from pandas import DataFrame

    from stilts_xtreme.pipeline.grid import Cell
    from stilts_xtreme.report.advice.recommend import Recommendation
    from stilts_xtreme.spec.study import Study
    from stilts_xtreme.store import Store

__all__ = [
    "Effect", "Evaluation", "Row", "RunFailed", "StudyResult", "UserError",
    "load", "read_results", "recommend", "run", "write_report",
]  # fmt: skip
TABLES = ("scores", "effects")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Evaluation:
    """The scores (0 to 100) on a target of a model: a row of a study with a seed.

    `intermediate`: the tasks and mixtures trained in turn before the target; empty without intermediate training. The next three
    fields say how the target is fine-tuned. `score`: the mean of the target's headline metrics over languages.
    """

    row: str  # the label of these four
    intermediate: tuple[str, ...]
    training_languages: tuple[str, ...]
    training_noise: float  # share of words changed in the data of fine-tuning
    recipe: str
    target: str
    seed: int
    noise: float  # share of words changed in the test inputs
    score: float
    metrics: Mapping[str, float]
    languages: Mapping[str, Mapping[str, float]]  # metrics by language code; `n`: its test examples
    collapsed: bool  # built on a training that collapsed
    address: str | None


@dataclass(frozen=True)
class StudyResult:
    """A study's result. `content`: all that its JSON file holds, as `stilts/study@2`; `path`: the file."""

    content: Record = field(repr=False)
    path: Path

    @property
    def name(self) -> str:
        return str(self.content["name"])

    @property
    def targets(self) -> list[str]:
        return list(self.content["targets"])

    @property
    def seeds(self) -> list[int]:
        return list(self.content["seeds"])

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of its tables, in order: how their models are trained."""
        return list(read_rows(self.content["rows"]).values())

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations on clean inputs, then those on inputs with typing errors."""
        return list(_evaluations(self.content))

    @cached_property
    def effects(self) -> list[Effect]:
        """Every difference that was tested: gains over the baseline first, then the study's own questions."""
        return effects(self.content)

    def to_pandas(self, table: str = "scores") -> "DataFrame":
        """Return a data frame: `scores`, a line per evaluation, language and metric, or `effects`, a line for each of `effects`.

        UserError for another table, and where pandas is missing.
        """
        if table not in TABLES:
            raise UserError(f"to_pandas: there is no table {str(table)[:60]!r}; there are {' and '.join(TABLES)}")
        try:
            import pandas
        except ImportError:
            raise UserError("to_pandas: needs pandas: pip install pandas") from None
        if table == "effects":
            return pandas.DataFrame([asdict(effect) for effect in self.effects], columns=list(Effect.__dataclass_fields__))
        from stilts_xtreme.report import exports, summary

        return pandas.DataFrame(list(exports.records(summary.summarise(self.content))), columns=list(exports.COLUMNS))


def read_results(path: str | Path) -> StudyResult:
    """Read the result of a study from a file; results of older versions are upgraded. UserError if it is no such result."""
    return StudyResult(results.read(Path(path), results.STUDY), Path(path))


def load(spec: str | Path, overrides: Sequence[str] = (), *, setup: str | None = None, seed: int | None = None) -> "Study":
    """Load the study in a file, or of that name that comes with stilts, with `key=value` overrides applied.

    UserError with a line for everything that is wrong with it, and where.
    """
    from stilts_xtreme.pipeline import loading

    path = Path(spec)
    return loading.load_study(path, loading.with_setup(path, setup, [*overrides, *_seeds(seed)]))


def run(
    study: "str | Path | Study",
    overrides: Sequence[str] = (),
    *,
    setup: str | None = None,
    seed: int | None = None,
    store: str | Path = "runs",
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    jobs: int = 1,
    memory: float | None = None,
) -> StudyResult:
    """Run a study, named as for `load` or already loaded; stages that are in the store are not done again.

    `seed`: in place of the study's seeds. `out`: the file of the result, else STORE/study/NAME.json. More than one of
    `jobs` at a time starts processes: the calling script then needs `if __name__ == "__main__":`. UserError as `load`, and for
    what does not fit the study; RunFailed where stages failed.
    """
    from stilts_xtreme.pipeline import grid, plan
    from stilts_xtreme.stages import execution
    from stilts_xtreme.utils import atomic_io, command_line

    if isinstance(study, str | Path):
        loaded = load(study, overrides, setup=setup, seed=seed)
        words = [*(["--setup", setup] if setup else []), *overrides, *_seeds(seed)]
        command = command_line.recorded("study", Path(study), words)
    elif overrides or setup:
        raise UserError("run: overrides and setup go with a file; give them to load")
    else:
        loaded, command = (study if seed is None else study.model_copy(update={"seeds": [_seed(seed)]})), ""
    runs, cells = execution.store_at(Path(store)), grid.study(loaded)
    how = replace(execution.options(device, threads), group=loaded.name, drop=loaded.weights == "drop")
    with atomic_io.writing(Path.cwd()):
        execution.run(plan.ordered([cell.stage for cell in cells]), runs, how, jobs, memory)
        return finish(loaded, cells, runs, command, None if out is None else Path(out))


def finish(config: "Study", cells: "Sequence[Cell]", store: "Store", command: str, out: Path | None) -> StudyResult:
    """Gather the result of a study whose stages are done, and write it to `out`, else STORE/study/NAME.json."""
    from stilts_xtreme.analysis.study import gather

    path = out or store.root / "study" / f"{config.name}.json"
    content = gather(config, cells, store, command)
    path.parent.mkdir(parents=True, exist_ok=True)
    results.write(path, content)
    return StudyResult(content, path)


def recommend(
    studies: "StudyResult | str | Path | Sequence[StudyResult | str | Path]", target: str, languages: Sequence[str] = ()
) -> "Recommendation":
    """Recommend the intermediate task for a target, or none, from results of studies or their files.

    A target that you described is named by the file of its description.

    UserError if they hold nothing that would answer for the target and languages.
    """
    from stilts_xtreme.report.advice import recommend as advice

    if target.endswith((".yaml", ".yml")):
        from stilts_xtreme import spec

        target = spec.described(Path(target))
    given = [studies] if isinstance(studies, StudyResult | str | Path) else studies
    read = [study if isinstance(study, StudyResult) else read_results(study) for study in given]
    return advice.recommend([study.content for study in read], target, languages)


def write_report(study: StudyResult | str | Path, folder: str | Path) -> list[Path]:
    """Write a study's pages, plots and tables into a folder; returns their paths.

    UserError where the study contradicts itself.
    """
    from stilts_xtreme import report

    result = study if isinstance(study, StudyResult) else read_results(study)
    return report.write(result.content, Path(folder))


def _evaluations(content: Record) -> Iterator[Evaluation]:
    clean = [(run, 0.0) for run in content["evaluations"]]
    noisy = [(run, float(run["rate"])) for run in (content.get("noise") or {}).get("evaluations", ())]
    for record, noise in clean + noisy:
        yield Evaluation(
            record["row"], tuple(record["intermediate"]), tuple(record["training_languages"]), float(record["training_noise"]),
            record["recipe"], record["target"], record["seed"], noise, record["score"], record.get("metrics") or {},
            record["languages"], bool(record.get("collapsed")), record.get("address"),
        )  # fmt: skip


def _seeds(seed: int | None) -> list[str]:
    return [] if seed is None else [f"seeds=[{_seed(seed)}]"]


def _seed(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise UserError(f"seed: must be a whole number from 0 to {LARGEST_SEED}, found {str(seed)[:60]!r}")
    return seed
