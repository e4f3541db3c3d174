"""How fast a machine is at the parts of a stage, and where that is known from: calibrations, here or committed."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from stilts_xtreme import disk, files, host, plan
from stilts_xtreme.errors import UserError
from stilts_xtreme.flops import Shape
from stilts_xtreme.forecast.work import Work

COMMITTED = Path(__file__).with_name("committed.json")
LARGEST = 1 << 24  # bytes of a file of calibrations
NAME = "STILTS_CALIBRATION"


@dataclass(frozen=True)
class Speed:
    """Seconds of one process. Training: `step` a step, `row` a row, `train` FLOP/s, the whole times `factors[head]`.

    Scoring: `score[head]` a feature, `predict` FLOP/s. A stage: `training` or `prediction`, and `reading` for each reading that
    it takes from the cache. `process`: until a new one begins its first stage. `encode`: a token read and encoded for the first
    time; `learn`: a line that a tokenizer is trained on; `save` and `load`: a byte of weights; `mine`: a multiplication of two
    sentences' vectors.
    """

    step: float
    row: float
    train: float
    factors: Mapping[str, float]
    score: Mapping[str, float]
    predict: float
    training: float
    prediction: float
    reading: float
    process: float
    encode: float
    learn: float
    save: float
    load: float
    mine: float

    def seconds(self, work: Work, layers: float = 1.0) -> float:
        """What the work takes, less what it encodes. `layers`: the encoder's layers for each of the one that was measured."""
        total = 0.0
        for part in work.parts:
            if part.doing == "train":
                one = self.step * layers * part.calls + self.row * layers * part.rows + part.flops / self.train
                total += one * self.factors.get(part.head, 1.0)
            else:
                total += self.score.get(part.head, max(self.score.values())) * part.features + part.flops / self.predict
        total += (self.training if work.weights else self.prediction) + self.reading * len(work.readings)
        return total + self.learn * work.lines + self.save * work.weights + self.load * work.loads + self.mine * work.pairs

    def encoding(self, tokens: float) -> float:
        """What reading and encoding so many tokens takes."""
        return self.encode * tokens


@dataclass(frozen=True)
class Machine:
    """What a calibration is of: a device by its name, its processors, the threads of a process."""

    device: str  # cpu or cuda
    name: str
    processors: int
    threads: int

    @property
    def told(self) -> str:
        """In words."""
        return f"{self.name}, {self.processors} cores" if self.device == "cpu" else self.name


@dataclass(frozen=True)
class Asked:
    """What is calibrated: an encoder's shape, of which `layers` are measured; how it is trained; on what.

    `seconds` for each of the measurements.
    """

    shape: Shape
    layers: int
    recipe: plan.Recipe
    machine: Machine
    seconds: float


@dataclass(frozen=True)
class Calibration:
    """`speeds` by how many processes ran side by side, of an encoder of this shape in this precision.

    `measured`: the layers that were (large encoders are measured with fewer of them); `date`, `torch`: when, and with what.
    """

    machine: Machine
    shape: Shape
    precision: str
    measured: int
    date: str
    torch: str
    speeds: Mapping[int, Speed]
    where: str = field(default="", compare=False)  # which file it is from

    @property
    def layers(self) -> float:
        return self.shape.layers / self.measured

    def speed(self, jobs: int) -> Speed:
        """With as many processes side by side, or the nearest number that was measured."""
        return self.speeds[min(self.speeds, key=lambda count: (abs(count - jobs), count))]


def path() -> Path:
    """Where calibrations of this user's machines are kept: they are of a machine, not of a store or a project."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get(NAME) or f"{cache}/stilts/calibration.json").expanduser()


def kept() -> list[Calibration]:
    """The user's calibrations; UserError where their file holds something else."""
    return _read(path()) if path().exists() else []


def committed() -> list[Calibration]:
    """Those that come with this package."""
    return _read(COMMITTED) if COMMITTED.exists() else []


def keep(made: Calibration, file: Path | None = None) -> None:
    """Add a calibration to a file (None: the user's), in place of one of the same machine, shape and precision."""
    file = file or path()
    others = [one for one in (_read(file) if file.exists() else []) if _of(one) != _of(made)]
    file.parent.mkdir(parents=True, exist_ok=True)
    told = [_plain(one) for one in (*others, made)]
    disk.put(file, json.dumps({"schema": "stilts/calibrations@1", "calibrations": told}, indent=1, sort_keys=True) + "\n")


def nearest(found: Iterable[Calibration], machine: Machine, shape: Shape, precision: str) -> Calibration | None:
    """The calibration of this machine and precision whose encoder is nearest in size; None where there is none."""
    fit = [one for one in found if one.machine == machine and one.precision == precision]
    return min(fit, key=lambda one: _ratio(one.shape, shape), default=None)


def closest(found: Sequence[Calibration], machine: Machine, shape: Shape, precision: str) -> Calibration | None:
    """Of any machine with this kind of device; those of the same precision, and then of the nearest size, first."""
    fit = [one for one in found if one.machine.device == machine.device]
    return min(fit, key=lambda one: (one.precision != precision, _ratio(one.shape, shape)), default=None)


def here(device: str, threads: int) -> Machine:
    """This machine; a GPU is asked for its name."""
    if device == "cuda":
        import torch

        return Machine("cuda", torch.cuda.get_device_name(), torch.cuda.device_count(), threads)
    return Machine("cpu", host.processor(), os.cpu_count() or 1, threads)


def torch_version() -> str:
    return metadata.version("torch").partition("+")[0]


def _of(one: Calibration) -> tuple[Any, ...]:
    return one.machine, one.shape, one.precision


def _ratio(one: Shape, other: Shape) -> float:
    first, second = sorted((one.hidden, other.hidden))
    return second / first


def _plain(one: Calibration) -> dict[str, Any]:
    told = asdict(one)
    del told["where"]
    return {**told, "speeds": {str(count): speed for count, speed in told["speeds"].items()}}


def _read(file: Path) -> list[Calibration]:
    mend = "remove the file and run `stilts calibrate` again"
    try:
        told = json.loads(files.content(file, LARGEST))
        return [_made(one, str(file)) for one in told["calibrations"]]
    except OSError as fault:
        raise UserError(f"{file}: cannot be read: {fault.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as fault:
        raise UserError(f"{file}: holds no calibrations ({type(fault).__name__}); {mend}") from None


def _made(told: Mapping[str, Any], where: str) -> Calibration:
    speeds = {int(count): Speed(**speed) for count, speed in told["speeds"].items()}
    for speed in speeds.values():
        numbers = [value for value in vars(speed).values() if not isinstance(value, Mapping)]
        numbers += [*speed.factors.values(), *speed.score.values()]
        if not all(isinstance(number, int | float) and 0 <= number < 1e30 for number in numbers) or not speed.score:
            raise ValueError("not finite")
        if not (speed.train and speed.predict):
            raise ValueError("no speed")
    if not speeds:
        raise ValueError("no speeds")
    machine, shape = Machine(**told["machine"]), Shape(**told["shape"])
    return Calibration(
        machine, shape, str(told["precision"]), int(told["measured"]), str(told["date"]), str(told["torch"]), speeds, where
    )
