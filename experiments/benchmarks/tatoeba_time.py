"""Seconds that finding Tatoeba's translations takes: 36 languages of 1,000 sentences a side, random vectors.

OMP_NUM_THREADS=1 python experiments/benchmarks/tatoeba_time.py
"""

import time

import numpy as np

from stilts_xtreme.scoring.accuracy import accuracy
from stilts_xtreme.scoring.retrieval import nearest

LANGUAGES, SENTENCES, DIMENSIONS = 36, 1000, 768


def main() -> None:
    """Time `nearest` and the accuracy over all languages, vectors given."""
    random = np.random.default_rng(0)
    seconds = busy = 0.0
    for _ in range(LANGUAGES):
        foreign = random.standard_normal((SENTENCES, DIMENSIONS), dtype=np.float32)
        english = foreign + 5 * random.standard_normal((SENTENCES, DIMENSIONS), dtype=np.float32)
        began, worked = time.monotonic(), time.process_time()
        score = accuracy(nearest(english, foreign).tolist(), list(range(SENTENCES)))
        seconds, busy = seconds + time.monotonic() - began, busy + time.process_time() - worked
    print(f"{LANGUAGES} languages: {seconds:.2f} s, {busy:.2f} s of processor time (accuracy of the last {score:.1f})")


if __name__ == "__main__":
    main()
