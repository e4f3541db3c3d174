"""FLOPs and bytes of an encoder and its head, from its shape alone.

Floating-point operations of matrix products: a multiplication and an addition are two. A backward pass takes twice the forward
pass. Lookups, norms, activations and AdamW's update are left out: they are no matrix products. Muon's is counted.
"""

import os
from dataclasses import dataclass

from stilts_xtreme.models import published
from stilts_xtreme.pipeline import plan

BACKWARD = 2.0
FLOAT = 4  # bytes of a stored weight
STATE = 4  # copies of the weights in a checkpoint: weights, two moments, the best ones so far
MUON = 4  # Newton-Schulz iterations of an update
CONFIGURED = ("hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings", "vocab_size")  # as in `Shape`
XLMR = {"positions": 514, "vocabulary": 250002}


@dataclass(frozen=True)
class Shape:
    """An encoder's dimensions."""

    hidden: int
    layers: int
    intermediate: int
    positions: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        """Weights of the encoder: embeddings with their norm, and layers."""
        width = self.hidden
        layer = 4 * (width**2 + width) + 2 * width * self.intermediate + self.intermediate + width + 4 * width
        return (self.vocabulary + self.positions + 1 + 2) * width + self.layers * layer

    @property
    def bytes(self) -> int:
        """Of the weights as files."""
        return FLOAT * self.parameters

    @property
    def tokenizer(self) -> int:
        """Bytes of its tokenizer's file: 17.1 MB for XLM-R's 250,002 pieces, 0.12 MB for 1,768."""
        return 68 * self.vocabulary

    def forward(self, tokens: float, length: float, layers: int | None = None, read: float | None = None) -> float:
        """FLOPs of so many tokens in rows of `length` through the encoder, or its first layers.

        `read`: how many tokens have their states read (None: all); the top layer has only keys and values of the others, and
        where a single token of each row is read not even these (XLM-R's and BERT's kinds; others are counted as they are). On a
        GPU, and where rows are padded, it has all of them, which a forecast leaves out.
        """
        width, count = self.hidden, self.layers if layers is None else layers
        both, alone = 4 * width**2, 4 * width**2 + 4 * width * self.intermediate + 4 * length * width
        if read is None or count == 0:
            return tokens * (both + alone) * count
        top = tokens * both + read * alone
        if read * length <= tokens:
            top = read * (both + 4 * width**2 + 4 * width * self.intermediate) + 4 * tokens * width * max(1, width // 64)
        return tokens * (both + alone) * (count - 1) + top

    def muon(self) -> float:
        """FLOPs of an update of the layers' matrices by Muon (`engine/muon.py`)."""

        def matrix(rows: int, columns: int) -> float:
            low, high = sorted((rows, columns))
            return MUON * 2.0 * low**2 * (2 * high + low)

        return self.layers * (4 * matrix(self.hidden, self.hidden) + 2 * matrix(self.hidden, self.intermediate))

    def read(self, kind: str, rows: float, tokens: float, mask_rate: float) -> float:
        """Tokens whose states a head of this kind reads."""
        if kind in ("classification", "multiple_choice", "dual_encoder"):
            return rows
        return max(0.0, tokens - 2 * rows) * mask_rate if kind == "mlm" else tokens

    def head(self, kind: str, rows: float, tokens: float, labels: int, mask_rate: float) -> float:
        """FLOPs of a head's forward pass."""
        width = self.hidden
        if kind in ("classification", "multiple_choice"):
            return rows * 2 * width * (width + (labels if kind == "classification" else 1))
        if kind == "tagging":  # a label for each word: its first token
            return tokens * 2 * width * labels
        if kind == "span_qa":
            return tokens * 2 * width * 2
        if kind == "mlm":
            return self.read(kind, rows, tokens, mask_rate) * 2 * width * (width + self.vocabulary)
        return 0.0


PUBLISHED = {
    "xlm-roberta-base": Shape(768, 12, 3072, **XLMR),
    "xlm-roberta-large": Shape(1024, 24, 4096, **XLMR),
    "bert-base-multilingual-cased": Shape(768, 12, 3072, 512, 119547),
}


def shape(origin: plan.Random | plan.Pretrained) -> Shape | None:
    """Return an encoder's shape: by its spec, its configuration if that is here, or its name; None if it is not known.

    A tokenizer that is trained here may learn fewer pieces than its spec allows: the vocabulary is an upper bound then.
    """
    known = here(origin)
    if known or isinstance(origin, plan.Random) or os.path.isdir(origin.name):
        return known
    return PUBLISHED.get(origin.name.rpartition("/")[2])


def here(origin: plan.Random | plan.Pretrained) -> Shape | None:
    """Return the shape of an encoder that is on this machine; None for others, whatever their name."""
    if isinstance(origin, plan.Random):
        return Shape(origin.hidden_size, origin.layers, origin.intermediate_size, origin.max_positions, origin.vocab_size)
    config = published.config(origin.name, origin.revision) or {}
    sizes = [size for name in CONFIGURED if isinstance(size := config.get(name), int)]
    return Shape(*sizes) if len(sizes) == len(CONFIGURED) else None
