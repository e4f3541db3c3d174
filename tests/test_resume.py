"""A training that was stopped after any step ends as one that never was: weights, optimizer, log."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from stilts_xtreme import results
from stilts_xtreme.engine import checkpoint, predict, tokenizer
from stilts_xtreme.engine.encoder import Model, random_encoder
from stilts_xtreme.engine.features import lengths
from stilts_xtreme.engine.train import Step, Stream, accelerator, train
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.prediction_checkpoint import open_checkpoint
from stilts_xtreme.stages.training_log import Checkpointer, Part, TrainingLog
from stilts_xtreme.store import Checkpoints
from stilts_xtreme.tasks.examples import Pair, Text

torch.set_num_threads(1)
SHAPE = plan.Random(16, 1, 2, 32, 66, 300)
LABELS = ("0", "1")
RECIPE = plan.Recipe(
    epochs=None,
    steps=9,
    batch_size=6,
    micro_batch=4,
    learning_rate=5e-3,
    dropout=0.2,
    evaluate_every=3,
    max_length=32,
    mask_rate=0.3,
)
WORDS = ["red", "blue", "green", "tall", "small"]
PAIRS = [
    Pair(str(i), f"a {WORDS[i % 5]} house", f"a {WORDS[(i // 5) % 5]} house", LABELS[i % 5 == (i // 5) % 5]) for i in range(40)
]
TEXT = [Text(str(i), f"the {WORDS[i % 5]} man saw a {WORDS[i % 3]} house") for i in range(30)]


@pytest.fixture(scope="module")
def words():
    return tokenizer.train([f"{pair.first} {pair.second}" for pair in PAIRS] * 5 + [line.text for line in TEXT], 300)


def streams(words, kinds: str) -> dict[str, Stream]:
    limits, found = Limits(32, mask_rate=0.3), {}
    if "pair" in kinds:
        features = HEADS["classification"].encode(PAIRS, words, LABELS, limits, True)
        found["pair"] = Stream("classification", features, {"en": range(len(features))}, {"en": 1.0})
    if "text" in kinds:
        features = HEADS["mlm"].encode(TEXT, words, (), limits, True)
        found["text"] = Stream("mlm", features, {"en": range(len(features))}, {"en": 1.0})
    return found


class Stopped(Exception):
    """The process is gone."""


def trained(
    words, kinds: str, saved: checkpoint.Snapshot | None = None, border: Callable | None = None, recipe: plan.Recipe = RECIPE
) -> tuple[dict[str, torch.Tensor], list]:
    """Final weights and steps."""
    torch.manual_seed(0)
    given = streams(words, kinds)
    heads = {name: stream.head for name, stream in given.items()}
    encoder = random_encoder(SHAPE, words, 0).eval()  # as transformers' from_pretrained gives one: without dropout
    model = Model(encoder, heads, dict.fromkeys(heads, LABELS), recipe.dropout)
    order = [list(given)[n % len(given)] for n in range(recipe.steps)]
    scores = iter([3.0, 5.0, 4.0] if saved is None else [3.0, 5.0, 4.0][saved.state.number // 3 :])
    met = np.unique(np.concatenate([row for f in given["pair"].features for row in f["rows"]])) if kinds == "pair" else None

    def score(model: Model) -> float:
        model.eval()  # as real scoring does
        return next(scores)

    steps = train(model, given, order, recipe, 1, words, accelerator("fp32", "cpu"), score, met, saved, border)
    told = list(steps)
    return model.state_dict(), told


@pytest.mark.parametrize(
    ("kinds", "optimizer"), [("pair", "adamw"), ("text", "adamw"), ("pair and text", "adamw"), ("pair and text", "muon")]
)
def test_stopped_after_any_step_it_ends_as_if_it_never_was(words, kinds, optimizer, tmp_path) -> None:
    run = partial(trained, recipe=replace(RECIPE, optimizer=optimizer))
    borders: list[dict[str, torch.Tensor]] = []
    weights, told = run(words, kinds, border=lambda state: borders.append({n: t.clone() for n, t in state().tensors.items()}))
    assert len(borders) == RECIPE.steps
    for stop in range(1, RECIPE.steps + 1):
        folder = tmp_path / str(stop)
        folder.mkdir()

        def border(state, stop=stop, folder=folder) -> None:
            if state().state.number == stop:
                checkpoint.write(folder, state())
                raise Stopped

        with pytest.raises(Stopped):
            run(words, kinds, border=border)
        torch.manual_seed(99)  # another process: nothing of the first is left but the file
        last: list[dict[str, torch.Tensor]] = []
        resumed, rest = run(
            words,
            kinds,
            checkpoint.read(folder),
            lambda state, last=last: last.append({n: t.clone() for n, t in state().tensors.items()}),
        )
        assert rest == told[stop:]
        assert all(torch.equal(weights[name], resumed[name]) for name in weights)
        if last:  # optimizer, best weights and random numbers too
            assert last[-1].keys() == borders[-1].keys()
            assert all(torch.equal(tensor, last[-1][name]) for name, tensor in borders[-1].items())


def test_dropout_is_on_at_every_step(words, monkeypatch) -> None:
    """Also before the first scoring, of an encoder that was loaded."""
    forward, seen = Model.forward, []

    def looked_at(self, task, batch):
        seen.append({module.training for module in self.modules()})
        return forward(self, task, batch)

    monkeypatch.setattr(Model, "forward", looked_at)
    trained(words, "pair")
    assert len(seen) == 2 * RECIPE.steps and all(found == {True} for found in seen)


def test_where_memory_runs_out_the_micro_batch_is_halved_and_the_batch_stays(words, monkeypatch) -> None:
    whole, told = trained(words, "pair", recipe=replace(RECIPE, dropout=0.0, micro_batch=None))
    forward, seen = Model.forward, []

    def short(self, task, batch):
        seen.append(len(batch["lengths"]))
        if len(batch["lengths"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, task, batch)

    monkeypatch.setattr(Model, "forward", short)
    parts, halved = trained(words, "pair", recipe=replace(RECIPE, dropout=0.0, micro_batch=None))
    assert seen[:5] == [6, 3, 2, 2, 2] and set(seen[5:]) == {2}
    assert [step.micro_batch for step in halved] == [2] + [None] * 8
    assert [step.tokens for step in halved] == [step.tokens for step in told]
    assert [step.loss for step in halved] == pytest.approx([step.loss for step in told], rel=1e-4)
    assert all(torch.allclose(whole[name], parts[name], atol=1e-4) for name in whole)


def test_where_one_example_is_too_much_memory_it_says_so(words, monkeypatch) -> None:
    def full(self, task, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Model, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        trained(words, "pair")


def test_a_checkpoint_holds_the_compact_table_only(words) -> None:
    sizes = {}

    def border(state) -> None:
        sizes["table"] = next(
            t for n, t in state().tensors.items() if n == "model/encoder.embeddings.word_embeddings.weight"
        ).shape[0]
        raise Stopped

    with pytest.raises(Stopped):
        trained(words, "pair", border=border)
    assert sizes["table"] < len(words) and max(lengths(streams(words, "pair")["pair"].features)) > 0


def test_a_prediction_goes_on_from_its_last_batch(words, tmp_path, monkeypatch) -> None:
    """Batches that were kept are not computed again; damaged ones are."""
    monkeypatch.setattr(predict, "TOKENS", {"cpu": 64})
    torch.manual_seed(0)
    model = Model(random_encoder(SHAPE, words, 0), {"pair": "classification"}, {"pair": LABELS}, 0.0)
    features, device = streams(words, "pair")["pair"].features, torch.device("cpu")
    forward, computed, limit, notes = Model.logits, [], [10**9], []

    def counted(self, task, batch):
        if len(computed) >= limit[0]:
            raise Stopped
        computed.append(len(batch["lengths"]))
        return forward(self, task, batch)

    def outputs() -> list:
        """A whole run, in which each batch is kept at once."""
        computed.clear()
        memory = open_checkpoint(Checkpoints(tmp_path / "saved"), 0.0, "cpu", 1, notes.append)
        first = predict.outputs(model, "pair", features, words, device, checkpoint=memory.next_pass())
        return [*first, *predict.outputs(model, "pair", features[:20], words, device, checkpoint=memory.next_pass())]

    monkeypatch.setattr(Model, "logits", counted)
    wanted, batches = outputs(), len(computed)
    assert batches > 8
    shutil.rmtree(tmp_path / "saved")
    for done in (3, batches - 4):
        limit[0] = done
        with pytest.raises(Stopped):
            outputs()
    (tmp_path / "saved" / "000000002" / "arrays.safetensors").write_bytes(b"")
    limit[0] = 10**9
    found = outputs()
    assert len(computed) == 2 and "000000002 is left out: arrays.safetensors is damaged" in notes[-2]
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))
    memory = open_checkpoint(Checkpoints(tmp_path / "saved"), 0.0, "cuda", 1, notes.append)
    assert memory.next_pass().load_batch(0) is None  # its batches are others
    assert memory.threads == [1] and not any("threads" in note for note in notes)
    memory = open_checkpoint(Checkpoints(tmp_path / "saved"), 0.0, "cpu", 3, notes.append)
    memory.put("cpu/3/0", [np.zeros(1)])
    assert memory.threads == [1, 3] and notes[-1].startswith("threads 1 before, 3 now: results may differ by rounding")
    assert open_checkpoint(Checkpoints(tmp_path / "saved"), 0.0, "cpu", 3, notes.append).threads == [1, 3]


def test_the_threads_of_every_part_of_a_training_are_kept(words, tmp_path) -> None:
    notes: list[str] = []

    def part(number: int, threads: int) -> TrainingLog:
        """Part of a training that is stopped after one step."""
        (tmp_path / str(number)).mkdir()
        journal = TrainingLog(tmp_path / str(number) / "log.jsonl")
        saver = Checkpointer(Checkpoints(tmp_path / "saved", keep=2), journal, 0.0)
        saved = saver.resume(notes.append)
        after = saved.state.number if saved else 0
        notes.append(journal.begin(Part(after, "cpu", threads, 1, "2.13.0")))
        with journal.open():
            journal.add(Step(after + 1, "pair", 0.5, 10))
            saver.on_step_end(lambda: checkpoint.Snapshot(checkpoint.State(number=after + 1), {"random": torch.get_rng_state()}))
        return journal

    for number, threads in enumerate([1, 1, 4]):
        journal = part(number, threads)
    assert [(one.after, one.threads) for one in journal.parts] == [(0, 1), (1, 1), (2, 4)]
    assert journal.last["step"] == 3
    said = "threads 1 before, 4 now: results differ by rounding from those of one run"
    assert notes == ["", "going on after step 1", "", "going on after step 2", said]


def test_a_studys_provenance_has_the_threads_of_every_part() -> None:
    told = {"commit": "x", "device": "cpu", "seconds": 1.0, "versions": {}}
    parts = [{"threads": 1, "parts": [{"threads": 4}, {"threads": 1}]}, {"threads": 2, "threads_of_parts": [3, 2]}]
    parts += [{"threads": 8}, {}]
    assert results.provenance_of([{"provenance": told | part} for part in parts])["threads"] == [1, 2, 3, 4, 8]
