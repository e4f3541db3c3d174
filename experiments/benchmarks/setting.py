"""What both sides of a comparison share: shapes, the tokenizer, the data, the first weights, the hyperparameters."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.benchmarks import lengths
from stilts_xtreme.engine import batches
from stilts_xtreme.pipeline import plan

TASK = "task"  # the one task that is trained
SEED = 11
STAGE = 12_000  # examples of a stage: the compact vocabulary is that of all of them, whichever steps are measured


@dataclass(frozen=True)
class Shape:
    """The shape of an XLM-R encoder."""

    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    vocab_size: int = 250_002
    max_positions: int = 514

    @property
    def body(self) -> int:
        """Weights of the layers' matrices: what every token is multiplied with."""
        return self.layers * (4 * self.hidden_size**2 + 2 * self.hidden_size * self.intermediate_size)


SHAPES = {
    "large": Shape(1024, 24, 16, 4096),
    "base": Shape(768, 12, 12, 3072),
    "small": Shape(256, 4, 4, 1024),
    "base-parity": Shape(768, 12, 12, 3072, vocab_size=10_002),  # base but for the table of words, which costs most of a step
    "e5-small": Shape(384, 12, 12, 1536),  # multilingual-e5-small's
    "miniature": Shape(96, 3, 3, 384, vocab_size=2600, max_positions=130),
    "tiny": Shape(16, 1, 2, 32, vocab_size=200, max_positions=40),
}


@dataclass(frozen=True)
class Job:
    """One side of a comparison in a process of its own: what it runs, on what, in how many steps.

    `variant` is `ours`, `stock`, `xtreme` (prediction padded to the full length) or `peak` (bare matrix products).
    `work` is train or predict, for `peak` also rates. Steps are timed in blocks of `block`; `eval_batch` and `compiled`
    (torch.compile) are the stock side's.
    `precision` is fp32 or bf16, in a parity run of the stock side also fp64. `attention` is the stock side's; `parity` asks for
    the weights at the end, written to the file of that name.
    """

    variant: str
    work: str
    precision: str
    shape: str
    head: str
    lengths: str
    batch: int
    steps: int
    examples: int = STAGE
    labels: int = 3
    attention: str = "sdpa"
    parity: str | None = None
    group_by_length: bool = False
    dropout: float = 0.1
    mask_rate: float = 0.15
    without: str = ""  # a technique of ours that is left out: packing or vocabulary
    data: str | None = None  # a JSON file of features, in place of drawn ones
    encoder: str | None = None  # the folder of a published encoder of this shape, in place of random weights
    device: str = "cpu"
    block: int = 1
    eval_batch: int = 8
    compiled: bool = False


def recipe(job: Job) -> plan.Recipe:
    """Our side's hyperparameters; `stock.arguments` says the same to the Trainer.

    Warm-up is left out of a parity run: the Trainer's first rate is 0 and ours is not.
    """
    return plan.Recipe(
        epochs=None,
        steps=job.steps,
        batch_size=job.batch,
        learning_rate=2e-5,
        warmup=0.0 if job.parity else 0.1,
        dropout=job.dropout,
        precision=job.precision,
        group_by_length=job.group_by_length,
    )


def words(shape: Shape) -> Any:
    """A real tokenizer object whose pieces say nothing: ids are drawn, but collators ask it for padding and special ids."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [*special, *(f"w{i}" for i in range(len(special), shape.vocab_size - 1)), "<mask>"]
    model = models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>")
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(model),
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )


def tokenizer(job: Job) -> Any:
    """The encoder's own, or one whose pieces say nothing."""
    if job.encoder:
        from stilts_xtreme.engine import loading

        return loading.tokenizer(job.encoder)
    return words(SHAPES[job.shape])


def data(job: Job) -> list[dict[str, Any]]:
    """The features of a training stage."""
    if job.data:
        return json.loads(Path(job.data).read_text(encoding="utf-8"))
    shape = SHAPES[job.shape]
    return lengths.features(job.head, lengths.LENGTHS[job.lengths], job.examples, shape.vocab_size, job.labels, SEED)


def order(job: Job) -> list[int]:
    """The examples of all steps, one after another, as our engine draws them."""
    return batches.draw({"en": range(job.examples)}, job.steps * job.batch, {"en": 1.0}, SEED)


def texts(job: Job) -> list[list[dict[str, Any]]]:
    """What each step predicts: `batch` examples of a language, the languages in turn."""
    if job.data:
        found = data(job)
        return [[found[i % len(found)] for i in range(step * job.batch, (step + 1) * job.batch)] for step in range(job.steps)]
    every = lengths.in_languages(lengths.LENGTHS[job.lengths], job.batch, SHAPES[job.shape].vocab_size, job.labels, SEED)
    return [every[i % len(every)] for i in range(job.steps)]


def first_weights(job: Job, tokenizer: Any) -> tuple[Any, dict[str, Any]]:
    """The encoder both sides start from, of random weights or a published one, and the state of our head on it."""
    start, head = first_modules(job, tokenizer)
    return start, head.state_dict()


def first_modules(job: Job, tokenizer: Any) -> tuple[Any, Any]:
    """The same, the head as a module."""
    import torch
    from transformers import AutoModel

    from stilts_xtreme.engine import encoder
    from stilts_xtreme.engine.third_party_output import quiet
    from stilts_xtreme.models.heads import HEADS

    if job.encoder:
        quiet()
        start = AutoModel.from_pretrained(job.encoder, add_pooling_layer=False, dtype=torch.float32, use_safetensors=True)
    else:
        start = encoder.random_encoder(SHAPES[job.shape], tokenizer, SEED)
    width, table = start.config.hidden_size, start.get_input_embeddings()
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return start, HEADS[job.head].Head(width, names(job), 0.0, table, start.config.model_type)


def names(job: Job) -> tuple[str, ...]:
    """Label names."""
    return tuple(f"label-{i}" for i in range(job.labels))


def work(job: Job) -> list[tuple[int, int]]:
    """Real tokens of every step, and the sum of its rows' squared lengths."""
    if job.work == "predict":
        steps = texts(job)
    else:
        features, chosen = data(job), order(job)
        steps = [[features[i] for i in chosen[at : at + job.batch]] for at in range(0, len(chosen), job.batch)]
    sizes = [[len(row) for feature in step for row in feature["rows"]] for step in steps]
    return [(sum(step), sum(size * size for size in step)) for step in sizes]


def operations(job: Job, tokens: int, squares: int) -> int:
    """Floating-point operations that the real tokens need in the layers, embedding and head left out.

    Body matrices: 2 per weight and token forward, 4 backward (6 to train, 2 to predict). Attention: scores and weighted
    sum are 2 products of length^2 x hidden size per row and layer, so 4 x sum of length^2 x hidden size x layers forward
    and 12 in training. Nothing is counted for padding: it is no work anybody asked for.
    """
    shape, times = SHAPES[job.shape], 3 if job.work == "train" else 1
    return times * (2 * shape.body * tokens + 4 * squares * shape.hidden_size * shape.layers)
