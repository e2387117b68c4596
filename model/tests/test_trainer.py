"""The training as a user runs it, on a small corpus of the generator's own making."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

from generator import scripts
from trainer import __main__ as training
from trainer import corpus, device, fit, network, opinion, parts, reviewed

SENSOR = str(pathlib.Path(os.environ["SCRIPTWATCH_TEST_BIN"]) / "sensor")
WRITTEN = ["script.onnx", "vectors.jsonl", "metrics.json", "CARD.md"]


def small_corpus(directory):
    """Attacks and harmless scripts of sources that are no generator's, as a user has them."""
    items = scripts.generate(7, 120, 240)
    for number, item in enumerate(items):
        item["source"] = f"team-{number % 12}"
        item["cluster"] = f"cluster-{number // 2}"
    scripts.write(directory / "scripts.jsonl", items)


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = pathlib.Path(scratch.name)
        (cls.dir / "corpus").mkdir()
        small_corpus(cls.dir / "corpus")
        cls.first = cls.train("one")

    @classmethod
    def train(cls, out, *more):
        command = [sys.executable, "-m", "trainer", "--sensor", SENSOR, "--generated", "0.02", "--corpus", cls.dir / "corpus"]
        command += ["--out", cls.dir / out, "--report", cls.dir / "report.html", *more]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def written(self, out):
        return {name: (self.dir / out / name).read_bytes() for name in WRITTEN}

    def test_it_writes_a_model_that_the_sensor_takes_with_a_card_and_a_report(self):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        score = subprocess.run(
            [SENSOR, "eval", "--model", self.dir / "one/script.onnx", "--format", "json", self.dir / "corpus/scripts.jsonl"],
            capture_output=True, text=True, check=True,
        )
        figures = json.loads(score.stdout)["models"][0]
        self.assertEqual((figures["malicious"], figures["benign"]), (120, 240))
        # So few scripts teach little, but not nothing.
        self.assertGreater(figures["auc"], 0.7)
        self.assertIn("| `balanced` |", (self.dir / "one/CARD.md").read_text())
        self.assertIn("</html>", (self.dir / "report.html").read_text())

    def test_the_sensor_computes_what_the_trainer_did(self):
        score = subprocess.run(
            [SENSOR, "score", "--model", self.dir / "one/script.onnx", "--format", "json", self.dir / "one/vectors.jsonl"],
            capture_output=True, text=True, check=True,
        )
        by_sensor = {found["id"]: found["score"] for found in map(json.loads, score.stdout.splitlines())}
        by_trainer = {item["id"]: item["score"] for item in corpus.lines(self.dir / "one/vectors.jsonl")}
        self.assertEqual(by_sensor.keys(), by_trainer.keys())
        for name, expected in by_trainer.items():
            self.assertAlmostEqual(by_sensor[name], expected, delta=1e-3, msg=name)

    def test_the_same_scripts_give_the_same_model_to_the_byte(self):
        again = self.train("two")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.written("one"), self.written("two"))

    def test_a_better_model_is_overwritten_only_by_force(self):
        self.assertEqual(self.train("three").returncode, 0)
        metrics = self.dir / "three/metrics.json"
        metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"headline": 1.1}))
        before = self.written("three")
        refused = self.train("three")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("measured better", refused.stderr)
        self.assertEqual(self.written("three"), before)
        forced = self.train("three", "--force")
        self.assertEqual(forced.returncode, 0, forced.stderr)
        self.assertEqual(self.written("three"), self.written("one"))

    def test_a_directory_without_scripts_is_named(self):
        (self.dir / "empty").mkdir()
        command = [sys.executable, "-m", "trainer", "--sensor", SENSOR, "--corpus", self.dir / "empty"]
        refused = subprocess.run(command + ["--out", self.dir / "x", "--report", self.dir / "x.html"], capture_output=True, text=True)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(f"{self.dir / 'empty'}: no .jsonl", refused.stderr)

    def test_a_share_of_generated_scripts_is_a_share(self):
        for share in ("-1", "1.5", "nan"):
            refused = self.train("unused", "--generated", share)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(f"--generated {share}", refused.stderr)


