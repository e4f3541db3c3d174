"""Forecast what a study takes, and measure how fast this machine is."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stilts_xtreme.cli import options as given
from stilts_xtreme.cli import shared
from stilts_xtreme.cli.arguments import Device, Threads
from stilts_xtreme.pipeline import loading
from stilts_xtreme.stages import execution
from stilts_xtreme.utils import sanitize, shipped
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:  # imported for real where a command needs them
    from stilts_xtreme.spec import Study
    from stilts_xtreme.stages.events import Options
    from stilts_xtreme.store import Store


def dry_run(
    loaded: "Study", store: "Store", options: "Options", jobs: int | None, tree: bool, as_json: bool
) -> None:  # fmt: skip
    """Print what a study would take, and with `tree` every stage, unless as JSON; nothing is written, downloaded or run.

    If data is missing on the hub's cache, the study is planned as if the full releases were here, none of it done. UserError if
    other data is missing, and as `preflight.dry`.
    """
    from stilts_xtreme.data.read import HubCache, Release
    from stilts_xtreme.forecast import study, table
    from stilts_xtreme.pipeline import grid, plan
    from stilts_xtreme.pipeline.planner import Planner
    from stilts_xtreme.stages import preflight, run

    there: Store | None = store
    try:
        cells = grid.study(loaded)
    except UserError as fault:
        if not isinstance(Planner(loaded.setup).where, HubCache):
            raise
        note = "planned as if the full releases were here; this has to be mended before it can run:"
        print(sanitize.message(f"{note}\n{fault}\n"), file=sys.stderr)
        cells, there = grid.study(loaded, Release()), None
    wanted = [plan.address(cell.stage) for cell in cells]
    stages = plan.ordered([cell.stage for cell in cells])
    device = "cuda" if options.device != "cpu" and execution.gpu() else "cpu"
    threads = max(run.threads(stage, options) for stage in stages)
    drops, side_by_side = loaded.weights == "drop", execution.side_by_side(stages, options, jobs)
    how = study.RunOptions(device, side_by_side, threads, options.checkpoint_every, drops)
    forecast = study.forecast(stages, wanted, there, how)
    if as_json:
        print(sanitize.as_json(table.to_json(forecast)))
    else:
        table.show(forecast, drops)
        print()
        if tree:
            shared.tree(stages, store, set(wanted))
        else:
            print("every stage as a tree: --plan")
    preflight.dry(stages, there, forecast.disk[f"peak_{'drop' if drops else 'keep'}"])


@given.taking(over=given.over)
def calibrate(
    *, over: given.Over, device: Device = "auto", threads: Threads = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes side by side, after a single one.", show_default=False)
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.0, help="For each measurement; there are some fifteen.")] = 1.0,
) -> None:  # fmt: skip
    """Measure how fast this machine trains and predicts, for the forecasts of `stilts study SPEC --dry-run`.

    With the encoder of a setup or of --encoder; without either, a miniature encoder on a CPU, XLM-R Large on a GPU. It takes a
    minute or two, and nothing else should run meanwhile. The figures are kept for this user, by device (the file is
    printed; STILTS_CALIBRATION names another).
    """
    from stilts_xtreme.engine import flops
    from stilts_xtreme.forecast import calibrate as calibration
    from stilts_xtreme.forecast import throughput
    from stilts_xtreme.pipeline import plan
    from stilts_xtreme.pipeline.planner import Planner
    from stilts_xtreme.pipeline.recipes import lay
    from stilts_xtreme.stages import run
    from stilts_xtreme.utils import system

    how = execution.options(device, threads)
    cuda, file = device != "cpu" and execution.gpu(), Path(over.setup or shipped.DEFAULT_SETUP)
    if over.setup is None and over.encoder is None:
        large, small = plan.Pretrained("FacebookAI/xlm-roberta-large"), plan.Random(96, 3, 3, 384, 130, 2600)
        origin: plan.Pretrained | plan.Random = large if cuda else small
        recipe = plan.Recipe(dropout=0.1 if cuda else 0.0, max_length=128, precision="bf16" if cuda else "fp32")
    else:
        setup = loading.load_setup(file, over.options())
        first = Planner(setup).encoder(1)
        origin, recipe = plan.root(first) if isinstance(first, plan.Train) else first, lay(setup.recipes.default)
    shape = flops.shape(origin)
    if shape is None:
        assert isinstance(origin, plan.Pretrained)  # a random encoder's shape is known
        raise UserError(f"{file}: encoder: the shape of {origin.name} is not known here; give a local folder of it")
    if isinstance(origin, plan.Random):
        own = run.threads(plan.Train(origin, ("text",), recipe, 1, ()), how)
    else:
        own = run.threads(plan.Predict(origin, "tatoeba", (), ()), how)
    machine = throughput.this_machine("cuda" if cuda else "cpu", own)
    asked = calibration.make_request(shape, recipe, machine, seconds)
    most = jobs or (1 if cuda else max(1, system.cores() // own))
    calibrated = calibration.calibrate(asked, sorted({1, most}), lambda text: print(text, file=sys.stderr))
    throughput.save(calibrated)
    print(sanitize.content(f"{machine.description}, {own} threads; an encoder of width {shape.hidden} in {recipe.precision}"))
    for count, speed in calibrated.speeds.items():
        train, predict = speed.train / 1e9, speed.predict / 1e9
        print(f"{count} side by side: training {train:.1f} GFLOP/s, prediction {predict:.1f} GFLOP/s each")
    print(throughput.user_file())
