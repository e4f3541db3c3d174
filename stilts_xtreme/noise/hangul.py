"""Korean as it is typed: a syllable is two to five key presses, and the presses alone decide where a syllable ends.

Joining is that of libhangul 0.1.0 with its two-set keyboard: equal for every sequence of up to five of 18 jamo keys.
"""

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
    """The jamo keys of a text; what is neither a syllable nor a jamo of two keys stays."""
    return "".join(_presses(letter) for letter in text)


def composed(pressed: str) -> str:
    """What an input method makes of jamo keys: a consonant before a vowel leads a syllable; two jamo that fit into no syllable
    are joined where one jamo stands for both (ㄱㅅ to ㄳ), any other stays alone."""
    return JOINED.sub(_joined, pressed)


def _presses(letter: str) -> str:
    index = ord(letter) - FIRST
    if not 0 <= index < len(LEADS) * len(VOWELS) * len(FINALS):
        return TWO_KEYS.get(letter, letter)
    rest, final = divmod(index, len(FINALS))
    lead, vowel = divmod(rest, len(VOWELS))
    jamo = LEADS[lead], VOWELS[vowel], FINALS[final].strip()
    return "".join(TWO_KEYS.get(one, one) for one in jamo)


def _one_of(jamo: str) -> str:
    """A pattern for any of these, those of two keys first."""
    return "|".join(sorted((TWO_KEYS.get(one, one) for one in jamo.strip()), key=len, reverse=True))


SYLLABLE = f"([{LEADS}])({_one_of(VOWELS)})((?:{_one_of(FINALS)})(?![{VOWELS}]))?"
TWO_VOWELS = "|".join(pair for pair in ONE_JAMO if pair[0] in VOWELS)
TWO_CONSONANTS = "|".join(pair for pair in ONE_JAMO if pair[0] not in VOWELS)
JOINED = re.compile(f"{SYLLABLE}|{TWO_VOWELS}|(?:{TWO_CONSONANTS})(?![{VOWELS}])")


def _joined(match: re.Match[str]) -> str:
    if match[1] is None:
        return ONE_JAMO[match[0]]
    lead, vowel, final = match[1], ONE_JAMO.get(match[2], match[2]), ONE_JAMO.get(match[3], match[3]) or " "
    return chr(FIRST + (LEADS.index(lead) * len(VOWELS) + VOWELS.index(vowel)) * len(FINALS) + FINALS.index(final))
