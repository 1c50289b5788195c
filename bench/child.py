"""Run a command and print its costs: python bench/child.py CPU_SECONDS COMMAND [ARGUMENT ...].

Prints a JSON list of processor seconds, peak memory in KiB, and exit status; a command that takes
CPU_SECONDS is ended. Linux counts the memory of the parent process as the command's own peak, so a
small process has to start it.
https://man7.org/linux/man-pages/man2/getrusage.2.html
"""

import json
import os
import resource
import subprocess
import sys


def main(most: int, command: list[str]) -> None:
    """Start the command, wait for its end, and print its use of resources."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (most, most)),  # noqa: PLW1509
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss, process.returncode]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
