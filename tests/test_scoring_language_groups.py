from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts_xtreme.scoring.language_groups import by_language_group, group_languages, macro_averages, transfer_gap
from stilts_xtreme.utils.languages import LANGUAGES

MADE_UP = ("xa", "xb", "xe")
SCORES = st.dictionaries(
    st.sampled_from([*LANGUAGES, *MADE_UP]), st.fixed_dictionaries({"f1": st.floats(0, 100), "em": st.floats(0, 100)}), min_size=1
)


def slow(scores: dict[str, float], way: str) -> dict[str, float]:
    """Class by class, with a look at every language for each."""
    found = {}
    for name in {getattr(language, way) for language in LANGUAGES.values()} - {None, ""}:
        members = [score for code, score in scores.items() if code in LANGUAGES and getattr(LANGUAGES[code], way) == name]
        if members:
            found[str(name)] = fmean(members)
    others = [score for code, score in scores.items() if code not in LANGUAGES or getattr(LANGUAGES[code], way) in (None, "")]
    return {**found, **({"unclassified": fmean(others)} if others else {})}


@given(SCORES)
def test_against_a_literal_reading(languages: dict[str, dict[str, float]]) -> None:
    told = by_language_group(languages, ("em", "f1"))
    scores = {code: (metrics["em"] + metrics["f1"]) / 2 for code, metrics in languages.items()}
    real = [code for code in scores if code in LANGUAGES]
    for way in ("joshi", "family", "script"):
        if len(real) < 2:
            assert way not in told and way not in macro_averages(told)
            continue
        expected = slow(scores, way)
        assert told[way] == pytest.approx(expected) and list(told[way]) == sorted(expected)
        classified = [score for name, score in expected.items() if name != "unclassified"]
        assert macro_averages(told).get(way) == (pytest.approx(fmean(classified)) if classified else None)
        assert sorted(code for codes in group_languages(scores)[way].values() for code in codes) == sorted(scores)
    others = [score for code, score in scores.items() if code != "en"]
    if "en" in scores and others:
        assert told["gap"] == pytest.approx(scores["en"] - fmean(others))
    else:
        assert "gap" not in told


def test_a_class_of_many_weighs_no_more_than_one_of_few() -> None:
    told = by_language_group(
        {code: {"f1": score} for code, score in {"de": 90.0, "fr": 90.0, "es": 90.0, "ru": 30.0}.items()}, ("f1",)
    )
    assert told["script"] == {"Cyrillic": 30, "Latin": 90} and macro_averages(told)["script"] == 60
    assert told["joshi"] == {"4": 30, "5": 90} and "gap" not in told
    assert told["family"] == {"Indo-European: Germanic": 90, "Indo-European: Romance": 90, "Indo-European: Slavic": 30}


def test_a_language_that_the_table_lacks_is_unclassified_and_a_pair_is_in_no_group() -> None:
    found = group_languages(["de", "fr", "xyz_Latn", "acq_Arab", "de-en"])
    assert found["joshi"] == {"5": ["de", "fr"], "unclassified": ["xyz_Latn", "acq_Arab"]}
    assert found["script"] == {"Arabic": ["acq_Arab"], "Latin": ["de", "fr"], "unclassified": ["xyz_Latn"]}


def test_english_above_the_others_is_a_positive_gap() -> None:
    assert transfer_gap({"en": 80.0, "xa": 70.0, "xb": 50.0}) == 20
    assert transfer_gap({"en": 80.0}) is None and transfer_gap({"xa": 70.0, "xb": 50.0}) is None


def test_a_missing_headline_metric_is_no_zero() -> None:
    with pytest.raises(KeyError):
        by_language_group({"de": {"f1": 1.0}, "fr": {"em": 1.0}}, ("f1",))
