"""The numbers of every kind of effect on simulated scores: those that this code gave when the rows were names alone."""

import json
from pathlib import Path

import pytest
import test_multitask
import test_order_report
import test_report_noise
import test_resources
from test_multitask import read  # noqa: F401

GOLDEN = json.loads((Path(__file__).parent / "cases" / "effects.json").read_text())
NAMES = (
    "gain",
    "interval",
    "p",
    "q",
    "difference",
    "rank",
    "above",
    "expected",
    "elsewhere",
    "component",
    "least",
    "over_languages",
)
SHOWN = 250  # numbers of a kind that the file holds, or a few more: every so many of them


def numbers(told: object, key: str = "") -> list[float]:
    """All that stands under one of `NAMES`, in order."""
    if isinstance(told, dict):
        return [number for name, part in told.items() for number in numbers(part, name)]
    if isinstance(told, list):
        return [number for part in told for number in numbers(part, key)]
    return [float(told)] if key in NAMES and isinstance(told, int | float) else []


def without_tests_of_languages(comparison: dict) -> dict:
    """As it was before single languages had an interval, p and q."""
    languages = {code: {"gain": one["gain"]} for code, one in comparison.get("languages", {}).items()}
    return {**comparison, **({"languages": languages} if languages else {})}


@pytest.fixture(scope="module")
def gathered(read) -> dict[str, list[float]]:  # noqa: F811
    few = test_resources.made(test_resources.RANDOM, test_resources.MADE, test_resources.by_text, tuple(test_resources.SIZES))
    return {
        "orders": numbers(test_order_report.result({"mnli": 4.0, "hellaswag": -2.0})["orders"]),
        "comparisons": [number for one in few["comparisons"] for number in numbers(without_tests_of_languages(one))],
        **{name: numbers(few[name]) for name in ("resources", "sizes")},
        "pairs": numbers(test_multitask.made(read)["pairs"]),
        "noise": numbers(test_report_noise.gathered()[0]["noise"]),
    }


@pytest.mark.parametrize("kind", GOLDEN)
def test_gains_intervals_and_adjusted_p_values_are_the_same(kind, gathered) -> None:
    found = gathered[kind]
    assert found[:: max(1, len(found) // SHOWN)] == pytest.approx(GOLDEN[kind], abs=1e-12)
