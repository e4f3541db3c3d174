"""Files damaged on purpose, the same for the same seed: in their bytes, their words and lines, and their structure."""

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

WORDS = (
    "0", "-1", "1e400", "1e-400", "9" * 30, "9" * 5000, "0x" + "f" * 40, "2147483648", "4294967296", ".nan", ".inf", "NaN", "-0",
    "1_000", "null", "~", "true", "no", "''", '"', "[]", "{}", "[[[[", "}}", ": ", "- ", "? ", "# ", "---", "...", "&a x", "*a",
    "!!python/name:os", "!x", "%YAML 9.9", "<<", "|", ">", "\t", "\r", "\n\n", "\x00", "\x1b[31m", "\x7f", "\x9b2J", "\u2028",
    "\u202e", "\ufeff", "é", "日本", "\U0001f600", "e\u0301", "../..", "/dev/zero", "/dev/full", "~root", "a" * 300, "x" * 70_000,
    "none", "mnli@de", "mnli@en+en", "target", "[link](x)", "[/b]", "<script>", "${HOME}", "{{x}}", "%s", "\\ud800", "\\u0000",
)  # fmt: skip
VALUES = (
    None, True, -1, 0, 1, 0.5, 1e308, 10**30, "", "x", "none", "\x1b[31m", "../../x", "en", [], {}, ["a"], {"a": 1}, 100,
    "average", -5.5, "\ud800", [[[]]], "a\nb", "/dev/zero",
)  # fmt: skip


def text(content: bytes, chance: Random, words: Sequence[str] = ()) -> bytes:
    """`content` with one to four changes; `words` are further ones to put in."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        content = chance.choice(_WAYS)(content, chance, words)
    return content


def tree(value: Any, chance: Random) -> Any:
    """A JSON value with one to three changes of its structure."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _branch(value, chance)
    return value


def packed(value: Any) -> bytes:
    """A mutated JSON value as a file, its characters escaped or as they are."""
    return json.dumps(value, ensure_ascii=len(str(value)) % 2 == 0).encode("utf-8", "surrogatepass")


def _branch(value: Any, chance: Random) -> None:
    parent, key, node = None, None, value
    while isinstance(node, dict | list) and node and (parent is None or chance.random() > 0.12):
        parent = node
        key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        node = node[key]
    if parent is None:
        return
    match chance.randrange(6):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[chance.choice(("x", "none", "average", "en", "1", "\x1b", ""))] = parent.pop(key)
        case 2 if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(chance.choice(parent)))
        case 3:
            parent[key] = [] if isinstance(node, list) else {} if isinstance(node, dict) else [node]
        case 4 if isinstance(node, int | float) and not isinstance(node, bool):
            parent[key] = chance.choice((node * 3, -node, node + 0.5, str(node)))
        case _:
            parent[key] = copy.deepcopy(chance.choice(VALUES))


def _flip(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    found = bytearray(content)
    for _ in range(chance.choice((1, 2, 8)) if found else 0):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def _cut(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    at = chance.randint(0, len(content))
    return chance.choice((content[:at], content[at:]))


def _put(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    """A word in place of some bytes, or between them."""
    word = chance.choice([*WORDS, *words])[: chance.choice((80, 80, 80, 100_000))].encode("utf-8", "surrogatepass")
    at = chance.randint(0, len(content))
    return content[:at] + word + content[at + chance.choice((0, 0, 1, len(word))) :]


def _swap(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    """Two of the file's own words change places."""
    parts = content.split(b" ")
    if len(parts) > 1:
        a, b = chance.randrange(len(parts)), chance.randrange(len(parts))
        parts[a], parts[b] = parts[b], parts[a]
    return b" ".join(parts)


def _lines(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    """A line goes, comes twice, changes its place or its indentation, or comes many times."""
    lines = content.split(b"\n")
    at = chance.randrange(len(lines))
    line = lines.pop(at)
    more = (lambda: [], lambda: [line, line], lambda: [b"  " + line], lambda: [line.strip()], lambda: [line] * 300)
    lines[at:at] = chance.choice(more)()
    if chance.random() < 0.3:
        chance.shuffle(lines)
    return b"\n".join(lines)


def _deepen(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    at, sign = chance.randint(0, len(content)), chance.choice((b"[", b"{", b"- ", b"{a: ", b'{"a":', b'"', b"(", b"\t", b"\\"))
    return content[:at] + sign * chance.choice((1, 2, 50, 5000)) + content[at:]


def _encode(content: bytes, chance: Random, words: Sequence[str]) -> bytes:
    code = chance.choice(("utf-16", "utf-8-sig", "cp1252", "utf-7"))
    return content.decode("utf-8", "replace").encode(code, "replace")


_WAYS: tuple[Callable[[bytes, Random, Sequence[str]], bytes], ...] = (
    _flip, _flip, _cut, _put, _put, _put, _put, _swap, _lines, _lines, _deepen, _encode,
)  # fmt: skip
