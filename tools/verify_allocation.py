#!/usr/bin/env python3
"""verify_allocation.py: derives an allocation again from its published files. Standard library only.

    python3 tools/verify_allocation.py DIR [--key FILE] [--note FILE]

Written from docs/allocation.md, without any of the program's code. In this order:

  * every file is there, and no other; checkpoints.txt and its signatures; steps.csv against their roots; rules, rosters
    and reveals against the hashes in steps.csv: a changed byte anywhere ends here;
  * the steps came in the only order that conceals the arms, and each commitment is that of what was disclosed;
  * every wave's seed, its stream (ChaCha20), its arms, its slot commitments and their root, derived anew.

--key FILE    the key as somebody was given it before (else key.txt of DIR is taken as it is: then a forger who made the
              whole record anew, with a key of his own, is not noticed)
--note FILE   a checkpoint that somebody kept: it must be one of this very record

Exit 0: all holds. Exit 1: the first fault is named. Exit 2: wrong usage.
"""
import argparse
import array
import base64
import csv
import hashlib
import hmac
import io
import math
import pathlib
import re
import sys

MASK64 = 2**64 - 1
LABEL = "attune-allocation-v1"


class Fault(Exception):
    """Names what does not hold."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hkdf(secret, salt, info):
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    return hmac.digest(key, info.encode() + b"\x01", "sha256")


def need(condition, fault):
    if not condition:
        raise Fault(fault)


# ---- Ed25519 verification (RFC 8032 section 5.1.7) ----

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P


def point_multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        scalar >>= 1
    return result


def point_read(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_read((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signature_holds(public_key, message, signature):
    key, r, s = point_read(public_key), point_read(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    a, b = point_multiply(s, BASE), point_add(r, point_multiply(challenge, key))
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


# ---- the hash tree (RFC 6962 section 2.1) ----

def tree_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", tree_root(leaves[:split]), tree_root(leaves[split:]))


# ---- the stream ----

LANES = 4096  # blocks computed side by side, each 32-bit word of theirs in 64 bits of one long integer


def lanes_of(values):
    return int.from_bytes(array.array("Q", values).tobytes() if sys.byteorder == "little" else
                          b"".join(v.to_bytes(8, "little") for v in values), "little")


ONES = lanes_of([1] * LANES)
LOW32 = ONES * 0xFFFFFFFF


def chacha20_blocks(key, nonce, counter, blocks):
    """ChaCha20's key stream (RFC 8439): `blocks` of 64 bytes from `counter` on; at most LANES."""
    words = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    words += [int.from_bytes(key[i:i + 4], "little") for i in range(0, 32, 4)]
    ones = ONES & (1 << 64 * blocks) - 1
    mask = ones * 0xFFFFFFFF
    start = [ones * w for w in words]
    start.append(lanes_of([counter + i for i in range(blocks)]))
    start += [ones * int.from_bytes(nonce[i:i + 4], "little") for i in range(0, 12, 4)]
    x = list(start)

    def turn(value, bits):
        high = (1 << bits) - 1
        return (value << bits) & mask | (value >> 32 - bits) & ones * high

    def quarter(a, b, c, d):
        for left, right, goal, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[left] = x[left] + x[right] & mask
            x[goal] = turn(x[goal] ^ x[left], bits)

    for _ in range(10):
        quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14)
    # A block's sixteen words, two to a 64-bit integer, the first the lower.
    columns = []
    for i in range(0, 16, 2):
        low, high = x[i] + start[i] & mask, x[i + 1] + start[i + 1] & mask
        column = array.array("Q", (low | high << 32).to_bytes(8 * blocks, "little"))
        if sys.byteorder != "little":
            column.byteswap()
        columns.append(column)
    integers = array.array("Q", bytes(64 * blocks))
    for i, column in enumerate(columns):
        integers[i::8] = column
    return integers


