"""How fast a machine is at the parts of a stage, from calibrations: the user's own, or those that come with the package."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from stilts_xtreme.engine.flops import Shape
from stilts_xtreme.forecast.workload import Workload
from stilts_xtreme.pipeline import plan
from stilts_xtreme.utils import atomic_io, bounded_io, system
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

PACKAGED = Path(__file__).with_name("committed.json")
MAX_BYTES = 1 << 24  # of a file of calibrations
VARIABLE = "STILTS_CALIBRATION"  # environment variable with the path of the user's file


@dataclass(frozen=True)
class Throughput:
    """Seconds and rates of a process.

    Training: `step` seconds a step, `row` seconds a row, `train` FLOP/s, the sum times `factors[head]`.
    Scoring: `score[head]` seconds a feature, `predict` FLOP/s.
    Overhead: `training` or `prediction` seconds a stage, and `reading` seconds for each split it takes from the cache; `process`
    seconds until a new process begins its first stage.
    Others: `encode` seconds a token read and encoded for the first time; `learn` seconds a line that a tokenizer is trained on;
    `save` and `load` seconds a byte of weights; `mine` seconds for each multiplication of two sentence vectors' numbers.
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

    def seconds(self, work: Workload, layers: float = 1.0) -> float:
        """Return the time of a stage without encoding; `layers`: the encoder's layers divided by those measured."""
        total = 0.0
        for part in work.parts:
            if part.doing == "train":
                seconds = self.step * layers * part.calls + self.row * layers * part.rows + part.flops / self.train
                total += seconds * self.factors.get(part.head, 1.0)
            else:
                total += self.score.get(part.head, max(self.score.values())) * part.features + part.flops / self.predict
        total += (self.training if work.weights else self.prediction) + self.reading * len(work.splits)
        return total + self.learn * work.lines + self.save * work.weights + self.load * work.loads + self.mine * work.pairs

    def encoding(self, tokens: float) -> float:
        """Return the seconds to read and encode so many tokens."""
        return self.encode * tokens


@dataclass(frozen=True)
class Machine:
    """The hardware a calibration is valid for: a device by name, its processors, threads per process."""

    device: str  # cpu or cuda
    name: str
    processors: int
    threads: int

    @property
    def description(self) -> str:
        return f"{self.name}, {self.processors} cores" if self.device == "cpu" else self.name


@dataclass(frozen=True)
class CalibrationRequest:
    """What to calibrate: an encoder's shape, of which `layers` are measured, its recipe and the machine.

    `seconds`: duration of each measurement.
    """

    shape: Shape
    layers: int
    recipe: plan.Recipe
    machine: Machine
    seconds: float


@dataclass(frozen=True)
class Calibration:
    """`speeds`: number of processes side by side -> throughput, for an encoder of this shape in this precision.

    `measured`: layers that were measured (fewer than the encoder's for large ones); `date` and `torch`: day and version;
    `source`: the file it was read from.
    """

    machine: Machine
    shape: Shape
    precision: str
    measured: int
    date: str
    torch: str
    speeds: Mapping[int, Throughput]
    source: str = field(default="", compare=False)

    def throughput(self, jobs: int) -> Throughput:
        """Return the throughput with `jobs` processes side by side, or the nearest number that was measured."""
        return self.speeds[min(self.speeds, key=lambda count: (abs(count - jobs), count))]


def user_file() -> Path:
    """Return the path of the user's calibrations, which belong to a machine and not to a store or a project."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get(VARIABLE) or f"{cache}/stilts/calibration.json").expanduser()


def user_calibrations() -> list[Calibration]:
    """Read the user's calibrations; UserError if their file is not valid."""
    return _read(user_file()) if user_file().exists() else []


def packaged_calibrations() -> list[Calibration]:
    """Read the calibrations that come with this package."""
    return _read(PACKAGED) if PACKAGED.exists() else []


def save(calibration: Calibration, file: Path | None = None) -> None:
    """Add a calibration to a file (None: the user's) and replace that of the same machine, shape and precision.

    Raises UserError if the file is not valid.
    """
    file = file or user_file()
    others = [other for other in (_read(file) if file.exists() else []) if _key(other) != _key(calibration)]
    file.parent.mkdir(parents=True, exist_ok=True)
    records = [_to_record(other) for other in (*others, calibration)]
    atomic_io.put(file, json.dumps({"schema": "stilts/calibrations@1", "calibrations": records}, indent=1, sort_keys=True) + "\n")


def nearest_size(calibrations: Iterable[Calibration], machine: Machine, shape: Shape, precision: str) -> Calibration | None:
    """Return the calibration of this machine and precision whose encoder is nearest in width; None without any."""
    candidates = [other for other in calibrations if other.machine == machine and other.precision == precision]
    return min(candidates, key=lambda other: _width_ratio(other.shape, shape), default=None)


def nearest_machine(calibrations: Sequence[Calibration], machine: Machine, shape: Shape, precision: str) -> Calibration | None:
    """Return a calibration of this kind of device on any machine: of the same precision if possible, then by width."""
    candidates = [other for other in calibrations if other.machine.device == machine.device]
    return min(candidates, key=lambda other: (other.precision != precision, _width_ratio(other.shape, shape)), default=None)


def this_machine(device: str, threads: int) -> Machine:
    """Describe this machine; a GPU is asked for its name."""
    if device == "cuda":
        import torch

        return Machine("cuda", torch.cuda.get_device_name(), torch.cuda.device_count(), threads)
    return Machine("cpu", system.processor(), os.cpu_count() or 1, threads)


def torch_version() -> str:
    """Return the installed version of torch without its build, such as 2.13.0."""
    return metadata.version("torch").partition("+")[0]


def _key(calibration: Calibration) -> tuple[object, ...]:
    return calibration.machine, calibration.shape, calibration.precision


def _width_ratio(shape: Shape, other: Shape) -> float:
    smaller, larger = sorted((shape.hidden, other.hidden))
    return larger / smaller


def _to_record(calibration: Calibration) -> Record:
    record = asdict(calibration)
    del record["source"]
    return {**record, "speeds": {str(count): speed for count, speed in record["speeds"].items()}}


def _read(file: Path) -> list[Calibration]:
    fix = "remove the file and run `stilts calibrate` again"
    try:
        content = json.loads(bounded_io.content(file, MAX_BYTES))
        return [_from_record(record, str(file)) for record in content["calibrations"]]
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file}: holds no calibrations ({type(error).__name__}); {fix}") from None


def _from_record(record: Record, source: str) -> Calibration:
    speeds = {int(count): Throughput(**speed) for count, speed in record["speeds"].items()}
    for speed in speeds.values():
        numbers = [value for value in vars(speed).values() if not isinstance(value, Mapping)]
        numbers += [*speed.factors.values(), *speed.score.values()]
        if not all(isinstance(number, int | float) and 0 <= number < 1e30 for number in numbers) or not speed.score:
            raise ValueError("not finite")
        if not (speed.train and speed.predict):
            raise ValueError("no speed")
    if not speeds:
        raise ValueError("no speeds")
    machine, shape = Machine(**record["machine"]), Shape(**record["shape"])
    precision, measured, date, torch = record["precision"], record["measured"], record["date"], record["torch"]
    return Calibration(machine, shape, str(precision), int(measured), str(date), str(torch), speeds, source)
