"""Task heads: an output layer each, with its encoding, loss and decoding.

Every module offers `encode(examples, tokenizer, labels, limits, training)` and `collate(features, rows, generator, tokenizer)`;
those that train offer `Output`, whose `loss` is a sum and a count; those that predict labels offer `unpack` and `decode`.

`Output.reads` names the batch's entry of the tokens [M] (places in the packed row) whose hidden states [M, H] it takes; None: all
[N, H].
"""

from types import ModuleType

from stilts_xtreme.heads import classification, dual_encoder, embedding, mlm, multiple_choice, span_qa, tagging
from stilts_xtreme.heads.shared import Feature, Limits

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
