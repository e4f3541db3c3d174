"""Setups laid over one another: a setup over its `base`, and what options of a command name over a setup."""

from dataclasses import dataclass, replace

from stilts_xtreme.spec.nodes import Node, Place, of_value
from stilts_xtreme.utils.bounded_io import Record


@dataclass(frozen=True)
class Option:
    """An option of a command, as it was given (`--encoder ./e5`), and the keys of a setup that it stands for, as plain values."""

    text: str
    setup: Record

    def node(self) -> Node:
        """The keys as a node, whose faults name the option."""
        return of_value(self.setup, Place(self.text, ""))


def setup_over(base: Node, over: Node) -> Node:
    """The setup `over` laid over `base`.

    Mappings are laid over one another key by key, null takes a key out; all else replaces what stands there. Encoder and data
    have a single source: that of `base` gives way to the source that `over` names, and with it what belongs to that source alone:
    with an encoder its revision, its pretraining, its retrieval layer; with a random encoder or a made-up world also the note,
    which speaks of them.
    """
    if not isinstance(base.value, dict):
        return base
    removed: list[tuple[str, ...]] = []
    new_encoder, old_encoder = _sources(over, "encoder"), _sources(base, "encoder")
    new_data, old_data = _sources(over, "data"), _sources(base, "data")
    if new_encoder:
        removed += [("encoder",), ("pretraining",), ("retrieval", "layer")]
    removed += [("data", source) for source in old_data if new_data and source not in new_data]
    if new_encoder and "random" in old_encoder or new_data and "miniature" in old_data:
        removed.append(("note",))
    for keys in removed:
        base = without(base, keys)
    return laid_over(base, over)


def laid_over(node: Node, over: Node) -> Node:
    """Mappings key by key, null taking a key out; anything else in place of what stands there."""
    if not isinstance(node.value, dict) or not isinstance(over.value, dict):
        return over
    value, keys = dict(node.value), dict(node.keys)
    for key, new in over.value.items():
        value[key], keys[key] = (laid_over(value[key], new) if key in value else new), over.keys[key]
        if new.value is None and not new.broken:
            del value[key], keys[key]
    return replace(node, value=value, keys=keys, flaws=(*node.flaws, *over.flaws))


def _sources(setup: Node, key: str) -> list[str]:
    """The sources that a setup names for its data or its encoder."""
    entry = setup.value.get(key)
    sources = entry.value.items() if entry and isinstance(entry.value, dict) else ()
    return [name for name, node in sources if node.value is not None]


def without(node: Node, keys: tuple[str, ...]) -> Node:
    """The node without the key at the end of the way `keys`."""
    if not isinstance(node.value, dict) or keys[0] not in node.value:
        return node
    if len(keys) > 1:
        return replace(node, value={**node.value, keys[0]: without(node.value[keys[0]], keys[1:])})
    value, places = dict(node.value), dict(node.keys)
    del value[keys[0]], places[keys[0]]
    return replace(node, value=value, keys=places)
