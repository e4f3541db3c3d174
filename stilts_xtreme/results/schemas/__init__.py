"""What results must hold to be read, and pages drawn from them: types, ranges and how names are written."""

from functools import cache

from pydantic import TypeAdapter, ValidationError

from stilts_xtreme.results.schemas import stages
from stilts_xtreme.results.schemas.latency import LatencyStudy
from stilts_xtreme.results.schemas.study import Study
from stilts_xtreme.utils.bounded_io import Record

KINDS: dict[str, type] = {
    "stilts/training@1": stages.Training,
    "stilts/evaluation@1": stages.Evaluation,
    "stilts/latency@1": stages.Latency,
    "stilts/study@2": Study,
    "stilts/latency-study@1": LatencyStudy,
}


def fault(content: Record) -> str:
    """Return the first error of a result, where and what; empty where there is none, and for results of another kind."""
    kind = content["schema"]
    if kind not in KINDS:
        return ""
    try:
        _adapter(kind).validate_python(content, strict=True)
    except ValidationError as errors:
        error = min(errors.errors(include_url=False), key=lambda error: error["type"] != "missing")
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error["loc"]).removeprefix(".")
        if error["type"] == "missing":
            return f"{place}: missing"
        return f"{place}: {error['msg'][:1].lower()}{error['msg'][1:]}, found {_short(error['input'])}"
    return ""


def _short(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


@cache
def _adapter(kind: str) -> TypeAdapter:
    return TypeAdapter(KINDS[kind])
