import os
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
