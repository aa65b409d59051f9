#!/usr/bin/env python3
"""Attacks the built programs, and says what became of each attack.

    tools/attack/__main__.py --bin build/release/bin
    python3 tools/attack --bin build/release/bin --only '1.*,unreadable'

Every attack is a function with a sentence, an expectation that the documents give, and a time limit. It runs alone, in a
temporary folder and in namespaces of its own, without a GPU; nothing that it starts, mounts or writes outlives it. The
results are printed as they come, and written as JSON after every one. The exit code is 1 when an attack FAILs, 2 when the
script itself could not make one.

pass: as the documents say. poor: less than they say, but nothing is lost. FAIL: work lost, a hang, a crash, a lie, a way in.
"""

import argparse
import collections
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import box  # noqa: E402
import registry  # noqa: E402
from verdict import BROKEN, FAIL, PASS, POOR, SKIPPED  # noqa: E402


def parse(arguments):
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(prog="tools/attack", description="Attacks the built programs.")
    parser.add_argument("--bin", default=root / "build/release/bin", type=Path, help="folder of wring and wring-train")
    parser.add_argument("--only", help="numbers (1.*, 3.2) or words of the sentence, with commas between")
    parser.add_argument("--json", type=Path, default=root / "build/attacks.json", help="where the results go")
    parser.add_argument("--images", type=Path, help="a folder of PNG photographs to take in place of drawn ones")
    parser.add_argument("--patience", type=float, default=1.0, help="factor of all time limits, for a slow or busy machine")
    parser.add_argument("--list", action="store_true", help="print the attacks and make none")
    parser.add_argument("--rows", default=registry.ROWS, type=Path, help="folder of the files with attacks")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--options", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def line_of(result):
    return f"{result['number']:>6}  {result['verdict']:<7} {result['attack']}\n                {result['seen']}"


def table(results):
    """One line a group, and one for all."""
    kinds = (PASS, POOR, FAIL, SKIPPED, BROKEN)
    lines = [f"{'group':<36}{'attacks':>8}" + "".join(f"{kind:>9}" for kind in kinds)]
    groups = collections.defaultdict(list)
    for result in results:
        groups[int(result["number"].split(".")[0])].append(result["verdict"])
    rows = [(f"{number:>2} {registry.GROUPS[number]}", verdicts) for number, verdicts in sorted(groups.items())]
    rows.append(("   all", [result["verdict"] for result in results]))
    for name, verdicts in rows:
        lines.append(f"{name:<36}{len(verdicts):>8}" + "".join(f"{verdicts.count(kind):>9}" for kind in kinds))
    return "\n".join(lines)


def exit_code(results):
    verdicts = {result["verdict"] for result in results}
    return 1 if FAIL in verdicts else 2 if BROKEN in verdicts or not results else 0


def write_json(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(results, indent=1, ensure_ascii=False, default=str) + "\n")
    os.replace(part, path)


def make(attacks, arguments):
    words = box.sandbox()
    results = []
    with tempfile.TemporaryDirectory(prefix="attacks-") as scratch:
        os.chmod(scratch, 0o755)
        shared = Path(scratch) / "shared"
        shared.mkdir()
        options = {
            "bin": str(arguments.bin.resolve()), "images": arguments.images and str(arguments.images.resolve()),
            "scratch": scratch, "shared": str(shared), "patience": arguments.patience, "rows": str(arguments.rows.resolve()),
            "machine_root": "--user" not in words
        }
        for one in attacks:
            results.append(box.run_boxed(one, words, options))
            print(line_of(results[-1]), flush=True)
            write_json(arguments.json, results)
    return results


def main(arguments):
    # What nohup and a shell's & have ignored would stay ignored in the programs that are attacked.
    for each in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if arguments.inside:
        options = json.loads(arguments.options)
        registry.load_all(options["rows"])
        box.inside(registry.ATTACKS[arguments.inside], arguments.folder, options)
        return 0
    attacks = registry.chosen(registry.load_all(arguments.rows), arguments.only)
    if arguments.list:
        print("\n".join(f"{one.number:>6}  {one.sentence}" for one in attacks))
        return 0
    if not attacks:
        print(f"no attack is called {arguments.only}", file=sys.stderr)
        return 2
    if arguments.images and not any(arguments.images.rglob("*.png")):
        print(f"{arguments.images} holds no PNG", file=sys.stderr)
        return 2
    if not (arguments.bin / "wring").exists() or not (arguments.bin / "wring-train").exists():
        print(f"{arguments.bin} has no wring and wring-train: build them, or name their folder with --bin", file=sys.stderr)
        return 2
    try:
        results = make(attacks, arguments)
    except box.Unusable as reason:
        print(reason, file=sys.stderr)
        return 2
    print("\n" + table(results))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(main(parse(sys.argv[1:])))
