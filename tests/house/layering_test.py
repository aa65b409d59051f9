#!/usr/bin/env python3
"""Data flows one way: a lower folder never includes a higher one, and only libwring_train knows torch.

Usage: layering_test.py SOURCE_DIR. The rules are the tables below; docs/architecture.md explains them.
"""
import re
import sys
import tempfile
import unittest
from pathlib import Path

# From low to high. A folder may include itself and what stands before it.
LAYERS = {
    "wring": ["base", "config", "gpu", "plan", "trial", "tune", "monitor", "report", "doctor", "cli"],
    "wring_train": ["data", "kernels", "nn", "dist", "engine", "run"],
}
# libwring_train stands above the whole of libwring; libwring never includes it.
LIBRARIES = ["wring", "wring_train"]

# The parts that build without LibTorch. The other tests and bench/ link libwring_train and may use torch.
TORCH_FREE = ["src/wring", "src/wring_train/kernels", "src/wring_train/data", "src/wring_train/dist/host", "apps",
              "tools", "tests/unit", "tests/cli"]

SUFFIXES = {".h", ".hpp", ".cpp", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")


def includes(path):
    """Yields (line number, included name)."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def sources(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def layer_of(parts):
    """('wring', 'plan', 'planner.h') → (0, 3); None for a name outside both libraries."""
    if len(parts) < 2 or parts[0] not in LIBRARIES:
        return None
    library = LIBRARIES.index(parts[0])
    if len(parts) == 2:  # directly in src/wring_train: the precompiled header, above every folder
        return library, len(LAYERS[parts[0]])
    if parts[1] not in LAYERS[parts[0]]:
        raise ValueError(f"the folder {parts[0]}/{parts[1]} has no place in the table of layers")
    return library, LAYERS[parts[0]].index(parts[1])


def upward_includes(root):
    found = []
    for path in sources(root / "src"):
        where = path.relative_to(root)
        try:
            own = layer_of(where.parts[1:])
        except ValueError as error:
            found.append(f"{where}: {error}")
            continue
        for number, name in includes(path):
            try:
                other = layer_of(Path(name).parts)
            except ValueError as error:
                found.append(f"{where}:{number}: {error}")
                continue
            if own is not None and other is not None and other > own:
                found.append(f"{where}:{number}: includes {name}, which is above it")
    return found


def torch_outside(root):
    found = []
    for folder in TORCH_FREE:
        for path in sources(root / folder):
            for number, name in includes(path):
                if TORCH.match(name):
                    found.append(f"{path.relative_to(root)}:{number}: includes {name}; this part builds without torch")
    return found


class TheTree(unittest.TestCase):
    root = None

    def test_has_sources_to_check(self):
        for library in LIBRARIES:
            self.assertTrue(sources(self.root / "src" / library), f"nothing found in src/{library}")

    def test_includes_nothing_above(self):
        self.assertEqual(upward_includes(self.root), [])

    def test_knows_torch_only_in_wring_train(self):
        self.assertEqual(torch_outside(self.root), [])


class PlantedViolations(unittest.TestCase):
    """A check that finds nothing proves nothing, so each rule is broken once."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)

    def plant(self, path, line):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#pragma once\n{line}\n", encoding="utf-8")

    def test_a_higher_folder_is_found(self):
        self.plant("src/wring/config/a.h", '#include "wring/plan/planner.h"')
        self.assertEqual(upward_includes(self.root),
                         ["src/wring/config/a.h:2: includes wring/plan/planner.h, which is above it"])

    def test_the_upper_library_is_found(self):
        self.plant("src/wring/cli/a.cpp", '#  include <wring_train/data/image.h>')
        self.assertEqual(len(upward_includes(self.root)), 1)

    def test_lower_and_own_folders_are_allowed(self):
        self.plant("src/wring/plan/a.h", '#include "wring/base/error.h"\n#include "wring/plan/b.h"')
        self.plant("src/wring_train/run/a.cpp", '#include "wring/cli/train_options.h"')
        self.assertEqual(upward_includes(self.root), [])

    def test_a_folder_without_a_place_is_found(self):
        self.plant("src/wring/misc/a.h", "")
        self.assertIn("no place in the table", upward_includes(self.root)[0])

    def test_torch_is_found_in_each_torch_free_part(self):
        for folder in TORCH_FREE:
            self.plant(f"{folder}/x.cu", "#include <ATen/ATen.h>")
        self.assertEqual(len(torch_outside(self.root)), len(TORCH_FREE))

    def test_torch_is_allowed_in_the_engine(self):
        self.plant("src/wring_train/engine/a.cpp", "#include <torch/torch.h>")
        self.assertEqual(torch_outside(self.root), [])


if __name__ == "__main__":
    TheTree.root = Path(sys.argv.pop(1))
    unittest.main()
