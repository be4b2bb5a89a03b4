"""train.py BUILD: training steps of ours beside torch's and llm.c's, in turns, on this machine.

The shape is a llama of GPT-2 124M's size: 12 layers, 768 wide, 12 heads, SwiGLU of 2048, a tied
vocabulary of 50,257: 123.6 M parameters where GPT-2 has 124.4 M with its positions, and the same
multiplications within 1 %. Ours and torch (Debian's python3-torch over libopenblas0-pthread, two
threads, torch_step.py) do a step each in turn, so that neighbours slow both; ratios are medians of
the turns'. llm.c runs beside them where LLMC_TRAIN is the path of its train_gpt2, built outside this
repository; its checkpoint and tokens are random and written here. A vocabulary of 8,192 pieces is
learned from 200,000 Japanese lines of SEKISHO_SHARED/data/train (../shared).
"""
import importlib.util
import itertools
import json
import math
import os
import pathlib
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time

BUILD, HERE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(__file__).resolve().parent
GPT2, STORY, TURNS = "12 768 12 12 2048 50257 4 64", "8 320 8 4 864 8192 8 256", 5
OURS, TORCH = [str(BUILD / "bench/train_ours")], [sys.executable, str(HERE / "torch_step.py")]
# Torch at its best here: two threads, and blocks of memory that stay with the program.
ENVIRONMENT = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MALLOC_TOP_PAD_": str(1 << 28),
               "MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}


def result(figure, value, unit, goal, met, more=""):
    text = f"{value:.2f}" if value < 100 else f"{value:.0f}"
    print(f"RESULT train.{figure} {text} {unit} goal {goal} {'met' if met else 'missed'} {more}".rstrip(), flush=True)


class Program:
    """Does one step for each line it is sent."""
    def __init__(self, command):
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | ENVIRONMENT)
        self.parameters = self.said()["parameters"]
        self.start = time.monotonic() - began

    def said(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"train.py: {self.process.args[0]} ended, {self.process.wait()}")
        return json.loads(line)

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.said()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start_of(command):
    """The least of three: the first to touch memory that a virtual machine gave back waits for its host."""
    starts = []
    for _ in range(3):
        program = Program(command)
        starts.append(program.start)
        program.close()
    return min(starts)


def best(steps, key):
    return min(step[key] for step in steps)


def write_llmc(folder):
    """What llm.c's train_gpt2 opens: a checkpoint of GPT-2 124M and tokens, both random."""
    layers, width, vocabulary, padded, positions = 12, 768, 50257, 50304, 1024
    count = (padded + positions + 2) * width + layers * (12 * width * width + 13 * width)
    noise = random.Random(1)
    some = struct.pack("<65536f", *(noise.gauss(0, 0.02) for _ in range(65536)))
    with open(folder / "gpt2_124M.bin", "wb") as file:
        file.write(struct.pack("<256i", 20240326, 3, positions, vocabulary, layers, 12, width, padded, *[0] * 248))
        for at in range(0, count, 65536):
            file.write(some[:4 * min(65536, count - at)])
    data = folder / "dev/data/tinyshakespeare"
    data.mkdir(parents=True)
    for name in ("train", "val"):
        tokens = [noise.randrange(vocabulary) for _ in range(4096)]
        (data / f"tiny_shakespeare_{name}.bin").write_bytes(
            struct.pack("<256i", 20240520, 1, len(tokens), *[0] * 253) + struct.pack(f"<{len(tokens)}H", *tokens))


