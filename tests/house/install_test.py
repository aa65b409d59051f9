#!/usr/bin/env python3
"""The installed programs work, and wring finds wring-train beside itself.

Usage: install_test.py CMAKE BUILD_DIR [--train]
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path


def png(width, height):
    """A gray PNG with a gradient: enough for an image reader, without an image library."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((3 * x + 5 * y) % 256 for x in range(width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Installed(unittest.TestCase):
    cmake = build = None
    train = False

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = Path(folder.name) / "prefix"
        subprocess.run([cls.cmake, "--install", cls.build, "--prefix", cls.prefix], check=True,
                       stdout=subprocess.DEVNULL)

    def run_installed(self, name, *arguments):
        # Nothing but the system's folders on PATH: another wring-train must not help out.
        environment = {**os.environ, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        environment.pop("LD_LIBRARY_PATH", None)
        return subprocess.run([self.prefix / "bin" / name, *arguments], env=environment, capture_output=True,
                              text=True, timeout=120)

    def test_programs_print_their_help(self):
        for name in ("wring", "optimize_gpu") + (("wring-train",) if self.train else ()):
            result = self.run_installed(name, "--help")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(name, result.stdout)

    def test_configs_and_licence_come_along(self):
        self.assertTrue(list(self.prefix.glob("share/wring/configs/*.yaml")))
        self.assertTrue(list(self.prefix.glob("share/doc/*/LICENSE")))

    def test_manual_pages_and_completions_come_along(self):
        for name in ("man/man1/wring-optimize.1", "man/zh_CN/man1/wring-train.1", "man/man1/optimize_gpu.1",
                     "bash-completion/completions/wring", "zsh/site-functions/_wring",
                     "fish/vendor_completions.d/wring.fish"):
            self.assertTrue((self.prefix / "share" / name).stat().st_size > 0, name)

    def test_wring_finds_wring_train_beside_itself(self):
        if not self.train:
            self.skipTest("this build has no wring-train")
        photos = self.prefix / "photos"
        photos.mkdir()
        (photos / "gradient.png").write_bytes(png(64, 64))
        result = self.run_installed("wring", "evaluate", "--bicubic", "--scale", "2", "--json", str(photos))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("psnr_y", json.loads(result.stdout)["mean"])


if __name__ == "__main__":
    Installed.train = "--train" in sys.argv
    Installed.cmake, Installed.build = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
