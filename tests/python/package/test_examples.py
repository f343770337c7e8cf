"""The examples, and the programs in README.md and for checkers of types, on small input."""

import compression.zstd
import os
import re
import tempfile
import unittest

import support

ROOT = os.path.join(support.PACKAGE, "..", "..")


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_example(self, name, *arguments):
        path = os.path.join(ROOT, "examples", "python", name)
        code = f"import runpy, sys; sys.argv = {[name, *arguments]!r}; runpy.run_path({path!r}, run_name='__main__')"
        return support.run(code)

    def check(self, name, *arguments):
        status, output, errors = self.run_example(name, *arguments)
        self.assertEqual(status, 0, errors)
        for way in ("with_fastpar", "with_standard_library"):
            self.assertIn(way + ":", output)
        return output

    def test_trades(self):
        output = self.check("trades.py", self.folder, "2", "65000")
        self.assertIn("minute 2: open", output)
        self.assertIn("with_tables:", output)
        self.assertEqual(self.check("trades.py", self.folder, "2", "65000").splitlines()[:3], output.splitlines()[:3])

    def test_access_log(self):
        log = os.path.join(self.folder, "log.zst")
        with compression.zstd.open(log, "w") as file:
            file.write(b'::1 - - [27/Nov/2026:06:00:00 +0000] "GET / HTTP/1.1" 200 -\nno such line\n')
        self.check("access_log.py", log, self.folder)
        with compression.zstd.open(os.path.join(self.folder, "with_fastpar.zst"), "rt") as file:
            first, second = file
        self.assertIn('"time": "2026-11-27T06:00:00+00:00", "host": "::1", "user": null', first)
        self.assertEqual(second, '{"line": 2, "text": "no such line"}\n')

    def test_compress_tree(self):
        source = os.path.join(ROOT, "src")
        self.check("compress_tree.py", source, self.folder)
        for way in ("with_fastpar", "with_standard_library"):
            with open(os.path.join(source, "lib.rs"), "rb") as file:
                with compression.zstd.open(os.path.join(self.folder, way, "lib.rs.zst")) as packed:
                    self.assertEqual(packed.read(), file.read())
        status, _, errors = self.run_example("compress_tree.py", os.path.join(self.folder, "none"), self.folder)
        self.assertNotEqual(status, 0)
        self.assertIn("none", errors)

    def test_heat(self):
        self.assertIn("200 cells, 10 steps, 1000000.000 in all", self.check("heat.py", "200", "10", "3"))
        self.assertNotEqual(self.run_example("heat.py", "10", "10", "11")[0], 0)

    def test_the_program_for_checkers_of_types(self):
        with open(os.path.join(ROOT, "tests", "python", "types", "program.py"), encoding="utf-8") as file:
            status, _, errors = support.run(file.read())
        self.assertEqual(status, 0, errors)

    def test_readme(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            program = re.search(r"```py\n(.*?)```", file.read(), re.DOTALL)[1]
        status, _, errors = support.run(program)
        self.assertEqual(status, 0, errors)
