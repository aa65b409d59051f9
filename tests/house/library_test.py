#!/usr/bin/env python3
"""examples/library, a project of its own, finds an installed Wring, links it and runs.

Usage: library_test.py CMAKE BUILD_DIR COMPILER SOURCE_DIR
"""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SKIPPED = 77


class Library(unittest.TestCase):
    cmake = build = compiler = source = None

    def run_step(self, *command):
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=240)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def test_another_project_finds_it_and_plans_with_it(self):
        with tempfile.TemporaryDirectory() as folder:
            prefix, built = Path(folder) / "prefix", Path(folder) / "built"
            self.run_step(self.cmake, "--install", self.build, "--prefix", prefix)
            self.assertTrue((prefix / "include/wring/plan/planner.h").is_file())
            self.run_step(self.cmake, "-S", self.source / "examples/library", "-B", built,
                          f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={self.compiler}")
            self.run_step(self.cmake, "--build", built)
            printed = self.run_step(built / "plan_config", self.source / "configs/lightweight_config.yaml")
            self.assertRegex(printed, "batch_size: [0-9]+ -> 64 ")


if __name__ == "__main__":
    Library.cmake, Library.build, Library.compiler = sys.argv[1:4]
    Library.source = Path(sys.argv[4])
    if shutil.which(Library.compiler) is None:
        print(f"skipped: the compiler {Library.compiler} is not here")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
