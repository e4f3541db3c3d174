"""A training in a repository of the Hugging Face hub."""

import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.export.found import Run
from stilts_xtreme.export.write import Written, write
from stilts_xtreme.shown import line

LOGIN = "the Hugging Face hub does not know who you are: log in with `hf auth login`, or set HF_TOKEN to a token that may write"
# What an export can consist of, by name: files of an earlier training that must not stay beside those of this one.
EXPORTED = (
    "config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json", "model.onnx*", "heads.json",
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "*.model", "vocab.*", "merges.txt", "manifest.json",
)  # fmt: skip


@dataclass(frozen=True)
class Pushed:
    """The repository's address, what was written, names of files that were removed, and of others that were there and stay."""

    address: str
    written: Written
    removed: tuple[str, ...]
    left: tuple[str, ...]


def push(run: Run, repo: str, private: bool, revision: str | None, onnx: bool) -> Pushed:
    """Make the repository where it is not there, and put the export into it as one commit that removes an earlier export's files.

    The hub is asked about the card before the repository is made. UserError where the hub does not know who asks, or refuses;
    RunFailed where it cannot be reached, fails, or answers what cannot be read.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import validate_repo_id

    api = HfApi()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "export"
        with _asking(api, repo):
            validate_repo_id(repo)
            name = repo if "/" in repo else f"{api.whoami()['name']}/{repo}"  # asked first, so that nothing is written in vain
        written = write(run, folder, onnx, model=name)
        with _asking(api, repo):
            _check_card(api, repo, (folder / "README.md").read_text(encoding="utf-8"))
            made, there = _repository(api, name, private)
        with _asking(api, repo, "" if there else f"; {made.repo_id} was made and is empty"):
            if revision:
                api.create_branch(made.repo_id, branch=revision, exist_ok=True)
            names = api.list_repo_files(made.repo_id, revision=revision) if there else []
            own = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
            others = [one for one in names if one not in own and one != ".gitattributes"]
            removed = [one for one in others if any("/" not in one and fnmatch(one, pattern) for pattern in EXPORTED)]
            api.upload_folder(
                repo_id=made.repo_id, folder_path=folder, revision=revision, commit_message=f"Training {run.address} of stilts",
                delete_patterns=[glob.escape(one) for one in removed] or None,
            )  # fmt: skip
    return Pushed(str(made), written, tuple(removed), tuple(one for one in others if one not in removed))


def _check_card(api: Any, repo: str, text: str) -> None:
    """UserError with the hub's words where it does not take the card."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    answer = get_session().post(
        f"{api.endpoint}/api/validate-yaml", json={"content": text, "repoType": "model"}, headers=build_hf_headers()
    )
    if answer.status_code == 400:
        told = "; ".join(str(one["message"]) for one in answer.json()["errors"]) or "it does not say why"
        raise UserError(f"{repo}: the hub does not take the model card: {' '.join(told.split())[:300]}; nothing was pushed")
    hf_raise_for_status(answer)
    answer.json()["errors"]


def _repository(api: Any, name: str, private: bool) -> tuple[Any, bool]:
    """The repository's address, and whether it was there before."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return api.create_repo(name, private=private or None), False
    except HfHubHTTPError as fault:
        # 409: it is there; 403: perhaps too, since who may write to it may have no right to make one.
        if fault.response is None or fault.response.status_code not in (403, 409):
            raise
        return api.create_repo(name, private=private or None, exist_ok=True), True


@contextmanager
def _asking(api: Any, repo: str, made: str = "; nothing was pushed") -> Iterator[None]:
    """Faults of what is asked of the hub, in one line; `made`: what there is of it by then."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as fault:
        raise UserError(f"{repo}: is no name of a repository: {line(fault, 300)}") from None
    except LocalTokenNotFoundError:
        raise UserError(LOGIN) from None
    except HfHubHTTPError as fault:
        code = fault.response.status_code if fault.response is not None else 500
        if code == 401:
            raise UserError(LOGIN) from None
        if code >= 500 or code == 429:
            raise RunFailed(f"{api.endpoint}: the hub failed ({line(fault, 300)}){made}; try again later") from None
        raise UserError(f"{repo}: the hub refused: {line(fault, 300)}{made}") from None
    except OfflineModeIsEnabled:
        raise UserError("HF_HUB_OFFLINE is set: nothing can be pushed; unset it") from None
    except (HTTPError, ConnectionError, TimeoutError) as fault:
        raise RunFailed(f"{api.endpoint}: the hub cannot be reached ({line(fault, 300)}){made}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as fault:  # what huggingface_hub makes of an odd answer
        told = f"{type(fault).__name__}: {line(fault, 300)}"
        raise RunFailed(f"{api.endpoint}: the hub's answer cannot be read ({told}){made}") from None
