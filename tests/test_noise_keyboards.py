"""Keyboard layouts: every language has one or a policy, keys lie where they should, and xkb's files are read as meant."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.tools.keyboard_layouts import is_usable, layouts, to_json
from experiments.tools.xkb import character, keysyms, symbols
from stilts_xtreme.noise import POLICY, Noise, add_noise, hangul, policy, source
from stilts_xtreme.noise.keyboard import keyboard, neighbors, table
from stilts_xtreme.noise.layouts import ADJACENT_KEYS, CONVERTED, LAYOUTS, POSITIONS, are_adjacent
from stilts_xtreme.tasks.examples import Text
from stilts_xtreme.utils.languages import BENCHMARKS, LANGUAGES

LETTERS = {  # all letters and marks of these stand on the language's own layout
    "af": "abcdefghijklmnopqrstuvwxyzêëïôû", "ar": "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق",
    "az": "abcçdeəfgğhxıijkqlmnoöprsştuüvyz", "bg": "абвгдежзийклмнопрстуфхцчшщъьюя",
    "bn": "আমি কাচ খেতে পারি তাতে আমার কোনো ক্ষতি হবে", "de": "zwölfboxkämpferjagenviktorquerüberdengroßensylterdeich",
    "el": "αβγδεζηθικλμνξοπρστυφχψως", "en": "thequickbrownfoxjumpsoverthelazydog", "es": "abcdefghijklmnñopqrstuvwxyz",
    "et": "abcdefghijklmnoprsšzžtuvõäöü", "eu": "abcdefghijklmnñoprstuxz",
    "fa": "چو بگشت شیر گردون ضعف غذا پژمرده مثل صخره طفل ظهر ذوق",
    "fi": "abcdefghijklmnopqrstuvwxyzåäö", "fr": "portezcevieuxwhiskyaujugeblondquifuméàèùç", "gu": "હું ગુજરાતી લખું છું અને વાંચું છું",
    "he": "דגסקרןשטאיפלוצתמזהבעחכםנףךץ", "hi": "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले",
    "ht": "abcdefghijklmnoprstuvwyz",
    "hu": "árvíztűrőtükörfúrógépqwxy", "id": "abcdefghijklmnopqrstuvwxyz", "it": "abcdefghilmnopqrstuvzàèéìòù",
    "jv": "abcdefghijklmnoprstuwy", "ka": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ", "kk": "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя",
    "ko": "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅃㅉㄸㄲㅆㅒㅖ", "lt": "aąbcčdeęėfghiįyjklmnoprsštuųūvzž",
    "ml": "മലയാളം എഴുതുന്നു സംസാരിക്കുന്നു ഭാഷ", "mr": "मराठी भाषा महाराष्ट्राची राजभाषा आहे ळ", "ms": "abcdefghijklmnopqrstuvwxyz",
    "my": "သီဟိုဠ်မှ ဉာဏ်ကြီးရှင်သည် အာယုဝဍ္ဎနဆေးညွှန်းစာကို ဇလွန်ဈေးဘေး ပတ်လမ်း ခင်ထွန်း", "nl": "abcdefghijklmnopqrstuvwxyz",
    "pa": "ਮੈਂ ਪੰਜਾਬੀ ਲਿਖਦਾ ਹਾਂ ਸ਼ੇਰ", "pl": "pchnąćwtęłódźjeżalubośmskrzyńfig", "pt": "abcdefghijklmnopqrstuvwxyzç",
    "qu": "achhikllmnñpqrstuwy", "ro": "muzicologăînbejcobținecdurișâ", "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "sw": "abcdefghijklmnoprstuvwyz", "ta": "தமிழ் மொழி எழுதுகிறேன் பேசுகிறேன் வணக்கம்", "te": "తెలుగు భాష రాస్తున్నాను ఆంధ్ర ప్రదేశ్",
    "th": "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน จงฝ่าฟันพัฒนาวิชาการ ฤดู", "tl": "abcdefghijklmnñopqrstuvwxyz",
    "tr": "pijamalıhastayağızşoföreçabucakgüvendi", "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "ur": "ٹھنڈ میں ایک قحط زدہ گاؤں سے گذرتے وقت",
    "vi": "abcdeghiklmnopqrstuvxy", "wo": "abcdeéfgijklmnñŋopqrstuwxyà", "yo": "abdeẹfghijklmnoọprsṣtuwy",
}  # fmt: skip
SYMBOLS = """
// a comment with key <AD01> { [ x ] };
default partial alphanumeric_keys
xkb_symbols "basic" {
    include "base"
    name[Group1]= "Test";
    key <AD01> { [ a, A, NoSymbol, 0x10020ac ] };
    key <AD02> { type[Group1]="FOUR_LEVEL", symbols[Group1]= [ Cyrillic_a, U0410 ] };
    augment key <AD03> { [ b, B ] };
    key <AD04> { [ dead_acute ], [ z, Z ] };
    key <AD05> { [ d, VoidSymbol, none, any ] };
};
xkb_symbols "other" { key <AD01> { [ z ] }; };
"""
HEADER = """
#define XK_a 0x0061  /* U+0061 LATIN SMALL LETTER A */
#define XK_Cyrillic_a                    0x06c1  /* U+0430 CYRILLIC SMALL LETTER A */
#define XK_Cyrillic_old                  0x06c1  /* deprecated */
#define XK_dead_acute                    0xfe51
#define XK_VoidSymbol                  0xffffff  /* Void symbol */
#define XK_schwa                      0x1000259  /* U+0259 LATIN SMALL LETTER SCHWA */
"""


def test_every_language_has_a_policy_and_those_of_the_benchmarks_a_layout() -> None:
    assert set(BENCHMARKS) <= set(LAYOUTS) | set(CONVERTED) <= set(LANGUAGES) == set(POLICY)
    assert not set(LAYOUTS) & set(CONVERTED)
    assert set(LETTERS) <= set(LAYOUTS) and set(LAYOUTS.values()) == set(table()["layouts"])
    assert "xkb-data" in source()
    for code in LANGUAGES:
        assert POLICY[code].words and POLICY[code].operations and (POLICY[code].layout or POLICY[code].note)
    assert "substitution" not in policy("zh").operations and "Russian" in policy("xc").note


@pytest.mark.parametrize("language", sorted(LETTERS))
def test_the_letters_of_a_language_are_on_its_layout(language: str) -> None:
    found = neighbors(LAYOUTS[language])
    missing = {letter for letter in unicodedata.normalize("NFC", LETTERS[language]) if not letter.isspace()} - set(found)
    assert not missing, " ".join(sorted(missing))
    alone = [letter for letter in set(LETTERS[language]) & set(found) if not found[letter]]
    assert len(alone) <= 3, alone


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS.values())))
def test_neighbours_are_mutual_and_letters(layout: str) -> None:
    found = neighbors(layout)
    for letter, others in found.items():
        assert len(letter) == 1 and unicodedata.category(letter)[0] in "LM" and letter not in others
        assert all(letter in found[other] for other in others), letter
        assert all(other.isupper() == letter.isupper() for other in others if letter.isupper()), letter


def test_keys_touch_as_on_a_keyboard() -> None:
    assert set(neighbors("us(basic)")["g"]) == set("fhtyvb")
    assert set(neighbors("us(basic)")["G"]) == set("FHTYVB")
    assert set(neighbors("us(basic)")["a"]) == set("qwsz")
    assert {"z", "u"} < {*neighbors("de(basic)")["t"], *neighbors("de(basic)")["z"]}
    assert "x" in neighbors("de(basic)")["y"] and "y" in neighbors("us(basic)")["t"]
    assert set(neighbors("fr(basic)")["a"]) == set("zqé") and "s" in neighbors("fr(basic)")["q"]
    assert "ц" in neighbors("ru(winkeys)")["й"] and "й" not in neighbors("ru(winkeys)")["у"]
    assert set(neighbors("kr(dubeolsik)")["ㅎ"]) == set("ㄹㅗㅅㅛㅍㅠ") and "ㅉ" in neighbors("kr(dubeolsik)")["ㅃ"]
    assert all(are_adjacent(one, other) == are_adjacent(other, one) for one in POSITIONS for other in POSITIONS)
    assert max(map(len, ADJACENT_KEYS.values())) == 6


def test_a_letter_without_a_place_is_typed_by_another() -> None:
    assert set(keyboard("fr").neighbors("É")) == set("AZ")  # by its small letter
    assert keyboard("vi").neighbors("ế") == keyboard("vi").neighbors("e")  # by its base letter
    assert set(keyboard("hi").neighbors("g")) == set("fhtyvb")  # on the US layout
    assert set(keyboard("xc").neighbors("й")) == set(keyboard("ru").neighbors("й"))
    assert keyboard("ru").neighbors("α") == () == keyboard("zh").neighbors("中")


def test_xkb_files_are_read_as_meant(tmp_path: Path) -> None:
    (tmp_path / "test").write_text(SYMBOLS, encoding="utf-8")
    keys = "key <AD03> { [ c ] }; key <AD01> { [ q, Q, at ] }; key <AD05> { [ e, E, eth, ETH ] };"
    (tmp_path / "base").write_text(f'xkb_symbols "x" {{ {keys} }};', encoding="utf-8")
    found, names = symbols(tmp_path, "test(basic)"), keysyms(HEADER)
    assert found.name == "Test" == symbols(tmp_path, "test").name
    assert found.keys["AD01"] == ["a", "A", "at", "0x10020ac"]  # the level left open is the included one's
    assert found.keys["AD02"] == ["Cyrillic_a", "U0410"] and found.keys["AD03"] == ["c", "B"]
    assert found.keys["AD04"] == ["dead_acute"] and symbols(tmp_path, "test(other)").keys == {"AD01": ["z"]}
    assert found.keys["AD05"] == ["d", "VoidSymbol", "VoidSymbol", "ETH"]  # NoSymbol and any leave a level open, these do not
    assert character("VoidSymbol", names) == ""
    typed = [character(name, names) for name in ("a", "Cyrillic_a", "U0410", "0x10020ac", "dead_acute", "1", "schwa", "0x6c1")]
    assert typed == ["a", "а", "А", "€", "", "1", "ə", "а"] and character("Cyrillic_old", names) == "а"
    with pytest.raises(KeyError, match="nothing"):
        symbols(tmp_path, "test(nothing)")


def test_only_letters_of_the_layouts_script_are_kept() -> None:
    assert is_usable("a", True) and is_usable("\u0301", True) and not is_usable("a", False) and not is_usable("α", True)
    assert not is_usable("1", True) and not is_usable("ª", True) and not is_usable("\ufefb", False)


def test_the_committed_file_is_what_xkb_gives() -> None:
    xkb, header = Path("/usr/share/X11/xkb"), Path("/usr/include/X11/keysymdef.h")
    status = Path("/var/lib/dpkg/status")
    version = f"\nVersion: {source().removeprefix('xkb-data ')}\n"
    packages = status.read_text(encoding="utf-8").split("\n\n") if status.exists() else []
    if not header.exists() or not any(one.startswith("Package: xkb-data\n") and version in one for one in packages):
        pytest.skip(f"not on this machine: {source()} and X11's keysymdef.h")
    committed = Path(__file__).parent.parent / "stilts_xtreme" / "noise" / "keyboards.json"
    made = to_json(layouts(xkb, keysyms(header.read_text(encoding="utf-8"))), source())
    assert made == committed.read_text(encoding="utf-8")


@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)))
def test_korean_syllables_are_what_their_keys_give(text: str) -> None:
    assert hangul.compose(hangul.to_keys(text)) == text


@given(st.text("ㄱㄲㅂㅅㅇㄸㅗㅏㅣㅜ"))
def test_korean_keys_are_never_lost(pressed: str) -> None:
    assert hangul.to_keys(hangul.compose(pressed)) == pressed


def test_korean_finals_go_to_the_next_vowel() -> None:
    composed = {"ㄱㅏㅂㅅ": "값", "ㄱㅏㅂㅅㅣ": "갑시", "ㄱㅗㅏㄴ": "관", "ㅏㅋㅋ": "ㅏㅋㅋ", "ㄱㅏㄸ": "가ㄸ"}
    assert {keys: hangul.compose(keys) for keys in composed} == composed


def test_korean_jamo_outside_syllables_are_joined() -> None:
    """As libhangul 0.1.0 joins them (keyboard "2"; each case was put to it)."""
    composed = {
        "ㅗㅏ": "ㅘ", "ㄱㅅ": "ㄳ", "ㅗㅏㄴ": "ㅘㄴ", "ㅜㅓㅣ": "ㅝㅣ", "ㄱㅗㅗㅏ": "고ㅘ",
        "ㄱㅏㅗㅏ": "가ㅘ", "ㅎㅏㄴㄱㅅ": "한ㄳ",
        "ㄹㄱㅅ": "ㄺㅅ", "ㅂㅅㅅ": "ㅄㅅ",
        "ㄱㅅㅏ": "ㄱ사", "ㅂㅏㄱㅅㅅㅏ": "밗사",  # a consonant before a vowel leads a syllable
        "ㄱㄱ": "ㄱㄱ", "ㅅㅅ": "ㅅㅅ", "ㅏㅏ": "ㅏㅏ", "ㅑㅣ": "ㅑㅣ",  # doubled consonants have keys of their own
    }  # fmt: skip
    assert {keys: hangul.compose(keys) for keys in composed} == composed
    assert all(hangul.to_keys(made) == keys for keys, made in composed.items())


def test_korean_slips_leave_no_jamo_that_an_input_method_would_join() -> None:
    for i in range(300):
        for edit in add_noise(Text(str(i), "과자 원숭이 값진 읽고"), "ko", Noise(1.0, seed=i)).edits:
            assert hangul.compose(hangul.to_keys(edit.after)) == edit.after, edit
            assert not any(pair in edit.after for pair in hangul.ONE_JAMO), edit


def test_turkish_keys_have_the_letters_that_xkb_gives_them() -> None:
    """xkb's tr(basic) takes letters of the Latin layout it includes off nine keys, by "VoidSymbol"."""
    found = set(neighbors("tr(basic)"))
    assert {"â", "Â", "î", "Î", "û", "ô", "ß", "é"} < found
    assert not found & set("ŦþÞẞðÐŋŊħĦĸłŁ")
