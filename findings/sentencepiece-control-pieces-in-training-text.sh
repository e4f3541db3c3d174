#!/usr/bin/env bash
# sentencepiece 0.2.3: what in a training text reads like a control piece (<s>, </s>, <pad>) or <unk> is cut out of it in silence.
# Expected: control pieces are for ids only; a text that holds "<s>" teaches "<", "s" and ">" as any other text does
#   (when encoding, "<s>" is indeed never read as the control piece).
# Real: the trainer replaces them before it counts characters. "<" and ">" stand in every line here, character_coverage is 1.0,
#   and neither becomes a piece: the same text then encodes to <unk>. With control pieces of other names both are learned.
# Output seen:
#   named <s> </s> <unk>: '<' in vocabulary: False, '>' in vocabulary: False, unknown ids: 1
#   named by private use characters: '<' in vocabulary: True, '>' in vocabulary: True, unknown ids: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sentencepiece==0.2.3
"$folder/venv/bin/python" - <<'PY'
import io, sys
import sentencepiece

lines = ["the <s> cat </s> met", "a <s> dog </s> met the cat", "a dog and a <unk> cat"] * 20


def trained(bos, eos, unk):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="unigram", vocab_size=60, hard_vocab_limit=False,
        character_coverage=1.0, bos_piece=bos, eos_piece=eos, unk_piece=unk, minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


found = []
for name, pieces in {"named <s> </s> <unk>": ("<s>", "</s>", "<unk>"),
                     "named by private use characters": ("\ue001b", "\ue001e", "\ue001u")}.items():
    model = trained(*pieces)
    vocabulary = {model.id_to_piece(i) for i in range(model.get_piece_size())}
    letters = {c for piece in vocabulary - set(pieces) for c in piece}
    unknown = model.encode("the <s> cat").count(model.unk_id())
    found.append(("<" in letters, ">" in letters, unknown > 0))
    print(f"{name}: '<' in vocabulary: {'<' in letters}, '>' in vocabulary: {'>' in letters}, unknown ids: {unknown}")
sys.exit(found != [(False, False, True), (True, True, False)])
PY