class Stream:
    """Integers from a seed: eight bytes of key stream each, the lowest first."""

    def __init__(self, seed):
        self.seed, self.block, self.size = seed, 0, 64
        self.left = iter(())

    def bits(self):
        for value in self.left:
            return value
        blocks, self.size = self.size, min(LANES, self.size * 8)
        self.left = iter(chacha20_blocks(self.seed, b"LibsodiumDRG", self.block, blocks))
        self.block += blocks
        return next(self.left)

    def below(self, m):
        limit = 2**64 - 2**64 % m
        while True:
            x = self.bits()
            if x < limit:
                return x % m

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]

    def shuffles(self, items, count):
        """`count` shuffled copies, as Stream.shuffle would make them; written for speed."""
        plan = [(i, i + 1, 2**64 - 2**64 % (i + 1)) for i in range(len(items) - 1, 0, -1)]
        for _ in range(count):
            copy = items[:]
            for i, m, limit in plan:
                for x in self.left:
                    break
                else:
                    x = self.bits()
                while x >= limit:
                    x = self.bits()
                j = x % m
                copy[i], copy[j] = copy[j], copy[i]
            yield copy


# ---- the files ----

NAME = r"[a-z0-9_-]"
INTEGER = r"(?:0|-?[1-9][0-9]{0,3})"
LIST = rf"\[(?:{INTEGER}(?:,{INTEGER})*)?\]"
METHODS = ("simple", "big-stick", "blocks", "minimisation", "covariate-constrained")
RULES = re.compile(
    rf'\{{"arms":\[(?P<arms>"{NAME}{{1,40}}"(?:,"{NAME}{{1,40}}")+)\],"blocks":(?P<blocks>{LIST}),"coding":"(?P<coding>[0-9a-f]{{64}})",'
    rf'"columns":(?P<columns>{INTEGER}),"limit":(?P<limit>{INTEGER}),"method":"(?P<method>{"|".join(METHODS)})","most":(?P<most>{INTEGER}),'
    rf'"parties":(?P<parties>[12]),"preferred":(?P<preferred>{LIST}),"ratio":(?P<ratio>{LIST}),"strata":(?P<strata>{LIST}),'
    rf'"study":"(?P<study>{NAME}{{1,64}})","v":1\}}\n')


class Rules:
    def __init__(self, text):
        found = RULES.fullmatch(text)
        need(found, "rules.json: not the rules in their one form")

        def numbers(key):
            inner = found[key].strip("[]")
            return [int(n) for n in inner.split(",")] if inner else []

        self.hash = sha256(text.encode())
        self.arms = [a.strip('"') for a in found["arms"].split(",")]
        self.blocks, self.strata, self.ratio, self.preferred = map(numbers, ("blocks", "strata", "ratio", "preferred"))
        self.columns, self.limit, self.most = (int(found[k]) for k in ("columns", "limit", "most"))
        self.parties, self.method, self.study = int(found["parties"]), found["method"], found["study"]
        self.check()
        self.sum = sum(self.ratio)
        self.multiple = math.lcm(*self.ratio)

    def check(self):
        def rising(values, least, most, step=1):
            return all(least <= v <= most and v % step == 0 for v in values) and all(a < b for a, b in zip(values, values[1:]))

        count, total = len(self.arms), sum(self.ratio)
        need(2 <= count <= 6 and len(set(self.arms)) == count, "rules.json: 2 to 6 arms of different names")
        need(len(self.ratio) == count and min(self.ratio) >= 1 and total <= 24 and math.lcm(*self.ratio) <= 60,
             "rules.json: the ratio is out of range")
        need(1 <= self.most <= (192 if count == 2 else 96 if count <= 4 else 63), "rules.json: most is out of range")
        need(0 <= self.columns <= 32 and 1 <= self.limit <= 99, "rules.json: columns or limit out of range")
        need(len(self.preferred) == 2 and 1 <= self.preferred[0] < self.preferred[1] <= 100, "rules.json: preferred is out of range")
        need(len(self.blocks) <= 8 and rising(self.blocks, total, 48, total) and (self.blocks or self.method != "blocks"),
             "rules.json: blocks are out of range")
        need(len(self.strata) <= 8 and rising(self.strata, 1, self.columns), "rules.json: strata are out of range")


