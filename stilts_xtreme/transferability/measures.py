"""Scores of intermediate tasks for a target without training on the pair: larger is better; only the order means anything."""

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]
STEPS = 100  # of LogME's fixed point, which takes about ten
CLOSE = 1e-6  # relative change of alpha / beta at which it has converged


def data_size(examples: int) -> float:
    """Return the logarithm of the number of training examples: the baseline that looks at nothing else."""
    return math.log(max(1, examples))


def embedding_similarity(intermediate: Matrix, target: Matrix) -> float:
    """Return the cosine of two data sets' mean embeddings [examples, width] (SEmb of Poth et al. 2021, arXiv 2104.08247)."""
    first, second = (np.asarray(rows, np.float64).mean(axis=0) for rows in (intermediate, target))
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def domain_similarity(intermediate: Matrix, texts: Matrix) -> float:
    """Return minus the energy distance between unit-length embeddings [examples, width] of a task's data and of plain text.

    Székely and Rizzo 2013: twice the mean distance between the two minus the mean distances within each; 0 where they are drawn
    from the same distribution.
    """
    first, second = _unit(intermediate), _unit(texts)
    within = _mean_distance(first, first) + _mean_distance(second, second)
    return -float(max(0.0, 2 * _mean_distance(first, second) - within))


def logme(features: Matrix, labels: NDArray[np.integer]) -> float:
    """Return the logarithm of maximum evidence (You et al. 2021, arXiv 2102.11005).

    That is the mean over classes, per example, of the evidence of a linear model from features [examples, width] to a class's
    indicator, at the best prior and noise precision. ValueError where there are fewer than two classes.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError("LogME needs labels of two classes at least")
    left, singular, _ = np.linalg.svd(np.asarray(features, np.float64), full_matrices=False)
    evidences = [_evidence(left, singular**2, (labels == label).astype(np.float64), features.shape[1]) for label in classes]
    return float(np.mean(evidences))


def _evidence(left: Matrix, eigenvalues: Matrix, targets: Matrix, width: int) -> float:
    """Return the maximum evidence per example; `left` [examples, rank] and `eigenvalues` [rank] are of the features' SVD."""
    examples = len(targets)
    projected = (left.T @ targets) ** 2
    rest = max(0.0, float(targets @ targets - projected.sum()))  # of the targets, outside what features span
    alpha = beta = 1.0  # precisions of the weights' prior and of the noise
    for _ in range(STEPS):
        ratio = alpha / beta
        effective = float((eigenvalues / (eigenvalues + ratio)).sum())  # dimensions that the data determine
        norm = float((eigenvalues * projected / (eigenvalues + ratio) ** 2).sum())
        residual = float((projected / (1 + eigenvalues / ratio) ** 2).sum()) + rest
        alpha, beta = effective / max(norm, 1e-12), (examples - effective) / max(residual, 1e-12)
        if abs(alpha / beta - ratio) <= CLOSE * ratio:
            break
    ratio = alpha / beta
    norm = float((eigenvalues * projected / (eigenvalues + ratio) ** 2).sum())
    residual = float((projected / (1 + eigenvalues / ratio) ** 2).sum()) + rest
    determinant = float(np.log(alpha + beta * eigenvalues).sum()) + (width - len(eigenvalues)) * math.log(alpha)
    evidence = width * math.log(alpha) + examples * math.log(beta / (2 * math.pi)) - determinant
    return 0.5 * (evidence - beta * residual - alpha * norm) / examples


def _unit(rows: Matrix) -> Matrix:
    rows = np.asarray(rows, np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _mean_distance(first: Matrix, second: Matrix) -> float:
    """Return the mean Euclidean distance of all pairs of unit rows; within a set without pairs of a row and itself."""
    distances = np.sqrt(np.maximum(0.0, 2 - 2 * first @ second.T))
    pairs = distances.size - (len(first) if first is second else 0)
    return float(distances.sum() / pairs)
