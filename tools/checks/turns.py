"""turns.py: a turn at a processor. Whatever runs a program here takes a turn first and gives it back, so that builds,
analyzers and tests that overlap never run more programs at a time than there are turns.

The turns are the tokens of GNU make's jobserver (a pipe with one byte for each), so that make itself takes part; a
program started by ./test finds them in ATTUNE_TURNS, and one that is started by itself makes its own."""
import contextlib
import os
import select


class Turns:
    def __init__(self, count):
        found = os.environ.get("ATTUNE_TURNS", "").split(",")
        if len(found) == 2:
            self.read, self.write = map(int, found)
        else:
            self.read, self.write = os.pipe()
            os.write(self.write, b"+" * count)

    def descriptors(self):
        """What a program must inherit to share these turns, beside ATTUNE_TURNS or make's flag."""
        return (self.read, self.write)

    def for_program(self):
        return {"ATTUNE_TURNS": f"{self.read},{self.write}"}

    def for_make(self):
        return f" --jobserver-auth={self.read},{self.write}"

    @contextlib.contextmanager
    def turn(self):
        self.take()
        try:
            yield
        finally:
            os.write(self.write, b"+")

    def take(self):
        while True:
            select.select([self.read], [], [])
            with contextlib.suppress(BlockingIOError):  # make reads without waiting, and another may have been faster
                if os.read(self.read, 1):
                    return
