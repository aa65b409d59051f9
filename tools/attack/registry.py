"""What an attack is: a function whose docstring says it as a sentence, with a number and a time limit."""

import fnmatch
import importlib
import sys
from pathlib import Path

ROWS = Path(__file__).resolve().parent / "rows"  # one group of attacks a file
GROUPS = {
    1: "nothing lost", 2: "children and processes", 3: "ranks", 4: "the server, and injection", 5: "hostile input",
    6: "numbers", 7: "load", 8: "paths by name", 9: "unreadable is not missing", 10: "waiting without a word",
    11: "ranks that disagree", 12: "text from outside", 13: "this should not happen", 14: "children that survive",
    15: "outputs that collide", 16: "values of options and variables"
}
ATTACKS = {}


class Skipped(Exception):
    """The attack cannot be made on this machine; the text says why."""


class Attack:

    def __init__(self, number, seconds, function):
        self.number, self.seconds, self.function = number, seconds, function
        self.sentence = " ".join(function.__doc__.split())

    @property
    def key(self):
        return tuple(int(part) for part in self.number.split("."))


def attack(number, seconds=120):
    """`seconds`: after which the attack is ended and counts as one that hangs."""

    def register(function):
        if number in ATTACKS:
            raise ValueError(f"two attacks have the number {number}")
        ATTACKS[number] = Attack(number, seconds, function)
        return function

    return register


def load_all(rows=ROWS):
    sys.path.insert(0, str(rows))
    for module in sorted(Path(rows).glob("*.py")):
        importlib.import_module(module.stem)
    return sorted(ATTACKS.values(), key=lambda one: one.key)


def chosen(attacks, pattern):
    """Those whose number matches (`1.*`, `3.2`), or whose sentence contains the text; several are parted by commas."""
    if not pattern:
        return list(attacks)
    parts = [part.strip() for part in pattern.split(",") if part.strip()]
    return [
        one for one in attacks if any(
            fnmatch.fnmatchcase(one.number, part) or (not part[0].isdigit() and part.lower() in one.sentence.lower())
            for part in parts)
    ]
