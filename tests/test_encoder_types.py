"""Every type of encoder that transformers can train by masked LM: read in rows as long as it can, or refused in one line."""

import inspect

import pytest
import torch
from transformers import MODEL_FOR_MASKED_LM_MAPPING

from stilts_xtreme.engine import encoder, loading
from stilts_xtreme.models import shape
from stilts_xtreme.utils.errors import UserError

POSITIONS = 20
SMALL = {
    "vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": POSITIONS, "bos_token_id": 2, "eos_token_id": 3,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
IDS = {"cls_token_id": 2, "sep_token_id": 3, "mask_token_id": 4}
OWN: dict[str, dict] = {
    "convbert": {"embedding_size": 16, "head_ratio": 1},
    "esm": {"mask_token_id": 4, "token_dropout": False},
    "eurobert": {**IDS, "num_key_value_heads": 2},
    "funnel": {"num_hidden_layers": None, "block_sizes": [1, 1], "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24},
    "longformer": {"attention_window": 4},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 4},
    "mobilebert": {"embedding_size": 16},
    "modernbert": {**IDS, "local_attention": 8},
    "neomme": {"num_key_value_heads": 2},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16},
    "roc_bert": {
        "pronunciation_vocab_size": 8, "shape_vocab_size": 8, "pronunciation_embed_dim": 4, "shape_embed_dim": 4,
    },
    "squeezebert": {"embedding_size": 16},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}  # fmt: skip
TYPES = {config.model_type: config for config in MODEL_FOR_MASKED_LM_MAPPING}
REFUSED = {
    "bart": "reads text in both directions", "mbart": "reads text in both directions", "mvp": "reads text in both directions",
    "modernvbert": "more than text", "perceiver": "more than text", "ultravbert": "more than text",
    "fnet": "takes no attention mask", "reformer": "rows of one length",
}  # fmt: skip
ACCEPTED = [name for name in TYPES if name not in REFUSED]
NO_TABLE = {  # of positions: they are relative (rotary), or counted anew where the table ends (TAPAS)
    "esmc", "eurobert", "funnel", "gte", "jina_embeddings_v3", "modernbert", "neomme", "nomic_bert", "tapas", "ultrabert",
}  # fmt: skip
OVER_PADDING = {  # computed by the model over padding, whatever the mask says
    "convbert": "convolutions", "nystromformer": "means over segments of the row", "yoso": "hashes drawn for the whole row",
    "funnel": "pools over pairs of tokens",
}  # fmt: skip


def config_of(name: str, padding: int = 1):
    given = {**SMALL, "pad_token_id": padding, **OWN.get(name, {})}
    return TYPES[name](**{name: value for name, value in given.items() if value is not None})


def build(name: str, padding: int = 1):
    """A tiny random encoder of a type that is accepted."""
    config = config_of(name, padding)
    loading._check("tiny", config)
    model = loading._class(config)
    pooled = "add_pooling_layer" in inspect.signature(model.__init__).parameters
    torch.manual_seed(0)
    return model(config, **({"add_pooling_layer": False} if pooled else {})).eval()


def batch(*rows: torch.Tensor) -> dict:
    lengths = [len(row) for row in rows]
    return {
        "input_ids": torch.cat(rows),
        "row": torch.cat([torch.full((length,), number) for number, length in enumerate(lengths)]),
        "place": torch.cat([torch.arange(length) for length in lengths]),
        "lengths": lengths,
        "longest": max(lengths),
    }


def tokens(length: int) -> torch.Tensor:
    """Random ids of ordinary tokens."""
    return torch.randint(6, SMALL["vocab_size"], (length,), generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("name", ACCEPTED)
@torch.no_grad()
def test_rows_are_read_up_to_the_longest_and_padding_changes_nothing(name) -> None:
    model = build(name)
    most = encoder.longest(model)
    known = shape.of_config(model.config.to_dict())
    assert known.longest == most == POSITIONS - (2 if name in shape.AFTER_PADDING else 0)
    assert known.layers in (len(model(tokens(4)[None], output_hidden_states=True).hidden_states) - 1, None)
    long, short = tokens(most), tokens(5)
    together = encoder.states(model, batch(long, short), packed=False)
    assert together.isfinite().all()
    if name not in OVER_PADDING:
        torch.testing.assert_close(together[most:], encoder.states(model, batch(short), packed=False), rtol=1e-4, atol=1e-5)
    if name not in NO_TABLE:
        with pytest.raises((RuntimeError, IndexError)):
            encoder.states(model, batch(tokens(most + 1)), packed=False)


@pytest.mark.parametrize(("name", "padding", "most"), [("xlm-roberta", 0, 19), ("xlm-roberta", 5, 14), ("bert", 5, 20)])
@torch.no_grad()
def test_the_longest_row_follows_the_padding_index(name, padding, most) -> None:
    model = build(name, padding)
    assert encoder.longest(model) == most == shape.of_config(model.config.to_dict()).longest
    assert encoder.states(model, batch(tokens(most)), packed=False).isfinite().all()


@pytest.mark.parametrize("name", REFUSED)
def test_types_that_are_no_text_encoders_are_refused(name) -> None:
    if name not in TYPES:
        pytest.skip(f"this version of transformers has no {name}")
    with pytest.raises(UserError, match=REFUSED[name]):
        loading._check("tiny", TYPES[name]())


def test_an_encoder_with_adapters_says_which() -> None:
    with pytest.raises(UserError, match="default_language"):
        loading._check("tiny", TYPES["xmod"]())
