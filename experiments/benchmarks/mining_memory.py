"""What bitext mining needs beyond the vectors it is given: memory and time, each size in a process of its own.

    python experiments/benchmarks/mining_memory.py 20000 50000 100000 --dimensions 768
    python experiments/benchmarks/mining_memory.py 20000 --alike
    python experiments/benchmarks/mining_memory.py 100000 --bf16

Half of the sentences have a near twin on the other side, the rest are random directions; with --alike all vectors are nearly
equal, so that single precision cannot tell them apart (the worst case for memory and time). With --bf16 blocks are multiplied
in bfloat16 (PyTorch is imported before memory is measured).
"""

import argparse
import resource
import subprocess
import sys
import time

MIB = 2**20


def measure(sentences: int, dimensions: int, alike: bool, bf16: bool) -> None:
    """Mine `sentences` x `sentences` vectors in this process and print one row."""
    import numpy as np

    from stilts_xtreme.scoring.nearest_neighbors import Float32Kernel
    from stilts_xtreme.scoring.retrieval import mine

    product = Float32Kernel
    if bf16:
        import torch

        from stilts_xtreme.engine.similarity_kernels import Brief

        few = torch.zeros(256, 64, dtype=torch.bfloat16)
        torch.mm(few, few.T)  # loads what a product needs
        product = Brief

    random = np.random.default_rng(0)
    foreign = random.standard_normal((sentences, dimensions), dtype=np.float32)
    english = random.standard_normal((sentences, dimensions), dtype=np.float32)
    for at in range(0, sentences, 1024):  # in place and by parts: the peak must be that of mining
        piece = slice(at, min(at + 1024, sentences))
        if alike:
            foreign[piece] = 1 + 1e-5 * foreign[piece]
            english[piece] = 1 + 1e-5 * english[piece]
        elif at < sentences // 2:
            english[piece] = foreign[piece] + 0.5 * english[piece]
    before, began, worked = _peak(), time.monotonic(), time.process_time()
    pairs = mine(foreign, english, kernel=product)
    seconds, busy = time.monotonic() - began, time.process_time() - worked
    given = (foreign.nbytes + english.nbytes) / MIB
    print(f"{sentences:9} {dimensions:10} {len(pairs):8} {given:12.0f} {_peak() - before:12.0f} {seconds:9.1f} {busy:9.1f}")


def _peak() -> float:
    """Largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else MIB)


def main() -> None:
    """Measure each size in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", type=int, nargs="+", help="on each side")
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--alike", action="store_true", help="vectors that are nearly equal")
    parser.add_argument("--bf16", action="store_true", help="products in bfloat16")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        return measure(given.sentences[0], given.dimensions, given.alike, given.bf16)
    print("sentences dimensions    pairs  vectors, MiB  beyond, MiB   seconds processor", flush=True)
    for sentences in given.sentences:
        words = [sys.executable, __file__, str(sentences), "--dimensions", str(given.dimensions), "--here"]
        subprocess.run(words + ["--alike"] * given.alike + ["--bf16"] * given.bf16, check=True)


if __name__ == "__main__":
    main()
