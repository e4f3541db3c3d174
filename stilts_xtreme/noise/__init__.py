"""Typographical noise: the slips of a typist on the keyboard of each language, or errors that people really made."""
