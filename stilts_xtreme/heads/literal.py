"""Text as text: what stands in it never becomes a special token, even where it reads `<s>` or `[MASK]`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tokenizers import Regex, pre_tokenizers


@contextmanager
def literal(tokenizer: Any) -> Iterator[Any]:
    """While it lasts, no text gives the tokenizer's special tokens; those that it puts around texts stay.

    Any other text gets the ids and offsets it had. An unknown character still gives the unknown token. Special tokens of a
    single character are left as they are: an ordinary text may hold that character.
    """
    # `split_special_tokens` alone is not enough: a Unigram, WordPiece or BPE model still knows the special tokens that are in
    # its vocabulary as pieces (SentencePiece's own Unigram never takes them for text; tokenizers 0.23 does).
    backend = tokenizer.backend_tokenizer
    pre_tokenizer, split = backend.pre_tokenizer, tokenizer.split_special_tokens
    guard = _guard(tokenizer)
    if guard is not None:
        backend.pre_tokenizer = pre_tokenizers.Sequence([*([pre_tokenizer] if pre_tokenizer else []), guard])
    tokenizer.split_special_tokens = True
    try:
        yield tokenizer
    finally:
        tokenizer.split_special_tokens = backend.encode_special_tokens = split
        if guard is not None:
            backend.pre_tokenizer = pre_tokenizer


def _guard(tokenizer: Any) -> Any:
    """A last pre-tokenizer that cuts special tokens after their first character; None where the model gives none of them.

    It stands behind the normalizer, which may make `<s>` of other characters.
    """
    backend = tokenizer.backend_tokenizer
    special = {token.content for token in backend.get_added_tokens_decoder().values() if token.special}
    known = sorted(text for text in special.union(tokenizer.all_special_tokens) if len(text) > 1 and _gives(backend, text))
    if not known:
        return None
    pattern = "|".join(f"{re.escape(text[0])}(?={re.escape(text[1:])})" for text in known)
    return pre_tokenizers.Split(Regex(pattern), "merged_with_previous")


def _gives(backend: Any, text: str) -> bool:
    """Whether the model makes the token of this name of the text. If it does so inside a longer text, then for it alone too."""
    try:
        return backend.token_to_id(text) in {token.id for token in backend.model.tokenize(text)}
    except Exception:  # a model without an unknown token raises its own kind for a text that it cannot cover
        return False
