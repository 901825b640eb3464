"""A home of real people: `attune init`, `attune user`, `attune serve`. A second factor, two administrators, proofs, devices."""
import base64
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from served import ROOT, Person, Served, forms_of, totp, words_of

PROGRAM = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
BASE = "https://trial.example.org"
WORDS = "seven tall green doors"


class Real(Served):
    """`attune serve` on a home made from nothing; stopped and started again at will."""

    def __init__(self):  # pylint: disable=super-init-not-called  (which would serve the demonstration)
        self.scratch = tempfile.mkdtemp(prefix="attune-real-")
        self.home = self.scratch + "/home"
        self.log_path = self.scratch + "/log"
        self.run("init", self.home, "--study", str(ROOT / "studies/practice"))
        self.process = None

    def run(self, *words, typed=""):
        done = subprocess.run([PROGRAM, *words], input=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout.strip()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", self.home, "--listen", "127.0.0.1:0", "--base", BASE], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        place = urllib.parse.urlsplit(self.process.stdout.readline().decode().strip())
        self.address, self.origin = (place.hostname, place.port), f"{place.scheme}://{place.netloc}"

    def pause(self):
        self.process.terminate()
        status = self.process.wait(20)
        self.process.stdout.close()
        return status

    def database(self, sql):
        """Between two runs of the server."""
        with sqlite3.connect(self.home + "/attune.db") as db:
            db.execute(sql)
        db.close()


class RealHome(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = served = Real()
        cls.codes, cls.keys, cls.steps = {}, {}, {}
        for name, role in (("ada", "administrator"), ("bea", "administrator"), ("cora", "coordinator"), ("mo", "coordinator")):
            cls.codes[name] = served.run("user", "add", served.home, "--role", role, "--name", name, "--login", name)
        for name in ("ada", "bea", "mo"):
            served.run("user", "password", served.home, cls.codes[name], typed=WORDS + "\n")
        served.start()

    @classmethod
    def tearDownClass(cls):
        status = cls.served.pause()
        shutil.rmtree(cls.served.scratch, ignore_errors=True)
        assert status == 0, f"the server ended with status {status}"

    def sign_in(self, name, password=WORDS, person=None):
        person = person or Person(self.served)
        form = forms_of(person.get("/practice/sign-in").text)[-1]
        answer = person.post(form["action"], {**form["fields"], "login": name, "password": password})
        return person, answer

    def code(self, name):
        """The next code of someone's authenticator that was not used yet: one of the step before, this or the one after."""
        now = int(time.time()) // 30
        step = max(self.steps.get(name, 0) + 1, now - 1)
        if step > now + 1:
            time.sleep((step - 1) * 30 - time.time() + 0.1)
        self.steps[name] = step
        return totp(self.keys[name], step * 30)

    def come_in(self, name):
        """By password and code, setting the authenticator up where there is none."""
        person, answer = self.sign_in(name)
        self.assertEqual(answer.status, 303, answer.text[:500])
        if name in self.keys:
            form = next(f for f in forms_of(person.get("/practice/sign-in/code").text) if f["action"].endswith("/code"))
            self.assertEqual(person.post(form["action"], {**form["fields"], "code": self.code(name)}).status, 303)
            return person
        page = person.get(answer.header("location"))
        self.assertIn("/account/authenticator", person.path)
        self.assertIn("second factor before you go on", page.text)
        self.keys[name] = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page.text).group(1).replace(" ", "")
        self.assertEqual(len(base64.b32decode(self.keys[name])), 20)
        form = next(f for f in forms_of(page.text) if f["action"].endswith("/account/authenticator"))
        self.assertEqual(person.post(form["action"], {**form["fields"], "code": self.code(name)}).status, 303)
        return person

    def post_form(self, person, page, ending, **more):
        form = next(f for f in forms_of(person.get(page).text) if f["action"].endswith(ending))
        return person.post(form["action"], {**form["fields"], **more})

    def test_1_nobody_goes_on_without_a_second_factor(self):
        person, answer = self.sign_in("mo")
        for path in ("/overview", "/people", "/enrol"):
            self.assertIn("/account/authenticator", person.ask("GET", "/practice" + path).header("location") or person.get("/practice" + path).text, path)
        self.assertEqual(person.get("/practice/overview").status, 200)
        self.assertIn("/account/authenticator", person.path)
        self.come_in("mo")

    def test_2_a_link_takes_two_administrators(self):
        ada, bea, cora = self.come_in("ada"), self.come_in("bea"), f"/practice/accounts/{self.codes['cora']}"
        self.assertEqual(self.post_form(ada, cora, "/link").status, 303)
        self.assertNotIn("sign-in/link/", ada.get(cora).text)
        self.assertEqual(self.post_form(ada, cora, "/answer", answer="confirm").status, 403)
        self.assertIn(self.codes["cora"], words_of(bea.get("/practice/administration").text))
        form = next(f for f in forms_of(bea.get(cora).text) if f["action"].endswith("/answer"))
        answer = bea.ask("POST", form["action"], [("Host", "evil.example"), ("Sec-Fetch-Site", "same-origin")],
                         {**form["fields"], "answer": "confirm"})
        self.assertEqual(answer.status, 200, answer.text[:500])
        link = re.search(r"https?://[^<\s]+/sign-in/link/[\w-]+", answer.text).group(0)
        self.assertTrue(link.startswith(BASE + "/practice/sign-in/link/"), link)
        self.assertNotIn("evil.example", answer.text)
        person = Person(self.served)
        self.assertEqual(person.sign_in(link[len(BASE):]).status, 200)
        self.assertIn("/account/authenticator", person.path)
        log = words_of(ada.get("/practice/log").text)
        for sentence in ("asked a second administrator to confirm a link or a role for", "confirmed, as second administrator, a link or a role for"):
            self.assertIn(f"{sentence} {self.codes['cora']}", log)

    def test_3_a_role_takes_two_administrators(self):
        ada, page = self.come_in("ada"), f"/practice/accounts/{self.codes['ada']}"
        answer = self.post_form(ada, page, self.codes["ada"], **{"role-coordinator": "1"})
        self.assertEqual(answer.status, 303)
        self.assertIn("done=asked", answer.header("location"))
        self.assertEqual(ada.ask("GET", "/practice/overview").status, 403)
        self.assertEqual(self.post_form(self.come_in("bea"), page, "/answer", answer="confirm").status, 303)
        self.assertEqual(ada.ask("GET", "/practice/overview").status, 200)

    def test_4_what_must_be_proved_is_asked_for_again_and_goes_on(self):
        ada = self.come_in("ada")
        self.assertEqual(self.served.pause(), 0)
        self.served.database("UPDATE run_session SET proved_ms = proved_ms - 300000")
        self.served.start()
        ada.served = self.served
        form = next(f for f in forms_of(ada.get("/practice/accounts").text) if f["action"].endswith("/accounts"))
        fields = {**form["fields"], "role": "coordinator", "language": "en", "name": "Grace <b>Hopper"}
        answer = ada.post(form["action"], fields)
        self.assertEqual(answer.status, 403)
        self.assertIn("<dd>Grace &lt;b&gt;Hopper</dd>", answer.text)
        ask = next(f for f in forms_of(answer.text) if f["action"].endswith("/prove"))
        wrong = ada.post(ask["action"], {**ask["fields"], "password": "not these words"})
        self.assertEqual(wrong.status, 403)
        self.assertNotIn("not these words", wrong.text)
        ask = next(f for f in forms_of(wrong.text) if f["action"].endswith("/prove"))
        answer = ada.post(ask["action"], {**ask["fields"], "password": WORDS})
        self.assertEqual(answer.status, 303, answer.text[:500])
        self.assertRegex(answer.header("location"), r"/practice/accounts/A-\w+\?done=account")
        self.assertEqual(ada.get(answer.header("location")).status, 200)

    def test_5_a_stranger_does_not_lock_a_person_out(self):
        known = self.come_in("bea")
        for _ in range(11):
            answer = self.sign_in("bea", "not these words at all")[1]
        self.assertEqual(answer.status, 429)
        self.assertEqual(self.sign_in("bea")[1].status, 429)  # a device that nobody knows
        again = Person(self.served)
        again.cookies = {name: value for name, value in known.cookies.items() if "device" in name}
        self.assertEqual(len(again.cookies), 1)
        self.assertEqual(self.sign_in("bea", person=again)[1].status, 303)
        other = Person(self.served)  # the same cookie does nothing for another account
        other.cookies = {name: value for name, value in known.cookies.items() if "device" in name}
        self.assertEqual(self.sign_in("mo", person=other)[1].status, 429)  # the network has had its tries

    def test_6_who_was_not_let_in_is_on_record_and_the_ledger_holds(self):
        self.assertEqual(self.served.pause(), 0)
        self.served.database("DELETE FROM run_throttle")
        self.served.start()
        page = words_of(self.come_in("ada").get("/practice/administration").text)
        self.assertIn("Who was not let in", page)
        self.assertRegex(page, self.codes["bea"] + r" a wrong password or code")
        self.assertEqual(self.served.pause(), 0)
        self.served.run("verify", self.served.home)
        link = self.served.run("user", "link", self.served.home, self.codes["cora"], "--base", BASE)
        self.assertTrue(link.startswith(BASE))
        log = pathlib.Path(self.served.log_path).read_text("utf-8", "replace")
        for secret in (WORDS, *self.keys.values()):
            self.assertNotIn(secret, log)
        self.served.start()


if __name__ == "__main__":
    unittest.main()
