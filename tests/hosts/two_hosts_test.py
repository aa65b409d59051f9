#!/usr/bin/env python3
"""wring train on two machines: network namespaces with a cable between them.

Usage: two_hosts_test.py WRING. Exits with 77 (skipped) where the kernel lets this user make no namespaces.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from pathlib import Path

SKIPPED = 77
INSIDE = "WRING_TEST_INSIDE_NAMESPACE"
# A /run of its own, for ip's names of namespaces; then two of them with a cable, no way to anywhere else.
SET_UP = """
mount -t tmpfs none /run || exit 77
ip netns add a && ip netns add b && ip link add va type veth peer name vb || exit 77
ip link set va netns a && ip link set vb netns b
for host in a:1 b:2; do
  name=${host%:*}
  ip -n "$name" addr add "10.77.0.${host#*:}/24" dev "v$name"
  ip -n "$name" link set "v$name" up
  ip -n "$name" link set lo up
done
"""
WRING = None
CONFIG = """base_channels: 8
num_blocks: 1
scale_factor: 2
batch_size: 4
patch_size: 24
num_workers: 0
dataset_enlarge_ratio: 10
use_mixed_precision: false
total_iters: 20
val_freq: 10
checkpoint_freq: 10
log_freq: 1
experiment_name: run
"""


def enter_namespaces():
    """Starts this program again as root of a user namespace, with the two hosts set up."""
    command = ["unshare", "-Urnm", "sh", "-c", SET_UP + 'exec "$0" "$@"', sys.executable, __file__, WRING]
    try:
        result = subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False)
    except FileNotFoundError:
        print("skipped: there is no unshare")
        sys.exit(SKIPPED)
    if result.returncode == SKIPPED or result.returncode > 100:
        print("skipped: this user may make no network namespaces")
        sys.exit(SKIPPED)
    sys.exit(result.returncode)


def write_png(path, width, height, seed):
    noise = random.Random(seed)
    rows = b"".join(b"\0" + bytes(noise.randrange(256) for _ in range(3 * width)) for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class TwoHosts(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.processes = []
        self.addCleanup(self.end_all)
        for host in ("a", "b"):
            images = self.root / host / "data/train/HR"
            images.mkdir(parents=True)
            (self.root / host / "run.yaml").write_text(CONFIG, encoding="utf-8")
            for i in range(4):
                write_png(images / f"{i}.png", 48, 40, i)

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def start(self, host, rank, *more):
        env = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
               "MASTER_ADDR": "10.77.0.1", "MASTER_PORT": "29500", "WRING_RANK_TIMEOUT": "5", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1",
               "WRING_CACHE_DIR": str(self.root / host / "cache")}
        command = ["ip", "netns", "exec", host, WRING, "train", "run.yaml", "--device", "cpu", *more]
        process = subprocess.Popen(command, cwd=self.root / host, env=env, text=True, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def steps(self):
        metrics = self.root / "a/experiments/run/metrics.jsonl"
        return [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []

    def test_train_together_and_only_the_first_writes(self):
        first, second = self.start("a", 0), self.start("b", 1)
        for process in (first, second):
            _, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
        self.assertEqual(self.steps()[-1]["step"], 20)
        self.assertEqual(self.steps()[0]["ranks"], 2)
        self.assertTrue(list((self.root / "a/experiments/run/checkpoints").glob("state_*.safetensors")))
        self.assertFalse((self.root / "b/experiments").exists())

    def test_a_cut_cable_ends_both_with_the_reason_and_the_run_goes_on_alone(self):
        endless = ("--set", "total_iters=1000000", "checkpoint_freq=5")
        first, second = self.start("a", 0, *endless), self.start("b", 1, *endless)
        while len(self.steps()) < 12:
            self.assertIsNone(first.poll())
            time.sleep(0.05)
        subprocess.run(["ip", "-n", "b", "link", "set", "vb", "down"], check=True)
        self.addCleanup(subprocess.run, ["ip", "-n", "b", "link", "set", "vb", "up"], check=True)
        for process, other in ((first, "rank 1 on"), (second, "rank 0 on")):
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 1, err)
            self.assertIn(other, err)
            self.assertIn("has not answered for 5 s", err)
        alone = subprocess.run(
            [WRING, "train", "run.yaml", "--device", "cpu", "--resume", "--set", "total_iters=1"],
            cwd=self.root / "a", text=True, capture_output=True, check=False)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        self.assertIn("resuming at step", alone.stderr)


if __name__ == "__main__":
    WRING = str(Path(sys.argv.pop(1)).resolve())
    if INSIDE not in os.environ:
        enter_namespaces()
    unittest.main()
