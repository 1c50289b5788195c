"""Measure the start of a script."""

import sys
from collections.abc import Mapping
from statistics import median

from bench.scenarios import SCRIPTS, timed

_COMMANDS = {
    "python, import yaml, pydantic": ["-c", "import yaml, pydantic"],
    "validate.py --help": [str(SCRIPTS / "validate.py"), "--help"],
    "python, import yaml, pydantic, boto3": ["-c", "import yaml, pydantic, boto3"],
    "apply.py --help": [str(SCRIPTS / "apply.py"), "--help"],
}
BASE = "python, import yaml, pydantic, boto3"
_RUNS = 9


def measure() -> Mapping[str, float]:
    """Median seconds by command; the commands take turns, so that all see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for _ in range(_RUNS):
        for name, arguments in _COMMANDS.items():
            times[name].append(timed([sys.executable, *arguments], {}).wall)
    return {name: median(each) for name, each in times.items()}
