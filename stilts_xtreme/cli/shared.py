"""Shared by commands: where data and store are, run the stage of a spec, print plans and results."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from stilts_xtreme.pipeline import loading
from stilts_xtreme.stages import execution
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:  # imported for real where a command needs them
    from stilts_xtreme.data.read import Where
    from stilts_xtreme.pipeline.plan import Predict, Stage
    from stilts_xtreme.spec import Evaluation, Intermediate, Multitask, Target
    from stilts_xtreme.spec.base import Option
    from stilts_xtreme.stages.events import Options
    from stilts_xtreme.store import Store

T = TypeVar("T")


def with_languages(languages: str | None, overrides: Sequence[T]) -> list[T | str]:
    """Return the overrides, after them that of the languages a study evaluates ("de,sw"); UserError if none is named."""
    if languages is None:
        return [*overrides]
    if not (codes := [code.strip() for code in languages.split(",") if code.strip()]):
        raise UserError("--languages: give codes with commas between them, such as de,sw")
    return [*overrides, f"languages=[{','.join(codes)}]"]


def where(setup: Path | None, folder: Path | None, cut: bool = False) -> "Where | None":
    """Return where data is read from: as a setup says, or a folder (`cut`: of parts); None if neither is given.

    UserError if both are given, or the folder is missing.
    """
    if cut and folder is None:
        raise UserError("--cut: goes with --data FOLDER; a setup says it itself: files: {path: FOLDER, cut: true}")
    if setup is None and folder is None:
        return None
    if setup is not None and folder is not None:
        raise UserError("--setup and --data: give one of them")
    from stilts_xtreme.data.read import Folder
    from stilts_xtreme.pipeline import planner

    if folder is None:
        assert setup is not None
        return planner.Planner(loading.load_setup(setup, None)).where
    place = Folder(folder, cut)
    if not folder.is_dir():
        raise UserError(f"--data {folder}: there is no such folder")
    return place


def stage(
    kind: str, path: Path, overrides: "Sequence[str | Option] | None", root: Path, options: "Options", dry_run: bool,
    as_json: bool, submission: Path | None = None,
) -> None:  # fmt: skip
    """Run the stage that a spec asks for, and what it needs; print where its result is.

    UserError as `load`, and as `preflight.check`; RunFailed if a stage failed.
    """
    loaded = cast("Intermediate | Multitask | Target | Evaluation", loading.load(path, overrides, {kind}))
    from stilts_xtreme.pipeline import plan, planner
    from stilts_xtreme.stages import preflight

    store, stage = execution.store_at(root), planner.resolve(loaded)
    if submission:
        from stilts_xtreme.stages import submission as submissions

        submissions.whole([stage])
    if dry_run:
        tree(plan.chain(stage), store, {plan.address(stage)})
        return preflight.dry(plan.chain(stage), store)
    execution.run(plan.chain(stage), store, options, 1)
    result = store.result(stage)
    from stilts_xtreme.cli import listing

    listing.summary(result)
    if submission:
        submit([(cast(plan.Predict, stage), submission)], store, submission)
    show(store.path(stage) / "result.json", result, as_json)


def folder_name(row: str) -> str:
    """Return a study's row as the name of a folder: squad>mnli as squad-then-mnli, none (en+de) as none-en+de."""
    return row.replace(">", "-then-").replace(" (", "-").rstrip(")")


def submit(parts: "list[tuple[Predict, Path]]", store: "Store", root: Path) -> None:
    """Write each finished evaluation into its folder below `root`."""
    from stilts_xtreme.stages import submission

    paths = [path for stage, folder in parts for path in submission.write(stage, store, folder)]
    print(f"submission: {root} ({len(paths)} files)", file=sys.stderr)


def tree(stages: "list[Stage]", store: "Store", wanted: set[str]) -> None:
    """Print the plan: every stage below the stage it starts from."""
    from stilts_xtreme.pipeline import plan

    uses: dict[str, int] = {}
    for stage in stages:
        if earlier := plan.before(stage):
            uses[plan.address(earlier)] = uses.get(plan.address(earlier), 0) + 1
    counts = {"done": 0, "to do": 0}
    for depth, stage in plan.walk(stages):
        state = "done" if store.done(stage) else "to do"
        counts[state] += 1
        shared = f", shared by {uses[plan.address(stage)]}" if uses.get(plan.address(stage), 0) > 1 else ""
        print(f"{'   ' * depth}{plan.kind(stage)} {stage.label} {plan.address(stage)}  [{state}{shared}]")
    print(f"{counts['done']} done, {counts['to do']} to do, {len(wanted)} asked for")


def show(path: Path, content: Mapping[str, object], as_json: bool) -> None:
    """Print a result as JSON, or where it is."""
    print(json.dumps(content, indent=1, ensure_ascii=False) if as_json else path)
