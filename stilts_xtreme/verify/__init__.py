"""Check that files are what was written, that scores follow from predictions, and that transfer is zero-shot."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.store import Store
from stilts_xtreme.verify import file_check
from stilts_xtreme.verify.report import CheckReport, ProgressCallback, merge

if TYPE_CHECKING:
    from stilts_xtreme.spec.study import Study


def store(store_: Store, callback: ProgressCallback) -> CheckReport:
    """Check all files of a store."""
    return file_check.check_store(store_, callback)


def study(spec: "Study", cells: Sequence[grid.Cell], store_: Store, path: Path, callback: ProgressCallback) -> CheckReport:
    """Check a study: its files, then of intact stages the recorded data and scores, the result at `path`, and zero-shot."""
    from stilts_xtreme.verify import data_check, result_check, score_check, zero_shot

    stages = plan.ordered([cell.stage for cell in cells])
    plan.declare(stages)
    files, intact = file_check.check_stages(stages, store_, callback)
    reports = [files, data_check.check_data(intact, store_, callback)]
    evaluations = [stage for stage in intact if isinstance(stage, plan.Predict)]
    reports.append(score_check.check_scores(evaluations, store_, callback))
    if len(intact) < len(stages) or any(report.errors for report in reports[1:]):
        reports.append(CheckReport((f"{path}: not looked at, since it is made from what is not sound; mend that first",)))
    else:
        reports.append(result_check.check_result(spec, cells, store_, path))
    reports.append(zero_shot.check(cells, callback))
    return merge(reports)
