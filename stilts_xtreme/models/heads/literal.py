"""Tokenise text literally: it never gives special tokens, even where it contains `<s>` or `[MASK]`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, pre_tokenizers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@contextmanager
def literal(tokenizer: "PreTrainedTokenizerBase") -> Iterator["PreTrainedTokenizerBase"]:
    """Make a context in which no text gives the tokenizer's special tokens; those added around texts stay.

    Any other text keeps its ids and offsets. An unknown character still gives the unknown token. Special tokens of a single
    character are not affected: an ordinary text may contain that character.
    """
    # `split_special_tokens` alone is not enough: a Unigram, WordPiece or BPE model still has the special tokens of its
    # vocabulary as pieces (SentencePiece's own Unigram never produces them from text; tokenizers 0.23 does).
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


def _guard(tokenizer: "PreTrainedTokenizerBase") -> pre_tokenizers.Split | None:
    """Return a last pre-tokenizer that splits special tokens after their first character; None if the model produces none.

    It runs after the normalizer, which may turn other characters into `<s>`.
    """
    backend = tokenizer.backend_tokenizer
    special = {token.content for token in backend.get_added_tokens_decoder().values() if token.special}
    produced = sorted(text for text in special.union(tokenizer.all_special_tokens) if len(text) > 1 and _produces(backend, text))
    if not produced:
        return None
    pattern = "|".join(f"{re.escape(text[0])}(?={re.escape(text[1:])})" for text in produced)
    return pre_tokenizers.Split(Regex(pattern), "merged_with_previous")


def _produces(backend: Tokenizer, text: str) -> bool:
    """Return whether the model tokenises the text to the token of this name; if inside a longer text, then also alone."""
    try:
        return backend.token_to_id(text) in {token.id for token in backend.model.tokenize(text)}
    except Exception:  # a model without an unknown token raises its own kind of error for a text that it cannot cover
        return False
