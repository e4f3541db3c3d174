"""What stands in a text never becomes a special token; any other text is encoded as before."""

import random
from collections.abc import Callable

import kinds
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from stilts_xtreme.engine import tokenizer as own
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.models.heads.common import special_tokens, token_ids
from stilts_xtreme.models.heads.literal import literal
from stilts_xtreme.tasks.examples import Candidate, Choices, Pair, Query, Question, Sentence, Tagged, Text

LIMITS = Limits(200)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}


def folding() -> PreTrainedTokenizerFast:
    """XLM-R's kind with a normalizer that makes `<s>` of full-width characters, after special tokens were looked for."""
    made = kinds.xlmr()
    made.backend_tokenizer.normalizer = normalizers.NFKC()
    return made


def whole_words(model: type) -> Callable[[], PreTrainedTokenizerFast]:
    """WordPiece or WordLevel on words between spaces: `<s>` alone is a word of the vocabulary."""

    def make() -> PreTrainedTokenizerFast:
        letters = [mark + c for line in kinds.lines() for c in line for mark in ("", "##")]
        words = [*SPECIAL.values(), *dict.fromkeys([*letters, *"<>/", *(f"##{c}" for c in "<>/")])]
        made = Tokenizer(model({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        return kinds.fast(made, "<s> $A </s>", "<s> $A </s> </s> $B </s>", **SPECIAL)

    return make


def whole_merges() -> PreTrainedTokenizerFast:
    """BPE that takes a word of its vocabulary as it is, as EuroBERT's; two of its tokens are merged from text."""
    letters = sorted({c for line in kinds.lines() for c in line} | set("<s>/padunkm"))
    vocab = {word: i for i, word in enumerate([*SPECIAL.values(), *letters, "s>"])}
    made = Tokenizer(models.BPE(vocab, [("s", ">"), ("<", "s>")], unk_token="<unk>", ignore_merges=True))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return kinds.fast(made, "<s> $A </s>", "<s> $A </s> </s> $B </s>", **SPECIAL)


MADE: dict[str, Callable] = {
    **{name: make for name, (_, make, _) in kinds.KINDS.items() if name != "xlm-v"},
    "folding": folding,
    "word-piece": whole_words(models.WordPiece),
    "word-level": whole_words(models.WordLevel),
    "merges": whole_merges,
    "trained here": lambda: own.train(kinds.lines(), 400),
}


@pytest.fixture(params=MADE)
def tokenizer(request) -> PreTrainedTokenizerFast:
    return MADE[request.param]()


def hostile(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Texts with each of its special tokens in them, alone, glued on, doubled, in full-width characters."""
    made = []
    for one in tokenizer.all_special_tokens:
        wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in one)
        made += [one, f"ab {one} cd", f"ab{one}cd", one * 2, f"{one[0]}{one}{one[-1]}", wide, f"ab {wide}{one}", f" {one} "]
    return made


def within(ids: list[int], tokenizer: PreTrainedTokenizerFast) -> set[int]:
    """Special tokens in a row; the unknown one may stand for characters that the vocabulary lacks."""
    return set(ids) & set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}


def test_no_text_gives_a_special_token(tokenizer) -> None:
    texts = hostile(tokenizer)
    for text, row in zip(texts, token_ids(tokenizer, texts, add_special_tokens=False), strict=True):
        assert row and not within(row, tokenizer), text
    before, between, after = special_tokens(tokenizer)
    around = sorted(id for id in before + between + after if within([id], tokenizer))
    for row in token_ids(tokenizer, texts, texts[::-1]):
        assert row[: len(before)] == before and row[-len(after) :] == after
        assert sorted(id for id in row if within([id], tokenizer)) == around


def test_the_name_of_the_unknown_token_is_a_text_of_its_own() -> None:
    made = own.train(["the <unk> cat </s> met <s> it"] * 9, 60)
    for text in ("<unk>", "the <unk> cat"):
        (row,) = token_ids(made, [text], add_special_tokens=False)
        assert not set(row) & set(made.all_special_ids) and made.decode(row) == text


def test_other_texts_are_encoded_as_before(tokenizer) -> None:
    draw = random.Random(1)
    texts = [*kinds.lines(), "", " ", "a<b and c>d", "1 < 2 </", "[x] [1]", "<|x|>", "e\u0301 \u200b ﬁ ９"]
    texts += ["".join(draw.choice("ab<>/s|[] ▁é猫\u0301\n") for _ in range(30)) for _ in range(300)]
    texts = [text for text in texts if not any(one in text for one in tokenizer.all_special_tokens)]
    plain = tokenizer(texts, return_offsets_mapping=True)
    with literal(tokenizer):
        found = tokenizer(texts, return_offsets_mapping=True)
    assert dict(found) == dict(plain) and len(texts) > 1000


def test_nothing_is_left_behind(tokenizer) -> None:
    text = f"a {tokenizer.mask_token} b"
    plain, known = tokenizer(text)["input_ids"], own.fingerprint(tokenizer)
    with pytest.raises(KeyError), literal(tokenizer):
        assert tokenizer(text)["input_ids"] != plain
        raise KeyError
    token_ids(tokenizer, [text])
    assert tokenizer(text)["input_ids"] == plain and own.fingerprint(tokenizer) == known


def test_every_head_reads_it_as_text(tokenizer) -> None:
    texts = hostile(tokenizer)
    examples = {
        "classification": [Pair(str(i), text, text[::-1], "a") for i, text in enumerate(texts)],
        "multiple_choice": [Choices(str(i), text, (text, "b"), 0) for i, text in enumerate(texts)],
        "tagging": [Tagged(str(i), ("a", text, text), ("a", "b", "a")) for i, text in enumerate(texts)],
        "span_qa": [Question(str(i), text, f"a {text} b", (text,), (2,)) for i, text in enumerate(texts)],
        "embedding": [Sentence(str(i), text, "english", None) for i, text in enumerate(texts)],
        "dual_encoder": [Query(str(i), text, (), Candidate(str(i), text, text)) for i, text in enumerate(texts)],
        "mlm": [Text(str(i), text) for i, text in enumerate(texts)],
    }
    assert examples.keys() == HEADS.keys()
    pair = sum(map(len, special_tokens(tokenizer)))
    for head, given in examples.items():
        for feature in HEADS[head].encode(given, tokenizer, ("a", "b"), LIMITS, False):
            for row in feature["rows"]:
                assert sum(bool(within([int(id)], tokenizer)) for id in row) <= pair, (head, given[feature["example"]])


def test_offsets_and_labels_stay_right(tokenizer) -> None:
    for one in tokenizer.all_special_tokens:
        context = f"ab {one} cd{one}, the end"
        asked = [Question("1", one, context, (answer,), (context.index(answer),)) for answer in (one, f"cd{one}", "the end")]
        for question, feature in zip(asked, HEADS["span_qa"].encode(asked, tokenizer, (), LIMITS, False), strict=True):
            at = feature["context_at"]
            first, last = feature["start"] - at, feature["end"] - at
            assert first >= 0
            found = context[feature["spans"][first][0] : feature["spans"][last][1]]
            assert question.answers[0] in found and len(found) <= len(question.answers[0]) + 2, (one, found)
        words = ("ab", one, f"cd{one}", one)
        (feature,) = HEADS["tagging"].encode([Tagged("1", words, tuple("abab"))], tokenizer, ("a", "b"), LIMITS, True)
        assert feature["targets"] == [0, 1, 0, 1] and len(set(feature["positions"])) == 4
        row = feature["rows"][0]
        ends = [*feature["positions"][1:], len(row) - len(special_tokens(tokenizer)[2])]
        pieces = [row[a:b] for a, b in zip(feature["positions"], ends, strict=True)]
        assert not any(within(piece, tokenizer) for piece in pieces) and all(pieces)
