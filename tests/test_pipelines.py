"""What a saved checkpoint gives in transformers' own pipelines is what stilts predicts, for every kind of encoder and head."""

import contextlib
import io
import random
from pathlib import Path

import kinds
import numpy as np
import pytest
import torch
from test_transformers_checkpoint import ALONE, stirred
from transformers import AutoTokenizer, pipeline

from stilts_xtreme.engine import encoder, predict
from stilts_xtreme.engine import onnx as exported
from stilts_xtreme.engine import tokenizer as saving
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.export import usage_snippets, write
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.tasks.examples import Choices, Pair, Question, Tagged

CPU = torch.device("cpu")
LIMITS = Limits(40, doc_stride=7, max_answer_length=4)
LABELS = {"classification": ("a", "b", "c"), "tagging": ("A", "B", "C", "D")}


def texts(count: int, seed: int = 0) -> list[str]:
    """Short and long ones: some pairs of them are longer than LIMITS."""
    draw = random.Random(seed)
    lines = kinds.lines()
    return [" ".join(draw.choice(lines).split()[: draw.choice((2, 5, 8))] + draw.choice(lines).split()[: draw.choice((0, 8))])
            for _ in range(count)]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("encoders")
    return {kind: kinds.save(kind, made / kind) for kind in kinds.KINDS}


@pytest.fixture(params=kinds.KINDS)
def kind(request) -> str:
    return request.param


def saved(folder: Path, head: str, to: Path) -> tuple[encoder.Model, object]:
    """A model with a head of random weights, written as a training writes it."""
    start, words = encoder.load(folder)
    model = stirred(encoder.Model(start, {"t": head}, {"t": LABELS.get(head, ())}, 0.1))
    model.save(to, words, {"t": {"limits": vars(LIMITS)}})
    return model, words


def predicted(model: encoder.Model, words: object, examples: list) -> list:
    head, labels = HEADS[model.kinds["t"]], model.labels["t"]
    features = head.encode(examples, words, labels, LIMITS, False)
    return head.decode(predict.outputs(model, "t", features, words, CPU), features, examples, labels, LIMITS)


def printed(head: str, folder: Path, names: dict) -> str:
    """What the code on a card prints, with these values in place of its own."""
    lines = usage_snippets.snippet(head, str(folder), LIMITS.max_answer_length, LIMITS.doc_stride).splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith(", ".join(names)))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(kept, "card", "exec"), dict(names))
    return said.getvalue().removesuffix("\n")


def test_pairs_are_classified_alike(kind, folders, tmp_path) -> None:
    model, words = saved(folders[kind], "classification", tmp_path)
    firsts, seconds = texts(30), texts(30, 1)
    examples = [Pair(str(i), one, two, "a") for i, (one, two) in enumerate(zip(firsts, seconds, strict=True))]
    features = HEADS["classification"].encode(examples, words, LABELS["classification"], LIMITS, False)
    assert {len(feature["rows"][0]) for feature in features} > {LIMITS.max_length}  # some are cut, some are not
    ours = predict.outputs(model, "t", features, words, CPU)
    classify = pipeline("text-classification", model=str(tmp_path), truncation=True, top_k=None)
    for one, two, logits in zip(firsts, seconds, ours, strict=True):
        theirs = {found["label"]: found["score"] for found in classify({"text": one, "text_pair": two})}
        right = torch.from_numpy(logits).softmax(-1)
        assert torch.allclose(torch.tensor([theirs[label] for label in LABELS["classification"]]), right, atol=1e-5)


def test_words_are_tagged_alike(kind, folders, tmp_path) -> None:
    model, words = saved(folders[kind], "tagging", tmp_path)
    tag = pipeline("token-classification", model=str(tmp_path), ignore_labels=[])
    whole = 0
    for i, text in enumerate(texts(20)):
        tokens = tuple(text.split())
        example = Tagged(str(i), tokens, ("A",) * len(tokens))
        (right,) = predicted(model, words, [example])
        (feature, *more) = HEADS["tagging"].encode([example], words, LABELS["tagging"], LIMITS, False)
        theirs = {found["index"]: found["entity"] for found in tag(text)}
        if not more:
            assert right == tuple(theirs[at] for at in feature["positions"])
        assert max(theirs) <= LIMITS.max_length - 2
        whole += not more
    assert 5 < whole < 20


