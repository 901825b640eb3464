"""The independent verifier against ledgers that the program wrote; and backup, restore and verify as commands."""
import fcntl
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import verify_ledger  # noqa: E402  (after the path)

ATTUNE = str(ROOT / "build" / "attune")


def attune(*arguments, status=0):
    done = subprocess.run([ATTUNE, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    if done.returncode != status:
        raise AssertionError(f"attune {arguments}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def dump(home):
    """The canonical dump, which is bytes."""
    return subprocess.run([ATTUNE, "verify", str(home), "--dump"], cwd=ROOT, capture_output=True, check=True, timeout=120).stdout


class Signatures(unittest.TestCase):
    """RFC 8032 section 7.1, tests 1 to 3."""

    VECTORS = [
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]

    def test_vectors(self):
        for key, message, signature in self.VECTORS:
            key, message, signature = bytes.fromhex(key), bytes.fromhex(message), bytearray.fromhex(signature)
            self.assertTrue(verify_ledger.signature_holds(key, message, bytes(signature)))
            self.assertFalse(verify_ledger.signature_holds(key, message + b"x", bytes(signature)))
            for at in (0, 31, 32, 63):
                signature[at] ^= 1
                self.assertFalse(verify_ledger.signature_holds(key, message, bytes(signature)))
                signature[at] ^= 1


class Ledger(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="attune-verify-"))
        cls.home, cls.backup, cls.keys = cls.place / "home", cls.place / "backup", cls.place / "keys"
        attune("init", cls.home, "--study", "studies/practice")
        attune("user", "add", cls.home, "--role", "coordinator", "--name", "One", "--login", "one")
        attune("backup", cls.home, cls.place / "early")
        with sqlite3.connect(cls.place / "early") as early:
            (cls.place / "note").write_text(early.execute("SELECT checkpoint FROM ledger_head").fetchone()[0], encoding="utf-8")
        for name in ("two", "three", "four", "five"):
            attune("user", "add", cls.home, "--role", "coordinator", "--name", name, "--login", name)
        attune("backup", cls.home, cls.backup, "--keys", cls.keys)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)

    def check(self, path, *more):
        return subprocess.run([sys.executable, "-B", str(ROOT / "tools/verify_ledger.py"), str(path), "--key",
                               str(self.keys / "log.public"), *map(str, more)], capture_output=True, text=True, timeout=120)

    def tampered(self, statement):
        path = self.place / "tampered"
        shutil.copy(self.backup, path)
        with sqlite3.connect(path) as database:
            self.assertGreaterEqual(database.execute(statement).rowcount, 1, statement)
        database.close()
        return path

    def test_holds(self):
        done = self.check(self.backup, "--note", self.place / "note")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("6 entries", done.stdout)
        self.assertIn(done.stdout.split("root ")[1].strip(), attune("verify", self.home))

    def test_changes_are_noticed(self):
        for statement in (
                "UPDATE ledger_entry SET actor = 'A-1' WHERE sequence = 2",
                "UPDATE ledger_entry SET time_ms = time_ms + 1 WHERE sequence = 0",
                "UPDATE ledger_entry SET kind = kind || 'x' WHERE sequence = 5",
                "UPDATE ledger_entry SET subject = 'study' WHERE sequence = 3",
                "UPDATE ledger_entry SET commitment = zeroblob(32) WHERE sequence = 1",
                "UPDATE ledger_entry SET leaf = zeroblob(32) WHERE sequence = 1",
                "DELETE FROM ledger_entry WHERE sequence = 5",
                "DELETE FROM ledger_entry WHERE sequence = 2",
                "UPDATE ledger_head SET frontier = zeroblob(64)",
                "UPDATE ledger_head SET size = 5",
                "UPDATE ledger_head SET checkpoint = replace(checkpoint, '6', '7')",
                "UPDATE ledger_checkpoint SET size = size + 1",
                "UPDATE ledger_checkpoint SET note = (SELECT checkpoint FROM ledger_head)"):
            done = self.check(self.tampered(statement))
            self.assertEqual(done.returncode, 1, statement)
            self.assertIn("does not hold", done.stderr, statement)

    def test_time_may_not_run_backwards(self):
        """An entry rewritten with a hash of its own: time is looked at before the tree is held against the checkpoint."""
        with sqlite3.connect(self.backup) as database:
            rows = database.execute("SELECT sequence, time_ms, actor, kind, subject, commitment FROM ledger_entry ORDER BY sequence").fetchall()
        early = (rows[4][0], rows[0][1] - 5, *rows[4][2:])
        leaf = verify_ledger.leaf_hash(verify_ledger.entry_text(early)).hex()
        path = self.tampered(f"UPDATE ledger_entry SET time_ms = {early[1]}, leaf = x'{leaf}' WHERE sequence = 4")
        self.assertIn("entry 4: its time lies before", self.check(path).stderr)
        with sqlite3.connect(path) as database:
            database.execute("UPDATE ledger_head SET ordered_from = 5")
        database.close()
        self.assertIn("not those that were signed", self.check(path).stderr)

    def test_a_foreign_note_is_refused(self):
        other = self.place / "other"
        attune("init", other, "--study", "studies/practice")
        attune("backup", other, self.place / "other-backup")
        with sqlite3.connect(self.place / "other-backup") as database:
            (self.place / "other-note").write_text(database.execute("SELECT checkpoint FROM ledger_head").fetchone()[0], encoding="utf-8")
        self.assertEqual(self.check(self.backup, "--note", self.place / "other-note").returncode, 1)

    def test_no_database(self):
        (self.place / "rubbish").write_bytes(b"rubbish" * 1000)
        self.assertEqual(self.check(self.place / "rubbish").returncode, 1)
        self.assertEqual(self.check(self.place / "absent").returncode, 1)

    def test_restore(self):
        copy = self.place / "restored"
        said = attune("restore", self.backup, copy, "--keys", self.keys)
        self.assertIn("6 entries", said)
        self.assertEqual(dump(copy), dump(self.home))
        self.assertGreater(len(dump(copy)), 1000)
        self.assertIn("already", attune("restore", self.backup, copy, "--keys", self.keys, status=1))
        self.assertIn("--keys", attune("restore", self.backup, self.place / "no", status=2))
        code = [line.split("\t")[0] for line in attune("user", "list", copy).splitlines() if "\ttwo" in line or "A-" in line][0]
        erasures = self.place / "erasures"
        erasures.write_text(f"1700000000000 {code}\n")
        again = self.place / "again"
        self.assertIn("1 erased again", attune("restore", self.backup, again, "--keys", self.keys, "--erasures", erasures))
        self.assertIn("1 erased", attune("verify", again))
        self.assertNotIn(code, attune("user", "list", again))

    def test_a_note_for_a_witness(self):
        """attune checkpoint prints what attune verify --note and the independent verifier both go by."""
        note = self.place / "kept"
        note.write_text(attune("checkpoint", self.home), encoding="utf-8")
        self.assertIn("attune.local/practice\n6\n", note.read_text(encoding="utf-8"))
        self.assertEqual(self.check(self.backup, "--note", note).returncode, 0)
        self.assertIn("holds", attune("verify", self.home, "--note", note))
        self.assertIn("holds", attune("verify", self.home, "--note", self.place / "note"))
        older = self.place / "older"
        attune("restore", self.place / "early", older, "--keys", self.keys)
        said = attune("verify", older, "--note", note, status=1)
        self.assertIn("entry 2 is not there: a checkpoint of size 6 (kept elsewhere) was signed", said)
        attune("user", "add", older, "--role", "coordinator", "--name", "six", "--login", "six")
        for name in "abcdef":
            attune("user", "add", older, "--role", "coordinator", "--name", name, "--login", "other" + name)
        attune("verify", older)
        self.assertIn("not those that were signed", attune("verify", older, "--note", note, status=1))
        note.write_text(note.read_text(encoding="utf-8").replace("6", "7", 1), encoding="utf-8")
        self.assertIn("no checkpoint", attune("verify", self.home, "--note", note, status=1))
        self.assertIn("is not there", attune("verify", self.home, "--note", self.place / "absent", status=1))

    def test_erase(self):
        """attune erase; the list beside a backup; a list that ends while someone was being erased; an older database put back."""
        home = self.place / "erasing"
        shutil.copytree(self.home, home)
        codes = [line.split("\t")[0] for line in attune("user", "list", home).splitlines() if line.startswith("A-")]
        one, two, three = codes[:3]
        self.assertIn("say why", attune("erase", home, one, status=1))
        self.assertIn(f"{one} is erased", attune("erase", home, one, "--reason", "left"))
        self.assertIn("already", attune("erase", home, one, "--reason", "left", status=1))
        self.assertIn("no person or account", attune("erase", home, "A-NOBODY1", "--reason", "left", status=1))
        self.assertIn("1 erased", attune("verify", home))
        with open(home / "lock", "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("is served by process", attune("erase", home, two, "--reason", "left", status=1))
        attune("backup", home, self.place / "after")
        self.assertIn(one, (self.place / "after.erasures").read_text(encoding="utf-8"))
        listed = self.place / "listed"
        listed.write_text(f"1 {one}\n2 {two} asked\n2 {two}\n2 {two} emptied\n3 {three} asked\n", encoding="utf-8")
        again = self.place / "erased-again"
        said = attune("restore", self.backup, again, "--keys", self.keys, "--erasures", listed)
        self.assertIn("2 erased again", said)
        self.assertIn(f"while {three} was being erased", said)
        self.assertIn("2 erased", attune("verify", again))
        shutil.copy(self.home / "attune.db", again / "attune.db")
        self.assertIn("who is not erased here", attune("verify", again, status=1))

    def test_a_broken_backup_leaves_no_home(self):
        broken = self.tampered("UPDATE account SET language = 'xx' WHERE code = (SELECT min(code) FROM account)")
        shutil.copy(str(self.backup) + ".erasures", str(broken) + ".erasures")
        target = self.place / "target"
        self.assertIn("table account", attune("restore", broken, target, "--keys", self.keys, status=1))
        self.assertFalse(target.exists())
        self.assertFalse((self.place / "target.restoring").exists())

    def test_verify_names_the_difference(self):
        copy = self.place / "changed"
        shutil.copytree(self.home, copy)
        with sqlite3.connect(copy / "attune.db") as database:
            database.execute("UPDATE account SET language = 'xx' WHERE code = (SELECT max(code) FROM account)")
        database.close()
        self.assertIn("table account, row code=A-", attune("verify", copy, status=1))
        self.assertIn('"holds": false', attune("verify", copy, "--json", status=1))
        self.assertIn('"holds": true', attune("verify", self.home, "--json"))


if __name__ == "__main__":
    unittest.main()
