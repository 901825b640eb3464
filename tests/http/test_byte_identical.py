"""Two worlds equal but for the arms give masked people the same bytes: every route, message and log line.

`attune demo --frozen` and `--frozen --swap-arms` run side by side; the same requests go to both, one at a time, and
whole answers (status line, headers, body) are compared. Every masked route of the program's own table must have been
asked, or the test fails. Then leaks are planted in one world, one after the other, and each must be seen."""
import email.utils
import json
import math
import os
import pathlib
import re
import sqlite3
import subprocess
import time
import unittest
import urllib.parse

from served import ROOT, Person, Served, forms_of, totp

HOST = [("Host", "attune.test")]
MASKED = ["coordinator", "analyst", "monitor", "rater", "administrator", "assistant"]
# Written by the arm on purpose, for the few who check the ledger: none of them is a page of a masked role yet.
EXEMPT = set()


def routes():
    program = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
    return json.loads(subprocess.run([program, "routes", "--json"], capture_output=True, check=True).stdout)


def pattern_of(route, study):
    path = route["path"] if route["site"] else f"/{study}{route['path'].rstrip('/')}" if route["path"] != "/" else f"/{study}/"
    return re.compile("^" + re.sub(r":[a-z_]+", "[^/]+", path) + "/?$")


class Pair:
    """One person in both worlds."""

    def __init__(self, test, a, b):
        self.test, self.people = test, (Person(a), Person(b))

    def both(self, method, path, body=None):
        self.test.asked.append((method, path))
        headers = HOST + ([("Origin", "http://attune.test"), ("Sec-Fetch-Site", "same-origin")] if method == "POST" else [])
        answers = [p.ask(method, path, headers, body) for p in self.people]
        self.test.compare(method, path, answers)
        return answers[0]

    def sign_in(self, links):
        path = Person.path_of(links[0])
        self.test.assertEqual(path, Person.path_of(links[1]), "sign-in links must not depend on the arms")
        answer = self.both("GET", path)
        form = [f for f in forms_of(answer.text) if f["method"] == "post"][-1]
        self.both("POST", form["action"] or path, form["fields"])

    def crawl(self, start, most):
        """Follows every link of the study's own pages, in the order in which they stand."""
        seen, wait, self.forms = {start}, [start], {}
        while wait and len(seen) <= most:
            path = wait.pop(0)
            answer = self.both("GET", path)
            for form in forms_of(answer.text):
                if form["method"] == "post":
                    action = urllib.parse.urljoin(path, form["action"] or path)
                    self.forms.setdefault(re.sub(r"/[A-Z]-[2-9A-Z]{6,}", "/*", action), (action, form["fields"]))
            for link in re.findall(r'href="([/?][^"#]*)', answer.text):
                link = urllib.parse.urljoin(path, link.replace("&amp;", "&"))
                if link not in seen and not link.startswith("/assets/") and link != "/leave":
                    seen.add(link)
                    wait.append(link)
            if answer.status in (301, 302, 303) and answer.header("location") not in seen:
                seen.add(answer.header("location"))
                wait.append(answer.header("location"))
        return seen

    def post_each(self):
        """Posts one form of each kind that the crawl met, as it stands: what a page takes or refuses is the same in both worlds."""
        for kind, (action, fields) in self.forms.items():
            if not kind.endswith("/sign-out"):
                answer = self.both("POST", action, fields)
                if answer.header("location"):
                    self.both("GET", answer.header("location"))


