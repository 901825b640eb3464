"""zone_table.py STEP_HOURS: what Python's zoneinfo says of every zone from 1970 to 2040, for test_zone.c to agree with.

    Z name                        a zone begins
    S first step count offset     so many samples, `step` seconds apart, all with this offset
    B at before after             a change, to the second
    L local fit earlier later     a local time (seconds as a clock on the wall shows them): 1 once, 2 twice, 0 never
"""
import datetime
import itertools
import sys
import zoneinfo

STEP = int(sys.argv[1]) * 3600
FIRST, LAST = 0, 70 * 31556952
EPOCH = datetime.datetime(1970, 1, 1)
UTC = datetime.timezone.utc


def offset_of(zone, at):
    return int(datetime.datetime.fromtimestamp(at, zone).utcoffset().total_seconds())


def change_between(zone, low, high):
    """The first second with another offset than `low`'s; one change alone lies between."""
    before = offset_of(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_of(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def local_line(zone, local):
    wall = EPOCH + datetime.timedelta(seconds=local)
    instants = []
    for fold in (0, 1):
        at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        instants.append(int(at.timestamp()))
    first, second = instants
    if first == second:
        return f"L {local} 1 {first} {first}"
    back = EPOCH + datetime.timedelta(seconds=first + offset_of(zone, first))
    return f"L {local} 2 {first} {second}" if back == wall else f"L {local} 0 0 0"


def zone_lines(name):
    zone = zoneinfo.ZoneInfo(name)
    yield f"Z {name}"
    times = range(FIRST, LAST, STEP)
    last = None
    for offset, run in itertools.groupby(((at, offset_of(zone, at)) for at in times), key=lambda one: one[1]):
        run = list(run)
        yield f"S {run[0][0]} {STEP} {len(run)} {offset}"
        if last is not None:
            at = change_between(zone, last[0], run[0][0])
            after = offset_of(zone, at)
            yield f"B {at} {last[1]} {after}"
            low, high = sorted((at + last[1], at + after))
            for local in (low - 86400, low - 1, low, (low + high) // 2, high - 1, high, high + 86400):
                yield local_line(zone, local)
        last = run[-1]


for each in sorted(zoneinfo.available_timezones() - {"localtime"}):
    sys.stdout.write("\n".join(zone_lines(each)) + "\n")
