"""Downloads, from a server of our own: whole, once, inside the folder, and going on where they broke off."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stilts_xtreme.cli import app
from stilts_xtreme.data import fetch, hub
from stilts_xtreme.data.read import Folder, read
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Files, Upstream
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import fill

CONTENT = bytes(range(256)) * 4000
ALL = pytest.mark.parametrize("name", TASKS)


class Server:
    """What is served, what was asked for, and how it misbehaves."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.breaks_at: int | None = None
        self.ranges = True
        self.url = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append((self.path, wanted))
            if self.path not in state.files:
                return self.send_error(404, "no such file")
            whole, start = state.files[self.path], 0
            if wanted and state.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(whole):
                    return self.send_error(416)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(whole) - start))
            self.end_headers()
            self.wfile.write(whole[start : state.breaks_at])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def get(server: Server, folder: Path, into: str = "a/file.zip") -> list[tuple[str, int, int | None]]:
    told: list[tuple[str, int, int | None]] = []
    fetch.download(f"{server.url}/file.zip", folder, into, lambda *event: told.append(event))
    return told


def test_a_file_comes_whole_and_once(server: Server, tmp_path: Path) -> None:
    server.files["/file.zip"] = CONTENT
    told = get(server, tmp_path)
    assert (tmp_path / "a/file.zip").read_bytes() == CONTENT
    assert told[0] == ("a/file.zip", 0, len(CONTENT)) and told[-1] == ("a/file.zip", len(CONTENT), len(CONTENT))
    assert get(server, tmp_path) == [] and len(server.asked) == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file.zip"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_goes_on(ranges: bool, server: Server, tmp_path: Path) -> None:
    server.files["/file.zip"], server.breaks_at, server.ranges = CONTENT, 300_000, ranges
    with pytest.raises(UserError, match="run the same command again to go on"):
        get(server, tmp_path)
    assert not (tmp_path / "a/file.zip").exists() and (tmp_path / "a/file.zip.part").stat().st_size == 300_000
    server.breaks_at = None
    told = get(server, tmp_path)
    assert (tmp_path / "a/file.zip").read_bytes() == CONTENT and not (tmp_path / "a/file.zip.part").exists()
    assert server.asked[-1] == ("/file.zip", "bytes=300000-")
    assert told[0][1] == (300_000 if ranges else 0)


def test_a_part_longer_than_the_file_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.files["/file.zip"] = CONTENT
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file.zip.part").write_bytes(CONTENT + b"more")
    get(server, tmp_path)
    assert (tmp_path / "a/file.zip").read_bytes() == CONTENT


def test_faults_are_one_clear_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="/file.zip: 404 no such file; get it by hand"):
        get(server, tmp_path)
    with pytest.raises(UserError, match="run the same command again"):
        fetch.download("http://127.0.0.1:9/x", tmp_path, "x", lambda *_: None)
    assert not list(tmp_path.rglob("*.zip"))


def test_nothing_is_written_outside_the_folder(server: Server, tmp_path: Path) -> None:
    server.files["/file.zip"] = CONTENT
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "x.zip.part").symlink_to(outside / "x")
    for into in ("../out/file.zip", str(outside / "file.zip"), "link/file.zip", "x.zip"):
        with pytest.raises(UserError, match="outside"):
            get(server, inside, into)
    with pytest.raises(UserError, match="not a web address"):
        fetch.download(f"file://{tmp_path}", inside, "x", lambda *_: None)
    assert not list(outside.iterdir()) and not server.asked


@ALL
def test_what_is_fetched_is_where_it_is_looked_for(name: str, tmp_path: Path) -> None:
    """A release's files stand where a pattern finds them; of an archive, its members."""
    task = TASKS[name]
    addresses = fetch.addresses(task)
    assert all(url.startswith("https://") and "{" not in url + into for url, into, _ in addresses)
    assert len({into for _, into, _ in addresses}) == len(addresses) == len({url for url, _, _ in addresses})
    loose = [into for _, into, _ in addresses if not into.endswith((".zip", ".tgz", ".tar.gz", ".tar.bz2"))]
    for into in loose:
        (tmp_path / into).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / into).touch()
    if loose:
        wanted = [pattern for source in task.sources if isinstance(source, Files) for split in ("train", "dev", "test")
                  for pattern in getattr(source, split)]  # fmt: skip
        found = set()
        for pattern in wanted:
            for code in task.languages:
                found |= set(tmp_path.glob(fill(pattern, code)))
        beside = {path.with_suffix(".eng") for path in found if name == "tatoeba"}
        assert {path.relative_to(tmp_path).as_posix() for path in found | beside} == set(loose)


