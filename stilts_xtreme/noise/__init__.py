"""Typographical noise: typing errors on the keyboard of each language, or errors that people really made.

A typing error is any of five with equal probability: a neighboring key in place of the right one, a key left out, a neighboring
key pressed along with it, two keys in the wrong order, a key pressed twice. Each eligible word is chosen by the rate and gets a
single error. Not eligible are short words, words with digits, short words in capitals (`words.py`) and everything that is no
letter.

Chinese and Japanese are typed by conversion: a wrong key gives another word and never a misspelt one, so that no character is
substituted. Their characters are deleted, doubled and transposed instead, as by errors of selection or editing, at the same rate
per segment of a word's usual length (`policy.py` states it for every language).

Layouts are those of xkeyboard-config, written by experiments/tools/keyboard_layouts.py and chosen in `layouts.py`.
"""

from stilts_xtreme.noise.perturb import Edit, NoisyExample, add_noise, perturb
from stilts_xtreme.noise.policy import POLICY, Policy, policy, source
from stilts_xtreme.noise.settings import VERSION, Noise

__all__ = ["POLICY", "VERSION", "Edit", "Noise", "NoisyExample", "Policy", "add_noise", "perturb", "policy", "source"]
