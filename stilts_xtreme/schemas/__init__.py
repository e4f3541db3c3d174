"""What results must hold to be read, and pages drawn from them: types, ranges and how names are written."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stilts_xtreme.schemas import stages
from stilts_xtreme.schemas.latency import LatencyStudy
from stilts_xtreme.schemas.study import Study

KINDS: dict[str, Any] = {
    "stilts/training@1": stages.Training,
    "stilts/evaluation@1": stages.Evaluation,
    "stilts/latency@1": stages.Latency,
    "stilts/study@2": Study,
    "stilts/latency-study@1": LatencyStudy,
}


def fault(content: dict[str, Any]) -> str:
    """The first thing that is wrong with a result: where, and what; empty where nothing is, or for another kind."""
    kind = content["schema"]
    if kind not in KINDS:
        return ""
    try:
        _adapter(kind).validate_python(content, strict=True)
    except ValidationError as error:
        found = min(error.errors(include_url=False), key=lambda one: one["type"] != "missing")
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in found["loc"]).removeprefix(".")
        what = "missing" if found["type"] == "missing" else f"{found['msg'][:1].lower()}{found['msg'][1:]}"
        return f"{place}: {what}" + ("" if found["type"] == "missing" else f", found {_short(found['input'])}")
    return ""


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    told = repr(value)
    return told if len(told) <= 60 else f"{told[:60]}..."


@cache
def _adapter(kind: str) -> TypeAdapter:
    return TypeAdapter(KINDS[kind])
