"""The languages a study evaluates: for all targets or by target, English beside them, faults told before anything runs."""

from pathlib import Path

import pytest
from test_compatibility import STUDY, here, put, told  # noqa: F401
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from stilts_xtreme import spec
from stilts_xtreme.cli import shared
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.tasks import catalogue
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import LANGUAGES

MAIN = Path(__file__).parents[1] / "experiments" / "studies" / "main.yaml"


def evaluated(*overrides: str, targets: str = "xnli,xquad,tatoeba") -> dict[str, tuple[str, ...]]:
    loaded = spec.load(MAIN, ["seeds=[1]", "intermediate=[none]", f"targets=[{targets}]", *overrides])
    return {cell.target: cell.stage.languages for cell in grid.study(loaded)}


def test_a_list_is_for_all_targets_and_english_is_beside_it() -> None:
    found = evaluated("languages=[xb,xa]")
    assert found == {"xnli": ("en", "xa", "xb"), "xquad": ("en", "xa", "xb"), "tatoeba": ("xa", "xb")}
    assert evaluated("languages=[xa,xb,en]") == found


def test_languages_by_target_leave_the_other_targets_alone() -> None:
    found = evaluated("languages={xnli: [xa], tatoeba: [xc]}")
    assert found["xnli"] == ("en", "xa") and found["tatoeba"] == ("xc",) and len(found["xquad"]) == 6


def test_the_command_line_says_the_same() -> None:
    assert shared.with_languages("xa, xb", ["seeds=[1]"]) == ["seeds=[1]", "languages=[xa,xb]"]
    assert shared.with_languages(None, []) == []
    assert evaluated(*shared.with_languages("xa,xb", [])) == evaluated("languages=[xa,xb]")
    with pytest.raises(UserError, match="--languages: give codes"):
        shared.with_languages(" , ", [])


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ("[xa, qqq]", "6:17: languages[1]: 'qqq' is not a language of any target's test data in the miniature world"),
        ("{xnli: [xa, qqq]}", "6:24: languages.xnli[1]: 'qqq' is not a language of xnli's test data"),
        ("{xnlu: [xa]}", "6:13: languages.xnlu: 'xnlu' is not a target of this study"),
        ("{panx: [xa]}", "6:13: languages.panx: 'panx' is not a target of this study"),
        ("[xa, xa]", "6:17: languages[1]: 'xa' stands in the list twice"),
        ("{xnli: [xa, xa]}", "languages.xnli[1]: 'xa' stands in the list twice"),
        ("xa", "6:12: languages: must be a list of language codes, or a mapping of targets to such lists, is 'xa'"),
        ("[]", "languages: must have 1 or more entries"),
    ],
)
def test_what_is_wrong_with_languages_is_told_where_it_stands(here, languages, message) -> None:  # noqa: F811
    assert message in told(STUDY.format("none") + f"languages: {languages}\n")


ROWS = "the hen sleeps\tthe hen sleeps\tentailment\nthe hen runs\tthe hen sleeps\tcontradiction\n"
OWN = STUDY.format("none").replace("setup.yaml", "own.yaml").replace("[xnli]", "[xnli, tatoeba]")


@pytest.fixture
def folder(here):  # noqa: F811
    """Release files: XNLI in English and German, Tatoeba in Swahili."""
    for code in ("en", "de"):
        put(f"xnli/test-{code}.tsv", ROWS)
    for code in ("swh", "eng"):
        put(f"tatoeba/tatoeba.swh-eng.{code}", "one\ntwo\n")
    Path("encoder/model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")  # a plan takes its digest
    words = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.save("encoder/tokenizer.json")
    put("mnli/multinli_1.0_train.jsonl")
    put("mnli/multinli_1.0_dev_matched.jsonl")
    return here


def cells(languages: str) -> dict[str, tuple[str, ...]]:
    assert told(OWN + f"languages: {languages}\n") == ""
    return {cell.target: cell.stage.languages for cell in grid.study(spec.load(Path("spec.yaml")))}


def test_a_target_leaves_out_what_it_does_not_have(folder) -> None:
    assert {name: set(codes) for name, codes in cells("[de, sw]").items()} == {"xnli": {"en", "de"}, "tatoeba": {"sw"}}
    assert set(cells("[sw]")["xnli"]) == {"en"}


def test_what_no_target_has_is_refused(folder) -> None:
    said = told(OWN + "languages: [de, th]\n")
    assert "languages[1]: 'th' is not a language of any target's test data in release files" in said
    loaded = spec.load(Path("spec.yaml"))  # without the check against the data, as where it cannot be looked into
    with pytest.raises(UserError, match="languages: no target has test data in th$"):
        grid.study(loaded)


def test_a_target_without_english_that_has_none_is_told(folder) -> None:
    with pytest.raises(UserError, match=r"^tatoeba: languages: there is no test data in de, only in sw: take tatoeba out of"):
        cells("[de]")


def test_a_language_that_was_added_to_a_task_counts(folder, monkeypatch) -> None:
    from dataclasses import replace

    xnli = catalogue.TASKS["xnli"]
    assert "qaa" not in LANGUAGES and "qaa" not in xnli.languages
    monkeypatch.setitem(catalogue.TASKS, "xnli", replace(xnli, languages=(*xnli.languages, "qaa")))
    put("xnli/test-qaa.tsv", ROWS)
    assert set(cells("[qaa, sw]")["xnli"]) == {"en", "qaa"} and set(cells("{xnli: [qaa]}")["xnli"]) == {"en", "qaa"}


def topics(*codes: str) -> None:
    rows = "index_id\tcategory\ttext\n7\ttravel\tthe hen runs\n8\thealth\tthe hen sleeps\n"
    for code in codes:
        put(f"sib200/data/annotated/{code}/test.tsv", rows)
    for split in ("train", "dev"):
        put(f"sib200/data/annotated/eng_Latn/{split}.tsv", rows)


def test_sib200_is_evaluated_in_every_language_there_is_a_file_of(folder, monkeypatch) -> None:
    """A folder named after a language that nobody has listed is one; FLORES codes of the table go by the table's own."""
    topics("eng_Latn", "swh_Latn", "arb_Latn", "xyz_Latn")
    study = OWN.replace("[xnli, tatoeba]", "[sib200]")

    def found(languages: str) -> tuple[str, ...]:
        assert told(study + f"languages: {languages}\n") == ""
        return next(cell.stage.languages for cell in grid.study(spec.load(Path("spec.yaml"))))

    assert found("null") == ("arb_Latn", "en", "sw", "xyz_Latn")
    assert found("[swh_Latn]") == found("[sw]") == ("en", "sw") and found("[xyz_Latn]") == ("en", "xyz_Latn")
    assert "languages[1]: 'sw' stands in the list twice" in told(study + "languages: [sw, swh_Latn]\n")
    assert "languages[0]: 'xyy_Latn' is not a language of" in told(study + "languages: [xyy_Latn]\n")


def test_all_languages_said_are_the_stages_of_none_said() -> None:
    def stages(*more: str) -> list[str]:
        loaded = spec.load(MAIN, ["seeds=[1]", "intermediate=[none]", *more])
        return [plan.address(cell.stage) for cell in grid.study(loaded)]

    assert stages() == stages("languages=[xe,xd,xc,xb,xa]")
