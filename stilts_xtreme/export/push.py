"""A training in a repository of the Hugging Face hub."""

import tempfile
from pathlib import Path

from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.export.found import Run
from stilts_xtreme.export.write import Written, write


def push(run: Run, repo: str, private: bool, revision: str | None, onnx: bool) -> tuple[str, Written]:
    """Make the repository where it is not there, and put the export into it as one commit; its address, and what was written.

    UserError where the hub does not know who asks, or refuses; RunFailed where it cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
    from huggingface_hub.utils import validate_repo_id

    api = HfApi()
    try:
        validate_repo_id(repo)
        name = repo if "/" in repo else f"{api.whoami()['name']}/{repo}"  # asked first, so that nothing is written in vain
        with tempfile.TemporaryDirectory() as scratch:
            written = write(run, Path(scratch) / "export", onnx, model=name)
            made = api.create_repo(name, private=private or None, exist_ok=True)
            if revision:
                api.create_branch(made.repo_id, branch=revision, exist_ok=True)
            message = f"Training {run.address} of stilts"
            api.upload_folder(
                repo_id=made.repo_id, folder_path=Path(scratch) / "export", revision=revision, commit_message=message
            )
    except HFValidationError as fault:
        raise UserError(f"{repo}: is no name of a repository: {_line(fault)}") from None
    except LocalTokenNotFoundError:
        raise UserError(LOGIN) from None
    except HfHubHTTPError as fault:
        if fault.response is not None and fault.response.status_code == 401:
            raise UserError(LOGIN) from None
        raise UserError(f"{repo}: the hub refused: {_line(fault)}") from None
    except OfflineModeIsEnabled:
        raise UserError("HF_HUB_OFFLINE is set: nothing can be pushed; unset it") from None
    except (HTTPError, ConnectionError, TimeoutError) as fault:
        raise RunFailed(f"{api.endpoint}: the hub cannot be reached ({_line(fault)}); nothing was pushed") from None
    return str(made), written


LOGIN = "the Hugging Face hub does not know who you are: log in with `hf auth login`, or set HF_TOKEN to a token that may write"


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300] or type(fault).__name__
