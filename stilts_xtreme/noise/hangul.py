"""Convert Korean to the jamo keys it is typed with, and back.

A syllable is two to five key presses, and the keys alone decide where a syllable ends. Composition is that of libhangul 0.1.0
with its two-set keyboard: equal for every sequence of up to five of 18 jamo keys.
"""

import re

LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"  # the first means none
TWO_KEYS = dict(pair.split("=") for pair in (
    "ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ "
    "ㄳ=ㄱㅅ ㄵ=ㄴㅈ ㄶ=ㄴㅎ ㄺ=ㄹㄱ ㄻ=ㄹㅁ ㄼ=ㄹㅂ ㄽ=ㄹㅅ ㄾ=ㄹㅌ ㄿ=ㄹㅍ ㅀ=ㄹㅎ ㅄ=ㅂㅅ"
).split())  # fmt: skip
ONE_JAMO = {pressed: jamo for jamo, pressed in TWO_KEYS.items()}
FIRST = 0xAC00  # syllables are ordered in Unicode by lead, then vowel, then final


def to_keys(text: str) -> str:
    """Return the jamo keys of a text; characters that are neither a syllable nor a jamo of two keys stay."""
    return "".join(_letter_keys(letter) for letter in text)


def compose(pressed: str) -> str:
    """Compose jamo keys as an input method does.

    A consonant before a vowel leads a syllable; two jamo outside a syllable are joined where a single jamo combines both (ㄱㅅ to
    ㄳ), any other stays alone.
    """
    return COMPOSABLE.sub(_compose_match, pressed)


def _letter_keys(letter: str) -> str:
    index = ord(letter) - FIRST
    if not 0 <= index < len(LEADS) * len(VOWELS) * len(FINALS):
        return TWO_KEYS.get(letter, letter)
    rest, final = divmod(index, len(FINALS))
    lead, vowel = divmod(rest, len(VOWELS))
    jamo = LEADS[lead], VOWELS[vowel], FINALS[final].strip()
    return "".join(TWO_KEYS.get(letter, letter) for letter in jamo)


def _alternatives(jamo: str) -> str:
    """Return a pattern that matches any of these jamo, those of two keys first."""
    return "|".join(sorted((TWO_KEYS.get(letter, letter) for letter in jamo.strip()), key=len, reverse=True))


SYLLABLE = f"([{LEADS}])({_alternatives(VOWELS)})((?:{_alternatives(FINALS)})(?![{VOWELS}]))?"
TWO_VOWELS = "|".join(pair for pair in ONE_JAMO if pair[0] in VOWELS)
TWO_CONSONANTS = "|".join(pair for pair in ONE_JAMO if pair[0] not in VOWELS)
COMPOSABLE = re.compile(f"{SYLLABLE}|{TWO_VOWELS}|(?:{TWO_CONSONANTS})(?![{VOWELS}])")


def _compose_match(match: re.Match[str]) -> str:
    if match[1] is None:
        return ONE_JAMO[match[0]]
    lead, vowel, final = match[1], ONE_JAMO.get(match[2], match[2]), ONE_JAMO.get(match[3], match[3]) or " "
    return chr(FIRST + (LEADS.index(lead) * len(VOWELS) + VOWELS.index(vowel)) * len(FINALS) + FINALS.index(final))
