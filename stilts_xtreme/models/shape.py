"""What an encoder's config.json says of its shape, known without torch: how long a row it reads, how many layers it has."""

from collections.abc import Mapping
from dataclasses import dataclass

# Kinds whose position embeddings begin after the padding index (fairseq's convention), so that `max_position_embeddings` counts
# padding index + 1 positions that no token has: checked on every masked LM of transformers 5.
AFTER_PADDING = frozenset(
    (
        "camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet", "roberta", "roberta-prelayernorm",
        "xlm-roberta", "xlm-roberta-xl", "xmod",
    )
)  # fmt: skip
LAYERS = ("num_hidden_layers", "n_layers")  # DistilBERT, XLM and FlauBERT write the second
RETRIEVAL_LAYER = 14 / 24  # of XLM-R Large's 24 layers the 14th (nyu-mll/jiant, scripts/benchmarks/xtreme; arXiv 2005.13013)
RETRIEVAL_LENGTH = 512  # tokens of a sentence


@dataclass(frozen=True)
class Shape:
    """Tokens of the longest row, special tokens included, and number of layers; None where the configuration does not say."""

    longest: int | None = None
    layers: int | None = None


def of_config(config: Mapping[str, object]) -> Shape:
    """Return the shape that a config.json says; values that are no counts are passed over, loading refuses them."""
    positions, padding = _count(config.get("max_position_embeddings")), _count(config.get("pad_token_id"))
    if positions is not None and config.get("model_type") in AFTER_PADDING:
        positions = None if padding is None else positions - (padding + 1)
    layers = next((_count(config[name]) for name in LAYERS if name in config), None)
    return Shape(positions, layers)


def retrieval_layer(layers: int) -> int:
    """Return the hidden state whose vectors retrieval tasks compare by default: as deep as the authors', 14 of 24."""
    return round(layers * RETRIEVAL_LAYER)


def retrieval_length(longest: int | None) -> int:
    """Return how many tokens of a sentence retrieval tasks read without a setup's value: 512, or the encoder's longest row."""
    return min(RETRIEVAL_LENGTH, longest or RETRIEVAL_LENGTH)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