class Scores(unittest.TestCase):
    @staticmethod
    def of_one(windows, passages, places, logit):
        """As the sensor does it, a script at a time: the score, which window and which passage is the worst."""
        worst = sorted(range(len(windows)), key=lambda n: -logit(windows[n]))
        of_text = [w for w in worst if places[w][1]][: fit.WORST_WINDOWS]
        near = sorted({int(first) + n for first, count in (places[w] for w in of_text) for n in range(count)})
        score, passage = logit(windows[worst[0]]), None
        if near:
            passage = max(near, key=lambda n: (logit(passages[n]), -n))
            score = max(score, logit(passages[passage]) - fit.PASSAGE_PENALTY)
        return score, worst[0], passage

    def test_a_script_has_the_score_of_its_worst_window_or_of_the_worst_passage_near_its_two_worst(self):
        items = scripts.generate(11, 30, 30)
        # Of many windows, and of some that say the same as others.
        items += [items[0] | {"content": "\n".join(i["content"] for i in items[n : n + 25] * 2)} for n in (0, 20, 35)]
        items += [items[0] | {"content": text} for text in ("", "\n", "id")]
        # And of some that print much, whose acts have windows without passages.
        items += [item | {"content": "\n".join(f"echo {line!r}\n{line}" for line in item["content"].split("\n"))} for item in items[:60]]
        random = np.random.default_rng(1)
        random.shuffle(items)
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "all.jsonl"
            scripts.write(path, items)
            bags = fit.Bags(corpus.load(path, SENSOR))
        # A feature has a value; coarse ones, so that there are equals.
        values = np.round(random.normal(size=bags.x.shape[1])).astype(np.float32)

        class OfValues:
            known = np.ones(len(values), bool)

            @staticmethod
            def logits(_):
                return (bags.x @ values)[:, None]

        score, window, passage = bags.scores(OfValues)
        self.assertGreater(max(map(len, bags.corpus.windows)), 4)
        seen = of_acts = 0
        for i, (windows, passages, places) in enumerate(zip(bags.corpus.windows, bags.corpus.passages, bags.corpus.places)):
            expected = self.of_one(windows, passages, places, lambda part: values[part].sum())
            found = passage[i] - bags.passages[i] if passage[i] >= 0 else None
            self.assertEqual((score[i], window[i] - bags.rows[i], found), expected, bags.corpus.texts[i])
            seen += expected[2] is not None and expected[0] > values[windows[expected[1]]].sum()
            of_acts += expected[2] is not None and places[expected[1]][1] == 0
        # In some it was a passage, in others a window of acts.
        self.assertGreater(seen, 5)
        self.assertGreater(of_acts, 3)

    def test_what_is_known_is_scaled_by_how_much_of_it_there_is(self):
        x = network.matrix([np.array([1, 5, 7]), np.array([], int), np.array([2]), np.array([5, 9]), np.array([], int)])
        known = np.zeros(network.BUCKETS, bool)
        known[[5, 7, 9]] = True
        each = 1 / np.sqrt(2 + network.PRIOR)
        expected = np.array([[each, each, 0], [0, 0, 0], [0, 0, 0], [each, 0, each], [0, 0, 0]], np.float32)
        np.testing.assert_array_equal(network.known_only(x, known).toarray(), expected)

    def test_what_is_kept_is_of_the_features_asked_for(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "all.jsonl"
            scripts.write(path, scripts.generate(12, 5, 5))
            bags = fit.Bags(corpus.load(path, SENSOR))
        seen = np.unique(bags.x.indices)
        # As many, so that a matrix of others would pass for it.
        for chosen in (seen[:40], seen[40:80], seen[:40]):
            known = np.zeros(network.BUCKETS, bool)
            known[chosen] = True
            np.testing.assert_array_equal(bags.known_only(known).toarray(), network.known_only(bags.x, known).toarray())
            self.assertIs(bags.known_only(known.copy()), bags.known_only(known))


class HoldingOut(unittest.TestCase):
    def test_an_idiom_that_is_kept_back_is_in_no_script_that_is_trained_on(self):
        items = scripts.generate(5, 200, 0)
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "all.jsonl"
            scripts.write(path, items)
            bags = fit.Bags(corpus.load(path, SENSOR))
        fitted = []
        bags.scores = lambda network: (np.arange(len(items)), None, None)
        asked = []

        class Numbers(opinion.Opinion):
            """Says of each script its number."""

            def calibrate(self, *_):
                pass

            def second(self, x):
                return np.zeros(len(x))

            def logits(self, fast, *_):
                return fast

        def fit_second(_, train, unseen):
            asked.extend([train, unseen])
            return Numbers([], {})

        with (
            mock.patch.object(fit, "fit", lambda bags, train, where, said: fitted.append(train)),
            mock.patch.object(fit, "unseen", lambda bags, train, where: train),
            mock.patch.object(opinion, "fit", fit_second),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            measured = training.of_kept_back_idioms(bags, device.Cpu, np.ones(len(items), bool))
        self.assertTrue((asked[0] == fitted[0]).all() and (asked[1] == fitted[0]).all())
        self.assertEqual([bool(item.get("kept_back")) for item in items], [not used for used in fitted[0]])
        self.assertTrue(0 < len(measured) < 100)
        for number in measured:
            self.assertTrue(items[number]["kept_back"] and items[number]["kind"] == "step")

    def test_who_judges_a_script_saw_nothing_of_its_source_its_cluster_or_a_trojan_in_one(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "all.jsonl"
            hosts = scripts.generate(3, 40, 40)
            for number, host in enumerate(hosts):
                host |= {"source": f"team-{number % 12}", "cluster": f"of {number // 3}"}
            scripts.write(path, hosts + scripts.generate(4, 0, 0, hosts, 40))
            bags = fit.Bags(corpus.load(path, SENSOR))
        fold, fitted = fit.folds(bags.corpus.source), []

        def fitting(_bags, train, *_, seed, **__):
            fitted.append((seed - 100, train))
            return seed - 100

        train = np.arange(len(bags.corpus)) % 7 > 0
        bags.scores = lambda network: (np.full(len(bags.corpus), 1.0 + network), None, None)

        @contextlib.contextmanager
        def here(_):
            yield mock.Mock(map=map)

        with mock.patch.object(fit, "fit_one", fitting), mock.patch.object(device, "forked", here):
            judged = fit.unseen(bags, train)
        self.assertTrue((judged == np.where(train, 1.0 + fold, 0)).all())
        self.assertEqual(len(fitted), fit.FOLDS)
        for number, seen in fitted:
            held = fold == number
            clusters = {cluster for cluster, out in zip(bags.corpus.cluster, held) if out}
            sources = {source for source, out in zip(bags.corpus.source, held) if out}
            self.assertTrue(seen.any() and not (seen & ~train).any())
            for i in np.flatnonzero(seen):
                self.assertNotIn(bags.corpus.source[i], sources)
                self.assertNotIn(bags.corpus.cluster[i], clusters)
                self.assertNotIn(bags.corpus.host_source[i], sources)

    def test_parts_share_no_source_no_near_duplicate_no_cluster_and_no_host(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "all.jsonl"
            hosts = scripts.generate(3, 20, 40)
            for number, host in enumerate(hosts):
                host["source"] = f"team-{number % 12}"
                host["cluster"] = f"of its own {number}"
            # Others have the same script but for the address, and scripts of the same cluster.
            copies = [host | {"source": "copycat", "content": host["content"].replace("1", "2")} for host in hosts[:30]]
            mates = [host | {"source": "mate", "content": f"echo {n}; {host['content']}"} for n, host in enumerate(hosts[:30])]
            scripts.write(path, hosts + copies + mates + scripts.generate(4, 20, 0, hosts, 60))
            everything = corpus.load(path, SENSOR)
        part_of = parts.of_all(everything)
        self.assertEqual(set(part_of.values()), {"fit", "tune", "report"})
        part = [part_of[source] for source in everything.source]
        train = parts.trained_on(everything, part)
        held = {i for i, p in enumerate(part) if p != "fit"}
        bare = {"".join(filter(str.isalpha, everything.texts[i].decode().lower())) for i in held}
        clusters = {everything.cluster[i] for i in held}
        seen = dict.fromkeys(["held", "copy", "mate", "trojan", "used"], 0)
        for i, used in enumerate(train):
            text = "".join(filter(str.isalpha, everything.texts[i].decode().lower()))
            reasons = {
                "held": i in held,
                "copy": text in bare,
                "mate": everything.cluster[i] in clusters,
                "trojan": part_of.get(everything.host_source[i], "fit") != "fit",
            }
            self.assertEqual(used, not any(reasons.values()), (i, reasons))
            for name, holds in {**reasons, "used": used}.items():
                seen[name] += holds
        self.assertTrue(all(seen.values()), seen)

    def test_a_sources_part_does_not_depend_on_the_others(self):
        names = [f"source-{n}" for n in range(200)]
        counts = {name: sum(parts.of_source(source) == name for source in names) for name in ("fit", "tune", "report")}
        self.assertTrue(80 < counts["fit"] < 120 and 15 < counts["tune"] < 45 and 50 < counts["report"] < 90, counts)
        self.assertEqual(parts.of_source("generator:attack"), "fit")

    def test_a_corpus_of_too_few_sources_is_refused(self):
        few = corpus.Corpus(source=["a", "a", "b"], label=["malicious", "benign", "benign"])
        with self.assertRaisesRegex(SystemExit, "too few sources"):
            parts.of_all(few)


class Reviewed(unittest.TestCase):
    def test_what_readers_did_not_call_malicious_is_dual_use_and_nothing_else_changes(self):
        digest = hashlib.sha256(b"whoami").hexdigest()[:16]
        with mock.patch.object(reviewed, "NOT_MALICIOUS", frozenset([digest])):
            self.assertEqual(reviewed.label(b"whoami", "malicious"), "dual_use")
            self.assertEqual(reviewed.label(b"whoami", "benign"), "benign")
            self.assertEqual(reviewed.label(b"who", "malicious"), "malicious")
            with tempfile.TemporaryDirectory() as scratch:
                path = pathlib.Path(scratch) / "scripts.jsonl"
                path.write_text("".join(json.dumps({"content": text, "label": "malicious"}) + "\n" for text in ("whoami", "who")))
                self.assertEqual(corpus.load(path, SENSOR).label, ["dual_use", "malicious"])

    def test_the_list_is_of_digests(self):
        self.assertTrue(all(len(digest) == 16 and set(digest) <= set("0123456789abcdef") for digest in reviewed.NOT_MALICIOUS))


class Mean(unittest.TestCase):
    """What is measured is what the model's file holds."""

    def test_its_embedding_is_in_half_precision(self):
        known = np.ones(5, bool)
        apart = [network.Network(known, 3, seed=seed) for seed in (1, 2)]
        held = network.Network.mean(apart).p["E"]
        self.assertEqual(held.dtype, np.float32)
        np.testing.assert_array_equal(held, held.astype(np.float16))
        np.testing.assert_allclose(held[:, :8], apart[0].p["E"][:, :8], rtol=1e-3)


class Parts(unittest.TestCase):
    """What an epoch learns from: of harmless scripts the worst window and some more, of attacks the worst once it is known."""

    @classmethod
    def setUpClass(cls):
        # Harmless, attack, trojan, harmless without a passage, dual use; five, six, two, one and two windows.
        bags = cls.bags = fit.Bags.__new__(fit.Bags)
        bags.windows_of = np.array([5, 6, 2, 1, 2])
        bags.rows = np.concatenate([[0], np.cumsum(bags.windows_of)])
        bags.passages = np.array([16, 19, 21, 23, 23, 25])
        bags.malicious = np.array([False, True, True, False, False])
        bags.dual = np.array([False, False, False, False, True])
        bags.trojan = np.array([False, False, True, False, False])
        cls.worst = None, np.array([4, 7, 12, 13, 15]), np.array([17, 19, 22, -1, 24])

    def learnt(self, epoch, chosen=range(5)):
        rows, owner = fit.parts_to_learn(self.bags, np.array(chosen), self.worst, epoch, np.random.default_rng(1))
        parts = {script: set(rows[owner == script].tolist()) for script in chosen}
        self.assertEqual(sum(map(len, parts.values())), len(rows), "a part is learnt from once")
        return parts

    def test_at_first_the_beginnings_of_attacks(self):
        parts = self.learnt(0)
        self.assertEqual([parts[n] for n in (1, 2, 3, 4)], [{5, 6, 7, 8}, set(), {13}, {14, 15}])
        self.assertTrue({4} < parts[0] <= set(range(5)), parts[0])

    def test_then_what_is_worst(self):
        parts = self.learnt(2)
        self.assertEqual([parts[n] for n in (1, 2, 3, 4)], [{7, 19}, {12, 22}, {13}, {15, 24}])
        self.assertTrue({4, 17} < parts[0] <= {*range(5), 17}, parts[0])

    def test_of_no_other_script(self):
        self.assertEqual(self.learnt(2, [1, 3]), {1: {7, 19}, 3: {13}})


class Devices(unittest.TestCase):
    """A GPU is there or not; what is done about it is the same."""

    def choose(self, gpu):
        said = []
        with mock.patch.object(device, "Gpu", gpu):
            return device.choose(said.append, fit.of_a_few_steps), said

    def test_one_that_computes_the_same_is_taken(self):
        class Sound(device.Cpu):
            name, bytes_free = "a sound GPU", 8 << 30

        chosen, said = self.choose(Sound)
        self.assertIsInstance(chosen, device.Found)
        self.assertEqual(said, ["fitting on a sound GPU"])
        self.assertEqual([chosen.at_once(size << 20) for size in (512, 1024, 8192)], [4, 2, 1])

    def test_one_that_computes_something_else_is_not(self):
        class Broken(device.Cpu):
            name, bytes_free = "a broken GPU", 8 << 30

            @staticmethod
            def put(array):
                return array * 2 if array.dtype == np.float32 else array

        chosen, said = self.choose(Broken)
        self.assertIs(chosen, device.Cpu)
        self.assertIn("something else than the CPU", said[0])

    def test_one_that_dies_is_not(self):
        class Deadly(device.Cpu):
            def __init__(self):
                os._exit(1)

        chosen, said = self.choose(Deadly)
        self.assertIs(chosen, device.Cpu)
        self.assertIn("BrokenProcessPool", said[0])

    def test_nothing_of_it_is_left_in_a_network_that_is_fitted(self):
        class Away(np.ndarray):
            """An array that is not in memory: CUDA's would open the GPU in the process that unpickles it."""

        class Elsewhere(device.Cpu):
            @staticmethod
            def put(array):
                return array.view(Away)

            @staticmethod
            def get(array):
                return np.array(array)

        one = network.Network(np.ones(4, bool), 3, device=Elsewhere)
        self.assertIsInstance(one.m["E"], Away)
        one.to_host()
        left = [value for held in vars(one).values() for value in (held.values() if isinstance(held, dict) else [held])]
        self.assertFalse([value for value in left if isinstance(value, Away)])
        self.assertIs(one.device, device.Cpu)

    def test_without_cupy_nothing_is_said(self):
        def missing():
            raise ModuleNotFoundError("No module named 'cupy'")

        self.assertEqual(self.choose(missing), (device.Cpu, []))

    def test_none_is_no_error(self):
        def missing():
            raise RuntimeError("CUDA finds no GPU")

        chosen, said = self.choose(missing)
        self.assertIs(chosen, device.Cpu)
        self.assertIn("CUDA finds no GPU", said[0])


if __name__ == "__main__":
    unittest.main()
