"""The languages of XTREME and XTREME-R: the only table, and the only place a language list may start from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One language; `joshi` is its resource class, 0 (none) to 5 (most), of Joshi et al. 2020 (arXiv 2004.09095)."""

    code: str  # ISO 639-1, as in XTREME's file names
    iso3: str  # as in Tatoeba's file names (arXiv 1812.10464), which prefer one spoken variety: cmn, pes, swh, zsm
    name: str
    family: str
    script: str
    joshi: int
    xtreme: bool  # one of XTREME's 40

    @property
    def resources(self) -> str:
        """low (class 0-2), mid (3) or high (4-5)."""
        return "low" if self.joshi < 3 else "mid" if self.joshi == 3 else "high"


# Family, script and class: XTREME (arXiv 2003.11080, table 9) and XTREME-R (arXiv 2104.07412, appendix).
TABLE = (
    Language("af", "afr", "Afrikaans", "Indo-European: Germanic", "Latin", 3, True),
    Language("ar", "ara", "Arabic", "Afro-Asiatic", "Arabic", 5, True),
    Language("az", "aze", "Azerbaijani", "Turkic", "Latin", 1, False),
    Language("bg", "bul", "Bulgarian", "Indo-European: Slavic", "Cyrillic", 3, True),
    Language("bn", "ben", "Bengali", "Indo-European: Indo-Aryan", "Bengali", 3, True),
    Language("de", "deu", "German", "Indo-European: Germanic", "Latin", 5, True),
    Language("el", "ell", "Greek", "Indo-European: Greek", "Greek", 3, True),
    Language("en", "eng", "English", "Indo-European: Germanic", "Latin", 5, True),
    Language("es", "spa", "Spanish", "Indo-European: Romance", "Latin", 5, True),
    Language("et", "est", "Estonian", "Uralic", "Latin", 3, True),
    Language("eu", "eus", "Basque", "Basque", "Latin", 4, True),
    Language("fa", "pes", "Persian", "Indo-European: Iranian", "Perso-Arabic", 4, True),
    Language("fi", "fin", "Finnish", "Uralic", "Latin", 4, True),
    Language("fr", "fra", "French", "Indo-European: Romance", "Latin", 5, True),
    Language("gu", "guj", "Gujarati", "Indo-European: Indo-Aryan", "Gujarati", 1, False),
    Language("he", "heb", "Hebrew", "Afro-Asiatic", "Hebrew", 3, True),
    Language("hi", "hin", "Hindi", "Indo-European: Indo-Aryan", "Devanagari", 4, True),
    Language("ht", "hat", "Haitian Creole", "Creole", "Latin", 2, False),
    Language("hu", "hun", "Hungarian", "Uralic", "Latin", 4, True),
    Language("id", "ind", "Indonesian", "Austronesian", "Latin", 3, True),
    Language("it", "ita", "Italian", "Indo-European: Romance", "Latin", 4, True),
    Language("ja", "jpn", "Japanese", "Japonic", "Ideograms and Kana", 5, True),
    Language("jv", "jav", "Javanese", "Austronesian", "Latin", 1, True),
    Language("ka", "kat", "Georgian", "Kartvelian", "Georgian", 3, True),
    Language("kk", "kaz", "Kazakh", "Turkic", "Cyrillic", 3, True),
    Language("ko", "kor", "Korean", "Koreanic", "Hangul", 4, True),
    Language("lt", "lit", "Lithuanian", "Indo-European: Baltic", "Latin", 3, False),
    Language("ml", "mal", "Malayalam", "Dravidian", "Malayalam", 1, True),
    Language("mr", "mar", "Marathi", "Indo-European: Indo-Aryan", "Devanagari", 2, True),
    Language("ms", "zsm", "Malay", "Austronesian", "Latin", 3, True),
    Language("my", "mya", "Burmese", "Sino-Tibetan", "Burmese", 1, True),
    Language("nl", "nld", "Dutch", "Indo-European: Germanic", "Latin", 4, True),
    Language("pa", "pan", "Punjabi", "Indo-European: Indo-Aryan", "Gurmukhi", 2, False),
    Language("pl", "pol", "Polish", "Indo-European: Slavic", "Latin", 4, False),
    Language("pt", "por", "Portuguese", "Indo-European: Romance", "Latin", 4, True),
    Language("qu", "que", "Quechua", "Quechuan", "Latin", 1, False),
    Language("ro", "ron", "Romanian", "Indo-European: Romance", "Latin", 3, False),
    Language("ru", "rus", "Russian", "Indo-European: Slavic", "Cyrillic", 4, True),
    Language("sw", "swh", "Swahili", "Niger-Congo", "Latin", 2, True),
    Language("ta", "tam", "Tamil", "Dravidian", "Tamil", 3, True),
    Language("te", "tel", "Telugu", "Dravidian", "Telugu", 1, True),
    Language("th", "tha", "Thai", "Kra-Dai", "Thai", 3, True),
    Language("tl", "tgl", "Tagalog", "Austronesian", "Latin", 3, True),
    Language("tr", "tur", "Turkish", "Turkic", "Latin", 4, True),
    Language("uk", "ukr", "Ukrainian", "Indo-European: Slavic", "Cyrillic", 3, False),
    Language("ur", "urd", "Urdu", "Indo-European: Indo-Aryan", "Perso-Arabic", 3, True),
    Language("vi", "vie", "Vietnamese", "Austro-Asiatic", "Latin", 4, True),
    Language("wo", "wol", "Wolof", "Niger-Congo", "Latin", 2, False),
    Language("yo", "yor", "Yoruba", "Niger-Congo", "Latin", 2, True),
    Language("zh", "cmn", "Mandarin", "Sino-Tibetan", "Ideograms", 5, True),
)

MANY = "mul"  # ISO 639-2's code for several languages at once: a pool of candidates in all of them
LANGUAGES = {language.code: language for language in TABLE}
XTREME = tuple(language.code for language in TABLE if language.xtreme)
# Not in CC-100, the text that XLM-R was trained on: missing from the list of languages in its release's README (fairseq,
# examples/xlmr).
UNSEEN_BY_XLMR = frozenset(("ht", "qu", "wo", "yo"))


def codes(text: str) -> tuple[str, ...]:
    """Split a line such as "ar de el" into codes; KeyError for a code that is not in the table or is listed twice."""
    known = tuple(LANGUAGES[code].code for code in text.split())
    if len(set(known)) != len(known):
        raise KeyError(f"a language is listed twice: {text}")
    return known


def fill(pattern: str, code: str) -> str:
    """A pattern for a language: `{language}` (ISO 639-1), `{iso3}`; `{context}` and `{question}` are the two sides of a pair
    such as "de-en", and of "de" both the same."""
    context, _, question = code.partition("-")
    sides = {"{context}": context, "{question}": question or context, "{language}": code, "{iso3}": iso3(code)}
    for name, value in sides.items():
        pattern = pattern.replace(name, value)
    return pattern


def iso3(code: str) -> str:
    """Three-letter code as in Tatoeba's file names; a code outside the table stands for itself."""
    return LANGUAGES[code].iso3 if code in LANGUAGES else code