def cpu_of(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_llmc(program):
    """Seconds and CPU-seconds of its second step: before the first it evaluates."""
    with tempfile.TemporaryDirectory() as folder:
        write_llmc(pathlib.Path(folder))
        process = subprocess.Popen(["stdbuf", "-oL", program], cwd=folder, stdout=subprocess.PIPE, text=True,
                                   env=os.environ | ENVIRONMENT)
        cpu = 0
        for line in process.stdout:
            if line.startswith("step 0"):
                cpu = cpu_of(process)
            if line.startswith("step 1"):
                cpu = cpu_of(process) - cpu
                process.kill()
                process.wait()
                return float(line.split("took ")[1].split()[0]) / 1000, cpu
    raise SystemExit("train.py: llm.c ended before its second step")


def say_torch(mine, other):
    wall = statistics.median(b["wall"] / a["wall"] for a, b in zip(mine, other))
    cpu = statistics.median(b["cpu"] / a["cpu"] for a, b in zip(mine, other))
    print(f"torch: {256 / best(other, 'wall'):.0f} tokens/s at best, {best(other, 'cpu'):.2f} CPU-s a step, "
          f"{other[-1]['memory'] / 1e9:.2f} GB")
    result("124m.torch", wall, "x", 1.5, wall >= 1.5, f"(aim 2; by CPU-seconds {cpu:.2f} x)")


def run_gpt2():
    ours = Program(OURS + [GPT2])
    torch = Program(TORCH + [GPT2]) if importlib.util.find_spec("torch") else None
    mine, other = [], []
    for _ in range(1 + TURNS):
        mine.append(ours.step())
        if torch:
            other.append(torch.step())
    for program in (ours, torch) if torch else (ours,):
        program.close()
    mine, other = mine[1:], other[1:]  # the first step of each touches its memory
    operations = 6 * ours.parameters * 256
    share = 100 * statistics.median(operations / a["cpu"] / (a["peak_cpu"] or math.inf) for a in mine)
    print(f"ours: {256 / best(mine, 'wall'):.0f} tokens/s at best, {best(mine, 'cpu'):.2f} CPU-s a step, of them "
          f"{best(mine, 'adam'):.2f} AdamW")
    result("124m.cpu", best(mine, "cpu"), "CPU-s", 3.7, best(mine, "cpu") <= 3.7, "(aim 2.6)")
    result("124m.peak", share, "%peak", 60, share >= 60,
           f"(6 x parameters x tokens, of {mine[0]['peak_cpu'] / 1e9:.0f} GFLOP a CPU-second)")
    result("124m.memory", mine[-1]["memory"] / 1e9, "GB", 2.3, mine[-1]["memory"] < 2.3e9)
    if torch:
        say_torch(mine, other)
    else:
        print("torch: skipped: python3-torch and libopenblas0-pthread are not installed")
    if not os.environ.get("LLMC_TRAIN"):
        print("llm.c: skipped: LLMC_TRAIN, the path of its train_gpt2, is not set")
        return
    seconds, spent = run_llmc(os.environ["LLMC_TRAIN"])
    ratio = seconds / statistics.median(a["wall"] for a in mine)
    result("124m.llmc", ratio, "x", 10, ratio >= 10,
           f"({seconds:.1f} s; {spent:.1f} CPU-s a step, {spent / statistics.median(a['cpu'] for a in mine):.1f} x)")


def run_alone():
    halved = Program(OURS + [GPT2, "halved"])
    steps = [halved.step() for _ in range(2)]
    halved.close()
    result("124m.memory.halved", steps[-1]["memory"] / 1e9, "GB", 1.4, steps[-1]["memory"] < 1.4e9,
           f"(moments of BF16; {steps[-1]['cpu']:.2f} CPU-s a step)")
    story = Program(OURS + [STORY])
    steps = [story.step() for _ in range(1 + TURNS)][1:]
    story.close()
    rate, spent = 2048 / best(steps, "wall"), 2048 * 2 / best(steps, "cpu")
    result("12m.tokens", rate, "tokens/s", 1500, rate >= 1500, f"(aim 2000; {spent:.0f} for two CPU-seconds)")


def run_starts():
    ours = start_of(OURS + [GPT2])
    more = f"; torch {start_of(TORCH + [GPT2]):.1f}" if importlib.util.find_spec("torch") else ""
    result("124m.start", ours, "s", 1, ours < 1, f"(aim 0.3{more})")


TEXTS = {"aozora-120m.txt.zst": 120000, "japan-laws-30m.txt.zst": 40000, "asdc-accommodation-dialogs.txt.zst": 40000}


def run_tokenizer():
    data = pathlib.Path(os.environ.get("SEKISHO_SHARED", "../shared")) / "data/train"
    if not all((data / name).exists() for name in TEXTS):
        print(f"tokenizer: skipped: no texts in {data}")
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder) / "lines.txt"
        with lines.open("wb") as out:
            for name, count in TEXTS.items():
                with subprocess.Popen(["zstd", "-dcq", data / name], stdout=subprocess.PIPE) as reader:
                    out.writelines(itertools.islice(reader.stdout, count))
                    reader.kill()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([BUILD / "sekisho", "train", "tokenizer", "--data", lines, "--vocabulary", "8192", "--out",
                        lines.with_suffix(".gguf")], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        result("unigram.cpu", spent, "CPU-s", 60, spent < 60,
               f"(aim 30; {lines.stat().st_size / 1e6:.1f} MB of text)")


run_gpt2()
run_alone()
run_starts()
run_tokenizer()
