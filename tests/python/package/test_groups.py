"""Groups: tasks that make tasks."""

import contextvars
import unittest

import fastpar


class Groups(unittest.TestCase):
    def test_a_tree(self):
        for lanes in (0, 1, 2):
            seen = fastpar.AtomicInt()

            def root(group):
                def node(depth):
                    seen.add(1)
                    if depth:
                        group.spawn(node, depth - 1)
                        group.spawn(node, depth - 1)

                node(8)

            fastpar.group(root, max_lanes=lanes)
            self.assertEqual(seen.load(), 511)

    def test_a_long_list(self):
        seen = []

        def root(group):
            def link(rest):
                seen.append(rest)
                if rest:
                    group.spawn(link, rest - 1)

            link(5000)

        fastpar.group(root)
        self.assertEqual(seen, list(range(5000, -1, -1)))

    def test_waiting(self):
        def root(group):
            def fib(number, out):
                if number < 2:
                    out.append(number)
                    return
                parts = []
                group.spawn(fib, number - 1, parts)
                group.spawn(fib, number - 2, parts)
                group.wait()
                out.append(sum(parts))

            fib(10, results)

        results = []
        fastpar.group(root)
        self.assertEqual(results, [55])

    def test_failures(self):
        def fail(number):
            raise LookupError(number)

        with self.assertRaises(LookupError) as raised:
            fastpar.group(lambda group: group.spawn(fail, 3))
        self.assertEqual(raised.exception.args, (3,))
        with self.assertRaises(ExceptionGroup) as several:
            fastpar.group(lambda group: fail(4), errors="group")
        self.assertEqual([error.args for error in several.exception.exceptions], [(4,)])
        self.assertRaises(ValueError, fastpar.group, print, errors="all")
        self.assertRaises(ValueError, fastpar.group, print, max_lanes=-1)

    def test_nothing_begins_after_a_failure(self):
        begun = []

        def root(group):
            group.spawn(begun.append, 1)
            raise LookupError

        self.assertRaises(LookupError, fastpar.group, root, max_lanes=1)
        self.assertEqual(begun, [])

    def test_cancel(self):
        flag = fastpar.CancelFlag()

        def root(group):
            flag.cancel()
            group.spawn(self.fail)

        self.assertRaises(fastpar.CancelledError, fastpar.group, root, cancel=flag)

    def test_a_group_of_the_past(self):
        kept = []
        fastpar.group(kept.append)
        self.assertRaises(fastpar.InvalidArgumentError, kept[0].spawn, print)
        self.assertRaises(fastpar.InvalidArgumentError, kept[0].wait)
        fastpar.group(lambda group: self.assertRaises(fastpar.InvalidArgumentError, kept[0].spawn, print))

    def test_contexts(self):
        variable, seen = contextvars.ContextVar("variable"), []
        variable.set("caller")

        def task():
            seen.append(variable.get())
            variable.set("task")

        def root(group):
            for _ in range(5):
                group.spawn(task)

        fastpar.group(root)
        self.assertEqual((seen, variable.get()), (["caller"] * 5, "caller"))
