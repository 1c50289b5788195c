"""Sets as whole numbers, one bit for each member."""

from collections.abc import Iterator


def places(bits: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    text = bin(bits)[:1:-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)
