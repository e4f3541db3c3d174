"""The methods' names, apart from the methods, so that a command line can be read without importing what they need."""

NEIGHBOURS = 3  # past targets whose gains count
DEFAULT = "past-mean"  # the smallest regret@1 in experiments/benchmarks/results/selection.json
ABOUT = {
    "past-mean": "the mean gain on all past targets",
    "nearest-targets": f"the mean gain on the {NEIGHBOURS} past targets whose data are most similar",
    "same-head": "the mean gain on past targets with the same kind of head",
    "data-similarity": "similarity of a candidate's data to the target's",
    "domain-similarity": "similarity of a candidate's data to plain text in the target languages",
    "data-size": "the number of a candidate's training examples",
}
