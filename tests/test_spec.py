"""Specs: what loads, what is refused and in which words; that no input at all ends in anything but a UserError."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stilts_xtreme import spec
from stilts_xtreme.spec.load import COMMANDS
from stilts_xtreme.spec.nodes import resolve
from stilts_xtreme.utils.errors import UserError

HERE = Path(__file__).parent
EXPERIMENTS = HERE.parent / "experiments"
CASES = yaml.safe_load((HERE / "cases" / "specs.yaml").read_text(encoding="utf-8"))
SETUP = """\
kind: setup
name: tiny
data: {miniature: {seed: 3}}
encoder: {random: {hidden_size: 12, layers: 2, heads: 3, intermediate_size: 8, max_positions: 66, vocab_size: 90}}
pretraining: {recipe: {steps: 5}}
retrieval: {layer: 1, max_length: 32}
recipes: {default: {max_length: 64, epochs: 1, batch_size: 4}, target: {default: {epochs: 2}}}
"""
ARGS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("setup.yaml").write_text(SETUP)
    return tmp_path


def attempt(content: str | bytes, overrides=(), kinds=None) -> str:
    """What `load` says of a spec ("" if nothing); any exception but UserError fails the test, as do more than two seconds."""
    Path("spec.yaml").write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    gc.freeze()  # what other tests left in memory is not to be searched for garbage meanwhile
    start = time.process_time()
    try:
        spec.load(Path("spec.yaml"), overrides, kinds)
        return ""
    except UserError as fault:
        assert str(fault).replace("\n", "").isprintable()
        return str(fault)
    finally:
        seconds = time.process_time() - start
        gc.unfreeze()
        assert seconds < 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case, here):
    for name, text in case.get("files", {}).items():
        Path(name).write_text(text)
    said = attempt(case["spec"], case.get("overrides", ()), case.get("kinds"))
    assert said == case.get("faults", "").rstrip("\n")


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("**/*.yaml")), ids=lambda path: path.name)
def test_shipped_specs_are_sound_and_say_their_command(path):
    shipped = path.relative_to(EXPERIMENTS).parts[0] in ("first", "setups", "studies")
    if not shipped:
        pytest.skip("not a spec")
    loaded = spec.load(path)
    if loaded.kind != "setup":
        command = f"# {COMMANDS[loaded.kind]} {path.relative_to(EXPERIMENTS.parent).as_posix()}"
        assert path.read_text(encoding="utf-8").splitlines()[1].startswith(command)


def test_nested_specs_get_setup_and_seed_of_the_spec_around_them(here):
    Path("first.yaml").write_text("kind: intermediate\nsetup: setup.yaml\ntask: mnli\n")
    Path("second.yaml").write_text("kind: target\nsetup: setup.yaml\ntask: xnli\nseed: 5\nstart: first.yaml\n")
    Path("spec.yaml").write_text("kind: evaluation\nsetup: setup.yaml\nmodel: second.yaml\n")
    loaded = spec.load(Path("spec.yaml"), ["seed=9", "setup.recipes.default.batch_size=8", "model.recipe.clip=2"])
    assert (loaded.seed, loaded.model.seed, loaded.model.start.seed) == (9, 5, 5)
    assert loaded.setup == loaded.model.setup == loaded.model.start.setup
    assert loaded.setup.recipes.default.batch_size == 8
    assert loaded.model.recipe.clip == 2.0 and isinstance(loaded.model.recipe.clip, float)
    assert loaded.model.start.recipe == spec.RecipeSpec()


def test_another_setup_for_the_whole_chain(here):
    Path("other.yaml").write_text(SETUP.replace("tiny", "other"))
    Path("first.yaml").write_text("kind: intermediate\nsetup: setup.yaml\ntask: mnli\n")
    Path("spec.yaml").write_text("kind: target\nsetup: setup.yaml\ntask: xnli\nstart: first.yaml\n")
    loaded = spec.load(Path("spec.yaml"), ["setup=other.yaml"])
    assert loaded.setup.name == loaded.start.setup.name == "other"


def test_paths_are_relative_to_the_file_that_says_them(here):
    for folder in ("a", "b"):
        Path(folder).mkdir()
    Path("a/setup.yaml").write_text(
        "name: f\ndata: {files: {path: ../data}}\nencoder: {pretrained: {name: ./model}}\n"
        "retrieval: {layer: 1}\nrecipes: {default: {}}\n"
    )
    Path("b/spec.yaml").write_text("kind: intermediate\nsetup: ../a/setup.yaml\ntask: mnli\n")
    setup = spec.load(Path("b/spec.yaml")).setup
    assert setup.data.files.path == str(here / "data")
    assert setup.encoder.pretrained.name == str(here / "a" / "model")
    over = spec.load(Path("b/spec.yaml"), ["setup.data.files.path=here", "setup.encoder.pretrained.name=org/model"]).setup
    assert (over.data.files.path, over.encoder.pretrained.name) == (str(here / "here"), "org/model")


def test_what_is_loaded_cannot_be_changed(here):
    Path("spec.yaml").write_text("kind: intermediate\nsetup: setup.yaml\ntask: mnli\n")
    with pytest.raises(ValueError):
        spec.load(Path("spec.yaml")).seed = 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("1E5", 1e5), (".5", 0.5), ("5.", 5.0), ("-3", -3), ("+3", 3), ("0x1F", 31), ("0o17", 15), ("017", 17),
        ("true", True), ("False", False), ("NULL", None), ("~", None), ("", None),
        ("no", "no"), ("on", "on"), ("y", "y"), ("1_000", "1_000"), ("1:30", "1:30"), ("2026-01-01", "2026-01-01"),
        ("=", "="), (".", "."),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_rules_of_yaml_1_2(text, value):
    assert resolve(text) == value and type(resolve(text)) is type(value)


HOSTILE = {
    "empty": (b"", "spec.yaml:1:1: is empty"),
    "a comment": (b"# nothing\n", "is empty"),
    "a mark": (b"\xef\xbb\xbfkind: target", "task: is missing"),
    "brackets": (b"[" * 30_000, "more than 40 lists and mappings"),
    "braces": (b"{a: " * 8_000, "more than 40 lists and mappings"),
    "dashes": (b"- " * 15_000, "more than 40 lists and mappings"),
    "questions": (b"? " * 15_000, "more than 40 lists and mappings"),
    "aliases": (b"a: &a [x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(2, 40)),
                "anchors are not read"),
    "a null": (b"kind: targ\0et", "spec.yaml:1:11: not YAML: the character '\\x00' is not allowed"),
    "no UTF-8": (b"kind: target\nname: caf\xe9", "spec.yaml:2:10: is not UTF-8 text"),
    "UTF-16": ("kind: target".encode("utf-16"), "spec.yaml:1:1: is not UTF-8 text"),
    "too large": (b"#" * 70_000, "is too large: a spec holds at most 32 kB"),
    "many keys": (b"".join(b"k%d: 1\n" % i for i in range(3000)), "kind: is missing"),
    "many unknown": (b"kind: target\n" + b"".join(b"k%d: 1\n" % i for i in range(3000)), "more"),
    "many names": (b"kind: study\ntargets: [" + b"xnly," * 6_000 + b"]", "more"),
    "long name": (b"kind: target\ntask: " + b"x" * 30_000, "is not a target that is trained"),
    "long key": (b"kind: target\n? " + b"x" * 30_000 + b"\n: 1", "unknown key"),
    "long path": (b"kind: target\nsetup: " + b"x" * 5_000, "File name too long"),
    "a path with a null": (b'kind: target\nsetup: "a\\0b"', "control character"),
    "a folder": (b"kind: target\nsetup: .", "setup: .: is not a file"),
    "a device": (b"kind: target\nsetup: /dev/zero", "is not a file"),
    "a long number": (b"kind: target\nseed: " + b"9" * 20_000, "too large a number"),
    "a long hexadecimal": (b"kind: target\nseed: 0x" + b"f" * 20_000, "too large a number"),
    "an escape": (b'kind: "\\UFFFFFFFF"', "not YAML"),
    "a directive": (b"%YAML 1." + b"9" * 5_000 + b"\n---\nkind: target", "not YAML"),
    "right to left": ('kind: target\ntask: "a\u202eb"'.encode(), "the control character '\\u202e' is not allowed in text"),
    "python": (b"kind: !!python/object/apply:os.system [exit]", "tags are not read"),
    "nested specs": (
        b"kind: target\nsetup: setup.yaml\ntask: xnli\nstart: "
        + b"{kind: intermediate, task: qqp, start: " * 20 + b"none" + b"}" * 20,
        "more than 16 specs inside one another",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name, here):
    content, said = HOSTILE[name]
    found = attempt(content)
    assert said in found and len(found) < 40_000


def test_hostile_overrides(here):
    assert "key.path=value" in attempt("kind: target", [".".join("a" * 5000) + "=1"])
    assert "more than 40" in attempt("kind: target", ["task=" + "[" * 9000])
    assert "not YAML: the character '\\udc80' is not allowed" in attempt("kind: target", ["task=\udc80"])
    assert "key.path=value" in attempt("kind: target", ["\udc80\x1b=1"])


def test_hostile_paths(here):
    os.mkfifo("pipe.yaml")
    os.symlink("loop.yaml", "loop.yaml")
    told = {".": "is not a file", "nowhere.yaml": "no such file", "pipe.yaml": "not a file", "loop.yaml": "oop", "a\0b": "null"}
    for path, said in told.items():
        with pytest.raises(UserError, match=said):
            spec.load(Path(path))


def test_a_long_chain_of_large_files_is_refused(here):
    for i in range(10):
        Path(f"{i}.yaml").write_text(f"kind: intermediate\ntask: mnli\nstart: {i + 1}.yaml\n#" + "x" * 30_000)
    assert "with all it names" in attempt("kind: target\nsetup: setup.yaml\ntask: xnli\nstart: 0.yaml\n")


def test_hash_seed_and_folder_do_not_matter(here):
    Path("spec.yaml").write_text("kind: study\nkin: 1\ntargets: [a, b]\nmixtures: {x: {tasks: [c]}, y: 3}\n")
    script = """if True:
        import sys
        from pathlib import Path
        from stilts_xtreme import spec
        try:
            spec.load(Path(sys.argv[1]))
        except Exception as fault:
            print(fault)
    """
    command = [sys.executable, "-c", script, str(here / "spec.yaml")]
    said = {
        subprocess.run(command, cwd=cwd, env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C"}, capture_output=True).stdout
        for seed, cwd in (("0", here), ("7", here.parent))
    }
    assert len(said) == 1 and b"kin: unknown key" in said.pop()


def test_loading_is_quick_and_light(here):
    Path("spec.yaml").write_text("kind: intermediate\nsetup: setup.yaml\ntask: mnli\n")
    script = """if True:
        import sys, time
        start = time.process_time()
        from pathlib import Path
        from stilts_xtreme import spec
        spec.load(Path("spec.yaml"))
        heavy = {"torch", "transformers", "datasets", "numpy"} & set(sys.modules)
        assert not heavy, heavy
        assert time.process_time() - start < 0.6, time.process_time() - start
    """
    subprocess.run([sys.executable, "-c", script], check=True)


WORDS = sorted({word for case in CASES for word in case["spec"].replace(":", " ").split()})
WORDS += ["\0", "\x1b", "é", "\u2028", "---", "!!x", "&a", "*a", "\t"]
SLOTS = ["setup", "start", "model", "task", "tasks", "rates", "recipe", "mixtures", "intermediate", "targets"]


@settings(max_examples=150, **ARGS)
@given(st.binary(max_size=200))
def test_any_bytes(here, content):
    attempt(content)


@settings(max_examples=150, **ARGS)
@given(
    st.text(max_size=200),
    st.lists(st.text(max_size=20) | st.builds("{}={}".format, st.sampled_from(WORDS), st.text(max_size=9)), max_size=3),
)
def test_any_text_and_overrides(here, content, overrides):
    attempt(content, overrides)


@settings(max_examples=400, **ARGS)
@given(st.data())
def test_any_mutation_of_a_spec(here, data):
    text = data.draw(st.sampled_from([*(case["spec"] for case in CASES), SETUP]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(at, min(len(text), at + 12)))
        text = text[:at] + data.draw(st.sampled_from(WORDS) | st.text(max_size=3)) + text[end:]
    attempt(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, **ARGS)
@given(st.dictionaries(st.sampled_from(SLOTS), VALUES), st.sampled_from(sorted(COMMANDS)))
def test_any_values_in_the_right_places(here, content, kind):
    attempt(yaml.safe_dump({"kind": kind, **content}, allow_unicode=False))
