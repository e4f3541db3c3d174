"""Do the parts of a study's result name the same rows, targets, seeds and languages? Readers look up across parts."""

from collections.abc import Iterable, Mapping

from stilts_xtreme.results import rows
from stilts_xtreme.results.rows import Fields, Row


def of_study(study: Fields) -> str:
    """Return the first contradiction of a study's result; empty where there is none."""
    try:
        known = rows.read(study["rows"])
    except ValueError as error:
        return str(error)
    return _of_rows(study, known) or _of_scores(study) or _of_comparisons(study) or _of_parts(study)


def _of_rows(study: Fields, known: Mapping[str, Row]) -> str:
    for place, entry in rows.entries(study):
        if entry["row"] not in known:
            return f"{place}: row: {entry['row']} is not one of the study's rows"
        if "intermediate" in entry and rows.of(entry) != known[entry["row"]]:
            return f"{place}: its fields are not those of the row {entry['row']}"
    return ""


def _of_scores(study: Fields) -> str:
    if target := _absent(study["targets"], study["tasks"]):
        return f"tasks: {target} is a target but is not described"
    seen = set()
    for number, run in enumerate(study["evaluations"]):
        for name in ("target", "seed"):
            if run[name] not in study[f"{name}s"]:
                return f"evaluations[{number}]: {name}: {run[name]} is not one of the study's {name}s"
        key = (run["row"], run["target"], run["seed"])
        if key in seen:
            return f"evaluations[{number}]: {key[0]} on {key[1]} with seed {key[2]} stands there twice"
        seen.add(key)
    return ""


def _of_comparisons(study: Fields) -> str:
    seen = set()
    for number, comparison in enumerate(study.get("comparisons") or ()):
        row, target, interval = comparison["row"], comparison["target"], comparison["interval"]
        if target not in (*study["targets"], "average"):
            return f"comparisons[{number}]: target: {target} is not one of the study's targets"
        if interval and interval[0] > interval[1]:
            return f"comparisons[{number}]: interval: {interval[0]} is above {interval[1]}"
        if (key := (row, comparison["baseline"], target)) in seen:
            return f"comparisons[{number}]: {row} on {target} stands there twice"
        seen.add(key)
    return ""


def _of_parts(study: Fields) -> str:
    arms = {arm["row"] for arm in study.get("arms") or ()}
    for number, pair in enumerate(study.get("pairs") or ()):
        if row := _absent((pair["row"], pair["against"]), arms):
            return f"pairs[{number}]: {row} is none of the arms"
    for way, chosen in (study.get("best") or {}).items():
        for part in ("picks", "scores"):
            if chosen and (target := _absent(study["targets"], chosen[part])):
                return f"best.{way}.{part}: {target}: missing"
        if chosen and len({frozenset(by_seed) for by_seed in chosen["scores"].values()}) > 1:
            return f"best.{way}.scores: targets differ in their seeds"
    return ""


def of_latency(study: Fields) -> str:
    """Return the first contradiction of a latency study; empty where there is none."""
    measured, codes = study["measured"]["runs"], study["languages"]
    if len(measured) != len(study["runs"]):
        return f"measured.runs: {len(measured)} for {len(study['runs'])} runs"
    for number, (run, times) in enumerate(zip(study["runs"], measured, strict=True)):
        here = f"runs[{number}]"
        if code := _absent(codes, run["languages"]) or _absent(run["languages"], codes):
            return f"{here}.languages: {code}: missing, or none of the study's"
        if code := _absent(codes, times["tokenisation"]):
            return f"measured.{here}.tokenisation: {code}: missing"
        if variant := _absent(run["variants"], times["preparation"]):
            return f"measured.{here}.preparation: {variant}: missing"
        if model := _absent(study["models"], run["answers"]):
            return f"{here}.answers: {model}: missing"
        if variant := _absent((row["variant"] for row in study["measured"]["savings"]), run["variants"]):
            return f"measured.savings: {variant}: not among {here}.variants"
        for model, answers in run["answers"].items():
            if variant := _absent(("eager", *run["variants"]), answers):
                return f"{here}.answers.{model}: {variant}: missing"
            if code := next((code for answer in answers.values() for code in codes if code not in answer["languages"]), ""):
                return f"{here}.answers.{model}: {code}: missing"
    return _of_ratios(study["measured"])


def _of_ratios(measured: Fields) -> str:
    """Return the first ratio with half an interval, or without the interval that a verdict or a sentence needs; else empty."""
    for kind in ("models", "savings"):
        for number, row in enumerate(measured[kind]):
            ends = [end in row for end in ("low", "high")]
            if any(ends) != all(ends) or (not any(ends) and (row["variant"] == "all" or row.get("verdict") == "differs")):
                return f"measured.{kind}[{number}]: low and high: missing"
    return ""


def _absent(names: Iterable[str], known: Iterable[str]) -> str:
    return next((name for name in names if name not in known), "")