def test_the_mask_is_filled_alike(kind, folders, tmp_path) -> None:
    if why := ALONE.get((kind, "mlm")):
        pytest.skip(why)
    model, words = saved(folders[kind], "mlm", tmp_path)
    fill = pipeline("fill-mask", model=str(tmp_path), tokenizer_kwargs={"truncation": True}, top_k=3)
    for text in texts(8):
        masked = " ".join([*text.split()[:1], words.mask_token, *text.split()])
        row = words(masked, truncation=True, max_length=LIMITS.max_length)["input_ids"]
        place = row.index(words.mask_token_id)
        feature = {"rows": [row], "positions": np.array([place]), "targets": np.array([0]), "mask_rate": 0.0}
        with torch.inference_mode():
            states = model.eval().logits("t", collate("mlm", [feature], words))
            table = model.encoder.get_input_embeddings().weight
            right = torch.addmm(model.heads["t"].bias, states, table.T)[0].softmax(-1)
        for found in fill(masked):
            assert abs(right[found["token"]] - found["score"]) < 1e-5


def test_options_are_chosen_alike(kind, folders, tmp_path) -> None:
    if why := ALONE.get((kind, "multiple_choice")):
        pytest.skip(why)
    model, words = saved(folders[kind], "multiple_choice", tmp_path)
    long = texts(12)
    for i in range(0, 12, 3):
        example = Choices("1", " ".join(long), tuple(text[:20] for text in long[i : i + 3]), 0)
        (right,) = predicted(model, words, [example])
        found = printed("multiple_choice", tmp_path, {"start": example.first, "options": example.options})
        assert found == example.options[right]


def test_answers_are_found_alike(kind, folders, tmp_path) -> None:
    if why := ALONE.get((kind, "span_qa")):
        pytest.skip(why)
    model, words = saved(folders[kind], "span_qa", tmp_path)
    for i in range(4):
        context = " ".join(texts(4, i))
        example = Question("1", texts(1, i)[0][:12], context, (), ())
        features = HEADS["span_qa"].encode([example], words, (), LIMITS, False)
        (right,) = predicted(model, words, [example])
        found = printed("span_qa", tmp_path, {"question": example.question, "context": context})
        assert found == right and right and len(features) > 2


@pytest.mark.parametrize("head", [head for head in HEADS if head != "embedding"])
def test_a_saved_tokenizer_encodes_as_trained(head, kind, folders, tmp_path) -> None:
    _, words = saved(folders[kind], head, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert set(loaded("a b", "c")) == set(exported.INPUTS)
    assert loaded.model_max_length == LIMITS.max_length
    assert len(loaded("a " * 99, "b " * 99, truncation=True)["input_ids"]) == LIMITS.max_length
    text = f"ab {words.mask_token} cd"
    assert (loaded.mask_token_id in loaded(text)["input_ids"]) == (head == "mlm" or kind in ("xlm-r", "xlm-v", "mdeberta"))
    unigram = [name for name in words.all_special_tokens if name != words.unk_token]
    told = {"mlm": unigram}.get(head, unigram if kind in ("xlm-r", "xlm-v", "mdeberta") else [])
    assert saving.read_as_special(tmp_path) == told
    assert saving.fingerprint(loaded) == saving.fingerprint(words)
    encoder.load_model(tmp_path, "t")[0].save(tmp_path / "again", loaded, {"t": {"limits": {**vars(LIMITS), "max_length": 60}}})
    assert AutoTokenizer.from_pretrained(tmp_path / "again").model_max_length == 60  # the later training's, not the least of all


@pytest.mark.slow
@pytest.mark.parametrize("head", ["classification", "tagging"])
@pytest.mark.parametrize("kind", ["mbert", "mdeberta"])
def test_onnx_runtime_takes_what_the_tokenizer_gives(kind, head, folders, tmp_path) -> None:
    """The kinds whose published tokenizers give `token_type_ids`."""
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    saved(folders[kind], head, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    what = {"classification": "Sequence", "tagging": "Token"}[head]
    write._onnx(tmp_path, {"mbert": "Bert", "mdeberta": "DebertaV2"}[kind] + f"For{what}Classification", head)
    session = exported.session(tmp_path / write.ONNX, CPU, 1)
    rows = loaded(texts(3), texts(3, 1), padding=True, truncation=True, return_tensors="np")
    (logits,) = session.run(None, dict(rows))
    assert (len(logits), logits.shape[-1]) == (3, len(LABELS[head]))
