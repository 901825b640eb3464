#!/usr/bin/env python3
"""fdatasync.py DIR: the physical limit of durable writes on DIR's disk: 4 kB appended and synced, 300 times."""
import os
import statistics
import sys
import tempfile
import time


def probe(directory, rounds=300):
    """Microseconds of one append with fdatasync: (minimum, median, maximum)."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        block, times = os.urandom(4096), []
        for _ in range(rounds):
            begun = time.perf_counter()
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e6)
    return min(times), statistics.median(times), max(times)


if __name__ == "__main__":
    print("fdatasync of 4 kB: min %.0f, median %.0f, max %.0f us" % probe(sys.argv[1] if len(sys.argv) > 1 else "."))
