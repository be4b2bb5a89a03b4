"""tokens.py BUILD: a vocabulary learned by us and by Debian's spm_train, of the same lines of SEKISHO_SHARED/data/train
(../shared): CPU-seconds, and on lines that neither saw tokens for a character and bits for a character by each one's
own probabilities. Both cut with spm_encode. TOKENS_LINES lines (20,000; the peer needs four CPU-minutes for 200,000);
ours also learns from 200,000.
"""
import math
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
DATA = pathlib.Path(os.environ.get("SEKISHO_SHARED", "../shared")) / "data/train"
SAMPLE, WHOLE, HELD, PIECES = int(os.environ.get("TOKENS_LINES", "20000")), 200000, 10000, 8192


def result(figure, value, unit, goal, met, more=""):
    print(f"RESULT tokens.{figure} {value:.4g} {unit} goal {goal} {'met' if met else 'missed'} {more}".rstrip(), flush=True)


def read_lines():
    lines = []
    for path in sorted(DATA.glob("*.txt*")):
        command = ["zstd", "-dcq", path] if path.suffix == ".zst" else ["cat", path]
        lines += subprocess.run(command, check=True, capture_output=True).stdout.splitlines(keepends=True)
    lines = [line for line in lines if line.strip()]
    random.Random(1).shuffle(lines)
    return lines


def spent(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def learn_ours(text, name):
    return spent([BUILD / "sekisho", "train", "tokenizer", "--data", text, "--vocabulary", str(PIECES),
                  "--out", f"{name}.gguf", "--spm", f"{name}.model", "--force"])


def learn_theirs(text, name):
    return spent(["spm_train", f"--input={text}", f"--model_prefix={name}", f"--vocab_size={PIECES}",
                  "--model_type=unigram", "--byte_fallback", "--split_digits", "--normalization_rule_name=identity",
                  "--add_dummy_prefix=false", "--remove_extra_whitespaces=false", "--max_sentence_length=100000"])


def quality(name, held, characters):
    """Tokens and bits for a character."""
    subprocess.run(["spm_export_vocab", f"--model={name}.model", f"--output={name}.tsv"], check=True,
                   capture_output=True)
    scores = dict(line.rsplit("\t", 1) for line in pathlib.Path(f"{name}.tsv").read_text("utf-8").split("\n") if line)
    cut = subprocess.run(["spm_encode", f"--model={name}.model"], stdin=open(held, "rb"), check=True,
                         capture_output=True).stdout.decode()
    tokens = [token for line in cut.split("\n") for token in line.split(" ") if token]
    nats = -sum(float(scores[token]) for token in tokens if not token.startswith("<0x"))
    return len(tokens) / characters, nats / math.log(2) / characters


lines = read_lines()
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    files = {"whole": lines[:WHOLE], "sample": lines[:SAMPLE], "held": lines[-HELD:]}
    for name, part in files.items():
        (folder / name).write_bytes(b"".join(part))
    characters = sum(len(line.decode().rstrip("\n")) for line in files["held"])
    whole = learn_ours(folder / "whole", folder / "whole")
    result("unigram", whole, "CPU-s", 60, whole < 60, f"(aim 30; {WHOLE} lines)")
    ours, theirs = learn_ours(folder / "sample", folder / "ours"), learn_theirs(folder / "sample", folder / "theirs")
    result("unigram.beside", theirs / ours, "x", 7.3, theirs / ours >= 7.3,
           f"({SAMPLE} lines: ours {ours:.1f} CPU-s, spm_train {theirs:.1f})")
    for figure, unit, a, b in zip(("length", "likelihood"), ("tokens/character", "bits/character"),
                                  quality(folder / "ours", folder / "held", characters),
                                  quality(folder / "theirs", folder / "held", characters)):
        result(f"unigram.{figure}", a, unit, f"{b * 1.02:.4g}", a <= b * 1.02, f"(spm_train's: {b:.4g})")
