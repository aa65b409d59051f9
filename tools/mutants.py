"""Which small changes to a C++ source tests should notice, and which of them a seed draws.

Works on single lines whose comments and texts are blanked out, so that only code is changed. A change that does not
compile costs a compilation and nothing else: mutate.py draws again.
"""

import random
import re
from dataclasses import dataclass

COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"}
TWINS = {
    "min": "max", "max": "min", "min_element": "max_element", "max_element": "min_element",
    "any_of": "all_of", "all_of": "any_of", "none_of": "any_of",
    "lower_bound": "upper_bound", "upper_bound": "lower_bound",
    "floor": "ceil", "ceil": "floor", "front": "back", "back": "front",
    "true": "false", "false": "true",
}  # fmt: skip
GATHERS = re.compile(r"(hash|append|add|push|insert|emplace|combine|key|join|seal|sign)\w*$", re.IGNORECASE)
DECLARATION = re.compile(r"^(const |static |constexpr |auto |struct |class |enum |using |typedef |friend )"
                         r"|^[\w:]+(<[\w:<>,&* ]*>)?[&*]? [\w, ]+( = .*|\{.*\}|\(.*\))?;$")
NO_STATEMENT = re.compile(r"^(return|case|default|else|for|while|do|public|private|protected|throw|template|namespace|#|[}\])])")
# Left alone: a removal that goes astray deletes what is not its own, and a reserve() saves time only.
UNTOUCHED = re.compile(r"^#|\bstatic_assert\b|\bremove_all\(|\.reserve\(")


@dataclass(frozen=True)
class Mutant:
    file: str  # relative to the repository
    line: int  # from 1
    kind: str
    before: str  # the whole line
    after: str

    def describe(self):
        return f"{self.file}:{self.line}  {self.kind}\n    - {self.before.strip()}\n    + {self.after.strip() or '(nothing)'}"


