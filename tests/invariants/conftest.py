"""Every grant of the cases, written once into a sandbox and read back."""

from pathlib import Path

import pytest

from tests.invariants.written import Written, write_everything


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """What is in the accounts after an apply of all cases. The sandbox is closed again."""
    directory: Path = tmp_path_factory.mktemp("proofs")
    return write_everything(directory / "aws")
