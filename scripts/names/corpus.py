"""Corpora of the name tagger: from the sources in DATA to the files that names_train reads, in OUT.

    corpus.py DATA OUT [--any]

DATA holds stockmark_ner.json, megagon_ja_gsd-ud-dev.ne.conllu, presidio_synth_dataset_v2.json (as in
../shared/data/pii), wac/ (folder knp of github ku-nlp/WikipediaAnnotatedCorpus at 7d87af5e) and enamdict (of the Debian
package of that name, EUC-JP). Their digests are checked; --any takes other versions.
Writes stock.tsv, gsd.tsv, presidio.tsv, wac.tsv, templates.tsv: group TAB text TAB spans, and lexicon.tsv: entry TAB bits.
"""
import collections
import hashlib
import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).parent
DIGESTS = {
    "stockmark_ner.json": "085413a982144e6e54546e0f68090518f2abd730e8bc38140270f3cec611edc9",
    "megagon_ja_gsd-ud-dev.ne.conllu": "e27ac14fba6e06481d37f97c3b91f89357ebd1a9a812e9275bff4a8cda6ba8b0",
    "presidio_synth_dataset_v2.json": "ec08a771ba8135314cafb60752b2295212222ba3a4cd75d73811839c699e0012",
    "enamdict": "6316daac19ef6743a8ec4591f6b9089c785ef4f915f65092eda236706c24959c",
    "wac": "442eabcf5991f6b49b56220008fdb4b23ec6d8858e68ef2d7ec734b1bafe79e8",
}
BREAKS = str.maketrans("\n\t", "\u0085 ")