def code_only(text):
    """The source with the insides of comments and literals blanked, character for character."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
        re.DOTALL)

    def blank(match):
        found = match.group()
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + re.sub(r"[^\n]", "\x01", found[1:-1]) + found[-1]

    return token.sub(blank, text)


def balanced(code):
    depth = 0
    for sign in code:
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            return False
    return depth == 0


def arguments(code, begin):
    """The spans of the parts of a list that opens at `begin`; none where it does not close on this line."""
    spans, depth, start = [], 0, begin + 1
    for at in range(begin, len(code)):
        if code[at] in "([{":
            depth += 1
        elif code[at] in ")]}":
            depth -= 1
            if depth == 0:
                return [*spans, (start, at)]
        elif code[at] == "," and depth == 1:
            spans.append((start, at))
            start = at + 1
    return []


def swaps(code):
    """(kind, begin, end, replacement) of the operators, names and constants that have a counterpart."""
    for found in re.finditer(r" (<=|>=|==|!=|<|>) ", code):
        yield "comparison", *found.span(1), COMPARISONS[found[1]]
    for found in re.finditer(r"(?<!\") ([-+*/%])=? (?!\")", code):  # beside a text, + joins
        yield "arithmetic", *found.span(1), ARITHMETIC[found[1]]
    for found in re.finditer(r"(\+\+|--)(?=\w)|(?<=\w)(\+\+|--)", code):
        yield "arithmetic", *found.span(), "--" if found[0] == "++" else "++"
    for found in re.finditer(r" (&&|\|\|) ", code):
        yield "logic", *found.span(1), "||" if found[1] == "&&" else "&&"
    for found in re.finditer(r"(?<![\w)\]!])!(?=[\w(:*])", code):
        yield "logic", *found.span(), ""
    for found in re.finditer(r"\b(" + "|".join(TWINS) + r")\b(?=[(<;,)} ])", code):
        yield "twin", *found.span(), TWINS[found[0]]
    for found in re.finditer(r"(?<![\w.\x01'])(\d+(?:\.\d+)?(?:e-?\d+)?)(?=[uUlLfF]*(?![\w.']))", code):
        value = float(found[1]) if re.search(r"[.e]", found[1]) else int(found[1])
        for changed in sorted({value + 1, value - 1, value * 2} - {value}):
            yield "constant", *found.span(1), str(changed)


def drops(code):
    """What can be left out of a line: a part of a list that something is gathered from, a term."""
    for found in re.finditer(r"(?:\b(\w+)\(|(?<=[ (,=])\{|\breturn \{|\w\{)", code):
        if found[1] and not GATHERS.search(found[1]):
            continue
        parts = arguments(code, found.end() - 1)
        if len(parts) < 2:
            continue
        for index, (begin, end) in enumerate(parts):
            if not re.search(r"\w", code[begin:end].replace("\x01", "")):
                continue  # only text
            yield "argument", *((begin - 1, end) if index else (begin, end + 1)), ""
    for found in re.finditer(r" (?:\+|<<|\||&&|\|\|) [\w.:>*()\[\]-]+?(?=[;,)]| [+<&|?])", code):
        if balanced(found[0]):
            yield "term", *found.span(), ""


def statements(code, before):
    """Whole lines: a condition that is turned round, a statement that is left out, a result that is none."""
    bare = code.strip()
    indent = len(code) - len(code.lstrip())
    whole = bare.endswith(";") and balanced(bare) and (not before or before[-1] in ";{}:)" or before == "else")
    found = re.match(r"\s*(?:\} )?(?:else )?(if|while) \(", code)
    if found:
        spans = arguments(code, found.end() - 1)
        if spans:
            begin, end = spans[0][0], spans[-1][1]
            declares = re.match(r"[^({]*(?:\([^()]*\)|\{[^{}]*\})*[^({]*; ", code[begin:end])
            begin += declares.end() if declares else 0
            if not re.match(r"(const )?auto[&* ]", code[begin:end]):
                yield "condition", begin, end, "!({})"
    if whole and not DECLARATION.match(bare) and not NO_STATEMENT.match(bare):
        yield "statement", indent, len(code.rstrip()), ";"
        if not bare.startswith(("if ", "break", "continue")):
            yield "early return", indent, len(code.rstrip()), "return;"
    found = re.search(r"\breturn (?!\{\}|0;|false;|true;|std::nullopt;|nullptr;|\"\";)([^;]+);$", code.rstrip())
    if found and balanced(found[1]):
        yield "result", *found.span(1), "{{}}"


def mutants_of(file, text):
    """Every mutant of a source, by line."""
    lines, before = {}, ""
    for number, (line, code) in enumerate(zip(text.split("\n"), code_only(text).split("\n")), start=1):
        bare = code.strip()
        if not bare or UNTOUCHED.search(bare):
            before = bare or before
            continue
        found = []
        for kind, begin, end, new in [*swaps(code), *drops(code), *statements(code, before)]:
            new = new.format(line[begin:end]) if "{" in new else new
            found.append(Mutant(file, number, kind, line, line[:begin] + new + line[end:]))
        if found:
            lines[number] = list(dict.fromkeys(found))
        before = bare
    return lines


def draw(sources, seed):
    """Yields mutants without repetition: a line of all sources' lines, a kind of change that it allows, one of that
    kind. The same for the same sources and seed. `sources`: {file: text}."""
    lines = [mutants for file in sorted(sources) for mutants in mutants_of(file, sources[file]).values()]
    generator = random.Random(seed)
    drawn = set()
    total = sum(len(mutants) for mutants in lines)
    while len(drawn) < total:
        line = generator.choice(lines)
        kind = generator.choice(sorted({mutant.kind for mutant in line}))
        mutant = generator.choice([mutant for mutant in line if mutant.kind == kind])
        if mutant not in drawn:
            drawn.add(mutant)
            yield mutant
