"""The commands of the numbers as a user runs them: what they print, what they refuse, and that the bytes repeat."""
import csv
import io
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
WEEKLY = str(GOLDEN / "weekly_bdi.csv")


def attune(*arguments, text=None):
    done = subprocess.run([str(ROOT / "build" / "attune"), *map(str, arguments)], cwd=ROOT, capture_output=True,
                          input=None if text is None else text.encode(), timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Detect(unittest.TestCase):
    def test_real_ratings(self):
        """Every row of the file comes back, in order, with numbers; someone has a tension and someone a repair."""
        status, out, _ = attune("detect", WEEKLY, "--higher-is", "worse")
        self.assertEqual(status, 0)
        found = list(csv.DictReader(io.StringIO(out)))
        with open(WEEKLY, newline="", encoding="utf-8") as file:
            self.assertEqual([(r["patient"], r["session"]) for r in found], [(r["patient"], r["session"]) for r in csv.DictReader(file)])
        self.assertTrue(all(0 <= float(r["probability"]) <= 1 for r in found if r["probability"]))
        self.assertNotIn("nan", out.lower())
        self.assertLessEqual({"tension", "repair"}, {r["event"] for r in found})

    def test_threads_and_seed(self):
        for rule in ("model", "cusum"):
            runs = {attune("detect", WEEKLY, "--rule", rule, "--threads", n, "--simulations", 2000)[1] for n in (1, 2, 5)}
            self.assertEqual(len(runs), 1)

    def test_refused_with_line_and_column(self):
        head = "patient,session,rating\n"
        for text, words in [
                ("", "line 1: the file is empty"),
                (head, "has a header but no rows"),
                ("patient,sitting,rating\na,1,5\n", "no column 'session'; the nearest is 'sitting'"),
                (head + "a,2,5\na,1,4\n", "line 3, column 2 (session): '1' comes after a later session"),
                (head + "a,1,5\na,1,4\n", "line 3, column 2 (session): '1' occurs twice"),
                (head + "a,1,5\na,2,many\n", "line 3, column 3 (rating): 'many' is not a number"),
                (head + "a,1,5\na,2,inf\n", "line 3, column 3 (rating): 'inf' is not a number"),
                (head + "a,1,5\na,2\n", "line 3"),
                (head + "a,1,5\n", "there are no ratings that vary"),
                (head + "a,1,5\na,2,5\nb,1,5\nb,2,5\n", "there are no ratings that vary"),
                (head + "a,1,\na,2,NA\n", "there are no ratings that vary")]:
            with self.subTest(words):
                status, out, error = attune("detect", "-", text=text)
                self.assertNotEqual(status, 0)
                self.assertEqual(out, "")
                self.assertIn(words, error)

    def test_foreign_files_are_read(self):
        """A byte-order mark and Windows line ends change nothing."""
        plain = "patient,session,rating\na,1,5\na,2,4\nb,1,3\nb,2,5\n"
        first = attune("detect", "-", text=plain)
        self.assertEqual(first[0], 0)
        self.assertEqual(attune("detect", "-", text="\ufeff" + plain.replace("\n", "\r\n"))[1], first[1])

    def test_rows_come_back_as_they_were_written(self):
        """Numbers as typed, the patient's rating before the therapist's, whichever row came first; names quoted anew."""
        text = ('patient,session,rater,rating\na,1.0,therapist,4\na,1,patient,5\na,2,therapist,3\na,2,patient,\n'
                'a,03,patient,6\na,4,patient,\n"b,""x",1,patient,4\n"b,""x",2,therapist,4.50\n"b,""x",2,patient,3\n'
                '"b,""x",5,patient,+5e0\n')
        status, out, error = attune("detect", "-", text=text)
        self.assertEqual(status, 0, error)
        self.assertTrue(out.splitlines()[-1].startswith('"b,""x",5,+5e0,'))
        self.assertEqual([(r["patient"], r["session"], r["rating"]) for r in csv.DictReader(io.StringIO(out))],
                         [("a", "1.0", "5"), ("a", "2", ""), ("a", "03", "6"), ("a", "4", ""), ('b,"x', "1", "4"),
                          ('b,"x', "2", "3"), ('b,"x', "5", "+5e0")])
        alone = attune("detect", "-", text="\n".join(row for row in text.split("\n") if ",patient," not in row))[1]
        self.assertIn("a,1.0,4,", alone)

    def test_nobody_varies(self):
        text = "patient,session,rating\n" + "".join(f"p{p},{s},{p}\n" for p in range(10) for s in range(1, 7))
        status, out, _ = attune("detect", "-", text=text)
        self.assertEqual(status, 0)
        self.assertFalse([r for r in csv.DictReader(io.StringIO(out)) if r["event"] or float(r["probability"]) > 0.2])

    def test_json(self):
        status, out, _ = attune("detect", WEEKLY, "--json", "--hindsight", "--simulations", 2000)
        self.assertEqual(status, 0)
        json.loads(out, parse_constant=lambda name: self.fail(f"{name} in JSON"))


class Fit(unittest.TestCase):
    def test_sleepstudy(self):
        with open(GOLDEN / "stats" / "sleepstudy.json", encoding="utf-8") as file:
            golden = json.load(file)
        status, out, _ = attune("fit", golden["formula"], GOLDEN / "stats" / "sleepstudy.csv", "--json")
        self.assertEqual(status, 0)
        found = json.loads(out)
        self.assertEqual([c["name"] for c in found["fixed"]], list(golden["REML"]["fixef"]))
        for c in found["fixed"]:
            self.assertAlmostEqual(c["estimate"], golden["REML"]["fixef"][c["name"]], places=8)
        self.assertLess(found["gradient"], 1e-6)

    def test_refused(self):
        for formula, words in [("Reaction ~ Dayz", "nearest is 'Days'"), ("Reaction ~ (Days", "")]:
            status, out, error = attune("fit", formula, GOLDEN / "stats" / "sleepstudy.csv")
            self.assertNotEqual(status, 0)
            self.assertEqual(out, "")
            self.assertTrue(error.startswith("attune: ") and words in error, error)


class Simulate(unittest.TestCase):
    def test_same_seed_same_bytes(self):
        with tempfile.TemporaryDirectory() as directory:
            design = os.path.join(directory, "design.json")
            pathlib.Path(design).write_text('{"therapists": 6, "patients": 2}', encoding="utf-8")
            for what in (design, "practice", "studies/tensions-and-repair"):
                first, again, other = (attune("simulate", what, "--seed", seed) for seed in (7, 7, 8))
                self.assertEqual(first[0], 0, first[2])
                self.assertEqual(first[1], again[1])
                self.assertNotEqual(first[1], other[1])
                self.assertLessEqual({"true_tension", "true_repair"}, set(first[1].splitlines()[0].split(",")))

    def test_detect_reads_it(self):
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            file.write(attune("simulate", "practice")[1].encode())
            file.flush()
            status, out, error = attune("detect", file.name)
            self.assertEqual(status, 0, error)
            self.assertIn(",tension", out)


if __name__ == "__main__":
    unittest.main()
