"""Korean as it is typed: a syllable is two to five key presses, and the presses alone decide where a syllable ends."""

import re

LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"  # the first stands for none
TWO_KEYS = dict(pair.split("=") for pair in (
    "ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ "
    "ㄳ=ㄱㅅ ㄵ=ㄴㅈ ㄶ=ㄴㅎ ㄺ=ㄹㄱ ㄻ=ㄹㅁ ㄼ=ㄹㅂ ㄽ=ㄹㅅ ㄾ=ㄹㅌ ㄿ=ㄹㅍ ㅀ=ㄹㅎ ㅄ=ㅂㅅ"
).split())  # fmt: skip
ONE_JAMO = {pressed: jamo for jamo, pressed in TWO_KEYS.items()}
FIRST = 0xAC00  # the syllables stand in Unicode by lead, then vowel, then final


def presses(text: str) -> str:
    """The jamo keys of a text; what is no syllable stays."""
    return "".join(_presses(letter) for letter in text)


def composed(pressed: str) -> str:
    """What an input method makes of jamo keys: a consonant before a vowel leads a syllable, jamo that fit nowhere stay alone."""
    return SYLLABLE.sub(_syllable, pressed)


def _presses(letter: str) -> str:
    index = ord(letter) - FIRST
    if not 0 <= index < len(LEADS) * len(VOWELS) * len(FINALS):
        return letter
    rest, final = divmod(index, len(FINALS))
    lead, vowel = divmod(rest, len(VOWELS))
    jamo = LEADS[lead], VOWELS[vowel], FINALS[final].strip()
    return "".join(TWO_KEYS.get(one, one) for one in jamo)


def _one_of(jamo: str) -> str:
    """A pattern for any of these, those of two keys first."""
    return "|".join(sorted((TWO_KEYS.get(one, one) for one in jamo.strip()), key=len, reverse=True))


SYLLABLE = re.compile(f"([{LEADS}])({_one_of(VOWELS)})((?:{_one_of(FINALS)})(?![{VOWELS}]))?")


def _syllable(found: re.Match[str]) -> str:
    lead, vowel, final = found[1], ONE_JAMO.get(found[2], found[2]), ONE_JAMO.get(found[3], found[3]) or " "
    return chr(FIRST + (LEADS.index(lead) * len(VOWELS) + VOWELS.index(vowel)) * len(FINALS) + FINALS.index(final))
