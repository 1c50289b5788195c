"""The form of the workflow *Revoke*: its fields, which are variables, become options."""

import argparse
from collections.abc import Iterator, Mapping

from iam_access.errors import UsageError

# What `REVOKE_WHOSE` may be, and the option that the name is then for.
_WHOSE = {"user": "user", "role": "role", "everyone": None}
_TEXTS = {"REVOKE_GRANT": "grant", "REVOKE_TEAM": "team", "REVOKE_REASON": "reason"}
_CHECKED = {"REVOKE_PERMANENT": "permanent", "REVOKE_DRY_RUN": "dry_run"}
_ENVIRONMENTS = "REVOKE_ENVIRONMENTS"

_FIELDS = ("REVOKE_WHOSE", "REVOKE_NAME", *_TEXTS, *_CHECKED, _ENVIRONMENTS)


def fill(options: argparse.Namespace, form: Mapping[str, str]) -> None:
    """Set the options to what the form says: the variables `REVOKE_…`, all of which must be there.

    A field that is empty sets nothing. One of blanks alone sets an empty text, which is refused
    later, since leaving it out would end more than was meant. Raises UsageError.
    """
    given = [f"--{name}" for name in _set_on_the_command_line(options)]
    if given:
        raise UsageError(f"--from-form takes the place of {', '.join(given)}", "leave one out")
    missing = [name for name in _FIELDS if name not in form]
    if missing:
        raise UsageError(
            f"--from-form misses the variables {', '.join(missing)}",
            "set them as .github/workflows/revoke.yaml does; one that is empty does not matter",
        )
    _fill_whose(options, form["REVOKE_WHOSE"], form["REVOKE_NAME"])
    for variable, name in _TEXTS.items():
        if form[variable]:
            setattr(options, name, form[variable].strip())
    for variable, name in _CHECKED.items():
        if form[variable] not in ("true", "false"):
            raise UsageError(f"{variable} is {form[variable]!r}", "set it to true or false")
        setattr(options, name, form[variable] == "true")
    if form[_ENVIRONMENTS] and not form[_ENVIRONMENTS].split():
        raise UsageError("the environments are blank", "name some, or leave the field empty")
    options.environment = form[_ENVIRONMENTS].split()


def _set_on_the_command_line(options: argparse.Namespace) -> Iterator[str]:
    names = (*filter(None, _WHOSE.values()), *_TEXTS.values(), *_CHECKED.values(), "environment")
    for name in names:
        if getattr(options, name) not in (None, False, []):
            yield name.replace("_", "-")


def _fill_whose(options: argparse.Namespace, whose: str, name: str) -> None:
    if whose not in _WHOSE:
        raise UsageError(f"REVOKE_WHOSE is {whose!r}", f"set it to one of {', '.join(_WHOSE)}")
    option = _WHOSE[whose]
    if option is None and name:
        raise UsageError(
            f"the form names {name!r}, and asks for the access of everyone",
            "choose user or role, or leave the name empty",
        )
    if option is not None:
        setattr(options, option, name.strip())
