import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real task data, where there is one."""
    folder = os.environ.get("STILTS_REAL_DATA")
    if not folder:
        pytest.skip("STILTS_REAL_DATA is not set: no real data to read")
    return Path(folder)


@pytest.fixture(autouse=True)
def _tasks_of_the_package() -> Iterator[None]:
    """Tasks that a test describes in a file are known in this process: take them out again."""
    yield
    if (catalogue := sys.modules.get("stilts_xtreme.tasks.catalogue")) is not None:
        for name in list(catalogue.OWN):
            catalogue.TASKS.pop(name, None)
        catalogue.OWN.clear()
