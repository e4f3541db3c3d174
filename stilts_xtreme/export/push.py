"""Push a training to a repository of the Hugging Face hub."""

import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.export.run_lookup import Run
from stilts_xtreme.export.write import Written, write
from stilts_xtreme.utils.errors import RunFailed, UserError
from stilts_xtreme.utils.sanitize import line

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoUrl

LOGIN = "the Hugging Face hub does not know who you are: log in with `hf auth login`, or set HF_TOKEN to a token that may write"
# Names of files an export may have: those of an earlier export must not stay beside the new ones.
EXPORTED = (
    "config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json", "model.onnx*", "heads.json",
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "*.model", "vocab.*", "merges.txt", "manifest.json",
)  # fmt: skip


@dataclass(frozen=True)
class Pushed:
    """The repository's URL, the checkpoint, names of removed files, and of unrelated files that stay."""

    url: str
    written: Written
    removed: tuple[str, ...]
    left: tuple[str, ...]


def push(run: Run, repo: str, private: bool, revision: str | None, onnx: bool) -> Pushed:
    """Create the repository if needed, and push the export as a commit that also removes an earlier export's files.

    The hub validates the card before the repository is created. Raises UserError if the user is not logged in or the hub refuses;
    RunFailed if it cannot be reached, fails, or its answer cannot be read.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import validate_repo_id

    api = HfApi()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "export"
        with _hub_errors(api, repo):
            validate_repo_id(repo)
            name = repo if "/" in repo else f"{api.whoami()['name']}/{repo}"  # first, so that nothing is written in vain
        written = write(run, folder, onnx, model=name)
        with _hub_errors(api, repo):
            _check_card(api, repo, (folder / "README.md").read_text(encoding="utf-8"))
            url, existed = _repository(api, name, private)
        with _hub_errors(api, repo, "" if existed else f"; {url.repo_id} was made and is empty"):
            if revision:
                api.create_branch(url.repo_id, branch=revision, exist_ok=True)
            names = api.list_repo_files(url.repo_id, revision=revision) if existed else []
            own = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
            others = [other for other in names if other not in own and other != ".gitattributes"]
            removed = [other for other in others if any("/" not in other and fnmatch(other, pattern) for pattern in EXPORTED)]
            api.upload_folder(
                repo_id=url.repo_id, folder_path=folder, revision=revision,
                commit_message=f"Training {run.fingerprint} of stilts",
                delete_patterns=[glob.escape(other) for other in removed] or None,
            )  # fmt: skip
    return Pushed(str(url), written, tuple(removed), tuple(other for other in others if other not in removed))


def _check_card(api: "HfApi", repo: str, text: str) -> None:
    """Raise UserError with the hub's messages if it does not accept the card."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    answer = get_session().post(
        f"{api.endpoint}/api/validate-yaml", json={"content": text, "repoType": "model"}, headers=build_hf_headers()
    )
    if answer.status_code == 400:
        reason = "; ".join(str(error["message"]) for error in answer.json()["errors"]) or "it does not say why"
        raise UserError(f"{repo}: the hub does not take the model card: {' '.join(reason.split())[:300]}; nothing was pushed")
    hf_raise_for_status(answer)
    answer.json()["errors"]


def _repository(api: "HfApi", name: str, private: bool) -> tuple["RepoUrl", bool]:
    """Create the repository if needed; return its URL and whether it existed before."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return api.create_repo(name, private=private or None), False
    except HfHubHTTPError as error:
        # 409: it exists; 403: perhaps too, since a user with write access may not be allowed to create repositories.
        if error.response is None or error.response.status_code not in (403, 409):
            raise
        return api.create_repo(name, private=private or None, exist_ok=True), True


@contextmanager
def _hub_errors(api: "HfApi", repo: str, state: str = "; nothing was pushed") -> Iterator[None]:
    """Convert errors of requests to the hub to a line each; `state`: what was pushed by then, for the message."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        raise UserError(f"{repo}: is no name of a repository: {line(error, 300)}") from None
    except LocalTokenNotFoundError:
        raise UserError(LOGIN) from None
    except HfHubHTTPError as error:
        code = error.response.status_code if error.response is not None else 500
        if code == 401:
            raise UserError(LOGIN) from None
        if code >= 500 or code == 429:
            raise RunFailed(f"{api.endpoint}: the hub failed ({line(error, 300)}){state}; try again later") from None
        raise UserError(f"{repo}: the hub refused: {line(error, 300)}{state}") from None
    except OfflineModeIsEnabled:
        raise UserError("HF_HUB_OFFLINE is set: nothing can be pushed; unset it") from None
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise RunFailed(f"{api.endpoint}: the hub cannot be reached ({line(error, 300)}){state}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # raised by huggingface_hub for an odd answer
        reason = f"{type(error).__name__}: {line(error, 300)}"
        raise RunFailed(f"{api.endpoint}: the hub's answer cannot be read ({reason}){state}") from None
