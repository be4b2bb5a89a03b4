"""The house's rules as a test: floors, doors, banned calls, sizes. Prints each breach with its line.

Exceptions are listed in tests/tidy/exceptions as "rule path reason"; an exception that is no longer
needed is itself a breach.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
FLOOR = {"base": 0, "engine": 1, "train": 1, "border": 1, "keigo": 1, "ledger": 1, "signing": 1, "watch": 1, "desk": 1,
         "gate": 2, "upstream": 2, "ring": 2, "node": 3, "lib": 3, "cli": 4}
MAY_ALSO = {("train", "engine"), ("upstream", "gate")}  # a sibling it may include
# Headers other modules may include. base and node are rooms full of doors; what trains a network
# reads and writes the files of what runs it.
OPEN = {"base", "node"}
DOORS = {("train", "engine"): {"adapter", "charsmap", "gguf", "lay", "pool", "quant", "vocab", "exact", "rope", "pages", "kernels",
                               "lanes_scalar", "lanes_avx2", "lanes_avx512", "lanes_neon",
                               "lanes_exp"}}
BANNED = {"strcpy": "snprintf or memcpy", "strcat": "struct buf", "sprintf": "snprintf",
          "vsprintf": "vsnprintf", "gets": "read", "strtok": "struct view", "atoi": "decimal_take",
          "atol": "decimal_take", "atof": "strtod", "system": "fork and exec", "popen": "fork and exec",
          "alloca": "an arena", "rand": "world.random", "srand": "world.random", "setjmp": "enum sk_code",
          "longjmp": "enum sk_code", "strncpy": "snprintf or memcpy"}
# Only rooms and the parent act (house: modules think).
ACTS = {"fork": "node", "execve": "node", "fexecve": "node", "socket": "node", "connect": "node"}
FILE_LINES, FUNCTION_LINES, COLUMNS, PARAMETERS, NESTING = 500, 70, 100, 6, 4

exceptions = {}
for line in (root / "tests/tidy/exceptions").read_text().splitlines():
    if line and not line.startswith("#"):
        rule, path, reason = line.split(None, 2)
        exceptions[(rule, path)] = reason
used, breaches, checked = set(), [], 0


def breach(rule, path, number, text):
    key = (rule, str(path.relative_to(root)))
    if key in exceptions:
        used.add(key)
    else:
        breaches.append(f"{key[1]}:{number}: {rule}: {text}")


def bare(text):
    """The text with comments, strings and character constants blanked, line breaks kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_includes(path, module, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'#include "([a-z]+)/([a-z0-9_]+)\.(?:h|def)"', line)
        if not match:
            continue
        other, header = match.groups()
        if other not in FLOOR:
            breach("floor", path, number, f"unknown module {other}")
        elif other != module:
            if FLOOR[other] >= FLOOR[module] and (module, other) not in MAY_ALSO:
                breach("floor", path, number, f"{module} may not include {other}")
            if other not in OPEN and header != other and header not in DOORS.get((module, other), ()):
                breach("door", path, number, f"{other}/{header}.h is inside {other}; its door is {other}/{other}.h")


def check_calls(path, module, code):
    for number, line in enumerate(code.splitlines(), 1):
        for call in re.findall(r"(?<![\w.>])([a-z_]+)\s*\(", line):
            if call in BANNED:
                breach("banned", path, number, f"{call}: use {BANNED[call]}")
            if call in ACTS and module != ACTS[call]:
                breach("acts", path, number, f"{call}: only src/{ACTS[call]} acts")


def functions(code):
    """(first line, last line, head) of each function body in blanked code."""
    lines = code.splitlines()
    start, depth, head = None, 0, ""
    for number, line in enumerate(lines, 1):
        if depth == 0 and start is None and re.match(r"^[A-Za-z_].*\)?\s*\{\s*$", line) is None:
            head = line if re.match(r"^[A-Za-z_]", line) else head + " " + line.strip()
        if depth == 0 and line.rstrip().endswith("{"):
            whole = head + " " + line if not re.match(r"^[A-Za-z_]", line) else line
            if ")" in whole and not re.match(r"^\s*(struct|enum|union|typedef|static const|const)\b[^()]*\{", whole):
                start, head = number, whole
        depth += line.count("{") - line.count("}")
        if depth == 0 and start is not None:
            yield start, number, head
            start, head = None, ""


def check_functions(path, code):
    lines = code.splitlines()
    for first, last, head in functions(code):
        if last - first + 1 > FUNCTION_LINES:
            breach("function", path, first, f"{last - first + 1} lines, at most {FUNCTION_LINES}")
        match = re.search(r"\w+\s*\(((?:[^()]|\([^()]*\))*)\)\s*\{", head)
        if match and len(re.findall(r",(?![^(]*\))", match.group(1))) + 1 > PARAMETERS:
            breach("parameters", path, first, f"more than {PARAMETERS}")
        depth = 0
        for number in range(first, last + 1):
            depth += lines[number - 1].count("{") - lines[number - 1].count("}")
            if depth > NESTING + 1:
                breach("nesting", path, number, f"more than {NESTING} levels")
                break


def check(path):
    module = path.relative_to(root / "src").parts[0]
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        breach("file", path, len(lines), f"{len(lines)} lines, at most {FILE_LINES}")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            breach("columns", path, number, f"{len(line)}, at most {COLUMNS}")
        if line != line.rstrip() or "\t" in line:
            breach("space", path, number, "tab or trailing space")
    if path.suffix == ".h" and not text.startswith("//"):
        breach("head", path, 1, "a header says first what it holds, promises and refuses")
    code = bare(text)
    check_includes(path, module, text)
    check_calls(path, module, code)
    if path.suffix == ".c":
        check_functions(path, code)


for path in sorted((root / "src").rglob("*.[ch]")):
    check(path)
    checked += 1
for rule, path in sorted(set(exceptions) - used):
    breaches.append(f"tests/tidy/exceptions: {rule} {path}: no longer needed")
print("\n".join(breaches))
print(f"tidy: {checked} files, {len(exceptions)} exceptions, {len(breaches)} breaches")
sys.exit(1 if breaches or checked == 0 else 0)
