"""English intermediate-task training and zero-shot transfer. As a library: `import stilts_xtreme as stilts`, see `api`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stilts_xtreme.api import (
        Effect,
        Evaluation,
        Row,
        RunFailed,
        StudyResult,
        UserError,
        load,
        read_results,
        recommend,
        run,
        write_report,
    )

__all__ = [
    "Effect", "Evaluation", "Row", "RunFailed", "StudyResult", "UserError",
    "load", "read_results", "recommend", "run", "write_report",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Import the names of the Python API when they are first asked for: the package itself imports nothing."""
    if name in __all__:
        from stilts_xtreme import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