class ByteIdentical(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worlds = [Served("--study", "tensions-and-repair"), Served("--study", "tensions-and-repair", "--swap-arms")]
        cls.study = "tensions-and-repair"

    @classmethod
    def tearDownClass(cls):
        for world in cls.worlds:
            world.stop()

    def setUp(self):
        self.asked, self.differences = [], []

    def compare(self, method, path, answers):
        raw = [(a.status, sorted(a.headers), a.body) if a else None for a in answers]
        if raw[0] != raw[1] and path not in EXEMPT:
            at = next((i for i, (x, y) in enumerate(zip(answers[0].body, answers[1].body)) if x != y), -1) if all(answers) else -1
            self.differences.append(f"{method} {path}: differs at byte {at}: {answers[0].body[at - 60:at + 60] if at >= 0 else raw[0][:2]!r}"
                                    f" against {answers[1].body[at - 60:at + 60] if at >= 0 else raw[1][:2]!r}")

    def signed_in(self, role):
        pair = Pair(self, *self.worlds)
        links = [w.world["sign_in"].get(role) for w in self.worlds]
        if not links[0]:
            return None
        pair.sign_in(links)
        return pair

    # The order matters: one world is changed by what its people do, and both must be changed alike.

    def test_1_the_worlds_differ(self):
        """The test's own ground: the arms are exchanged in the tables, and nothing else of the people is."""
        arms, people = [], []
        for world in self.worlds:
            with sqlite3.connect(f"file:{world.world['home']}/attune.db?mode=ro", uri=True) as db:
                arms.append(dict(db.execute("SELECT person, arm FROM arm_allocation ORDER BY person")))
                people.append([list(db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")) for table in
                               ("person", "session", "occasion", "answer", "score", "rating", "audit_masked", "link", "consent", "screening")])
        self.assertEqual(set(arms[0]), set(arms[1]))
        self.assertGreater(len(arms[0]), 10)
        self.assertTrue(all(arms[0][p] != arms[1][p] for p in arms[0]))
        self.assertEqual(people[0], people[1])

    def test_2_public(self):
        pair = Pair(self, *self.worlds)
        pair.both("GET", "/")
        pair.crawl(f"/{self.study}/", 40)
        for path in (f"/{self.study}/nowhere", "/f/AAAAAAAAAAAAAAAAAAAAAAAAAAA", f"/{self.study}/patients/P-2222222", "/leave"):
            pair.both("GET", path)
        self.assertEqual(self.differences, [])

    def test_3_patients(self):
        forms = [w.world["forms"] for w in self.worlds]
        self.assertEqual([f["participant"] for f in forms[0]], [f["participant"] for f in forms[1]])
        self.assertGreaterEqual(len(forms[0]), 20)
        for number, form in enumerate(forms[0]):
            pair, path = Pair(self, *self.worlds), Person.path_of(form["url"])
            page = pair.both("GET", path)
            pair.both("GET", path + "?language=fr")
            fields = forms_of(page.text)[-1]
            action = urllib.parse.urljoin(path, fields["action"] or path)
            pair.both("POST", action, {**fields["fields"], "goal": "99", "attune-action": "send"})
            if number % 3 == 0:
                pair.both("POST", path + "/draft", {**fields["fields"], "goal": "4"})
            if number % 2 == 0:
                answers = {"feeling": "4", "goal": "5", "way": "5", "understood": "4", "open": "5", "trust": "6", "tension": "0"}
                sent = pair.both("POST", action, {**fields["fields"], **answers, "attune-action": "send"})
                self.assertIn(sent.status, (200, 303))
                if sent.header("location"):
                    pair.both("GET", sent.header("location"))
                pair.both("POST", action, {**fields["fields"], **answers, "attune-action": "send"})
                pair.both("GET", path)
        self.assertEqual(self.differences, [])

    def test_4_staff(self):
        pairs = {role: self.signed_in(role) for role in MASKED}
        self.assertTrue(pairs["coordinator"] and pairs["analyst"] and pairs["monitor"] and pairs["administrator"])
        ByteIdentical.again = pairs
        for role, pair in pairs.items():
            if pair:
                seen = pair.crawl(f"/{self.study}/", 500)
                self.assertGreater(len(seen), 3, role)
        self.coordinator_acts(pairs["coordinator"])
        self.own_account(pairs["analyst"])
        for pair in pairs.values():
            if pair:
                pair.post_each()
                self.refusals(pair)
        self.assertEqual(self.differences, [])
        self.check_coverage()

    def refusals(self, pair):
        """What is answered before anyone is asked who they are (400, 404, 405), and to who may not (403)."""
        base = f"/{self.study}"
        for method, path, status in (("GET", base + "/caseload?%zz", 400), ("GET", "/?%", 400), ("PUT", base + "/caseload", 405), ("PUT", base + "/overview?%zz", 405),
                                     ("GET", base + "/patients", 404), ("GET", base + "/flagged", 403)):
            self.assertEqual(pair.both(method, path).status, status)

    def coordinator_acts(self, pair):
        """Enrols, records a session, reminds, takes note that someone leaves: first with what a form refuses, then well."""
        base = f"/{self.study}"
        people = pair.both("GET", base + "/people").text
        therapist = re.findall(r"\bT-[2-9A-Z]{8}\b", people)[0]
        patients = re.findall(re.escape(base) + r"/people/(P-[2-9A-Z]{8})/withdraw", people)
        with sqlite3.connect(f"file:{self.worlds[0].world['home']}/attune.db?mode=ro", uri=True) as db:
            held = dict(db.execute("SELECT patient, count(*) FROM session GROUP BY patient ORDER BY patient"))
        patient = next(p for p in patients if held.get(p, 0) < 6)
        for find in (therapist, patient, patient[2:5].lower(), "%25", "nobody"):
            pair.both("GET", f"{base}/people?find={find}")
        for path, good in (("/enrol", {"therapist": therapist, "identity-1": "Someone New", "identity-2": "new@demo.invalid", "identity-3": "613 555 0100"}),
                           ("/enrol?kind=therapist", {"identity-1": "Someone Else", "identity-2": "else@demo.invalid"}),
                           ("/session", {"patient": patient}), (f"/people/{patient}/withdraw", {"reason": "moved away"}),
                           (f"/people/{patient}/erase", {"reason": "asked for it", "code": patient})):
            for fields in ({}, good):
                form = [f for f in forms_of(pair.both("GET", base + path).text) if path.split("?")[0] in f["action"] or not f["action"]][-1]
                answer = pair.both("POST", form["action"] or base + path, {**form["fields"], **fields})
                self.assertIn(answer.status, (200, 303) if fields else (200, 303, 422))
                if answer.header("location"):
                    pair.both("GET", answer.header("location"))
        with sqlite3.connect(f"file:{self.worlds[0].world['home']}/attune.db?mode=ro", uri=True) as db:
            kinds = {kind for (kind,) in db.execute("SELECT kind FROM ledger_entry WHERE actor LIKE 'A-%' ORDER BY sequence")}
        self.assertTrue({"person.enrol", "session.record", "person.withdraw", "person.erase"} <= kinds, kinds)
        reminders = [f for f in forms_of(pair.both("GET", base + "/overview").text) if f["action"].endswith("/remind")]
        for form in reminders[:2] + reminders[:1]:
            pair.both("POST", form["action"], form["fields"])
        pair.both("GET", base + "/overview")

    def own_account(self, pair):
        """A password and an authenticator: refused, set, changed, taken away."""
        base = f"/{self.study}/account"

        def post(action, status, **fields):
            page = base + "/authenticator" if action == base + "/authenticator" else base
            form = next(f for f in forms_of(pair.both("GET", page).text) if f["action"] == action)
            self.assertEqual(pair.both("POST", action, {**form["fields"], **fields}).status, status, (action, fields))

        post(base, 422, password="short")
        post(base, 303, password="seven tall green doors")
        post(base, 403, password="nine small blue windows", present="wrong words in a row")
        post(base, 303, password="nine small blue windows", present="seven tall green doors")
        answer = pair.both("GET", base + "/authenticator")
        key = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", answer.text).group(1).replace(" ", "")
        now = email.utils.parsedate_to_datetime(answer.header("date")).timestamp()
        post(base + "/authenticator", 403, code="000000" if totp(key, now) != "000000" else "000001", present="nine small blue windows")
        post(base + "/authenticator", 303, code=totp(key, now), present="nine small blue windows")
        post(base + "/authenticator/remove", 303, present="nine small blue windows")
        pair.both("GET", base + "?done=no_authenticator")

    def check_coverage(self):
        """Every masked route of the table, and one's own account, has been asked, by this test or the ones before it."""
        asked = ByteIdentical.history + self.asked
        left = [f"{r['method']} {r['path']}" for r in routes() if r["reader"] in ("masked", "own") and
                not any(m == r["method"] and pattern_of(r, self.study).match(p.split("?")[0]) for m, p in asked)]
        missing = [r for r in left if r not in POSTED_ELSEWHERE]
        self.assertEqual(missing, [])

    def test_5_messages_and_log_lines(self):
        """Mail for patients, in the box and in the sink, and what the server said on its log, but for the time of day."""
        boxes, sinks, logs = [], [], []
        for world in self.worlds:
            with sqlite3.connect(f"file:{world.world['home']}/attune.db?mode=ro", uri=True) as db:
                boxes.append(list(db.execute("SELECT * FROM run_outbox WHERE person LIKE 'P-%' ORDER BY id")))
            sinks.append([line for line in pathlib.Path(world.world["home"] + "/sink.jsonl").read_text(encoding="utf-8").splitlines()
                          if json.loads(line)["person"].startswith("P-")])
            logs.append([re.sub(r'"time":"[^"]*"|127\.0\.0\.1:\d+|attune-http-\w+|\d+ ?[mu]?s\b', "", line) for line in world.log().splitlines()])
        self.assertTrue(boxes[0] and sinks[0])
        self.assertEqual(boxes[0], boxes[1])
        self.assertEqual(sinks[0], sinks[1])
        self.assertEqual(logs[0], logs[1])

    def test_6_time(self):
        """How long an answer takes does not tell the arm: Welch's t on patients' forms of both arms, in one world."""
        world = self.worlds[0]
        with sqlite3.connect(f"file:{world.world['home']}/attune.db?mode=ro", uri=True) as db:
            arm = dict(db.execute("SELECT p.code, a.arm FROM person p JOIN arm_allocation a ON a.person = p.therapist ORDER BY p.code"))
        groups = {}
        for number, form in enumerate(world.world["forms"]):
            if number % 2 and number % 3:  # the others were answered or half filled in by an earlier test
                groups.setdefault(arm[form["participant"]], []).append(Person.path_of(form["url"]) + "?language=en")
        self.assertEqual(len(groups), 2)
        # A difference that is there stays there: three measurements must all show it.
        first, second = [], []
        for _ in range(3):
            first, second = self.measure(world, groups)
            if abs(welch(first, second)) < 4.5:
                break
        self.assertLess(abs(welch(first, second)), 4.5)
        self.assertGreater(abs(welch([t + 0.002 for t in first], second)), 4.5, "two milliseconds must be seen")

    @staticmethod
    def measure(world, groups):
        """Seconds of 300 answers for each group, in turn, the slowest and fastest left out."""
        times = {name: [] for name in groups}
        for round_ in range(300):
            for name, paths in sorted(groups.items(), reverse=bool(round_ % 2)):
                begun = time.perf_counter()
                world.ask("GET", paths[round_ % min(len(p) for p in groups.values())], HOST)
                times[name].append(time.perf_counter() - begun)
        return [sorted(t)[10:-30] for t in times.values()]

    def test_7_planted_leaks_are_seen(self):
        """Each plant writes what an arm would do into the tables of one world; the same sweep must see it."""
        coordinator, monitor = (self.again[role] for role in ("coordinator", "monitor"))
        world = self.worlds[1].world["home"]
        trained = "(SELECT p.code FROM person p JOIN arm_allocation a ON a.person = p.therapist WHERE a.arm = 'programme')"
        plants = {  # what leaks: (who would see it, how it is planted, how it is taken out)
            "a form due earlier in one arm": (coordinator, f"UPDATE occasion SET due_ms = due_ms - 172800000 WHERE submitted_ms = 0 AND patient IN {trained}",
                                              f"UPDATE occasion SET due_ms = due_ms + 172800000 WHERE submitted_ms = 0 AND patient IN {trained}"),
            "a patient more in one arm": (coordinator, "INSERT INTO person SELECT 'P-LEAK222', 'P-LEAK222', kind, site, therapist, language, study_version, enrolled_ms, 0, '' "
                                                       f"FROM person WHERE code IN {trained} ORDER BY code LIMIT 1", "DELETE FROM person WHERE code = 'P-LEAK222'"),
            "someone who left one arm": (coordinator, f"UPDATE person SET withdrawn_ms = enrolled_ms + 1 WHERE code = (SELECT min(code) FROM person WHERE code IN {trained} AND withdrawn_ms = 0)",
                                         "UPDATE person SET withdrawn_ms = 0 WHERE withdrawn_ms = enrolled_ms + 1"),
            "a log row that depends on the arm": (monitor, "INSERT INTO audit_masked SELECT max(number) + 1, max(time_ms), 'A-LEAK', 'feedback.show', 'P-LEAK' FROM audit_masked",
                                                  "DELETE FROM audit_masked WHERE actor = 'A-LEAK'"),
            "a log row's time": (monitor, "UPDATE audit_masked SET time_ms = time_ms + 60000 WHERE number = (SELECT max(number) FROM audit_masked)",
                                 "UPDATE audit_masked SET time_ms = time_ms - 60000 WHERE number = (SELECT max(number) FROM audit_masked)"),
            "the order of the log": (monitor, "UPDATE audit_masked SET actor = (SELECT a.actor FROM audit_masked a WHERE a.actor <> audit_masked.actor ORDER BY a.number LIMIT 1) WHERE number = (SELECT max(number) FROM audit_masked)", None),
        }
        caught = 0
        for name, (pair, plant, undo) in plants.items():
            pair.test = self
            self.sweep(world, pair, plant)
            self.assertTrue(self.differences, f"not seen: {name}")
            caught += 1
            if undo:
                self.sweep(world, pair, undo)
                self.assertEqual(self.differences, [], f"still there when taken out: {name}")
        self.assertEqual(caught, len(plants))

    def sweep(self, world, pair, sql):
        self.differences = []
        with sqlite3.connect(f"{world}/attune.db", timeout=10) as db:
            self.assertGreater(db.execute(sql).rowcount, 0)
        pair.crawl(f"/{self.study}/", 60)

    def tearDown(self):
        ByteIdentical.history.extend(self.asked)

    history = []
    again = {}


# Changing routes of staff that the crawl cannot post; the trial's own tests run their verbs on both arms.
POSTED_ELSEWHERE = set()


def welch(a, b):
    mean = [sum(x) / len(x) for x in (a, b)]
    variance = [sum((v - m) ** 2 for v in x) / (len(x) - 1) for x, m in zip((a, b), mean)]
    return (mean[0] - mean[1]) / math.sqrt(variance[0] / len(a) + variance[1] / len(b))


if __name__ == "__main__":
    unittest.main()
