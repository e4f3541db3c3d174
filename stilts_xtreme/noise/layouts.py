"""The keyboard layout assumed for each language, and the positions of a keyboard's keys."""

US = "us(basic)"
DUBEOLSIK = "kr(dubeolsik)"
CONVERTED = ("ja", "zh")  # typed by conversion: no key stands for a character

# The national layout that xkeyboard-config gives for the country where most of the language is written, except:
# - Indonesian, Javanese, Malay, Dutch, Vietnamese: US keyboards are what is sold there (xkb's `id` and `my` are Arabic script);
#   Vietnamese marks are typed by further letters (Telex), so that a marked letter has its base letter's key.
# - Haitian Creole: no layout of its own in xkb; US is an assumption.
# - Basque: Spain's. Portuguese: Brazil's, where most of its users are. Quechua: Latin America's.
# - Indic scripts: InScript, India's standard; phonetic input methods are used as well. Urdu: xkb's default, which is phonetic.
# - Bulgarian: the BDS standard, not the phonetic layout. Korean: dubeolsik, by jamo.
LAYOUTS = {
    "af": "za(basic)", "ar": "ara(basic)", "az": "az(latin)", "bg": "bg(bds)", "bn": "in(ben)", "de": "de(basic)",
    "el": "gr(basic)", "en": US, "es": "es(basic)", "et": "ee(basic)", "eu": "es(basic)", "fa": "ir(pes)",
    "fi": "fi(kotoistus)", "fr": "fr(basic)", "gu": "in(guj)", "he": "il(basic)", "hi": "in(deva)", "ht": US,
    "hu": "hu(standard)", "id": US, "it": "it(basic)", "jv": US, "ka": "ge(basic)", "kk": "kz(basic)", "ko": DUBEOLSIK,
    "lt": "lt(basic)", "ml": "in(mal)", "mr": "in(marathi)", "ms": US, "my": "mm(basic)", "nl": US, "pa": "in(guru)",
    "pl": "pl(basic)", "pt": "br(abnt2)", "qu": "latam(basic)", "ro": "ro(basic)", "ru": "ru(winkeys)", "sw": "ke(swa)",
    "ta": "in(tam)", "te": "in(tel)", "th": "th(basic)", "tl": "ph(basic)", "tr": "tr(basic)", "uk": "ua(unicode)",
    "ur": "pk(urd-phonetic)", "vi": US, "wo": "sn(basic)", "yo": "ng(yoruba)",
}  # fmt: skip
OTHER_LAYOUTS = (US, "ru(winkeys)", "gr(basic)")  # of languages outside the table, such as made-up ones, for three scripts

# A pc105 keyboard: the left edge of each row's first key and the keys that follow at a distance of a key's width.
# Rows are staggered by 1.5, 0.25 and 0.5 key widths; LSGT is the key beside the left Shift, BKSL the key before Return (ISO).
ROWS = {
    "AE": (0.0, ("TLDE", *(f"AE{i:02}" for i in range(1, 13)))),
    "AD": (1.5, tuple(f"AD{i:02}" for i in range(1, 13))),
    "AC": (1.75, (*(f"AC{i:02}" for i in range(1, 12)), "BKSL")),
    "AB": (1.25, ("LSGT", *(f"AB{i:02}" for i in range(1, 11)))),
}
POSITIONS = {key: (row, left + i) for row, (left, keys) in enumerate(ROWS.values()) for i, key in enumerate(keys)}


def are_adjacent(key: str, other: str) -> bool:
    """Return whether two keys share an edge: side by side in a row, or less than a key's width apart in adjacent rows."""
    (row, left), (other_row, other_left) = POSITIONS[key], POSITIONS[other]
    distance = abs(left - other_left)
    return distance == 1 if row == other_row else abs(row - other_row) == 1 and distance < 1


ADJACENT_KEYS = {key: tuple(other for other in POSITIONS if are_adjacent(key, other)) for key in POSITIONS}
