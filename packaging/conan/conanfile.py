"""fastpar for Conan 2, from a checkout: `conan create packaging/conan`. It needs cargo, of Rust 1.85 or later."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, load

#: What is built from, relative to the checkout.
SOURCES = ("Cargo.toml", "Cargo.lock", "build.rs", "src/*", "include/*", "LICENSE-*", "README.md", "CHANGELOG.md")

#: What the workspace names besides, so that cargo reads it.
NAMED = ("benches/*", "tests/*", "xtask/*", "examples/*")


class Fastpar(ConanFile):
    name = "fastpar"
    description = "A global thread pool, chunked parallel loops and parallel zstd"
    license = "MIT OR Apache-2.0"
    topics = ("parallel", "thread-pool", "zstd", "compression")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": True}

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._checkout, "Cargo.toml"))
        self.version = re.search(r'^version = "(.+)"$', text, re.MULTILINE).group(1)

    def export_sources(self):
        for pattern in SOURCES + NAMED:
            copy(self, pattern, src=self._checkout, dst=self.export_sources_folder)

    def configure(self):
        # Neither C nor C++ crosses its interface but plain C.
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def validate(self):
        if self.settings.os not in ("Linux", "Windows") or self.settings.arch != "x86_64":
            raise ConanInvalidConfiguration("fastpar is for Linux and Windows on x86_64")

    @property
    def _target(self):
        if self.settings.os == "Linux":
            return "x86_64-unknown-linux-gnu"
        return "x86_64-pc-windows-msvc" if self.settings.compiler == "msvc" else "x86_64-pc-windows-gnu"

    def build(self):
        self.run(
            f'cargo rustc --release --lib --target {self._target} --target-dir "{self.build_folder}/target" '
            f"--crate-type {'cdylib' if self.options.shared else 'staticlib'}",
            cwd=self.source_folder,
        )

    def package(self):
        built = os.path.join(self.build_folder, "target", self._target, "release")
        lib = os.path.join(self.package_folder, "lib")
        copy(self, "*", src=os.path.join(self.source_folder, "include"), dst=os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE-*", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        if not self.options.shared:
            copy(self, "libfastpar.a", src=built, dst=lib)
            copy(self, "fastpar.lib", src=built, dst=lib)
        elif self.settings.os == "Windows":
            copy(self, "fastpar.dll", src=built, dst=os.path.join(self.package_folder, "bin"))
            for name in ("libfastpar.dll.a", "fastpar.dll.lib"):
                copy(self, name, src=built, dst=lib)
        else:
            copy(self, "libfastpar.so", src=built, dst=lib)
            os.rename(os.path.join(lib, "libfastpar.so"), os.path.join(lib, "libfastpar.so.1"))
            os.symlink("libfastpar.so.1", os.path.join(lib, "libfastpar.so"))

    def package_info(self):
        msvc_dll = self.options.shared and self.settings.os == "Windows" and self.settings.compiler == "msvc"
        self.cpp_info.libs = ["fastpar.dll" if msvc_dll else "fastpar"]
        self.cpp_info.set_property("cmake_file_name", "fastpar")
        self.cpp_info.set_property("cmake_target_name", "fastpar::fastpar")
        self.cpp_info.set_property("pkg_config_name", "fastpar")
        if self.options.shared:
            return
        self.cpp_info.defines = ["FASTPAR_STATIC"]
        self.cpp_info.system_libs = (
            ["m", "dl", "pthread"] if self.settings.os == "Linux" else ["kernel32", "ntdll", "userenv", "ws2_32", "advapi32"]
        )
