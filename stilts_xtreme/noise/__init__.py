"""Typographical noise: the slips of a typist on the keyboard of each language, or errors that people really made.

A slip is one of five, all alike: a key beside the right one, a key left out, a key beside it pressed along with it, two keys
in the wrong order, a key pressed twice. Each word that may be changed is chosen by the rate and gets one of them. Left alone are
short words, words with digits, short words in capitals (`words.py`) and everything that is no letter.

Chinese and Japanese are typed by conversion: a wrong key gives another word and never a misspelt one, so that no character is
substituted. Their characters are deleted, doubled and transposed instead, which a slip of selection or of editing leaves behind,
at the same rate per piece of a word's usual length (`policy.py` states it for every language).

Layouts are those of xkeyboard-config (`generate.py`), chosen in `layouts.py`.
"""

from stilts_xtreme.noise.perturb import Edit, Noised, changes, noised, perturb
from stilts_xtreme.noise.policy import POLICY, Policy, policy, source
from stilts_xtreme.noise.settings import VERSION, Noise

__all__ = ["POLICY", "VERSION", "Edit", "Noise", "Noised", "Policy", "changes", "noised", "perturb", "policy", "source"]
