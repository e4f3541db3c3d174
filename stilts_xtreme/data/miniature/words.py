"""The concepts of the miniature world, written in its English: classes of nouns, antonyms, verbs with their objects."""

from dataclasses import dataclass

NOUNS: dict[str, tuple[str, ...]] = {
    "animal": ("dog", "cat", "horse", "goat", "rabbit", "dove", "duck", "fox", "owl", "lamb"),
    "food": ("apple", "cake", "soup", "egg", "onion", "pie", "carrot", "lemon", "melon", "salad"),
    "tool": ("hammer", "saw", "drill", "rake", "shovel", "ladder", "light", "rope"),
    "vehicle": ("car", "truck", "boat", "tractor", "wagon", "van"),
    "garment": ("shirt", "hat", "coat", "scarf", "glove", "boot", "jacket", "belt"),
    "worker": (
        "doctor", "teacher", "farmer", "baker", "driver", "painter", "sailor", "lawyer", "writer", "waiter", "tailor", "guard",
    ),
    "place": ("park", "market", "kitchen", "garden", "school", "office", "station", "harbor", "museum", "street"),
    "plant": ("tree", "rose", "bush", "fern", "tulip", "vine"),
}  # fmt: skip
# The name of a class is also the noun that covers its members: "a dog is an animal".
CLASS_OF = {noun: kind for kind, nouns in NOUNS.items() for noun in nouns} | {kind: kind for kind in NOUNS}

ANTONYMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("big", "small", ("animal", "vehicle", "place", "plant")),
    ("hot", "cold", ("food", "place")),
    ("old", "new", ("tool", "vehicle", "garment", "place")),
    ("fast", "slow", ("vehicle", "animal", "worker")),
    ("clean", "dirty", ("garment", "vehicle", "tool", "animal")),
    ("cheap", "costly", ("tool", "garment", "vehicle", "food")),
    ("rich", "poor", ("worker",)),
    ("happy", "sad", ("worker", "animal")),
    ("heavy", "light", ("tool", "garment")),
    ("fresh", "rotten", ("food", "plant")),
    ("tall", "short", ("plant", "worker")),
    ("loud", "quiet", ("animal", "place", "worker")),
)
OPPOSITE = {a: b for a, b, _ in ANTONYMS} | {b: a for a, b, _ in ANTONYMS}


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: its past form, the class of its object (None: takes none), who does it, and a second verb meaning the same."""

    stem: str
    past: str
    object: str | None
    subject: str = "person"  # "person", "animal" or "both"
    synonym: tuple[str, str] | None = None  # stem and past form

    def object_class(self) -> str:
        """Return the class of its object; ValueError for a verb that takes none."""
        if self.object is None:
            raise ValueError(f"{self.stem} takes no object")
        return self.object


VERBS: dict[str, Verb] = {
    verb.stem: verb
    for verb in (
        Verb("feed", "fed", "animal"),
        Verb("brush", "brushed", "animal"),
        Verb("train", "trained", "animal"),
        Verb("rescue", "rescued", "animal", synonym=("save", "saved")),
        Verb("eat", "ate", "food", subject="both", synonym=("devour", "devoured")),
        Verb("cook", "cooked", "food", synonym=("prepare", "prepared")),
        Verb("bake", "baked", "food"),
        Verb("slice", "sliced", "food"),
        Verb("repair", "repaired", "tool", synonym=("fix", "fixed")),
        Verb("sharpen", "sharpened", "tool"),
        Verb("borrow", "borrowed", "tool"),
        Verb("drop", "dropped", "tool"),
        Verb("drive", "drove", "vehicle"),
        Verb("park", "parked", "vehicle"),
        Verb("wash", "washed", "vehicle", synonym=("clean", "cleaned")),
        Verb("rent", "rented", "vehicle"),
        Verb("wear", "wore", "garment"),
        Verb("sew", "sewed", "garment", synonym=("stitch", "stitched")),
        Verb("iron", "ironed", "garment"),
        Verb("fold", "folded", "garment"),
        Verb("visit", "visited", "place", synonym=("tour", "toured")),
        Verb("cross", "crossed", "place", subject="both"),
        Verb("leave", "left", "place"),
        Verb("reach", "reached", "place", subject="both"),
        Verb("plant", "planted", "plant"),
        Verb("water", "watered", "plant"),
        Verb("cut", "cut", "plant"),
        Verb("pick", "picked", "plant", synonym=("gather", "gathered")),
        Verb("meet", "met", "worker", synonym=("encounter", "encountered")),
        Verb("help", "helped", "worker", synonym=("assist", "assisted")),
        Verb("call", "called", "worker", synonym=("phone", "phoned")),
        Verb("thank", "thanked", "worker"),
        Verb("pay", "paid", "worker"),
        Verb("see", "saw", "thing", subject="both", synonym=("notice", "noticed")),
        Verb("buy", "bought", "thing", synonym=("purchase", "purchased")),
        Verb("chase", "chased", "animal", subject="animal", synonym=("pursue", "pursued")),
        Verb("follow", "followed", "animal", subject="animal"),
        Verb("bite", "bit", "worker", subject="animal"),
        Verb("watch", "watched", "worker", subject="animal"),
        Verb("dive", "dove", None, subject="both"),
        Verb("rise", "rose", None, subject="both"),
        Verb("sing", "sang", None),
        Verb("sleep", "slept", None, subject="both"),
    )
}
THINGS = ("animal", "food", "tool", "vehicle", "garment", "plant")  # what "thing" verbs take
PERSON_VERBS = tuple(v.stem for v in VERBS.values() if v.object == "worker" and v.subject == "person")
FIRM_VERBS = ("buy", "rent", "repair", "sharpen", "wash", "train", "thank", "pay", "call", "help", "plant", "bake")

TIMES = ("yesterday", "today", "tonight", "early", "late", "recently", "overnight", "daily", "formerly", "lately")
PLACE_WORDS = ("in", "near", "behind")

# Words of the grammar; a language without articles would leave "a" and "the" empty.
GRAMMAR_WORDS = (
    "a", "the", "in", "near", "behind", "from", "for", "of", "never", "then", "and", "because", "they", "it", "them",
    "is", "was", "who", "what", "where", "when", "why", "how many", "next", "before",
)  # fmt: skip
FACT_VERBS = {"live": "lives", "work": "works", "make": "makes", "happen": "happened"}
