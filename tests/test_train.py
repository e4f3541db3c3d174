"""The loop and its batches: what is drawn, that micro-batches add up, that the best state is kept, that a collapse is seen."""

import gc
import math
import weakref
from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stilts_xtreme.engine import predict, tokenizer
from stilts_xtreme.engine.batches import batches, by_budget, collate, draw
from stilts_xtreme.engine.encoder import Model, load_model, random_encoder
from stilts_xtreme.engine.train import Stream, accelerator, train
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.pipeline import plan
from stilts_xtreme.tasks.examples import Choices, Pair

torch.set_num_threads(1)
SHAPE = plan.Random(16, 1, 2, 32, 66, 300)
LABELS = ("0", "1")
RECIPE = plan.Recipe(epochs=None, steps=12, batch_size=8, learning_rate=5e-3, dropout=0.0, evaluate_every=4, max_length=32)


def pairs(n: int) -> list[Pair]:
    words = ["red", "blue", "green", "tall", "small"]
    return [
        Pair(str(i), f"a {words[i % 5]} house", f"a {words[(i // 5) % 5]} house", LABELS[i % 5 == (i // 5) % 5]) for i in range(n)
    ]


@pytest.fixture(scope="module")
def words():
    return tokenizer.train([f"{e.first} {e.second}" for e in pairs(50)] * 5, 300)


def stream(words, n: int = 50) -> Stream:
    features = HEADS["classification"].encode(pairs(n), words, LABELS, Limits(32), True)
    return Stream("classification", features, {"en": range(len(features))}, {"en": 1.0})


def model(words, dropout: float = 0.0) -> Model:
    torch.manual_seed(0)
    return Model(random_encoder(SHAPE, words, 0), {"pair": "classification"}, {"pair": LABELS}, dropout)


def run(model: Model, words, recipe: plan.Recipe, score=None, steps: int | None = None, seed: int = 1):
    order = ["pair"] * (steps or recipe.steps)
    return list(train(model, {"pair": stream(words)}, order, recipe, seed, words, accelerator("fp32", "cpu"), score))


def test_training_learns_and_is_the_same_twice(words) -> None:
    first, second = model(words), model(words)
    told, again = run(first, words, RECIPE), run(second, words, RECIPE)
    assert told == again
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True))
    assert told[-1].loss < told[0].loss
    assert run(model(words), words, RECIPE, seed=2)[0].loss != told[0].loss


def test_micro_batches_add_up(words) -> None:
    whole, parts = model(words), model(words)
    told = run(whole, words, RECIPE)
    pieces = run(parts, words, replace(RECIPE, micro_batch=3))
    assert [step.loss for step in told] == pytest.approx([step.loss for step in pieces], rel=1e-5)
    for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-5)


def test_the_first_step_is_the_plain_one(words) -> None:
    """One step against AdamW, clipping and the mean loss written out with torch's own parts."""
    ours, plain = model(words), model(words)
    recipe = replace(RECIPE, steps=1, warmup=0.0, clip=0.5)
    run(ours, words, recipe)
    source = stream(words)
    order = draw(source.groups, recipe.batch_size, source.shares, 1)
    batch = collate("classification", [source.features[i] for i in order], words)
    torch.nn.functional.cross_entropy(plain.logits("pair", batch), batch["targets"]).backward()
    torch.nn.utils.clip_grad_norm_(plain.parameters(), recipe.clip)
    decayed = [{"params": [p], "weight_decay": recipe.weight_decay if p.ndim > 1 else 0.0} for p in plain.parameters()]
    torch.optim.AdamW(decayed, lr=recipe.learning_rate, betas=(0.9, recipe.beta2), eps=recipe.epsilon).step()
    for (name, a), b in zip(ours.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-6), name


def test_the_best_state_is_kept_and_patience_ends_it(words) -> None:
    scores, seen = iter([10.0, 30.0, 20.0, 30.0, 5.0]), []

    def score(now: Model) -> float:
        seen.append({name: value.clone() for name, value in now.state_dict().items()})
        return next(scores)

    trained = model(words)
    told = run(trained, words, replace(RECIPE, patience=2), score, steps=40)
    assert [step.number for step in told if step.score is not None] == [4, 8, 12, 16]
    assert [step.number for step in told if step.best] == [4, 8]
    assert all(torch.equal(value, seen[1][name]) for name, value in trained.state_dict().items())


def test_a_loss_that_is_not_finite_ends_it_at_once(words) -> None:
    broken = model(words)
    with torch.no_grad():
        broken.heads["pair"].classify.dense.weight.fill_(math.inf)
    told = run(broken, words, RECIPE, lambda _: 1.0)
    assert len(told) == 1 and not math.isfinite(told[0].loss)


def test_weights_that_a_step_ruined_are_not_kept(words) -> None:
    trained = model(words)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    told = run(trained, words, replace(RECIPE, learning_rate=1e30, clip=1e30, warmup=0.0), lambda _: 1.0)
    assert not math.isfinite(told[-1].loss) and len(told) < RECIPE.steps
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


