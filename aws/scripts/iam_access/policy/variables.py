"""Policy variables, ``${…}``: find them, check their syntax, escape what only looks like them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re

#: One well-formed variable: a special character, or a key with a default or without.
_VARIABLE = re.compile(
    r"""\$\{ (?:
          [*?$]
        | [A-Za-z0-9._/-]+ : [\w.:/=+@-] (?:[\w.:/=+@\ -]* [\w.:/=+@-])?
          (?: ,\ '[^'{}]*' )?
    ) \}""",
    re.VERBOSE,
)


def malformed_variable(text: str) -> str | None:
    """The first ``${…}`` of a text that is no proper variable, as far as it goes, or None."""
    position = text.find("${")
    while position >= 0:
        match = _VARIABLE.match(text, position)
        if match is None:
            end = text.find("}", position)
            return text[position:] if end < 0 else text[position : end + 1]
        position = text.find("${", match.end())
    return None


def mask_variables(text: str, mask: str) -> str:
    """The text with each well-formed variable replaced, so that colons in it separate nothing."""
    return _VARIABLE.sub(lambda _: mask, text)


def escape_variables(text: str) -> str:
    """The text that means literally, under Version 2012-10-17, what it meant under 2008-10-17.

    A dollar sign alone is literal in both; only ``${`` begins a variable in the later one.
    """
    return text.replace("${", "${$}{")
