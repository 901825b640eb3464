"""Accounts on the pages: roles that are kept apart."""
import re
import unittest

from served import Person, Served, forms_of


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


if __name__ == "__main__":
    unittest.main()
