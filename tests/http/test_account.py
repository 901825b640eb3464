"""Accounts on the pages: roles that are kept apart; one's own password and authenticator."""
import base64
import email.utils
import os
import pathlib
import re
import subprocess
import unittest

from served import ROOT, Person, Served, forms_of, totp


class Accounts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.served = Served("--study", "tensions-and-repair")
        cls.study = "tensions-and-repair"
        cls.links = cls.served.world["sign_in"]

    @classmethod
    def tearDownClass(cls):
        status = cls.served.stop()
        assert status == 0, f"the server ended with status {status}"

    def signed_in(self, key):
        person = Person(self.served)
        self.assertEqual(person.sign_in(self.links[key]).status, 200)
        return person

    def test_masked_roles_and_roles_that_meet_an_arm_are_kept_apart(self):
        person = self.signed_in("administrator")
        page = person.get(f"/{self.study}/administration").text
        rows = re.findall(r"<tr>.*?</tr>", page, re.S)
        account = re.search(r'href="([^"]*/accounts/A-\w+)"', next(r for r in rows if ">analyst<" in r)).group(1)
        form = next(f for f in forms_of(person.get(account).text) if f["action"] == account)
        answer = person.post(account, {**form["fields"], "role-trainer": "1"})
        self.assertEqual(answer.status, 422)
        for word in ("analyst", "trainer", "two people"):
            self.assertIn(word, answer.text)
        self.assertRegex(answer.text, r'name="role-trainer" value="1" checked')
        self.assertNotIn("role-trainer", next(f for f in forms_of(person.get(account).text) if f["action"] == account)["fields"])
        nothing = {k: v for k, v in form["fields"].items() if not k.startswith("role-")}
        self.assertEqual(person.post(account, nothing).status, 422)
        self.assertEqual(person.post(account, {**form["fields"], "role-monitor": "1"}).status, 303)
        form = next(f for f in forms_of(person.get(account).text) if f["action"] == account)
        self.assertIn("role-monitor", form["fields"])

    def form(self, person, path, action):
        return next(f for f in forms_of(person.get(f"/{self.study}{path}").text) if f["action"] == f"/{self.study}{action}")

    def set_password(self, person, new, present=None):
        fields = dict(self.form(person, "/account", "/account")["fields"], password=new)
        if present is not None:
            fields["present"] = present
        return person.post(f"/{self.study}/account", fields)

    def test_a_password_is_set_and_changed_by_its_owner_alone(self):
        person = self.signed_in("monitor")
        for bad, words in (("short", "12 characters"), ("passwordpassword", "first that others would try"), ("é" * 129, "at most 128")):
            answer = self.set_password(person, bad)
            self.assertEqual(answer.status, 422, bad)
            self.assertIn(words, answer.text)
            self.assertNotIn(bad, answer.text)
        self.assertNotIn("present", self.form(person, "/account", "/account")["fields"])
        first, second = "seven tall green doors", "nine small blue windows"
        self.assertEqual(self.set_password(person, first).status, 303)
        self.assertIn("present", self.form(person, "/account", "/account")["fields"])
        self.assertEqual(self.set_password(person, second).status, 422)  # the present one is asked for now
        answer = self.set_password(person, second, "wrong words in a row")
        self.assertEqual(answer.status, 403)
        self.assertIn("is not right", answer.text)
        self.assertNotIn("wrong words", answer.text)
        self.assertEqual(self.set_password(person, second, first).status, 303)
        self.assertEqual(self.set_password(person, first, first).status, 403)

    def test_wrong_present_passwords_are_counted(self):
        person = self.signed_in("trainer")
        good = "seven tall green doors"
        self.assertEqual(self.set_password(person, good).status, 303)
        statuses = [self.set_password(person, "nine small blue windows", "wrong words in a row").status for _ in range(11)]
        self.assertEqual((statuses[0], statuses[-1]), (403, 429))  # the other tests' tries count for the address too
        self.assertEqual(statuses, sorted(statuses))
        self.assertEqual(self.set_password(person, "nine small blue windows", good).status, 429)

    def test_an_authenticator_is_set_up_confirmed_and_taken_away(self):
        person = self.signed_in("analyst")
        path = f"/{self.study}/account/authenticator"
        page = person.get(path).text
        key = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page).group(1).replace(" ", "")
        self.assertEqual(len(base64.b32decode(key)), 20)
        self.assertIn('href="otpauth://totp/', page)
        self.assertIn(f"secret={key}", page)
        self.assertIn(key, person.get(path).text.replace(" ", ""))
        right = totp(key, email.utils.parsedate_to_datetime(self.served.ask("GET", "/").header("date")).timestamp())
        form = self.form(person, "/account/authenticator", "/account/authenticator")
        self.assertNotIn(key, str(form["fields"]))  # the page does not send it back
        wrong = person.post(path, dict(form["fields"], code="000000" if right != "000000" else "000001"))
        self.assertEqual(wrong.status, 403)
        self.assertIn("is not right", wrong.text)
        self.assertEqual(person.post(path, dict(form["fields"], code="12")).status, 422)
        self.assertEqual(person.post(path, dict(form["fields"], code=right[:3] + " " + right[3:])).status, 303)
        page = person.get(f"/{self.study}/account?done=authenticator").text
        self.assertIn("each sign-in asks for its code", page)
        self.assertEqual(person.ask("GET", path).status, 303)
        answer = person.post(f"/{self.study}/account/authenticator/remove",
                             self.form(person, "/account", "/account/authenticator/remove")["fields"])
        self.assertEqual(answer.status, 303)
        again = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", person.get(path).text).group(1).replace(" ", "")
        self.assertNotEqual(again, key)
        for file in pathlib.Path(self.served.world["home"]).rglob("*"):
            held = file.read_bytes() if file.is_file() else b""
            self.assertFalse(key.encode() in held or base64.b32decode(key) in held, file)
        self.assertNotIn(key, self.served.log())

    def test_zz_the_ledger_still_holds(self):
        program = os.environ.get("ATTUNE_PROGRAM", str(ROOT / "build/attune"))
        done = subprocess.run([program, "verify", self.served.world["home"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
