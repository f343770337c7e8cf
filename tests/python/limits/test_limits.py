"""`examples/python/limits.py`, with threadpoolctl."""

import os
import sys
import unittest

import fastpar

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "examples", "python"))

import limits
import threadpoolctl


class Limits(unittest.TestCase):
    def entry(self):
        (entry,) = (entry for entry in threadpoolctl.threadpool_info() if entry["user_api"] == "fastpar")
        return entry

    def test_a_limit_holds_and_is_taken_back(self):
        threads = fastpar.pool_threads()
        self.assertEqual((self.entry()["num_threads"], self.entry()["version"]), (threads, fastpar.version()))
        with threadpoolctl.threadpool_limits(1, user_api="fastpar"):
            self.assertEqual((self.entry()["num_threads"], fastpar.pool_limit_get()), (1, 1))
            self.assertEqual(limits.threads_of_a_loop(), 1)
            with threadpoolctl.threadpool_limits({"fastpar": 2}):
                self.assertEqual(self.entry()["num_threads"], 2)
            self.assertEqual(self.entry()["num_threads"], 1)
        self.assertEqual(self.entry()["num_threads"], threads)


if __name__ == "__main__":
    unittest.main()
