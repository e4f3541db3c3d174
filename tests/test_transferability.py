"""Measures of transferability against what they are defined as, and the quality of rankings by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from stilts_xtreme.transferability import evaluation, measures


@pytest.mark.parametrize(("examples", "width"), [(40, 5), (30, 60)])
def test_logme_is_the_largest_evidence_of_a_linear_model(examples, width) -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(examples, width))
    labels = (features[:, 0] + 0.5 * random.normal(size=examples) > 0).astype(int)

    def evidence(logs: np.ndarray, targets: np.ndarray) -> float:
        alpha, beta = np.exp(logs)
        covariance = np.eye(examples) / beta + features @ features.T / alpha
        return float(multivariate_normal(np.zeros(examples), covariance).logpdf(targets)) / examples

    best = []
    for label in (0, 1):
        targets = (labels == label).astype(float)
        found = minimize(lambda logs, y=targets: -evidence(logs, y), [1.0, 1.0], method="L-BFGS-B", bounds=[(-8, 8)] * 2)
        best.append(-found.fun)
    assert measures.logme(features, labels) == pytest.approx(np.mean(best), abs=1e-4)


def test_logme_prefers_features_that_tell_the_labels_apart() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, 200)
    noise = random.normal(size=(200, 8))
    assert measures.logme(noise + 2 * np.eye(8)[labels], labels) > measures.logme(noise, labels)
    with pytest.raises(ValueError, match="two classes"):
        measures.logme(noise, np.zeros(200, int))


def test_similarities_of_data_sets() -> None:
    random = np.random.default_rng(3)
    near, far = random.normal(size=(300, 6)) + [3, 0, 0, 0, 0, 0], random.normal(size=(300, 6)) + [0, 3, 0, 0, 0, 0]
    again = random.normal(size=(300, 6)) + [3, 0, 0, 0, 0, 0]
    assert measures.embedding_similarity(near, near) == pytest.approx(1)
    assert measures.embedding_similarity(near, again) > 0.95 > measures.embedding_similarity(near, far)
    assert measures.domain_similarity(near, again) > -0.02 > -0.3 > measures.domain_similarity(near, far)
    assert measures.data_size(5000) > measures.data_size(500) >= measures.data_size(0) == 0


def test_a_ranking_by_hand() -> None:
    gains = {"mnli": 4.0, "squad": 1.0, "ccg": -2.0}
    right, wrong = {"mnli": 3.0, "squad": 2.0, "ccg": 1.0}, {"mnli": 1.0, "squad": 2.0, "ccg": 3.0}
    assert evaluation.spearman(right, gains) == pytest.approx(1) and evaluation.spearman(wrong, gains) == pytest.approx(-1)
    assert math.isnan(evaluation.spearman(dict.fromkeys(gains, 1.0), gains))
    assert evaluation.ndcg(right, gains) == pytest.approx(1)
    ideal = 6 + 3 / math.log2(3)
    assert evaluation.ndcg(wrong, gains) == pytest.approx((3 / math.log2(3) + 6 / 2) / ideal)
    assert [evaluation.regret(wrong, gains, k) for k in (1, 2, 3)] == [6.0, 3.0, 0.0]
    found = evaluation.interval_of([1.0, 2.0, 3.0])
    assert 1.0 <= found["low"] < found["mean"] == 2.0 < found["high"] <= 3.0 and found["targets"] == 3


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_random_choice_is_the_mean_over_all_choices(k) -> None:
    gains = dict(zip("abcde", (5.0, 3.0, 3.0, 0.0, -4.0), strict=True))
    every = [5.0 - max(gains[name] for name in chosen) for chosen in itertools.combinations(gains, k)]
    assert evaluation.expected_regret(gains, k) == pytest.approx(sum(every) / len(every))
