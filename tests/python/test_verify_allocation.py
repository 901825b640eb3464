"""The independent verifier against rehearsals: it accepts every method, number of arms and waves that the program plays,
and refuses every tampered copy, also those whose hashes and signatures the tamperer made anew.

ATTUNE_LONG=1 tries every byte and 1,000 copies (minutes); otherwise a tenth of them."""
import base64
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import verify_allocation as verifier  # noqa: E402  (after the path)

ATTUNE = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build" / "attune"))
LONG = bool(os.environ.get("ATTUNE_LONG"))
GOLDEN = ROOT / "tests/golden/allocation"


def attune(*arguments, status=0):
    done = subprocess.run([ATTUNE, "allocation", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        raise AssertionError(f"attune allocation {arguments}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def fault_of(place, *more):
    """The first fault, or None."""
    try:
        verifier.verify(place, *more)
    except verifier.Fault as fault:
        return str(fault)
    return None


# ---- a tamperer with a key of their own ----

class Forger:
    """Changes what it is told to, then makes every hash, commitment, root and signature fit again."""

    SEED = hashlib.sha256(b"a forger's key").digest()

    def __init__(self, place, tampering):
        self.place = place
        self.rows = [line.split(",", 6) for line in self.read("steps.csv").split("\n")[1:-1]]
        tampering(self)
        self.refit()

    def read(self, name):
        return (self.place / name).read_text(encoding="utf-8")

    def write(self, name, text):
        (self.place / name).write_text(text, encoding="utf-8")

    def row(self, what, wave=1):
        return next(r for r in self.rows if r[3] == what and r[2] == str(wave))

    def edit(self, name, line, field, change):
        lines = [part.split(",") for part in self.read(name).split("\n")]
        lines[line][field] = change(lines[line][field])
        self.write(name, "\n".join(",".join(part) for part in lines))

    def refit(self):
        for number, row in enumerate(self.rows):
            row[0] = str(number)
        for row in self.rows:
            name = {"rules": "rules.json", "roster": f"wave-{row[2]}-roster.csv", "reveal": f"wave-{row[2]}-reveal.csv"}.get(row[3])
            if name and (self.place / name).exists():
                row[6] = hashlib.sha256((self.place / name).read_bytes()).hexdigest()
        for row in self.rows:
            if row[3].startswith("disclosure"):
                label = f"attune-allocation-v1 {row[3][-1].upper()}".encode()
                for other in self.rows:
                    if other[3] == "commitment" + row[3][-2:] and other[2] == row[2]:
                        other[6] = hashlib.sha256(label + bytes.fromhex(row[6])).hexdigest()
        self.refit_roots()
        self.write("steps.csv", "step,time,wave,what,slot,who,value\n" + "".join(",".join(row) + "\n" for row in self.rows))
        self.sign()

    def refit_roots(self):
        """The slots' root over the arms and r that are revealed now."""
        try:
            rules = verifier.Rules(self.read("rules.json"))
        except verifier.Fault:
            return
        for row in self.rows:
            reveal = self.place / f"wave-{row[2]}-reveal.csv"
            if row[3] != "slots" or not reveal.exists():
                continue
            leaves = []
            for i, line in enumerate(reveal.read_text(encoding="utf-8").split("\n")[1:-1], 1):
                _, arm, r = line.split(",")
                numbers = b"".join(n.to_bytes(4, "little") for n in (int(row[2]), i, rules.arms.index(arm)))
                leaves.append(verifier.sha256(b"\x00", rules.hash, numbers, bytes.fromhex(r)))
            row[6] = verifier.tree_root(leaves).hex()

    def sign(self):
        digest = hashlib.sha512(self.SEED).digest()
        scalar = (int.from_bytes(digest[:32], "little") & (1 << 254) - 8) | 1 << 254
        public = self.point(verifier.point_multiply(scalar, verifier.BASE))
        origin = self.read("key.txt").split("+")[0]
        mark = verifier.sha256(origin.encode(), b"\n\x01", public)[:4]
        self.write("key.txt", "+".join((origin, mark.hex(), base64.b64encode(b"\x01" + public).decode())) + "\n")
        leaves = [verifier.sha256(b"\x00", ",".join(row).encode()) for row in self.rows]
        notes = []
        for number, row in enumerate(self.rows, 1):
            if row[3] != "slots" and number != len(self.rows):
                continue
            body = f"{origin}\n{number}\n{base64.b64encode(verifier.tree_root(leaves[:number])).decode()}\n"
            nonce = int.from_bytes(hashlib.sha512(digest[32:] + body.encode()).digest(), "little") % verifier.ORDER
            r = self.point(verifier.point_multiply(nonce, verifier.BASE))
            challenge = int.from_bytes(hashlib.sha512(r + public + body.encode()).digest(), "little")
            s = ((nonce + challenge * scalar) % verifier.ORDER).to_bytes(32, "little")
            notes.append(f"{body}\n\u2014 {origin} {base64.b64encode(mark + r + s).decode()}\n")
        self.write("checkpoints.txt", "\n".join(notes))

    @staticmethod
    def point(p):
        inverse = pow(p[2], -1, verifier.P)
        x, y = p[0] * inverse % verifier.P, p[1] * inverse % verifier.P
        return (y | (x & 1) << 255).to_bytes(32, "little")


def flip_hex(text):
    return ("1" if text[0] == "0" else "0") + text[1:]


def move(rows, what, before, wave="1"):
    """Puts a step before another of the same wave; times stay in order."""
    times = [r[1] for r in rows]
    at = next(i for i, r in enumerate(rows) if r[3] == what and r[2] == wave)
    row = rows.pop(at)
    rows.insert(next(i for i, r in enumerate(rows) if r[3] == before and r[2] in (wave, "0")), row)
    for r, time in zip(rows, times):
        r[1] = time


def tamperings(choice):
    """What a forger may try, each with a word of the fault that must be named."""
    slot = choice.randrange(1, 8)

    def other_arm(f):
        f.edit("wave-1-reveal.csv", slot, 1, lambda arm: "control" if arm == "programme" else "programme")

    def exchange_two(f):
        lines = f.read("wave-1-reveal.csv").split("\n")
        one = next(i for i in range(1, 8) if lines[i].split(",")[1] == "programme")
        two = next(i for i in range(1, 8) if lines[i].split(",")[1] == "control")
        f.edit("wave-1-reveal.csv", one, 1, lambda _: "control")
        f.edit("wave-1-reveal.csv", two, 1, lambda _: "programme")

    def other_secret(f):
        row = f.row("disclosure-" + choice.choice("ab"))
        row[6] = bytes(choice.randrange(256) for _ in range(32)).hex()

    def replace_rules(old, new):
        def tampering(f):
            text = f.read("rules.json")
            assert old in text, f"{old} is not in the rules: nothing would be tampered with"
            f.write("rules.json", text.replace(old, new))
        return tampering

    return [
        (other_arm, "is derived"), (exchange_two, "is derived"), (other_secret, "derived"),
        (lambda f: f.edit("wave-1-reveal.csv", slot, 2, flip_hex), "another r is derived"),
        (lambda f: f.edit("wave-1-roster.csv", slot, choice.randrange(3, 23), lambda x: str(int(x) + 1)), "derived"),
        (lambda f: f.edit("wave-1-roster.csv", slot, 2, flip_hex), "derived"),
        (lambda f: f.edit("wave-1-roster.csv", slot, 1, lambda t: str(int(t) + 10**12)), "locked after"),
        (replace_rules('"limit":3', '"limit":4'), "derived"), (replace_rules('"most":', '"most":1'), "derived"),
        (replace_rules('"method":"covariate-constrained"', '"method":"simple"'), "derived"),
        (replace_rules('"preferred":[4,5]', '"preferred":[3,5]'), "derived"),
        (replace_rules('"arms":["programme","control"]', '"arms":["control","programme"]'), "derived"),
        (replace_rules('"parties":2', '"parties":1'), "one party"),
        (lambda f: f.row("derivation").__setitem__(6, f.row("derivation")[6] + "; exchanged"), "exchanged"),
        (lambda f: f.row("derivation").__setitem__(6, "one by one"), "is derived"),
        (lambda f: move(f.rows, "disclosure-a", "commitment-b"), "not both commitments"),
        (lambda f: move(f.rows, "derivation", "disclosure-b"), "not everything was disclosed"),
        (lambda f: move(f.rows, "slots", "derivation"), "nothing was derived"),
        (lambda f: move(f.rows, "release", "slots"), "release"),
        (lambda f: move(f.rows, "reveal", "lock"), "reveal"), (lambda f: move(f.rows, "reveal", "unmasking"), "reveal"),
        (lambda f: f.row("commitment-b").__setitem__(5, "allocator"), "another person"),
        (lambda f: f.row("disclosure-b").__setitem__(5, "somebody"), "another person"),
        (lambda f: f.rows.append(f.row("release")[:]), "release"),
        (lambda f: f.rows.remove(f.row("lock", 0)), "lock"), (lambda f: f.rows.remove(f.row("report", 0)), "report"),
        (lambda f: f.rows.remove(f.row("reveal")), "does not belong"),
        (lambda f: f.rows.remove(f.row("roster")), ""),
        (lambda f: f.row("release").__setitem__(4, "1-9"), "no such slot"),
        (lambda f: f.row("lock", 0).__setitem__(1, "1000"), "clock"),
        (lambda f: (f.place / "notes.txt").write_text("x", encoding="utf-8"), "does not belong"),
        (lambda f: (f.place / "wave-1-roster.csv").unlink(), "missing"),
    ]


class Home(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="attune-allocation-"))
        self.addCleanup(shutil.rmtree, self.place)

    def rehearse(self, *options):
        out = self.place / f"r{len(list(self.place.iterdir()))}"
        attune("rehearse", "--out", out, *options)
        return out


class Accepts(Home):
    def test_contract(self):
        for therapists in (7, 12, 40):
            for arms in (2, 3):
                out = self.rehearse("--therapists", therapists, "--arms", arms)
                self.assertIn(f"{therapists} people", verifier.verify(out))

    def test_methods(self):
        """Every method, with ratios, arms and waves of one: both programs agree to the bit."""
        for method in verifier.METHODS:
            for seed, options in enumerate((("--arms", 2), ("--arms", 2, "--ratio", "2:1"), ("--arms", 3), ("--arms", 4, "--ratio", "3:2:1:1"))):
                out = self.rehearse("--method", method, "--therapists", 25, "--waves", "9,1,2,13", "--seed", seed, *options)
                self.assertIn("25 people in 4 waves (1 aborted)", verifier.verify(out))

    def test_sampled(self):
        out = self.rehearse("--therapists", 34, "--waves", "21,13", "--seed", 3)
        self.assertIn("34 people", verifier.verify(out))
        self.assertIn("sampled", (out / "steps.csv").read_text(encoding="utf-8"))

    def test_command(self):
        out = self.rehearse("--therapists", 7)
        note = self.place / "note"
        note.write_text((out / "checkpoints.txt").read_text(encoding="utf-8").split("\n\nattune")[0] + "\n", encoding="utf-8")
        tool = [sys.executable, "-B", str(ROOT / "tools/verify_allocation.py")]
        done = subprocess.run([*tool, str(out), "--key", str(out / "key.txt"), "--note", str(note)], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        note.write_text(note.read_text(encoding="utf-8").replace("\n8\n", "\n9\n"), encoding="utf-8")
        done = subprocess.run([*tool, str(out), "--note", str(note)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not of the record", done.stderr)

    def test_golden(self):
        """The same bytes on any machine: rehearsals made before, and what each holds."""
        for name, options in (("two-arms", ("--therapists", 22, "--waves", "9,1,12", "--seed", 20)),
                              ("three-arms", ("--therapists", 15, "--waves", "13,2", "--arms", 3, "--ratio", "2:1:1", "--seed", 30, "--one-party"))):
            out = self.rehearse(*options)
            expected = {p.name: p.read_bytes() for p in (GOLDEN / name).iterdir()}
            self.assertEqual({p.name: p.read_bytes() for p in out.iterdir()}, expected)
            verifier.verify(GOLDEN / name)


class Stream(unittest.TestCase):
    def test_chacha20(self):
        """RFC 8439 section 2.3.2, and OpenSSL, over more than one batch of blocks."""
        key = bytes(range(32))
        block = verifier.chacha20_blocks(key, bytes.fromhex("000000090000004a00000000"), 1, 1)
        self.assertEqual(block.tobytes().hex()[:64], "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e")
        nonce = b"LibsodiumDRG".hex()
        done = subprocess.run(["openssl", "enc", "-chacha20", "-K", key.hex(), "-iv", "00000000" + nonce], input=bytes(600000),
                              capture_output=True, check=True)
        stream = verifier.Stream(key)
        self.assertEqual(b"".join(stream.bits().to_bytes(8, "little") for _ in range(75000)), done.stdout)


class Refuses(Home):
    def test_every_byte(self):
        """Any changed byte in any file is a fault (an added or a removed one, too)."""
        out = self.rehearse("--therapists", 7, "--seed", 5)
        choice, tried = random.Random(1), 0
        for path in sorted(out.iterdir()):
            good = path.read_bytes()
            for at in range(len(good)):
                if not LONG and choice.random() > 0.1:
                    continue
                kind = choice.randrange(6)
                bad = bytearray(good)
                if kind == 0:
                    bad.insert(at, bad[at])
                elif kind == 1:
                    del bad[at]
                elif kind == 2:
                    bad[at] ^= 1 << choice.randrange(8)
                else:  # another letter that may stand in such a file
                    bad[at] = choice.choice([c for c in b"0123456789abcdefgz,\n\r+=/ \"-" if c != bad[at]])
                path.write_bytes(bad)
                self.assertIsNotNone(fault_of(out), f"{path.name}, byte {at}: {good[at]} became {bad[at:at + 1]}")
                tried += 1
            path.write_bytes(good)
        self.assertIsNone(fault_of(out))
        self.assertGreater(tried, 3500 if LONG else 300)

    def test_forger(self):
        """What was changed is named although every hash, commitment, root and signature was made anew."""
        good = self.rehearse("--therapists", 7, "--seed", 6)
        copy = self.place / "copy"
        rounds = 17 if LONG else 2
        tried = 0
        for number in range(rounds):
            choice = random.Random(number)
            for tampering, word in tamperings(choice):
                shutil.copytree(good, copy)
                Forger(copy, tampering)
                fault = fault_of(copy)
                self.assertIsNotNone(fault, f"tampering {tried}")
                self.assertIn(word, fault)
                self.assertIn("key.txt", fault_of(copy, good / "key.txt"))  # who knew the key needs no more
                shutil.rmtree(copy)
                tried += 1
        self.assertGreater(tried, 500 if LONG else 60)

    def test_forger_sound(self):
        """The harness itself: a forger who changes nothing but the key is not noticed, except by who knew the key."""
        out = self.rehearse("--therapists", 7, "--seed", 6)
        key = self.place / "key"
        shutil.copy(out / "key.txt", key)
        Forger(out, lambda f: None)
        self.assertIsNone(fault_of(out))
        self.assertIn("key.txt", fault_of(out, key))

    def test_forty(self):
        """Ten copies of a single wave of 40, hashes made anew."""
        good = self.rehearse("--therapists", 40, "--waves", "40", "--seed", 7)
        copy = self.place / "copy"
        choice = random.Random(40)
        for tampering, word in tamperings(choice)[:10 if LONG else 2]:
            shutil.copytree(good, copy)
            Forger(copy, tampering)
            self.assertIn(word, fault_of(copy) or self.fail("not noticed"))
            shutil.rmtree(copy)


class Commands(Home):
    def test_redraw(self):
        out = self.rehearse("--therapists", 20, "--waves", "8,12", "--seed", 8)
        for name in ("one", "two"):
            attune("redraw", out, "--draws", 50, "--seed", 4, "--out", self.place / name)
        one = (self.place / "one").read_text(encoding="utf-8")
        self.assertEqual(one, (self.place / "two").read_text(encoding="utf-8"))
        rows = [line.split(",") for line in one.split("\n")[:-1]]
        self.assertEqual(len(rows), 52)
        self.assertEqual(rows[0], [f"1-{i}" for i in range(1, 9)] + [f"3-{i}" for i in range(1, 13)])
        actual = [line.split(",")[1] for wave in (1, 3)
                  for line in (out / f"wave-{wave}-reveal.csv").read_text(encoding="utf-8").split("\n")[1:-1]]
        self.assertEqual(rows[1], actual)
        self.assertTrue(all(row.count("programme") == 10 for row in rows[1:]))
        self.assertGreater(len({tuple(row) for row in rows}), 40)
        # by the second implementation
        record, rules_hash = verifier.Record(out), hashlib.sha256((out / "rules.json").read_bytes()).digest()
        history, drawn = verifier.History(record.rules), []
        for wave in (1, 3):
            secret = (4).to_bytes(8, "little") + (50).to_bytes(8, "little")
            seed = verifier.hkdf(secret, rules_hash, f"attune-allocation-v1 redraw wave {wave}")
            arms, _ = verifier.draw(record.rules, history, record.rosters[wave], seed)
            for x, arm in zip(record.rosters[wave].x, arms):
                history.add(x, arm)
            drawn += [record.rules.arms[a] for a in arms]
        self.assertEqual(rows[-1], drawn)

    def test_redraw_refuses(self):
        out = self.rehearse("--therapists", 7, "--seed", 8)
        roster = out / "wave-1-roster.csv"
        roster.write_text(roster.read_text(encoding="utf-8").replace(",70,-70,", ",71,-70,", 1), encoding="utf-8")
        self.assertIn("wave-1-roster.csv is not the file", attune("redraw", out, "--out", self.place / "x", status=1))
        self.assertIn("could not be opened", attune("redraw", self.place, "--out", self.place / "x", status=1))

    def test_compare(self):
        import json
        plot = self.place / "plot.svg"
        rows = json.loads(attune("compare", "--therapists", 40, "--trials", 2000, "--json", "--plot", plot))
        guessed = {row["method"]: row["guessed"] for row in rows}
        for method, expected in (("simple", 0.50), ("big-stick", 0.58), ("blocks-4-6-8", 0.68), ("minimisation", 0.69), ("blocks-4", 0.71)):
            self.assertAlmostEqual(guessed[method], expected, delta=0.007)
        self.assertLess(guessed["covariate-constrained"], 0.52)
        self.assertTrue(all({"imbalance", "worst"} <= row.keys() for row in rows))
        self.assertIn("covariate-constrained</text>", plot.read_text(encoding="utf-8"))
        rows = {row["method"]: row for row in json.loads(attune("compare", "--study", "studies/tensions-and-repair", "--trials", 500, "--json"))}
        self.assertLess(rows["covariate-constrained"]["imbalance"], rows["simple"]["imbalance"])
        self.assertLess(rows["covariate-constrained"]["guessed"], rows["minimisation"]["guessed"])

    def test_wrong_usage(self):
        for options, word in ((("rehearse",), "--out"), (("rehearse", "--out", self.place / "a", "--waves", "3,x"), "--waves"),
                              (("rehearse", "--out", self.place / "a", "--waves", "3,3"), "hold 6"),
                              (("rehearse", "--out", self.place / "a", "--ratio", "1:2:3"), "--ratio"),
                              (("rehearse", "--out", self.place / "a", "--method", "chance"), "chance"),
                              (("compare", "--therapists", 0), "--therapists"), (("redraw", self.place), "--out"), ((), "Usage")):
            self.assertIn(word, attune(*options, status=2))
        self.assertIn("could not be made", attune("rehearse", "--out", self.place, status=1))


if __name__ == "__main__":
    unittest.main()
