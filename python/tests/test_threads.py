"""Several threads and one model, and a process that was forked."""

import faulthandler
import gc
import os
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import ssdcrp
from places import photo

NAMES = ["dog.jpg", "person.jpg", "horses.jpg", "eagle.jpg"]


class Threads(unittest.TestCase):
    def test_threads_get_the_answers_of_one(self) -> None:
        model = ssdcrp.Model(threads=1)
        asked = [(name, composite) for name in NAMES for composite in ("crp", "lrp-epsilon")]

        def explain(name: str, composite: str) -> np.ndarray:
            return model.explain(photo(name), composite=composite, check=False).relevance

        expected = [explain(*each) for each in asked]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                found = pool.map(lambda each: explain(*each), asked)
                for ours, theirs in zip(found, expected):
                    np.testing.assert_array_equal(ours, theirs)

    def test_a_failure_in_one_thread_is_nothing_to_others(self) -> None:
        model = ssdcrp.Model(threads=1)

        def explain(target: str) -> str:
            try:
                return model.explain(photo("person.jpg"), target=target, check=False).question
            except ssdcrp.QuestionError as error:
                return type(error).__name__

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(explain, ["class:dog", "class:unicorn"] * 4))
        self.assertEqual(found, ["dog rather than the other classes", "QuestionError"] * 4)

    def test_other_threads_go_on_while_the_engine_computes(self) -> None:
        model = ssdcrp.Model(threads=1)
        model.detect(photo("dog.jpg"))
        ended = threading.Event()
        # A thread that only counts: with the GIL held by the engine it would stand still through the whole call.
        turns = 0

        def count() -> None:
            nonlocal turns
            while not ended.is_set():
                turns += 1
                time.sleep(0)

        counting = threading.Thread(target=count)
        picture = ssdcrp.picture.picture_of(photo("dog.jpg"))
        question = model._question(None, None, None, True)
        counting.start()
        before = turns
        model._engine.explain(picture, question, (None, None))
        during = turns - before
        ended.set()
        counting.join()
        self.assertGreater(during, 100)

    def test_a_forked_process_loads_networks_of_its_own(self) -> None:
        # Two threads: the one that was started for the networks is not there after the fork.
        models = [ssdcrp.Model(threads=2)]
        expected = models[0].explain(photo("dog.jpg"), check=False).relevance
        child = os.fork()
        if child == 0:
            status = 2
            try:
                # Who waits for that thread waits for ever.
                faulthandler.dump_traceback_later(300, exit=True)
                found = models[0].explain(photo("dog.jpg"), check=False).relevance
                status = int(not np.array_equal(found, expected))
                # That the parent's networks are dropped is no reason to wait either.
                models.clear()
                gc.collect()
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        np.testing.assert_array_equal(models[0].explain(photo("dog.jpg"), check=False).relevance, expected)


if __name__ == "__main__":
    unittest.main()
