"""fault.py: what a check finds."""
from typing import NamedTuple


class Fault(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"