def test_the_command_brings_all_that_is_needed(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = '{"gold_label": "neutral", "sentence1": "a", "sentence2": "b"}\n'
    places = {"mnli": "multinli_1.0/multinli_1.0_train.jsonl", "xnli": "xnli/test-{language}.tsv"}
    for name, into in places.items():
        changed = Upstream(f"{server.url}/{into}", into)
        monkeypatch.setitem(TASKS, name, type(TASKS[name])(**{**vars(TASKS[name]), "upstream": (changed,)}))
    server.files = {"/multinli_1.0/multinli_1.0_train.jsonl": rows.encode()}
    server.files |= {f"/xnli/test-{code}.tsv": b"a\tb\tneutral\n" for code in TASKS["xnli"].languages}
    done = CliRunner().invoke(app, ["data", "fetch", "xnli", "--to", str(tmp_path)])
    assert done.exit_code == 0 and done.stdout.splitlines()[0] == str(tmp_path / places["mnli"])
    assert len(done.stdout.splitlines()) == 1 + len(TASKS["xnli"].languages)
    assert "fetching xnli/test-sw.tsv (12 bytes)" in done.stderr
    assert read(TASKS["mnli"], "train", "en", Folder(tmp_path)).rows == 1
    assert read(TASKS["xnli"], "test", "sw", Folder(tmp_path)).rows == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ccg"], "ccg: cannot be fetched (CCGbank: LDC2005T13, paid"),
        (["ccg", "--to", "DATA"], "write ccg/{train,dev}.tsv"),
        (["squad", "qqp", "--to", "DATA"], "qqp: cannot be fetched (Quora's terms; may not be passed on). To get it: Do two"),
        (["udpos"], "udpos: is not on the hub: say --to FOLDER to get its release"),
        (["text"], "text: cannot be fetched"),
        (["sqad"], "no task 'sqad' (did you mean 'squad'?)"),
    ],
)
def test_what_cannot_be_fetched_says_how_to_get_it(arguments: list[str], words: str, tmp_path: Path, server: Server) -> None:
    arguments = [word.replace("DATA", str(tmp_path / "data")) for word in arguments]
    done = CliRunner().invoke(app, ["data", "fetch", *arguments])
    assert isinstance(done.exception, UserError) and words in str(done.exception)
    assert not (tmp_path / "data").exists()  # nothing is begun where a part cannot be had


def test_hub_data_goes_to_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded: list[tuple[str, str, str]] = []
    monkeypatch.setattr(hub, "load", lambda found, config, split: loaded.append((found.id, config, split)))
    list(fetch.fetch(["xquad"], None, lambda *_: None))
    squad = [("rajpurkar/squad", "plain_text", split) for split in ("train", "validation")]
    codes = hub.languages(TASKS["xquad"])
    assert loaded == squad + [("google/xtreme", f"XQuAD.{code}", "validation") for code in codes]
    loaded.clear()
    list(fetch.fetch(["panx"], tmp_path, lambda *_: None))  # no address of the release is known
    assert len(loaded) == 2 + 40 and loaded[:2] == [("google/xtreme", "PAN-X.en", split) for split in ("train", "validation")]
    loaded.clear()
    list(fetch.fetch(["qqp"], None, lambda *_: None))
    assert loaded == [("nyu-mll/glue", "qqp", "train"), ("nyu-mll/glue", "qqp", "validation")]


def test_hub_faults_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="rajpurkar/squad_v2 .*cannot be loaded"):
        list(fetch.fetch(["squad_v2"], None, lambda *_: None))
