"""What came out of an attack: the worst of what was judged, with what was seen."""

PASS, POOR, FAIL, SKIPPED, BROKEN = "pass", "poor", "FAIL", "skipped", "broken"
ORDER = (PASS, POOR, FAIL)


class Findings:
    """Gathers judgements. What must hold and does not makes the attack FAIL, what should hold makes it poor."""

    def __init__(self):
        self.worst, self.faults, self.notes = PASS, [], []

    def _fault(self, level, seen):
        if ORDER.index(level) > ORDER.index(self.worst):
            self.worst = level
        if seen not in self.faults:
            self.faults.append(seen)

    def must(self, holds, seen):
        if not holds:
            self._fault(FAIL, seen)
        return bool(holds)

    def should(self, holds, seen):
        if not holds:
            self._fault(POOR, seen)
        return bool(holds)

    def note(self, seen):
        self.notes.append(seen)

    def sound(self, ended, what="", signals=()):
        """Whatever a program is asked: it does not hang, is not ended by a signal but one of `signals`, and knows what went
        wrong."""
        what = f"{what}: " if what else ""
        self.must(not ended.hung, f"{what}hangs: ended after {ended.seconds:.0f} s")
        if not ended.hung:
            self.must(ended.code >= 0 or -ended.code in signals, f"{what}ended by signal {-ended.code}")
        self.should("should not happen" not in ended.text, f"{what}this should not happen: {ended.words()}")
        return ended

    def result(self):
        seen = self.faults if self.faults else self.notes
        return {"verdict": self.worst, "seen": shortened("; ".join(seen) or "as expected")}


def shortened(text, most=400):
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text.replace("\n", " ⏎ "))
    return text if len(text) <= most else text[:most - 1] + "…"