def read_rows(name, text, header):
    """The rows of a CSV whose every byte is as this program would write it."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Fault(f"{name}: {error}") from None
    need(rows and rows[0] == header, f"{name}: the header is not {','.join(header)}")
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    need(out.getvalue() == text, f"{name}: not in its one form")
    for number, row in enumerate(rows[1:], 2):
        need(len(row) == len(header), f"{name}, line {number}: {len(header)} fields are expected")
    return rows[1:]


def is_integer(text, least, most):
    return re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text) is not None and least <= int(text) <= most


class Roster:
    def __init__(self, rules, wave, text):
        name = f"wave-{wave}-roster.csv"
        header = ["slot", "locked", "record"] + [f"x{k + 1}" for k in range(rules.columns)]
        rows = read_rows(name, text, header)
        need(1 <= len(rows) <= rules.most, f"{name}: by the rules a wave holds 1 to {rules.most} people")
        self.wave, self.hash = wave, sha256(text.encode())
        for i, row in enumerate(rows):
            need(row[0] == f"{wave}-{i + 1}", f"{name}, line {i + 2}: slot {wave}-{i + 1} is expected")
            need(is_integer(row[1], 0, 9999999999999) and re.fullmatch("[0-9a-f]{64}", row[2]),
                 f"{name}, line {i + 2}: a time and 64 digits are expected")
            need(all(is_integer(x, -1000, 1000) for x in row[3:]), f"{name}, line {i + 2}: integers within 1000 are expected")
        self.x = [[int(x) for x in row[3:]] for row in rows]
        self.locked = [int(row[1]) for row in rows]


WITH_VALUE = {"rules", "roster", "commitment-a", "commitment-b", "disclosure-a", "disclosure-b", "slots", "report", "reveal"}
WITH_TEXT = {"derivation", "mark", "abort"}
WITH_SLOT = {"release", "mark"}
WITHOUT_WAVE = {"rules", "lock", "report", "unmasking"}
WITHOUT_VALUE = {"release", "lock", "unmasking"}


class Step:
    def __init__(self, number, row):
        where = f"steps.csv, line {number + 2}"
        index, time, wave, self.what, slot, self.who, self.value = row
        need(index == str(number), f"{where}: step {number} is expected")
        need(is_integer(time, 0, 9999999999999) and is_integer(wave, 0, 99), f"{where}: a time and a wave are expected")
        need(self.what in WITH_VALUE | WITH_TEXT | WITHOUT_VALUE, f"{where}: there is no step {self.what!r}")
        need(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", self.who), f"{where}: a person's code is expected")
        self.number, self.time, self.wave, self.slot, self.where = number, int(time), int(wave), 0, where
        need((self.wave == 0) == (self.what in WITHOUT_WAVE), f"{where}: the wave does not fit the step")
        if self.what in WITH_SLOT:
            found = re.fullmatch(rf"{wave}-([1-9][0-9]{{0,2}})", slot)
            need(found, f"{where}: a slot of the wave is expected")
            self.slot = int(found[1])
        else:
            need(not slot, f"{where}: this step has no slot")
        if self.what in WITH_VALUE:
            need(re.fullmatch("[0-9a-f]{64}", self.value), f"{where}: 64 digits are expected")
        elif self.what in WITH_TEXT:
            need(0 < len(self.value.encode()) <= 200 and not re.search("[\x00-\x1f\x7f-\x9f]", self.value), f"{where}: a text is expected")
        else:
            need(not self.value, f"{where}: this step has no value")

    @property
    def bytes(self):
        return bytes.fromhex(self.value)


class Record:
    """All files, read; every hash and signature looked at."""

    def __init__(self, place, key_file=None, note_file=None):
        self.place = place
        self.files = {}
        need(place.is_dir(), f"{place} is no directory")
        for path in sorted(place.iterdir()):
            need(path.is_file() and not path.is_symlink(), f"{path.name}: not a file")
            try:
                need(path.stat().st_size <= 1 << 20, f"{path.name}: longer than 1 MiB")
                self.files[path.name] = path.read_bytes().decode("utf-8")
            except UnicodeDecodeError:
                raise Fault(f"{path.name}: not UTF-8") from None
        for name in ("rules.json", "steps.csv", "checkpoints.txt", "key.txt"):
            need(name in self.files, f"{name} is missing")
        self.rules = Rules(self.files["rules.json"])
        self.steps = [Step(n, row) for n, row in enumerate(
            read_rows("steps.csv", self.files["steps.csv"], ["step", "time", "wave", "what", "slot", "who", "value"]))]
        need(self.steps, "steps.csv: no steps")
        self.check_checkpoints(key_file, note_file)
        self.check_hashes()

    def check_checkpoints(self, key_file, note_file):
        origin = f"{LABEL}/{self.rules.study}"
        if key_file:
            need(self.files["key.txt"] == pathlib.Path(key_file).read_text(encoding="utf-8"), "key.txt: not the key that was given before")
        found = re.fullmatch(rf"{re.escape(origin)}\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]{{44}})\n", self.files["key.txt"])
        need(found, f"key.txt: not the key of {origin}")
        typed = base64.b64decode(found[2])
        need(typed[0] == 1 and base64.b64encode(typed).decode() == found[2], "key.txt: no Ed25519 key")
        mark = sha256(origin.encode(), b"\n\x01", typed[1:])[:4]
        need(mark.hex() == found[1], "key.txt: the key's hash is another")
        lines = self.files["steps.csv"].encode().split(b"\n")[1:-1]
        leaves = [sha256(b"\x00", line) for line in lines]
        self.noted = []
        notes = re.split(r"(?<=\n)\n(?=attune)", self.files["checkpoints.txt"])
        for number, note in enumerate(notes, 1):
            where = f"checkpoints.txt, note {number}"
            parts = re.fullmatch(rf"({re.escape(origin)}\n([1-9][0-9]{{0,3}})\n([A-Za-z0-9+/]{{43}}=)\n)\n\u2014 {re.escape(origin)} "
                                 r"([A-Za-z0-9+/]{91}=)\n", note)
            need(parts, f"{where}: not a note of {origin} in its one form")
            size, root, signature = int(parts[2]), base64.b64decode(parts[3]), base64.b64decode(parts[4])
            need(base64.b64encode(root).decode() == parts[3] and base64.b64encode(signature).decode() == parts[4],
                 f"{where}: not in its one form")
            need(signature[:4] == mark and signature_holds(typed[1:], parts[1].encode(), signature[4:]),
                 f"{where}: the signature does not hold")
            need(size <= len(leaves) and tree_root(leaves[:size]) == root, f"{where}: steps.csv is not what was signed")
            need(not self.noted or size > self.noted[-1], f"{where}: the notes do not grow")
            self.noted.append(size)
        need(self.noted[-1] == len(leaves), "checkpoints.txt: the last note is not over all steps")
        if note_file:
            kept = pathlib.Path(note_file).read_text(encoding="utf-8")
            need(kept in notes, f"{note_file}: this note is not of the record in {self.place}")

    def find(self, what, wave):
        return [s for s in self.steps if s.what == what and s.wave == wave]

    def check_hashes(self):
        need(self.steps[0].what == "rules" and self.steps[0].bytes == self.rules.hash, "rules.json: not the rules that were frozen")
        self.rosters, self.reveals = {}, {}
        known = {"rules.json", "steps.csv", "checkpoints.txt", "key.txt"}
        for step in self.steps:
            if step.what not in ("roster", "reveal"):
                continue
            name = f"wave-{step.wave}-{step.what}.csv"
            need(name in self.files, f"{name} is missing")
            need(sha256(self.files[name].encode()) == step.bytes, f"{name}: not the file whose hash stands in steps.csv")
            known.add(name)
            if step.what == "roster":
                self.rosters[step.wave] = Roster(self.rules, step.wave, self.files[name])
        for name in self.files:
            need(name in known, f"{name}: this file does not belong here")
        for step in self.steps:
            if step.what == "reveal":
                self.read_reveal(step.wave)

    def read_reveal(self, wave):
        name = f"wave-{wave}-reveal.csv"
        rows = read_rows(name, self.files[name], ["slot", "arm", "r"])
        need(wave in self.rosters and len(rows) == len(self.rosters[wave].x), f"{name}: not the slots of the roster")
        for i, row in enumerate(rows):
            need(row[0] == f"{wave}-{i + 1}" and row[1] in self.rules.arms and re.fullmatch("[0-9a-f]{64}", row[2]),
                 f"{name}, line {i + 2}: a slot, an arm and 64 digits are expected")
        self.reveals[wave] = [(self.rules.arms.index(row[1]), bytes.fromhex(row[2])) for row in rows]


# ---- the order of the steps ----

def check_order(record):
    """Each step only after those without which it would not conceal the arms."""
    rules, done, released, unmasked = record.rules, {}, set(), []
    last_wave, revealed, time = 0, 0, 0

    def did(what, wave):
        return (what, wave) in done

    def over(wave):
        return wave == 0 or did("abort", wave) or did("slots", wave)

    for step in record.steps:
        w, say = step.wave, f"{step.where} ({step.what})"
        need(step.time >= time, f"{say}: the clock went back")
        time = step.time
        if step.what not in ("release", "mark", "unmasking"):
            need(not did(step.what, w), f"{say}: this was done already")
        need(step.what == "rules" or did("rules", 0), f"{say}: the rules come first")
        need(not w or not did("abort", w), f"{say}: the wave is aborted")
        if w and step.what != "roster":
            need(did("roster", w), f"{say}: the wave has no roster yet")
        if step.what == "roster":
            need(w == last_wave + 1 and over(last_wave) and not did("lock", 0), f"{say}: the wave before is open, or the study locked")
            need(max(record.rosters[w].locked) <= step.time, f"{say}: somebody was locked after the roster's freeze")
            last_wave = w
        elif step.what.startswith("commitment"):
            need(rules.parties == 2 or step.what == "commitment-a", f"{say}: by its rules the study has one party")
            other = done.get(("commitment-a" if step.what == "commitment-b" else "commitment-b", w))
            need(not other or other.who != step.who, f"{say}: the second commitment is another person's")
        elif step.what.startswith("disclosure"):
            for party in "ab"[:rules.parties]:
                need(did(f"commitment-{party}", w), f"{say}: not both commitments stood")
            commitment = done.get((f"commitment-{step.what[-1]}", w))
            need(commitment and commitment.who == step.who, f"{say}: another person than the one who committed")
            need(sha256(f"{LABEL} {step.what[-1].upper()}".encode(), step.bytes) == commitment.bytes,
                 f"{say}: not the 32 bytes that were committed to")
        elif step.what == "derivation":
            need(all(did(f"disclosure-{p}", w) for p in "ab"[:rules.parties]), f"{say}: not everything was disclosed")
        elif step.what == "slots":
            need(did("derivation", w), f"{say}: nothing was derived")
        elif step.what == "release":
            need(did("slots", w) and not did("lock", 0), f"{say}: the slots were not committed to, or the study is locked")
            need(step.slot <= len(record.rosters[w].x) and (w, step.slot) not in released, f"{say}: no such slot, or released before")
            need(any(done["slots", w].number < size <= step.number for size in record.noted),
                 f"{say}: no checkpoint holds the slots' commitments before this release")
            released.add((w, step.slot))
        elif step.what == "mark":
            need((w, step.slot) in released, f"{say}: the slot was not released")
        elif step.what == "abort":
            need(w == last_wave and not any(r[0] == w for r in released) and not did("lock", 0), f"{say}: too late to abort")
        elif step.what == "lock":
            need(over(last_wave), f"{say}: a wave is open")
        elif step.what == "report":
            need(did("lock", 0), f"{say}: the study was not locked")
        elif step.what == "unmasking":
            need(did("report", 0) and step.who not in unmasked and len(unmasked) < 2, f"{say}: two people unmask, after the report")
            unmasked.append(step.who)
        elif step.what == "reveal":
            expected = revealed + 1
            while did("abort", expected):
                expected += 1
            need(len(unmasked) == 2 and w == expected and did("slots", w), f"{say}: lock, report and two people's unmasking come before")
            revealed = w
        done[step.what, w] = step
    for wave in range(1, last_wave + 1):
        need(did("abort", wave) or did("reveal", wave), f"steps.csv: wave {wave} is not revealed")
    return done


# ---- drawing again ----

class History:
    """Sums of the columns by arm; column 0 is 100 for everybody, so that sizes are balanced like covariates."""

    def __init__(self, rules):
        self.rules = rules
        self.count = [0] * len(rules.arms)
        self.sums = [[0] * (rules.columns + 1) for _ in rules.arms]

    def add(self, x, arm, sign=1):
        self.count[arm] += sign
        self.sums[arm] = [s + sign * v for s, v in zip(self.sums[arm], [100] + x)]

    def score(self):
        rules, score = self.rules, 0
        for column in zip(*self.sums):
            total = sum(column)
            score += sum((rules.sum * s - r * total) ** 2 * (rules.multiple // r) for s, r in zip(column, rules.ratio))
        return score


def pick(stream, weights):
    drawn, arm = stream.below(sum(weights)), 0
    while drawn >= weights[arm]:
        drawn -= weights[arm]
        arm += 1
    return arm


def stick_weights(rules, history):
    turns = [c * rules.multiple // r for c, r in zip(history.count, rules.ratio)]
    least = min(turns)
    return [r if t == least or t + rules.multiple // r - least <= rules.limit * rules.multiple else 0
            for t, r in zip(turns, rules.ratio)]


def minimisation_weights(rules, history, x):
    scores = []
    for arm in range(len(rules.arms)):
        history.add(x, arm)
        scores.append(history.score())
        history.add(x, arm, -1)
    best = sum(r for r, s in zip(rules.ratio, scores) if s == min(scores))
    others = rules.sum - best
    if not others:
        return rules.ratio
    chance, of = rules.preferred
    return [r * (chance * others if s == min(scores) else (of - chance) * best) for r, s in zip(rules.ratio, scores)]


def draw_one_by_one(rules, history, roster, stream, method):
    running, arms = History(rules), []
    running.count, running.sums = history.count[:], [s[:] for s in history.sums]
    for x in roster.x:
        weights = (rules.ratio if method == "simple" else minimisation_weights(rules, running, x) if method == "minimisation"
                   else stick_weights(rules, running))
        arms.append(pick(stream, weights))
        running.add(x, arms[-1])
    return arms, "one by one"


def draw_blocks(rules, roster, stream):
    blocks, arms = {}, []
    for x in roster.x:
        stratum = tuple(x[s - 1] for s in rules.strata)
        if not blocks.get(stratum):
            size = rules.blocks[stream.below(len(rules.blocks))]
            block = [a for a, r in enumerate(rules.ratio) for _ in range(size // rules.sum * r)]
            stream.shuffle(block)
            blocks[stratum] = block
        arms.append(blocks[stratum].pop(0))
    return arms, "one by one"


def draw_sizes(rules, count, stream):
    sizes = [count // rules.sum * r for r in rules.ratio]
    turn = [a for a, r in enumerate(rules.ratio) for _ in range(r)]
    if count % rules.sum:
        stream.shuffle(turn)
        for arm in turn[:count % rules.sum]:
            sizes[arm] += 1
    return sizes


def all_allocations(sizes):
    """Every sequence of arms with these sizes."""
    left, sequence, total = list(sizes), [], sum(sizes)

    def extend():
        if len(sequence) == total:
            yield bytes(sequence)
            return
        for arm in range(len(left)):
            if left[arm]:
                left[arm] -= 1
                sequence.append(arm)
                yield from extend()
                sequence.pop()
                left[arm] += 1

    return extend()


LANE = 40  # bits for one column of a packed sum; sums stay far below 2^39


class Scorer:
    """Scores of whole allocations: each person's columns packed into one integer, so that one addition adds all."""

    def __init__(self, rules, history, roster):
        self.rules, self.arms, columns = rules, range(len(rules.arms)), rules.columns + 1
        self.packed = [[self.pack([rules.sum * v for v in [100] + x]) for _ in self.arms] for x in roster.x]
        totals = [sum(s) + sum(v) for s, v in zip(zip(*history.sums), zip(*([100] + x for x in roster.x)))]
        middle = sum(1 << LANE * k + LANE - 1 for k in range(columns))  # keeps every lane positive
        self.start = [middle + self.pack([rules.sum * s - rules.ratio[a] * t for s, t in zip(history.sums[a], totals)]) for a in self.arms]
        self.places = [LANE * k for k in range(columns)]

    @staticmethod
    def pack(values):
        return sum(v << LANE * k for k, v in enumerate(values))

    def score(self, allocation):
        sums = self.start[:]
        for packed, arm in zip(self.packed, allocation):
            sums[arm] += packed[arm]
        mask, half, score = (1 << LANE) - 1, 1 << LANE - 1, 0
        for arm in self.arms:
            value = sums[arm]
            score += sum([((value >> place & mask) - half) ** 2 for place in self.places]) * (self.rules.multiple // self.rules.ratio[arm])
        return score


def pairs_hold(rules, kept):
    """Each pair together, and apart, in at least half as many of the kept as chance would have it."""
    squares, whole, people = sum(r * r for r in rules.ratio), rules.sum**2, len(kept[0])
    joined = b"".join(kept)
    members = []  # for each person and arm, the kept allocations as the bits of one integer
    for i in range(people):
        column = joined[i::people]
        members.append([int.from_bytes(column.translate(bytes(a == arm for a in range(256))), "little") for arm in range(len(rules.arms))])
    for i in range(people):
        for j in range(i):
            together = sum((a & b).bit_count() for a, b in zip(members[i], members[j]))
            if 2 * whole * together < len(kept) * squares or 2 * whole * (len(kept) - together) < len(kept) * (whole - squares):
                return False
    return True


def draw_constrained(rules, history, roster, stream):
    people = len(roster.x)
    sizes = draw_sizes(rules, people, stream)
    number = math.factorial(people) // math.prod(math.factorial(s) for s in sizes)
    if number <= 184756:
        candidates = all_allocations(sizes)
    else:
        start = [a for a, s in enumerate(sizes) for _ in range(s)]
        candidates = {bytes(c) for c in stream.shuffles(start, 100000)}
    scorer = Scorer(rules, history, roster)
    ordered = sorted((scorer.score(c), c) for c in candidates)
    wanted = max(len(ordered) // 10, min(1000, len(ordered) // 2), 1)
    while True:
        kept = wanted
        while kept < len(ordered) and ordered[kept][0] == ordered[kept - 1][0]:
            kept += 1
        pairs = "not asked" if people < 8 else "held" if pairs_hold(rules, [c for _, c in ordered[:kept]]) else "unmet"
        if pairs != "unmet" or kept == len(ordered):
            break
        wanted = min(2 * wanted, len(ordered))
    drawn = list(ordered[stream.below(kept)][1])
    return drawn, f"{len(ordered)} candidates{' sampled' if number > 184756 else ''}; {kept} kept; pairs {pairs}"


def draw(rules, history, roster, seed):
    stream = Stream(seed)
    if rules.method == "blocks":
        return draw_blocks(rules, roster, stream)
    if rules.method != "covariate-constrained":
        return draw_one_by_one(rules, history, roster, stream, rules.method)
    if len(roster.x) < 6:
        return draw_one_by_one(rules, history, roster, stream, "big-stick")
    return draw_constrained(rules, history, roster, stream)


# ---- everything derived again ----

def check_wave(record, wave, done, history):
    rules, roster = record.rules, record.rosters[wave]
    secrets = b"".join(done[f"disclosure-{p}", wave].bytes for p in "ab"[:rules.parties])
    seed = hkdf(secrets, sha256(rules.hash, roster.hash), f"{LABEL} wave {wave}")
    derivation = done["derivation", wave]
    need("exchanged" not in derivation.value, f"{derivation.where}: exchanged: a demonstration whose arms were exchanged after they were drawn")
    arms, text = draw(rules, history, roster, seed)
    need(derivation.value == text, f"{derivation.where}: '{text}' is derived")
    leaves = []
    for i, arm in enumerate(arms):
        revealed, r = record.reveals[wave][i]
        say = f"wave-{wave}-reveal.csv, slot {wave}-{i + 1}"
        need(revealed == arm, f"{say}: '{rules.arms[revealed]}' is revealed, '{rules.arms[arm]}' is derived")
        need(r == hkdf(seed, None, f"{LABEL} wave {wave} slot {i + 1}"), f"{say}: another r is derived")
        leaves.append(sha256(b"\x00", rules.hash, *(n.to_bytes(4, "little") for n in (wave, i + 1, arm)), r))
    need(tree_root(leaves) == done["slots", wave].bytes, f"{done['slots', wave].where}: not the root of the slots' commitments")
    for x, arm in zip(roster.x, arms):
        history.add(x, arm)


def verify(place, key_file=None, note_file=None):
    record = Record(place, key_file, note_file)
    done = check_order(record)
    history = History(record.rules)
    aborted = [w for w in record.rosters if ("abort", w) in done]
    for wave in sorted(record.rosters):
        if wave not in aborted:
            check_wave(record, wave, done, history)
    sizes = ", ".join(f"{n} {arm}" for arm, n in zip(record.rules.arms, history.count))
    released = sum(s.what == "release" for s in record.steps)
    return (f"The allocation holds: {sum(history.count)} people in {len(record.rosters) - len(aborted)} waves ({len(aborted)} aborted): "
            f"{sizes}; {released} released, {len(record.steps)} steps.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--key")
    parser.add_argument("--note")
    arguments = parser.parse_args()
    try:
        print(verify(arguments.directory, arguments.key, arguments.note))
    except (Fault, OSError) as fault:
        print(f"verify_allocation: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
