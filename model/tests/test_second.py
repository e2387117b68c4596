"""The second opinion and the attack on both."""

import random
import unittest
from unittest import mock

import numpy as np

from generator import evade, scripts
from trainer import attack, opinion


class Evading(unittest.TestCase):
    def test_what_it_changes_is_a_script_still(self):
        texts = [item["content"] for item in scripts.generate(3, 60, 0)]
        texts = [text for text in texts if attack.is_script(text)]
        self.assertGreater(len(texts), 30)
        for name, operator in evade.ALL.items():
            changed = broken = 0
            for number, text in enumerate(texts):
                after = operator(text, random.Random(f"{name} {number}"))
                changed += after != text
                broken += not attack.is_script(after)
            self.assertGreater(changed, 0, f"{name} changes nothing")
            # They know quotes and brackets by counting only; the search leaves out what is broken.
            self.assertLess(broken / changed, 0.05, f"{name} breaks {broken} of {changed}")

    def test_a_fifth_or_more_is_kept_back_and_never_taught(self):
        self.assertGreaterEqual(len(evade.KEPT_BACK) * evade.KEPT_BACK_OF, len(evade.ALL))
        self.assertFalse(set(evade.KEPT_BACK) & set(evade.TAUGHT))
        self.assertEqual(sorted(evade.KEPT_BACK + evade.TAUGHT), sorted(evade.ALL))


class Deciding(unittest.TestCase):
    @staticmethod
    def calibrated(random_source):
        fast, second = random_source.normal(0, 2, 5000), random_source.normal(0, 2, 5000)
        asked = opinion.Opinion([], {})
        asked.calibrate(fast, second, np.ones(5000, bool), np.array([f"s{n % 700}" for n in range(5000)]))
        return asked, fast, second

    def test_thresholds_flag_as_many_harmless_scripts_as_they_are_to(self):
        asked, fast, second = self.calibrated(np.random.default_rng(1))
        logits = asked.logits(fast, second)
        self.assertAlmostEqual((logits > opinion.GATE_LOGIT).mean(), 0.01, delta=0.002)
        self.assertAlmostEqual((logits > 0).mean(), 0.001, delta=0.0005)

    def test_who_is_asked_never_falls_below_who_is_not(self):
        asked, fast, second = self.calibrated(np.random.default_rng(2))
        logits = asked.logits(fast, second - 100)
        passed = fast > asked.gate
        self.assertTrue((logits[passed] >= opinion.GATE_LOGIT).all())
        self.assertTrue((logits[~passed] <= opinion.GATE_LOGIT).all())


    def test_what_was_cut_looks_no_better_than_what_was_not_followed(self):
        asked, fast, second = self.calibrated(np.random.default_rng(3))
        cut, whole = asked.logits(fast, second - 100, (0.0, np.False_)), asked.logits(fast, second - 100)
        unfollowed = asked.logits(fast, np.full(5000, asked.late))
        self.assertTrue((cut >= whole).all())
        self.assertTrue((cut == unfollowed).all())

    def test_floors_are_by_what_only_attackers_do(self):
        names = ["fetch", "shell.reverse", "c2.loop", "evade.history", "cut"]
        rows = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 1, 0, 1, 0]]
        behaviour = [np.array(row, np.float32) for row in rows]
        attacks, suspicious = ["shell.reverse", "c2.loop"], ["evade.history"]
        corpus = mock.Mock(behaviour=behaviour, behaviour_names=names, attacks=attacks, suspicious=suspicious)
        one, more = opinion.ONE, opinion.MORE
        floors, sure = opinion.floors(corpus)
        self.assertEqual(list(floors), [-np.inf, one, more, one, opinion.CUT, opinion.SUSPICIOUS, more])
        self.assertFalse(sure.any())
        floors, sure = opinion.floors(corpus, ["c2.loop"])
        self.assertEqual(list(floors), [-np.inf, one, more, one, opinion.CUT, opinion.SUSPICIOUS, more])
        self.assertEqual(list(sure), [False, False, True, False, False, False, False])

    def test_what_decides_is_seldom_harmless_and_of_several_attackers(self):
        names = ["shell.reverse", "c2.loop", "root.library"]
        # Four attacks of three sources, four of one, and one that half of the harmless do, too.
        rows = [[1, 1, 1]] * 4 + [[0, 0, 1]] * 4 + [[0, 0, 0]] * 4
        sources = ["a", "a", "b", "c"] + ["d"] * 8
        behaviour = [np.array(row, np.float32) for row in rows]
        corpus = mock.Mock(behaviour=behaviour, behaviour_names=names, attacks=names, source=sources)
        malicious = np.arange(12) < 4
        self.assertEqual(opinion.decisive(corpus, ~malicious, malicious), ["shell.reverse", "c2.loop"])
        corpus.source = ["a"] * 12
        self.assertEqual(opinion.decisive(corpus, ~malicious, malicious), [])


class Learning(unittest.TestCase):
    def test_it_learns_from_what_the_first_one_suspects(self):
        n = 2000
        rng = np.random.default_rng(1)
        malicious = np.arange(n) % 10 == 0
        # Far from the gate the fact is an attack's, near it the harmless ones have it.
        unseen = np.where(rng.random(n) < 0.05, 5.0, -5.0) + rng.normal(0, 0.1, n)
        fact = np.where(unseen > 0, ~malicious, malicious)
        bags = mock.Mock(malicious=malicious, dual=np.zeros(n, bool))
        bags.corpus.behaviour, bags.corpus.behaviour_names, bags.corpus.styles = list(fact[:, None].astype(np.float32)), ["a"], 0
        bags.corpus.source = [f"s{i % 50}" for i in range(n)]
        bags.corpus.cluster = list(range(n))
        bags.corpus.attacks = ["a"]
        learnt = opinion.fit(bags, np.ones(n, bool), unseen)
        with_it, without = learnt.second(np.array([[1.0], [0.0]], np.float32))
        self.assertLess(with_it, without)


class Searching(unittest.TestCase):
    def test_the_lowest_never_rises_and_a_weak_model_is_beaten(self):
        texts = [item["content"] for item in scripts.generate(5, 6, 0)]
        asked = []

        def scored(tried, *_):
            asked.append(len(tried))
            # A model that goes by the share of its text that it knows from the beginning.
            return np.array([3 - len(text) / 400 for text in tried])

        original, attack._scored = attack._scored, scored
        self.addCleanup(setattr, attack, "_scored", original)
        start = scored(texts)
        rounds = attack.search(texts, start, evade.TAUGHT, None, None, 1)
        self.assertEqual(len(rounds) * attack.AT_ONCE, attack.BUDGET)
        self.assertTrue(all(size <= len(texts) * attack.AT_ONCE for size in asked))
        lowest = start
        for now in rounds:
            self.assertTrue((now <= lowest).all())
            lowest = now
        self.assertTrue((lowest < start).all())


if __name__ == "__main__":
    unittest.main()
