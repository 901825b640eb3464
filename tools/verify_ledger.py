#!/usr/bin/env python3
"""verify_ledger.py: an independent check of an Attune ledger. Standard library only; none of Attune's code.

    python3 tools/verify_ledger.py BACKUP --key log.public [--note FILE]...

BACKUP is a file written by `attune backup` (an SQLite database). The key is the public half of the home's log key, 64
hexadecimal digits. From the entries alone it computes every leaf and the tree of RFC 6962, and checks

  * that entries are numbered 0, 1, 2, ... and that each stored leaf hash is that of its entry's seven lines,
  * that the head's frontier and size are those of the tree,
  * the Ed25519 signature (RFC 8032), origin, size and root of the newest and of every kept checkpoint
    (https://c2sp.org/tlog-checkpoint),
  * with --note, that a checkpoint that somebody kept outside is one of this very ledger, at its size: nothing before it
    was changed, removed or added since.

It does not open bodies: an entry commits to its body with a salt, and `attune verify`, which has the keys, opens them.
Exit 0: all holds. Exit 1: the first difference is named. Exit 2: wrong usage.
"""
import argparse
import base64
import hashlib
import pathlib
import sqlite3
import sys

# ---- Ed25519 verification (RFC 8032 section 5.1.7), in affine-free extended coordinates ----

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def point_multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        scalar >>= 1
    return result


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_read(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_read(BASE_Y.to_bytes(32, "little"))


def signature_holds(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, r = point_read(public_key), point_read(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    return point_equal(point_multiply(s, BASE), point_add(r, point_multiply(challenge, key)))


# ---- the tree (RFC 6962 section 2.1) ----

def leaf_hash(text):
    return hashlib.sha256(b"\x00" + text).digest()


class Frontier:
    """The roots of the full subtrees of a growing tree, largest first."""

    def __init__(self):
        self.size, self.nodes = 0, []

    def push(self, node):
        size = self.size
        while size & 1:
            node = hashlib.sha256(b"\x01" + self.nodes.pop() + node).digest()
            size >>= 1
        self.nodes.append(node)
        self.size += 1

    def root(self):
        if not self.nodes:
            return hashlib.sha256().digest()
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = hashlib.sha256(b"\x01" + node + root).digest()
        return root


# ---- checkpoints ----

class Differs(Exception):
    """Names the first difference."""


def checkpoint_read(note, public_key, name):
    """(origin, size, root) of a note that this key signed."""
    lines = note.split("\n")
    if len(lines) < 6 or lines[3] != "" or lines[-1] != "":
        raise Differs(f"{name}: it has not the form of a checkpoint")
    origin, size, root = lines[:3]
    prefix = f"\u2014 {origin} "
    if not lines[4].startswith(prefix) or not size.isascii() or not size.isdigit() or str(int(size)) != size:
        raise Differs(f"{name}: it has not the form of a checkpoint")
    try:
        root_bytes = base64.b64decode(root, validate=True)
        mark = base64.b64decode(lines[4][len(prefix):], validate=True)
    except ValueError:
        raise Differs(f"{name}: it has not the form of a checkpoint") from None
    canonical = base64.b64encode(root_bytes).decode() == root and prefix + base64.b64encode(mark).decode() == lines[4]
    key_hash = hashlib.sha256(origin.encode() + b"\n\x01" + public_key).digest()[:4]
    if len(root_bytes) != 32 or len(mark) != 68 or mark[:4] != key_hash or not canonical:
        raise Differs(f"{name}: it is not signed by this key")
    if not signature_holds(public_key, "\n".join(lines[:3]).encode() + b"\n", mark[4:]):
        raise Differs(f"{name}: its signature is broken")
    return origin, int(size), root_bytes


def entry_text(row):
    sequence, time_ms, actor, kind, subject, commitment = row[:6]
    lines = ["attune-entry-v1", str(sequence), str(time_ms), actor, kind, subject, commitment.hex()]
    return "".join(line + "\n" for line in lines).encode()


def ordered_from(database):
    """The entry from which on time may not run backwards; backups of earlier versions do not say, and promise nothing."""
    if not any(row[1] == "ordered_from" for row in database.execute("PRAGMA table_info(ledger_head)")):
        return None
    return database.execute("SELECT ordered_from FROM ledger_head WHERE one = 1").fetchone()[0]


def verify(database, public_key, notes, say=print):
    head = database.execute("SELECT size, frontier, checkpoint FROM ledger_head WHERE one = 1").fetchone()
    if head is None:
        raise Differs("the ledger has no head")
    origin = checkpoint_read(head[2], public_key, "the newest checkpoint")[0]
    wanted = [("the newest checkpoint", head[0], head[2])]
    for size, reason, note in database.execute("SELECT size, reason, note FROM ledger_checkpoint ORDER BY size"):
        wanted.append((f"the checkpoint of size {size} ({reason})", size, note))
    for name, note in notes:
        wanted.append((name, None, note))
    roots = {}  # size -> [(name, root)]
    for name, stored_size, note in wanted:
        its_origin, size, root = checkpoint_read(note, public_key, name)
        if its_origin != origin:
            raise Differs(f"{name}: it is of another ledger, {its_origin}")
        if stored_size is not None and stored_size != size:
            raise Differs(f"{name}: it was signed for size {size}")
        roots.setdefault(size, []).append((name, root))

    tree = Frontier()

    def compare():
        for name, root in roots.pop(tree.size, []):
            if root != tree.root():
                raise Differs(f"{name}: the entries before it are not those that were signed")

    compare()
    in_order, before = ordered_from(database), None
    for row in database.execute("SELECT sequence, time_ms, actor, kind, subject, commitment, leaf FROM ledger_entry ORDER BY sequence"):
        if row[0] != tree.size:
            raise Differs(f"entry {tree.size} is not there")
        leaf = leaf_hash(entry_text(row))
        if leaf != row[6]:
            raise Differs(f"entry {row[0]}: it is not the one whose hash was stored")
        if in_order is not None and before is not None and row[0] >= in_order and row[1] < before:
            raise Differs(f"entry {row[0]}: its time lies before that of the entry before it")
        before = row[1]
        tree.push(leaf)
        compare()
    for size, left in sorted(roots.items()):
        raise Differs(f"{left[0][0]}: it was signed for {size} entries, and there are {tree.size}")
    if head[0] != tree.size or head[1] != b"".join(tree.nodes):
        raise Differs(f"the head of the ledger does not agree with its {tree.size} entries")
    say(f"{origin}: {tree.size} entries and {len(wanted)} checkpoints hold\nroot {tree.root().hex()}")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backup")
    parser.add_argument("--key", required=True, help="file with the public half of the log key, in hexadecimal")
    parser.add_argument("--note", action="append", default=[], help="a checkpoint that was kept outside")
    options = parser.parse_args(arguments)
    try:
        public_key = bytes.fromhex(pathlib.Path(options.key).read_text().strip())
        notes = [(path, pathlib.Path(path).read_text(encoding="utf-8")) for path in options.note]
        address = pathlib.Path(options.backup).resolve(strict=True).as_uri() + "?mode=ro&immutable=1"
        database = sqlite3.connect(address, uri=True)
        verify(database, public_key, notes)
    except Differs as difference:
        print(f"{options.backup} does not hold: {difference}", file=sys.stderr)
        return 1
    except (OSError, ValueError, TypeError, AttributeError, sqlite3.Error) as problem:
        print(f"{options.backup} cannot be verified: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
