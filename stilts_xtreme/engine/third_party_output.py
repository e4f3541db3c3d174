"""Libraries that write to the terminal."""

import os


def quiet() -> None:
    """Keep transformers' progress bars, notices and loading tables off the terminal, in this process."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
