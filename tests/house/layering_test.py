#!/usr/bin/env python3
"""Data flows one way: a lower folder never includes a higher one, files of the tree form no circle, and only libwring_train
knows torch.

Usage: layering_test.py SOURCE_DIR. The rules are the tables below; docs/architecture.md explains them.
"""
import re
import sys
import tempfile
import unittest
from pathlib import Path

# From low to high. A folder may include itself and what stands before it.
FOLDERS = """
wring/base wring/files wring/console wring/process wring/config
wring/gpu wring/gpu/nvml wring/gpu/fallback wring/telemetry
wring/plan wring/plan/rules wring/trace wring/trial wring/tune wring/tune/search wring/tune/knobs wring/agent wring/kineto
wring/findings wring/findings/rules wring/monitor wring/monitor/write wring/monitor/live wring/monitor/serve
wring/report wring/report/tuning wring/report/program wring/doctor wring/session wring/cli
wring_train/image wring_train/weights wring_train/data
wring_train/kernels wring_train/kernels/conv wring_train/kernels/tail wring_train/kernels/step
wring_train/nn wring_train/dist/host wring_train/dist
wring_train/engine wring_train/engine/eager wring_train/engine/graph
wring_train/log wring_train/restore wring_train/train wring_train/measure wring_train/commands
""".split()
LIBRARIES = ["wring", "wring_train"]

# The source of an interface that makes its implementations: it stands above them, and is a file of its own.
FACTORIES = {
    "wring/gpu/inventory.cpp": "asks NVML, then nvidia-smi",
    "wring/gpu/telemetry.cpp": "opens NVML, else nvidia-smi, else /proc",
    "wring/plan/planner.cpp": "runs the list of rules",
    "wring/findings/judge.cpp": "runs the lists of rules",
    "wring_train/engine/make_step_engine.cpp": "makes the eager or the graph engine",
}

# The parts that build without LibTorch. The other tests and bench/ link libwring_train and may use torch.
TORCH_FREE = ["src/wring", "apps", "tools", "tests/unit", "tests/cli"]
TORCH_FREE += [f"src/wring_train/{folder}" for folder in ("image", "weights", "data", "kernels", "dist/host", "log")]

# A folder of more files is a house without rooms; what a prefix says four times is a folder's name.
MOST_FILES = 40
MOST_OF_A_PREFIX = 3

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


def layer_of(name):
    """The place of a file's folder in FOLDERS; None for a name outside both libraries."""
    parts = Path(name).parts
    if len(parts) < 2 or parts[0] not in LIBRARIES:
        return None
    if len(parts) == 2:  # directly in src/wring_train: the precompiled header, above every folder
        return len(FOLDERS)
    folder = "/".join(parts[:-1])
    if folder not in FOLDERS:
        raise ValueError(f"the folder {folder} has no place in the table of layers")
    return FOLDERS.index(folder)


def upward_includes(root):
    found = []
    for path in sources(root / "src"):
        where = path.relative_to(root)
        name = "/".join(where.parts[1:])
        try:
            own = layer_of(name)
        except ValueError as error:
            found.append(f"{where}: {error}")
            continue
        for number, included in includes(path):
            try:
                other = layer_of(included)
            except ValueError as error:
                found.append(f"{where}:{number}: {error}")
                continue
            if own is not None and other is not None and other > own and name not in FACTORIES:
                found.append(f"{where}:{number}: includes {included}, which is above it")
    return found


def room_of(name):
    """A header and its source are one room; a factory's source is its own."""
    return name if name in FACTORIES else str(Path(name).with_suffix(""))


def circles(root):
    """Rooms that include each other, directly or through others, each circle once."""
    rooms = {}
    for path in sources(root / "src"):
        name = "/".join(path.relative_to(root).parts[1:])
        others = rooms.setdefault(room_of(name), set())
        others.update(room_of(included) for _, included in includes(path) if Path(included).parts[0] in LIBRARIES)
        others.discard(room_of(name))

    def reached(start):
        seen, waiting = set(), list(rooms[start])
        while waiting:
            room = waiting.pop()
            if room in rooms and room not in seen:
                seen.add(room)
                waiting.extend(rooms[room])
        return seen

    reach = {room: reached(room) for room in rooms}
    return sorted({tuple(sorted(other for other in reach[room] if room in reach[other])) for room in rooms
                   if room in reach[room]})  # fmt: skip


