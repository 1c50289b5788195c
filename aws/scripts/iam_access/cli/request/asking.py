"""Ask for what a command line leaves out, with the choices listed."""

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

from iam_access.errors import UsageError
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.render import escape

_MOST = 3  # answers to one question that cannot be used
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that can be chosen, and what is said of it."""

    value: str
    about: str = ""


@dataclass(slots=True)
class Person:
    """The person at the terminal; `is_there` is False where no one can answer.

    `has_answered` says whether anything was asked and answered.
    """

    is_there: bool
    answers: TextIO = field(default_factory=lambda: sys.stdin)
    screen: TextIO = field(default_factory=lambda: sys.stdout)
    has_answered: bool = False

    @classmethod
    def at_terminal(cls) -> "Person":
        """The person at standard input and output."""
        if isinstance(sys.stdin, io.TextIOWrapper):
            # Bytes that are no text are refused with the answer that has them.
            sys.stdin.reconfigure(errors="surrogateescape")
        return cls(sys.stdin.isatty() and sys.stdout.isatty())

    def tell(self, *lines: str) -> None:
        """Print lines whose text may be from anywhere."""
        for each in lines:
            print(escape.not_a_command(escape.terminal(each)), file=self.screen)

    def choose(self, option: str, question: str, choices: Iterable[Choice]) -> str:
        """Ask for one of the choices, by number or value. A single one is taken, and named.

        Raises UsageError if there is none, or no answer that can be used.
        """
        known = list(choices)
        if not known:
            raise UsageError(f"there is nothing to choose for {option}", "see the team's files")
        if len(known) == 1:
            self.tell(f"{option.removeprefix('--')}: {known[0].value}, the only one")
            return known[0].value
        if not self.is_there:
            values = listed([each.value for each in known], "or")
            raise UsageError(f"{option} is missing", f"choose {values}")
        width = max(len(each.value) for each in known)
        self.tell(question)
        for number, each in enumerate(known, 1):
            self.tell(f"  {number:>2}  {each.value:<{width}}  {each.about}".rstrip())
        for _ in range(_MOST):
            answer = self._answer(f"{option.removeprefix('--')}: ")
            if answer.isdecimal() and 1 <= int(answer[:9]) <= len(known):
                return known[int(answer) - 1].value
            if answer in {each.value for each in known}:
                return answer
            near = did_you_mean(answer, [each.value for each in known])
            self.tell(f"{shown(answer)} is none of them; {near or 'write its number'}")
        raise UsageError(f"{option} is missing", "run the command again")

    def ask(
        self, option: str, question: str, parsed: Callable[[str], T], default: str | None = None
    ) -> T:
        """Ask for a text that is not empty, until `parsed` takes it; the default is offered.

        `parsed` raises UsageError for a text that cannot be used, and so does this.
        """
        if not self.is_there:
            raise UsageError(f"{option} is missing", question)
        self.tell(question)
        offer = f" [{default}]" if default else ""
        for _ in range(_MOST):
            answer = self._answer(f"{option.removeprefix('--')}{offer}: ") or default
            if not answer:
                continue
            try:
                return parsed(answer)
            except UsageError as error:
                self.tell(error.message, *([f"  {error.hint}"] if error.hint else []))
        raise UsageError(f"{option} is missing", "run the command again")

    def agrees(self, question: str) -> bool:
        """Whether the person says yes; who gave all by options is not asked."""
        if not (self.is_there and self.has_answered):
            return True
        return self._answer(f"{question} [y/N] ").lower() in ("y", "yes")

    def _answer(self, prompt: str) -> str:
        self.screen.write(escape.not_a_command(escape.terminal(prompt)))
        self.screen.flush()
        line = ""
        try:
            line = self.answers.readline()
        finally:
            if not line.endswith("\n"):  # Ctrl-C, or the end of what can be read
                self.screen.write("\n")
        if not line:
            raise UsageError("there was no answer", "name everything by options instead")
        self.has_answered = True
        return line.strip()


def known(option: str, value: str, values: Sequence[str]) -> str:
    """The value of an option that must be one of these. Raises UsageError."""
    if value not in values:
        near = did_you_mean(value, values)
        raise UsageError(
            f"{option}: there is no {shown(value)}", near or f"there are {listed(values) or 'none'}"
        )
    return value
