"""Order of intermediate tasks: the statistics, what a result holds, the section of the report. All scores are invented."""

from itertools import permutations, product

import numpy as np
import pytest

from stilts_xtreme.scoring.order_tests import SAMPLES, best_of_orders, curriculum_test, omnibus_test, variance_components
from stilts_xtreme.scoring.permutations import all_permutations, valid_permutations


def simulated(chance, orders=6, seeds=3, order_spread=0.0, seed_spread=1.0, rest=1.0):
    by_order = chance.normal(0, order_spread, orders)[:, None]
    by_seed = chance.normal(0, seed_spread, seeds)[None]
    return 50 + by_order + by_seed + chance.normal(0, rest, (orders, seeds))


def test_components_of_variance_are_recovered_over_many_simulations() -> None:
    chance = np.random.default_rng(1)
    found = [variance_components(simulated(chance, 6, 4, 2.0, 1.0, 1.5)) for _ in range(3000)]
    assert np.mean([one.order.estimate for one in found]) == pytest.approx(4.0, rel=0.08)
    assert np.mean([one.seed.estimate for one in found]) == pytest.approx(1.0, rel=0.08)
    assert np.mean([one.rest.estimate for one in found]) == pytest.approx(2.25, rel=0.03)


def test_sums_of_squares_add_up_and_negative_estimates_are_shown_as_zero() -> None:
    values = simulated(np.random.default_rng(2))
    found = variance_components(values)
    total = found.order.sum_of_squares + found.seed.sum_of_squares + found.rest.sum_of_squares
    assert total == pytest.approx(
        ((values - values.mean()) ** 2).sum()
    )
    assert (found.order.degrees_of_freedom, found.seed.degrees_of_freedom, found.rest.degrees_of_freedom) == (5, 2, 10)
    crossed = variance_components(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert crossed.order.estimate < 0 and crossed.order.component == 0.0


def test_one_seed_or_one_order_is_not_split() -> None:
    for shape in ((6, 1), (1, 3)):
        values = np.ones(shape)
        assert variance_components(values) is None and omnibus_test(values) is None and best_of_orders(values) is None


def test_a_known_effect_is_found() -> None:
    chance = np.random.default_rng(3)
    values = 50 + np.array([0, 0, 0, 0, 0, 8.0])[:, None] + chance.normal(0, 1, (6, 4))
    assert omnibus_test(values).p < 0.01
    found = best_of_orders(values)
    assert found.order == 5 and found.test.p < 0.01 and found.observed > 2 * found.expected
    assert found.held_out == pytest.approx(8 * 5 / 6, abs=1.5)
    own = curriculum_test(values, [5])
    assert own.rank == 1.0 and own.test.p < 0.01 and own.interval[0] > 0


@pytest.mark.parametrize(("orders", "seeds"), [(2, 5), (3, 3), (6, 2)])
def test_without_an_effect_false_alarms_are_no_more_than_nominal(orders: int, seeds: int) -> None:
    chance, times = np.random.default_rng(4), 400
    alarms = np.zeros(3)
    for _ in range(times):
        values = simulated(chance, orders, seeds)
        p = omnibus_test(values).p, best_of_orders(values).test.p, curriculum_test(values, [0]).test.p
        alarms += np.array(p) <= 0.05
    assert (alarms / times <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / times)).all()


def test_expected_best_without_an_effect_is_the_best_there_is_on_average() -> None:
    chance = np.random.default_rng(5)
    found = [best_of_orders(simulated(chance, 3, 3)) for _ in range(1000)]
    assert np.mean([one.observed - one.expected for one in found]) == pytest.approx(0.0, abs=0.03)
    assert np.mean([one.held_out for one in found]) == pytest.approx(0.0, abs=0.06)
    assert np.mean([one.expected for one in found]) > 0.3


def test_all_arrangements_are_gone_through_and_drawn_ones_agree() -> None:
    values = simulated(np.random.default_rng(6), 3, 3, 1.0)
    ways = list(permutations(range(3)))
    means = [np.mean([values[list(way), s] for s, way in enumerate(chosen)], axis=0) for chosen in product(ways, repeat=3)]
    found, stat = values.mean(axis=1), lambda means: ((means - values.mean()) ** 2).sum()
    p = np.mean([stat(one) >= stat(found) - 1e-9 for one in means])
    exact = omnibus_test(values)
    assert exact.exact and exact.n_permutations == 36 and exact.p == pytest.approx(p) and exact.p >= exact.smallest_p == 1 / 36
    top = best_of_orders(values)
    assert top.expected == pytest.approx(np.mean([one.max() for one in means]) - values.mean())
    drawn = omnibus_test(values, exact=0)
    assert not drawn.exact and drawn.n_permutations == SAMPLES and drawn.p == pytest.approx(exact.p, abs=0.02)
    assert best_of_orders(values, exact=0).test.p == pytest.approx(top.test.p, abs=0.02)
    assert curriculum_test(values, [0, 2], exact=0).test.p == pytest.approx(curriculum_test(values, [0, 2]).test.p, abs=0.02)
    assert omnibus_test(values, seed=7, exact=0) == omnibus_test(values, seed=7, exact=0)


def test_named_orders_alone_and_several_together() -> None:
    values = np.array([[3.0, 3.0], [1.0, 2.0], [2.0, 1.0], [0.0, 0.0]])
    first = curriculum_test(values, [0])
    assert (first.rank, first.difference, first.by_seed) == (1.0, 1.5, (1.5, 1.5)) and first.test.p == 2 / 16
    pair = curriculum_test(values, [1, 2])
    assert (pair.rank, pair.difference) == (2.5, 0.0) and pair.test.p == 1.0
    assert curriculum_test(values[:, :1], [0]).interval is None


THREE = tuple(permutations("abc"))


def shared(chance, seeds=3):
    """No effect of order; four fifths of the variance are from the first training, which two orders share."""
    return 2 * chance.normal(0, 1, (3, seeds)).repeat(2, axis=0) + chance.normal(0, 1, (6, seeds))


def test_what_shares_a_beginning_moves_together() -> None:
    found = valid_permutations(THREE)
    assert found.complete and found.size == len({tuple(way) for way in found.table.tolist()}) == 48
    for way in found.table:
        assert all(THREE[way[place]][0] == THREE[way[place + 1]][0] for place in (0, 2, 4))
    assert valid_permutations(tuple(permutations("abcd"))).size == 24 * 6**4 * 2**12
    assert not valid_permutations(tuple(permutations("abcd"))).complete
    assert all_permutations(4).size == 24 and valid_permutations((("a", "b"), ("b", "a"))).size == 2
    uneven = valid_permutations((("b", "c", "a"), ("a", "b", "c"), ("a", "c", "b")))
    assert sorted(map(tuple, uneven.table.tolist())) == [(0, 1, 2), (0, 2, 1)]


def test_trainings_that_orders_share_raise_no_false_alarms() -> None:
    chance, times = np.random.default_rng(8), 400
    alarms, careless = 0, 0
    for _ in range(times):
        values = shared(chance)
        alarms += omnibus_test(values, valid_permutations(THREE)).p <= 0.05
        careless += omnibus_test(values).p <= 0.05
    assert alarms / times <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / times) < careless / times
