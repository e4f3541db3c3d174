"""Every study can be planned at the setup small on a folder of real data: what it needs is there, or is said to be absent."""

from pathlib import Path

import pytest
from kinds import save

from stilts_xtreme import spec
from stilts_xtreme.cli import options
from stilts_xtreme.pipeline import grid, loading, plan
from stilts_xtreme.utils.errors import UserError

ROOT = Path(__file__).parent.parent
STUDIES = sorted((ROOT / "experiments" / "studies").glob("*.yaml"))
WITHOUT_DATA = ("translated",)  # its training data are translations that a person brings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return save("mmbert", tmp_path_factory.mktemp("encoders") / "tiny")  # reads 256 tokens, as long as a recipe of small asks


def planned(study: Path, encoder: Path, data: Path) -> list[plan.Stage]:
    """The stages of a study at small with this encoder, in the order in which they run."""
    over = options.over(setup="small", encoder=str(encoder), data=str(data))
    loaded = loading.load(study, over.laid(study, []), {"study", "latency"})
    if isinstance(loaded, spec.latency.Latency):
        return plan.ordered([timed.stage for timed in grid.latency(loaded, "cpu")])
    return plan.ordered([cell.stage for cell in grid.study(loaded)])


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_every_study_is_planned_at_small_on_real_data(study: Path, encoder: Path, real_data: Path) -> None:
    if study.stem in WITHOUT_DATA:
        with pytest.raises(UserError, match="no train data in 'de' .* looked for .*translated/de/"):
            planned(study, encoder, real_data)
        return
    stages = planned(study, encoder, real_data)
    trainings = [stage for stage in stages if isinstance(stage, plan.Train)]
    assert trainings and len(trainings) < len({plan.address(stage) for stage in stages})
    read = {(reads.task, reads.split, reads.language) for stage in trainings for reads in stage.reads}
    own = {("tydiqa", "train", "ko"), ("tydiqa", "train", "sw")}
    others = {key for key in read if key[0] != "text" and key[2] != "en"}
    assert others == (own if study.stem == "noise" else set())  # all else is zero-shot
