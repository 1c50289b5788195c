"""The clock of the story, in the place of that of the scripts."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Clock:
    """Sets the one function that reads a clock, when its module is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "iam_access.cli.runtime":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_with_clock(module: ModuleType) -> None:
            execute(module)
            now = datetime.fromisoformat(os.environ["STORY_NOW"])
            module.utc_now = lambda: now  # type: ignore[attr-defined]

        spec.loader.exec_module = execute_with_clock  # type: ignore[method-assign]
        return spec


if "STORY_NOW" in os.environ:
    sys.meta_path.insert(0, _Clock())
