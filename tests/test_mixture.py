from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts_xtreme.tasks.mixture import epoch_steps, powers, quotas, rates, schedule

SIZES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 10**6), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("rule", "cap", "temperature", "expected"),
    [
        ("proportional", None, 1.0, {"a": 0.1, "b": 0.9}),
        ("proportional", 100, 1.0, {"a": 0.5, "b": 0.5}),
        ("proportional", 300, 1.0, {"a": 0.25, "b": 0.75}),
        ("equal", None, 1.0, {"a": 0.5, "b": 0.5}),
        ("temperature", None, 2.0, {"a": 0.25, "b": 0.75}),
        ({"a": 3, "b": 1}, None, 1.0, {"a": 0.75, "b": 0.25}),
    ],
)
def test_rates(rule, cap, temperature, expected) -> None:
    assert rates({"a": 100, "b": 900}, rule, cap, temperature) == pytest.approx(expected)


@given(
    SIZES,
    st.sampled_from(["proportional", "equal", "temperature"]),
    st.one_of(st.none(), st.integers(1, 10**5)),
    st.floats(0.5, 10),
)
def test_rates_add_up_and_never_favour_the_smaller(sizes, rule, cap, temperature) -> None:
    found = rates(sizes, rule, cap, temperature)
    assert sum(found.values()) == pytest.approx(1)
    by_size = sorted(sizes, key=lambda task: sizes[task])
    assert all(found[a] <= found[b] + 1e-12 for a, b in zip(by_size, by_size[1:], strict=False))


@given(SIZES, st.integers(0, 5000))
def test_quotas_add_up_and_stay_within_one(sizes, total) -> None:
    shares = rates(sizes)
    found = quotas(shares, total)
    assert sum(found.values()) == total
    assert all(abs(found[task] - shares[task] * total) < 1 + 1e-6 for task in sizes)


@given(SIZES, st.integers(0, 500), st.integers(0, 2**31))
def test_schedule_is_fixed_by_the_seed_and_holds_the_quotas(sizes, steps, seed) -> None:
    shares = rates(sizes)
    order = schedule(shares, steps, seed)
    assert order == schedule(shares, steps, seed)
    assert Counter(order) == Counter({task: n for task, n in quotas(shares, steps).items() if n})


def test_schedule_differs_between_seeds() -> None:
    shares = {"a": 0.5, "b": 0.5}
    assert schedule(shares, 100, 1) != schedule(shares, 100, 2)


def test_an_exponent_between_equal_and_proportional() -> None:
    sizes = {"en": 10000, "sw": 100}
    assert powers(sizes, 0.0) == {"en": 0.5, "sw": 0.5}
    assert powers(sizes, 0.5) == pytest.approx({"en": 10 / 11, "sw": 1 / 11})
    assert powers(sizes) == pytest.approx({"en": 100 / 101, "sw": 1 / 101})


def test_epoch_steps_counts_the_last_short_batch_and_the_cap() -> None:
    assert epoch_steps({"a": 65, "b": 1000}, 32) == 3 + 32
    assert epoch_steps({"a": 65, "b": 1000}, 32, cap=100) == 3 + 4
