"""What the import of the package checks."""

import ctypes
import inspect
import os
import pydoc
import subprocess
import sys
import tempfile
import unittest

import fastpar
import support
from fastpar import _native
from layout import STRUCTS


class Refusals(unittest.TestCase):
    @support.since_3_14
    @unittest.skipIf(support.FREE_THREADED, "this free-threaded Python has no GIL to refuse")
    def test_a_python_with_the_gil(self):
        code, _, errors = support.run("import fastpar", hide=False)
        self.assertEqual(code, 1)
        self.assertRegex(errors, r"RuntimeError: fastpar needs a free-threaded Python.*run it with python3\.\d+t")

    @support.free_threaded_only
    def test_a_gil_that_was_switched_on(self):
        code, _, errors = support.run("import fastpar", env={"PYTHON_GIL": "1"})
        self.assertEqual(code, 1)
        self.assertRegex(errors, "RuntimeError: .*-X gil=0")

    @support.since_3_14
    def test_an_old_python(self):
        code, _, errors = support.run("import sys; sys.version_info = (3, 13, 0, 'final', 0); import fastpar")
        self.assertEqual(code, 1)
        self.assertIn("RuntimeError: fastpar needs free-threaded Python 3.14 or later, and this is Python 3.13", errors)

    def test_a_wrong_number_of_threads_is_told_by_what_needs_it(self):
        code, output, errors = support.run(
            "import fastpar\n"
            "for use in (fastpar.ThreadPoolExecutor, lambda: fastpar.for_range(9, print)):\n"
            "    try: use()\n"
            "    except fastpar.InvalidArgumentError as error: print(error)\n"
            "fastpar.pool_start(threads=3)\n"
            "print(list(fastpar.ThreadPoolExecutor().map(int, '12')))",
            env={"FASTPAR_THREADS": "many"},
        )
        self.assertEqual(code, 0, errors)
        self.assertEqual(len(output.splitlines()), 3, output)
        self.assertEqual(output.count("FASTPAR_THREADS"), 2, output)

    def test_no_library(self):
        code, _, errors = support.run("import fastpar", env={"FASTPAR_LIBRARY": "/nowhere/libfastpar.so.1"})
        self.assertEqual(code, 1)
        self.assertRegex(errors, "ImportError: the fastpar library cannot be loaded from '/nowhere/.*FASTPAR_LIBRARY names it")

    def test_something_else(self):
        libc = "libc.so.6" if sys.platform.startswith("linux") else "kernel32.dll"
        code, _, errors = support.run("import fastpar", env={"FASTPAR_LIBRARY": libc})
        self.assertEqual(code, 1)
        self.assertIn("ImportError: the fastpar library cannot be loaded", errors)

    @support.where(sys.platform != "win32")  # it builds a library with cc
    def test_another_abi(self):
        with tempfile.TemporaryDirectory() as folder:
            library, source = os.path.join(folder, "lib.so"), os.path.join(folder, "lib.c")
            with open(source, "w") as file:
                file.write("unsigned fastpar_abi_version(void) { return 2; }\n")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
            code, _, errors = support.run("import fastpar", env={"FASTPAR_LIBRARY": library})
        self.assertEqual(code, 1)
        self.assertRegex(errors, "ImportError: .* speaks version 2 of fastpar's ABI, and this package version 1")


@support.since_3_14
class Subinterpreters(unittest.TestCase):
    def test_refused(self):
        code, output, errors = support.run(
            "import fastpar\n"
            "from concurrent import interpreters\n"
            "other = interpreters.create()\n"
            "try: other.exec('import fastpar')\n"
            "except interpreters.ExecutionFailed as error: print(error.excinfo.type.__name__, error.excinfo.msg)\n"
            "print(fastpar.reduce(10, lambda begin, end: end - begin))"
        )
        self.assertEqual(code, 0, errors)
        self.assertRegex(output, "ImportError fastpar cannot be used in a subinterpreter: .*\n10\n")


class Names(unittest.TestCase):
    def test_all(self):
        for module in (fastpar, fastpar.zstd):
            self.assertEqual(len(set(module.__all__)), len(module.__all__))
            for name in module.__all__:
                self.assertTrue(hasattr(module, name), name)
            public = {name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)}
            self.assertEqual(public - set(module.__all__), set())
        self.assertIn("zstd", fastpar.__all__)

    def test_names_that_are_imported_when_they_are_asked_for(self):
        code, output, errors = support.run(
            "import sys, threading, fastpar\n"
            "tables = 'fastpar._columns', 'fastpar._masks', 'fastpar._tables', 'fastpar._table_groups', 'fastpar.zstd._tables'\n"
            "print([name for name in tables if name in sys.modules])\n"
            "print(set(fastpar.__all__) <= set(dir(fastpar)), len(set(dir(fastpar))) == len(dir(fastpar)))\n"
            "found = []\n"
            "threads = [threading.Thread(target=lambda: found.append((fastpar.table, fastpar.Mask, fastpar.bucket))) for _ in range(8)]\n"
            "for thread in threads: thread.start()\n"
            "for thread in threads: thread.join()\n"
            "print(len(found), len(set(found)), len(fastpar.table(b'12345678', '<q')))\n"
            "from fastpar import *\n"
            "print(Table is fastpar.Table, isinstance(table(b'', '<q'), Table), 'table' in vars(fastpar))\n"
            "try: fastpar.tabel\n"
            "except AttributeError as error: print(error, error.name, error.obj is fastpar)\n"
        )
        self.assertEqual(code, 0, errors)
        self.assertEqual(
            output.splitlines()[-5:],
            ["[]", "True True", "8 1 1", "True True True", "module 'fastpar' has no attribute 'tabel' tabel True"],
        )

    def test_version(self):
        self.assertEqual(fastpar.__version__, fastpar.version())

    def test_help(self):
        text = pydoc.render_doc(fastpar, renderer=pydoc.plaintext)
        for name in fastpar.__all__:
            self.assertIn(name, text)
        for name in fastpar.__all__:
            if name not in ("zstd", "THREADS_AUTO"):
                self.assertTrue(inspect.getdoc(getattr(fastpar, name)), name)


class Native(unittest.TestCase):
    def test_layout(self):
        for name, (size, fields) in STRUCTS.items():
            struct = getattr(_native, name)
            self.assertEqual(ctypes.sizeof(struct), size, name)
            self.assertEqual({field: getattr(struct, field).offset for field in fields}, fields, name)
            self.assertEqual(len(struct._fields_), len(fields), name)

    def test_names(self):
        self.assertEqual(fastpar.status_name(_native.FASTPAR_ERR_CANCELLED), "FASTPAR_ERR_CANCELLED")
        self.assertTrue(fastpar.status_message(_native.FASTPAR_ERR_CANCELLED))
        self.assertRegex(fastpar.version(), r"^\d+\.\d+\.\d+$")
        self.assertRegex(fastpar.zstd_version(), r"^1\.\d+\.\d+$")

    @support.since_3_14
    def test_annotations_can_be_evaluated(self):
        import annotationlib
        import inspect

        for name in dir(fastpar):
            value = getattr(fastpar, name)
            if inspect.isfunction(value):
                annotationlib.get_annotations(value, format=annotationlib.Format.VALUE)
                self.assertTrue(value.__doc__, name)
