"""Several threads and one model, a process that was forked, and processes that were started anew."""

import contextlib
import ctypes
import faulthandler
import gc
import multiprocessing
import os
import pickle
import shutil
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import ssdcrp
from places import SMALL, photo, working_in

#: Calls during none of which another thread went on: it cannot.
TRIES = 200
NAMES = ["dog.jpg", "person.jpg", "horses.jpg", "eagle.jpg"]


@contextlib.contextmanager
def counting() -> Iterator[Callable[[Callable[[], object]], bool]]:
    """Whether another thread goes on during a call.

    No thread is asked to hand the GIL over meanwhile, so that one runs only where another waits or gives it away by itself. A call that
    gives it away need not be long enough for the other thread to get there, which the computer's scheduler decides: it is tried again.
    """
    turns, ended = 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while not ended.is_set():
            turns += 1
            time.sleep(0)

    def goes_on(call: Callable[[], object]) -> bool:
        for _ in range(TRIES):
            before = turns
            call()
            if turns > before:
                return True
        return False

    interval = sys.getswitchinterval()
    # Before the thread begins: who waits already asks for the GIL once more after the old time.
    sys.setswitchinterval(1e6)
    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield goes_on
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)


def relevance(model: ssdcrp.Model, picture: str) -> np.ndarray:
    """What a process can return of an explanation."""
    return model.explain(picture, box=30, check=False).relevance


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
        dog = photo("dog.jpg")
        engine, none = model._engine, (None, None)
        picture = ssdcrp.picture.picture_of(dog)
        question = model._question(None, None, None, True)
        answer = engine.explain(picture, question, none)[1][0]
        with tempfile.TemporaryDirectory() as folder:
            calls: dict[str, Callable[[], object]] = {
                "read": lambda: ssdcrp._engine.Picture.read(dog),
                "detect": lambda: engine.detect(picture, none),
                "explain": lambda: engine.explain(picture, question, none),
                "inspect": lambda: engine.inspect(None),
                "compile": lambda: engine.compile(f"{folder}/explain.onnx", None),
                "overlay": answer.overlay,
                "png": lambda: answer.png(1024),
            }
            with counting() as goes_on:
                # The measure itself: a call of C that keeps the GIL.
                self.assertFalse(goes_on(ctypes.PyDLL(None).getpid))
                for name, call in calls.items():
                    with self.subTest(call=name):
                        self.assertTrue(goes_on(call))

    def test_processes_that_are_started_anew_open_the_model_themselves(self) -> None:
        pictures = [photo("dog.jpg"), photo("person.jpg")]
        with tempfile.TemporaryDirectory() as folder:
            for file in (SMALL, SMALL.with_suffix(".toml")):
                shutil.copy(file, Path(folder, "own").with_suffix(file.suffix))
            with working_in(Path(folder)):
                own = ssdcrp.Model("own.onnx", threads=1)
            # Python's own way on Linux is to fork, up to 3.13.
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                for model in (own, ssdcrp.Model(threads=1)):
                    self.assertEqual(pool.map(model.detect, pictures), list(map(model.detect, pictures)))
                found = pool.map(partial(relevance, own), pictures)
            np.testing.assert_array_equal(found, [relevance(own, picture) for picture in pictures])
            os.remove(Path(folder, "own.toml"))
            with self.assertRaises(ssdcrp.MissingFileError):
                pickle.loads(pickle.dumps(own))
        again = pickle.loads(pickle.dumps(ssdcrp.Model(threads=3)))
        self.assertEqual((again.name, again._threads, again._provider), ("ssdlite_mobilenet_v2_coco", 3, "cpu"))

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
