"""The results of `simulate.py test` as a JSON document in a file, local or in S3."""

import re
from pathlib import Path

from iam_access.cli import output_files
from iam_access.cli.simulate.options import RESULTS_FOLDER, RESULTS_SUFFIX
from iam_access.cloud.storage import S3Folder, write_json
from iam_access.errors import UsageError
from iam_access.render import Output, document_of_tests
from iam_access.simulation.results import TestReport

_S3 = "s3://"
# URLs and ARNs of other places, also misspelled; write ./NAME for a folder of such a name.
_ELSEWHERE = re.compile(r"\s*([a-z][a-z0-9+.-]*:/|(s3|arn|gs|https?|file)\s*:|s3//)", re.IGNORECASE)


def check(location: str | None) -> None:
    """Raise UsageError for a malformed location."""
    if location is None:
        return
    if location.startswith(_S3):
        S3Folder.parse(location)
    elif _ELSEWHERE.match(location) or not location.strip():
        raise UsageError(
            f"{location!r} is not a place to write to",
            "write a folder, a file that ends in .json, or s3://bucket/prefix",
        )
    elif location in tuple(Output):
        raise UsageError(
            f"{location!r} is a form of output, not a place",
            f"write --output {location}, or ./{location} for a folder of this name",
        )


def write(report: TestReport, location: str | None, *, verbose: bool) -> str:
    """Write the document; return its place.

    `location` is a folder, or begins with `s3://`; None is `./results`. One that ends in `.json`
    is the file itself. Raises AccessError when it cannot be written.
    """
    document = document_of_tests(report, verbose=verbose)
    folder, name = _parted(location or RESULTS_FOLDER)
    name = name or f"results-{report.now:%Y%m%d-%H%M%S}{RESULTS_SUFFIX}"
    if not folder.startswith(_S3):
        return str(_write_locally(Path(folder), name, document))
    return write_json(S3Folder.parse(folder), name, document)


def _parted(location: str) -> tuple[str, str]:
    """The folder, and the name of a file in it or ""; a bucket is never a file."""
    scheme = _S3 if location.startswith(_S3) else ""
    folder, slash, name = location.removeprefix(scheme).rpartition("/")
    if not name.endswith(RESULTS_SUFFIX) or (scheme and not folder):
        return location, ""
    return f"{scheme}{folder}{slash}" or ".", name


def _write_locally(folder: Path, name: str, document: str) -> Path:
    path = folder / name
    hint = "name a folder that can be written with --output-location"
    output_files.write(path, document, hint)
    return path