def test_two_precisions_in_one_process() -> None:
    assert accelerator("fp32", "cpu").mixed_precision == "no"
    assert accelerator("bf16", "cpu").mixed_precision == "bf16"


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_trained_model_is_let_go_with_its_last_reference(words, precision) -> None:
    one, runner = model(words), accelerator("bf16" if precision == "bf16" else "fp32", "cpu")
    gc.collect()
    gc.disable()
    try:
        assert len(list(train(one, {"pair": stream(words)}, ["pair"] * 2, RECIPE, 1, words, runner, None))) == 2
        weights, runner = weakref.ref(one.encoder.get_input_embeddings().weight), None
        del one
        assert weights() is None
    finally:
        gc.enable()


def test_dropout_reaches_encoder_and_head(words) -> None:
    batch = collate("classification", stream(words).features[:4], words)
    wet, dry = model(words, 0.5), model(words, 0.0)
    wet.train(), dry.train()
    assert not torch.equal(wet.hidden(batch), wet.hidden(batch)) and torch.equal(dry.hidden(batch), dry.hidden(batch))


def test_a_saved_model_predicts_the_same(words, tmp_path) -> None:
    trained = model(words)
    trained.save(tmp_path, words, {"pair": {"threshold": None}})
    loaded, again, notes = load_model(tmp_path, "pair")
    features = stream(words).features
    here = predict.outputs(trained, "pair", features, words, torch.device("cpu"))
    there = predict.outputs(loaded, "pair", features, again, torch.device("cpu"))
    assert all((a == b).all() for a, b in zip(here, there, strict=True)) and notes["threshold"] is None


def test_prediction_does_not_depend_on_its_batches(words, monkeypatch) -> None:
    trained, features = model(words).double(), stream(words).features
    whole = predict.outputs(trained, "pair", features, words, torch.device("cpu"))
    monkeypatch.setitem(predict.TOKENS, "cpu", 1)
    single = predict.outputs(trained, "pair", features, words, torch.device("cpu"))
    assert all(abs(a - b).max() < 1e-5 for a, b in zip(whole, single, strict=True))


def test_only_the_encoder_passes_on(words, tmp_path) -> None:
    trained = model(words)
    trained.save(tmp_path, words, {})
    names = {file.name for file in tmp_path.iterdir()}
    assert {"model.safetensors", "head-pair.safetensors"} <= names and not any(
        name.endswith((".bin", ".pt", ".pkl")) for name in names
    )
    from safetensors.torch import load_file

    assert not any("heads" in name or "dense2" in name for name in load_file(tmp_path / "model.safetensors"))


def test_choices_of_several_options_make_one_batch(words) -> None:
    examples = [Choices("1", "a red", ("house", "tall", "small"), 0), Choices("2", "a", ("blue house", "green", "red"), 1)]
    features = HEADS["multiple_choice"].encode(examples, words, (), Limits(32), True)
    batch = collate("multiple_choice", features, words)
    rows = [row for feature in features for row in feature["rows"]]
    assert len(batch["offsets"]) == 6 and len(batch["input_ids"]) == sum(map(len, rows))
    for row, begin in zip(rows, batch["offsets"].tolist(), strict=True):
        assert batch["input_ids"][begin : begin + len(row)].tolist() == row


GROUPS = st.dictionaries(st.sampled_from(["en", "xa", "xb"]), st.integers(1, 30), min_size=1)


@given(GROUPS, st.integers(1, 200), st.integers(0, 99))
def test_drawing_takes_every_index_once_before_any_twice(sizes, total, seed) -> None:
    groups, at = {}, 0
    for name, n in sizes.items():
        groups[name], at = range(at, at + n), at + n
    shares = {name: n / at for name, n in sizes.items()}
    drawn = draw(groups, total, shares, seed)
    assert len(drawn) == total and drawn == draw(groups, total, shares, seed)
    counts = Counter(drawn)
    for members in groups.values():
        times = {counts[i] for i in members}
        assert max(times) - min(times) <= 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.integers(1, 40), st.booleans(), st.integers(0, 9))
def test_batches_hold_every_example_once(lengths, size, grouped, seed) -> None:
    cut = batches(range(len(lengths)), lengths, size, grouped, seed, pool=3)
    assert sorted(i for batch in cut for i in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in cut) and len(cut) == -(-len(lengths) // size)


@given(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=4), min_size=1, max_size=60), st.integers(1, 400))
def test_budgeted_batches_hold_every_feature_within_the_budget(shapes, tokens) -> None:
    features = [{"rows": [[0] * n for n in rows]} for rows in shapes]
    cut = by_budget(features, tokens)
    assert sorted(i for batch in cut for i in batch) == list(range(len(features)))
    for batch in cut:
        rows = sum(len(features[i]["rows"]) for i in batch)
        assert len(batch) == 1 or rows * max(len(row) for i in batch for row in features[i]["rows"]) <= tokens
