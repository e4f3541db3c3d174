"""Task heads: an output layer each, with its encoding, loss and decoding.

Every module has `encode(examples, tokenizer, labels, limits, training)` and `collate(features, rows, generator, tokenizer)`;
those that train have a class `Head`, whose `loss` returns a sum and a count; those that predict have `unpack` and `decode`.

`Head.reads` names the entry of the batch with the token positions [M] in the packed row whose hidden states [M, H] the head
takes; None: all [N, H]. Shapes: B examples, R rows, N tokens of all rows, H hidden size, C labels.
"""

from types import ModuleType

from stilts_xtreme.models.heads import classification, dual_encoder, embedding, mlm, multiple_choice, span_qa, tagging
from stilts_xtreme.models.heads.common import Feature, Limits

__all__ = ["HEADS", "Feature", "Limits"]

HEADS: dict[str, ModuleType] = {
    "classification": classification,
    "multiple_choice": multiple_choice,
    "tagging": tagging,
    "span_qa": span_qa,
    "embedding": embedding,
    "dual_encoder": dual_encoder,
    "mlm": mlm,
}
