"""The trained tokenizer: XLM-R's shape, the same on every training, unchanged by saving."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer, XLMRobertaConfig

from stilts_xtreme.engine.tokenizer import normalised, train
from stilts_xtreme.utils.errors import UserError

LINES = [
    "The red cat met a dog in the old house .",
    "A dog met 12 cats, then the house fell.",
    "Ça va? L'été est fini; the end",
    "猫が犬に会った。家は古い。",
    "猫と犬が家にいる。",
    "แมวพบสุนัขในบ้าน",
] * 6
SHUFFLED = sorted(LINES, key=lambda line: line[::-1])


@pytest.fixture(scope="module")
def tokenizer():
    return train(LINES, 160)


def ids(tokenizer) -> dict[str, int]:
    return tokenizer.get_vocab()


def test_special_tokens_have_the_ids_of_xlm_r(tokenizer):
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, len(tokenizer) - 1]) == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    names = ("bos", "cls", "pad", "eos", "sep", "unk", "mask")
    assert [getattr(tokenizer, f"{name}_token_id") for name in names] == [0, 0, 1, 2, 2, 3, len(tokenizer) - 1]
    assert sorted(ids(tokenizer).values()) == list(range(len(tokenizer)))


def test_pairs_have_the_form_of_xlm_r(tokenizer):
    a, b = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("the cat", "a dog"))
    assert tokenizer("the cat")["input_ids"] == [0, *a, 2]
    assert tokenizer("the cat", "a dog")["input_ids"] == [0, *a, 2, 2, *b, 2]


def test_frequent_words_are_one_piece_and_marks_stand_alone(tokenizer):
    assert tokenizer.tokenize("the dog met .") == ["▁the", "▁dog", "▁met", "▁."]
    assert tokenizer.tokenize("the dog met.") == ["▁the", "▁dog", "▁met", "."]


def test_vocabulary_size_is_a_limit():
    assert 80 < len(train(LINES, 100)) <= 100
    assert len(train(["ka lo"] * 9, 1000)) < 30  # there is no more to learn


def test_rare_characters_are_left_out():
    lines = ["the cat met the dog by quick brown fix"] * 500 + ["the cat Ω met"]
    tokenizer = train(lines, 70)
    assert tokenizer("Ω", add_special_tokens=False)["input_ids"][-1] == tokenizer.unk_token_id
    assert tokenizer.unk_token_id not in tokenizer("the cat met the dog")["input_ids"]


def test_a_small_alphabet_is_covered_whole():
    tokenizer = train(["the cat met the dog"] * 5000 + ["the cat Ω met"], 300)
    assert tokenizer.unk_token_id not in tokenizer("Ω")["input_ids"]


def test_offsets_leave_out_the_space_and_reach_through_normalising(tokenizer):
    text = "the  cat, ﬁni 猫が"
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    words = [text[a:b] for a, b in encoded["offset_mapping"]]
    assert words[:3] == ["the", "cat", ","] and not any(word != word.strip() for word in words)
    assert tokenizer.convert_ids_to_tokens(encoded["input_ids"])[:3] == ["▁the", "▁cat", ","]


def test_split_words_keep_their_beginning(tokenizer):
    words = ["the", "cats,", "猫が犬に", "Ça"]
    encoded = tokenizer([words], is_split_into_words=True, add_special_tokens=False)
    pieces, numbers = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0]), encoded.word_ids(0)
    assert [pieces[numbers.index(i)][0] for i in range(4)] == ["▁"] * 4
    alone = [piece for word in words for piece in tokenizer.tokenize(word)]
    assert pieces == alone == tokenizer.tokenize(" ".join(words))


MARKS = ["ka", "ki", "ku", "k\u0651\u064eti", "m\u0651\u064eka", "k\u0308\u0327ta", "d\u0344mu", "s\u0323\u0307a", "e\u0301t"]


def test_what_is_learned_is_what_is_read():
    """SentencePiece's own nmt_nfkc leaves combining marks in the order of the text; tokenizers' NFKC puts them in order."""
    lines = [f"{one} {two}\u3000{three}" for one in MARKS for two in MARKS for three in MARKS]
    tokenizer = train(lines, 80)
    learned = tokenizer.convert_ids_to_tokens(range(4, len(tokenizer) - 1))
    changed = [piece for piece in learned if normalised(piece.replace("▁", "x")) != piece.replace("▁", "x")]
    assert not changed and len(learned) > 20
    assert all(len(tokenizer.tokenize(word)) == 1 for word in MARKS)  # each is frequent
    assert tokenizer.unk_token_id not in {id for row in tokenizer(lines)["input_ids"] for id in row}


def test_text_is_learned_whole_whatever_it_holds():
    """Marks of the trainer's own that stand in a text take nothing out of it."""
    lines = ["§ the cat", "the § <unk> cat", "a <s> dog § met </s>", "<pad> § the dog"] * 9
    tokenizer = train(lines, 90)
    pieces = "".join(tokenizer.convert_ids_to_tokens(range(4, len(tokenizer) - 1)))
    assert set("".join(lines)) - {" "} <= set(pieces)


def test_saving_and_loading_changes_nothing(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    XLMRobertaConfig(vocab_size=len(tokenizer)).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    texts = [*LINES[:6], "ﬁni Ｔｈｅ e\u0301te\u0301 <mask> x", "a\tb\u200bc"]
    for kind in ({"truncation": "longest_first", "max_length": 9}, {"return_offsets_mapping": True}, {}):
        assert dict(loaded(texts, texts[::-1], **kind)) == dict(tokenizer(texts, texts[::-1], **kind))
    assert (loaded.all_special_ids, len(loaded), ids(loaded)) == (tokenizer.all_special_ids, len(tokenizer), ids(tokenizer))


def test_the_order_of_lines_does_not_matter(tokenizer):
    assert train(SHUFFLED, 160).backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


@pytest.mark.parametrize("parallel", ["true", "false"])
def test_another_process_trains_the_same_tokenizer(tokenizer, parallel):
    """Whatever the hash seed, and with several threads or one."""
    code = (
        "import json, sys; from stilts_xtreme.engine.tokenizer import normalised, train;"
        "print(train(json.load(sys.stdin), 160).backend_tokenizer.to_str())"
    )
    settings = {"TOKENIZERS_PARALLELISM": parallel, "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", code]
    env = os.environ | settings
    done = subprocess.run(command, input=json.dumps(LINES), capture_output=True, encoding="utf-8", env=env, check=True)
    assert done.stdout.strip() == tokenizer.backend_tokenizer.to_str()


def test_real_text_in_many_scripts(real_data: Path):
    by_language = {}
    for path in sorted((real_data / "mono").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            by_language[path.name.split(".")[0]] = [line.rstrip("\n") for _, line in zip(range(300), file, strict=False)]
    tokenizer = train([line for lines in by_language.values() for line in lines], 8000)
    assert 7900 < len(tokenizer) <= 8000
    for language, lines in by_language.items():
        rows = tokenizer(lines, add_special_tokens=False)["input_ids"]
        pieces, unknown = sum(map(len, rows)), sum(row.count(tokenizer.unk_token_id) for row in rows)
        assert unknown / pieces < 0.03, language
        assert sum(map(len, lines)) / pieces > (0.9 if language in ("zh", "ja", "ko") else 1.4), language


@pytest.mark.parametrize("lines", [[], [chr(0x4E00 + i) for i in range(900)]])
def test_text_that_cannot_fill_the_vocabulary_is_a_fault_of_the_input(lines) -> None:
    with pytest.raises(UserError, match="tokenizer: no 300 pieces"):
        train(lines, 300)