def digest(path):
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*.knp")):
        whole.update(file.name.encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


def sources(data, strict):
    for name, wanted in DIGESTS.items():
        if strict and digest(data / name) != wanted:
            sys.exit(f"corpus.py: {data / name} is not the version the card names (sha256 {digest(data / name)})")


def write(path, rows):
    with open(path, "w") as out:
        for group, text, spans in rows:
            marks = ",".join(f"{a}-{b}" for a, b in sorted(spans))
            out.write(f"{group}\t{text.translate(BREAKS)}\t{marks}\n")


def stockmark(path):
    for row in json.loads(path.read_text()):
        yield row["curid"], row["text"], [e["span"] for e in row["entities"] if e["type"] == "人名"]


def presidio(path):
    for row in json.loads(path.read_text()):
        spans = [(s["start_position"], s["end_position"]) for s in row["spans"] if s["entity_type"] == "PERSON"]
        yield f"t{row['template_id']}", row["full_text"], spans


def gsd(path):
    group, text, spans, start = "", "", [], None
    for line in path.read_text().splitlines():
        if line.startswith("# newdoc"):
            group = line.split()[-1]
        elif not line:
            yield group, text, spans
            text, spans = "", []
        elif not line.startswith("#"):
            cells = line.split("\t")
            mark = re.search(r"NE=([BILU])-PERSON", cells[9])
            if mark and mark[1] in "BU":
                start = len(text)
            text += cells[1]
            if mark and mark[1] in "LU":
                spans.append((start, len(text)))
            if "SpaceAfter=Yes" in cells[9]:
                text += " "


def wac(folder):
    for path in sorted(folder.rglob("*.knp")):
        text, spans, open_names = "", [], []

        def close():
            for name in open_names:  # a name ends in its base phrase
                at = text.rfind(name)
                if at >= 0 and all(at >= b or at + len(name) <= a for a, b in spans):
                    spans.append((at, at + len(name)))

        for line in path.read_text().splitlines():
            if line.startswith("# S-ID") or (line.startswith("* ") and len(line.split(" ")) < 6):
                continue
            if re.match(r"\+ -?\d+[A-Z]", line):
                close()
                open_names = re.findall(r"<NE:PERSON:([^>]*)>", line)
            elif line == "EOS":
                close()
                yield path.stem, text, spans
                text, spans, open_names = "", [], []
            elif not line.startswith("#"):
                text += line.split(" ")[0] or " "


TYPES = {"s": 1, "f": 2, "m": 2, "g": 2, "u": 4, "h": 8}


def enamdict(path):
    """(entry, reading, bits, Latin words) of each line that has a person's name."""
    for line in path.read_bytes().decode("euc_jp", "ignore").splitlines():
        match = re.match(r"^(\S+)(?: \[(\S+)\])? /(.*)/$", line)
        for part in match[3].split("/") if match else ():
            kinds = re.match(r"\(([a-z,]+)\)", part)
            bits = sum({TYPES.get(kind, 0) for kind in kinds[1].split(",")}) if kinds else 0
            if not bits:
                continue
            latin = re.findall(r"[A-Za-zÀ-ɏ]+", re.sub(r"\([^)]*\)", "", part))
            for entry in match[1].split(";"):
                yield re.sub(r"\(.*?\)", "", entry), match[2] or "", bits, [w for w in latin if w[0].isupper()]


def lexicon(names):
    bits, seen, foreign = collections.defaultdict(int), collections.Counter(), set()
    latin = collections.defaultdict(int)
    for entry, _, kinds, words in names:
        bits[entry] |= kinds
        for word in words if kinds & 7 else ():
            if len(word) > 1:
                seen[word.lower()] += 1
                latin[word.lower()] |= kinds & 7
                if re.fullmatch("[ァ-ヶー・]+", entry):
                    foreign.add(word.lower())
    for word, kinds in latin.items():
        if word in foreign or seen[word] >= 3:
            bits[word] |= kinds
    for line in (HERE / "cues.txt").read_text().splitlines():
        if not line.startswith("#"):
            bit, *words = line.split()
            for word in words:
                bits[word] |= int(bit)
    return bits


def templates(names, times=8):
    pick, pools = random.Random(20261122), collections.defaultdict(list)
    for entry, reading, kinds, words in names:
        han, kata = re.fullmatch("[一-龥々]{1,3}", entry), re.fullmatch("[ァ-ヶー]{2,8}", entry)
        if han and kinds & 1: pools["S"].append((entry, reading))
        if han and kinds & 2 and len(entry) < 4: pools["G"].append((entry, reading))
        if kata and kinds & 3: pools["k"].append((entry, words[0] if words else "Ann"))
    one = lambda pool: pick.choice(pools[pool])[0]
    latin = lambda: pick.choice(pools["k"])[1].capitalize()
    makers = {
        "S": lambda: one("S"), "G": lambda: one("G"), "F": lambda: one("S") + one("G"),
        "P": lambda: one("S") + pick.choice(" 　") + one("G"), "k": lambda: one("k"),
        "K": lambda: one("k") + "・" + one("k"), "l": latin, "L": lambda: latin() + " " + latin(),
        "Y": lambda: pick.choice(pools["S"])[1] + pick.choice(pools["G"])[1],
    }
    for number, line in enumerate((HERE / "templates.txt").read_text().splitlines()):
        if line.startswith("#"):
            continue
        for _ in range(times if "{" in line else 1):
            text, spans = "", []
            for part in re.split(r"(\{.\})", line.replace("⏎", "\n")):
                if re.fullmatch(r"\{.\}", part):
                    name = makers[part[1]]()
                    spans.append((len(text), len(text) + len(name)))
                    part = name
                text += part
            yield f"m{number}", text, spans


def main():
    data, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    sources(data, "--any" not in sys.argv)
    out.mkdir(exist_ok=True)
    write(out / "stock.tsv", stockmark(data / "stockmark_ner.json"))
    write(out / "gsd.tsv", gsd(data / "megagon_ja_gsd-ud-dev.ne.conllu"))
    write(out / "presidio.tsv", presidio(data / "presidio_synth_dataset_v2.json"))
    write(out / "wac.tsv", wac(data / "wac"))
    names = list(enamdict(data / "enamdict"))
    write(out / "templates.tsv", templates(names))
    with open(out / "lexicon.tsv", "w") as file:
        file.writelines(f"{entry}\t{bits}\n" for entry, bits in sorted(lexicon(names).items()) if entry)


main()