def full_folders(root):
    found = []
    for folder in sorted({path.parent for path in sources(root / "src")}):
        files = [path for path in sources(folder) if path.parent == folder]
        where = folder.relative_to(root)
        if len(files) > MOST_FILES:
            found.append(f"{where}: {len(files)} files")
        stems = {path.stem for path in files}
        for prefix in sorted({stem.split("_")[0] for stem in stems}):
            same = [stem for stem in stems if stem.split("_")[0] == prefix]
            if len(same) > MOST_OF_A_PREFIX:
                found.append(f"{where}: {prefix} begins {len(same)} names")
    return found


def own_header_later(root):
    """Sources whose own header is not their first include, which is what shows that the header compiles alone."""
    found = []
    for path in sorted((root / "src").rglob("*.cpp")):
        own = path.with_suffix(".h")
        first = next((name for _, name in includes(path)), None)
        if own.is_file() and first != str(own.relative_to(root / "src")):
            found.append(f"{path.relative_to(root)}: includes {first} before its own header")
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

    def test_has_no_circles(self):
        self.assertEqual(circles(self.root), [])

    def test_has_folders_that_one_can_see(self):
        self.assertEqual(full_folders(self.root), [])

    def test_names_no_factory_that_is_gone(self):
        for name in FACTORIES:
            self.assertTrue((self.root / "src" / name).is_file(), name)

    def test_includes_its_own_header_first(self):
        self.assertEqual(own_header_later(self.root), [])

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
        self.plant("src/wring/cli/a.cpp", '#  include <wring_train/image/image.h>')
        self.assertEqual(len(upward_includes(self.root)), 1)

    def test_lower_and_own_folders_are_allowed(self):
        self.plant("src/wring/plan/a.h", '#include "wring/base/error.h"\n#include "wring/plan/b.h"')
        self.plant("src/wring_train/train/a.cpp", '#include "wring/cli/train_options.h"')
        self.assertEqual(upward_includes(self.root), [])

    def test_a_folder_without_a_place_is_found(self):
        self.plant("src/wring/misc/a.h", "")
        self.assertIn("no place in the table", upward_includes(self.root)[0])

    def test_a_circle_of_folders_is_found(self):
        self.plant("src/wring/gpu/a.h", '#include "wring/gpu/nvml/b.h"')
        self.plant("src/wring/gpu/nvml/b.h", '#include "wring/gpu/c.h"')
        self.assertEqual(upward_includes(self.root),
                         ["src/wring/gpu/a.h:2: includes wring/gpu/nvml/b.h, which is above it"])

    def test_a_factory_may_include_what_it_makes(self):
        self.plant("src/wring/gpu/telemetry.cpp", '#include "wring/gpu/nvml/telemetry.h"')
        self.plant("src/wring/gpu/nvml/telemetry.h", '#include "wring/gpu/telemetry.h"')
        self.plant("src/wring/gpu/telemetry.h", "")
        self.assertEqual((upward_includes(self.root), circles(self.root)), ([], []))

    def test_a_circle_of_files_is_found_also_through_a_third(self):
        self.plant("src/wring/plan/a.h", '#include "wring/plan/b.h"')
        self.plant("src/wring/plan/b.cpp", '#include "wring/plan/c.h"')
        self.plant("src/wring/plan/b.h", "")
        self.plant("src/wring/plan/c.h", '#include "wring/plan/a.h"')
        self.plant("src/wring/plan/d.h", '#include "wring/plan/a.h"')
        self.assertEqual(circles(self.root), [("wring/plan/a", "wring/plan/b", "wring/plan/c")])

    def test_a_full_folder_and_a_prefix_that_is_a_folder_are_found(self):
        for number in range(MOST_FILES + 1):
            self.plant(f"src/wring/plan/{chr(97 + number % 26)}{number}.h", "")
        for name in ("w", "x", "y", "z"):
            self.plant(f"src/wring/tune/batch_{name}.h", "")
        self.assertEqual(full_folders(self.root), [f"src/wring/plan: {MOST_FILES + 1} files",
                                                   "src/wring/tune: batch begins 4 names"])

    def test_an_own_header_that_comes_second_is_found(self):
        self.plant("src/wring/plan/a.h", "")
        self.plant("src/wring/plan/a.cpp", '#include "wring/plan/b.h"\n#include "wring/plan/a.h"')
        self.plant("src/wring/plan/c.cpp", '#include "wring/plan/b.h"')
        self.assertEqual(own_header_later(self.root),
                         ["src/wring/plan/a.cpp: includes wring/plan/b.h before its own header"])

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
