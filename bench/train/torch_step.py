"""torch_step.py SHAPE: training steps of a llama in torch, one for each line it reads.

SHAPE is "layers width heads heads_kv ff vocabulary rows len". Says how many parameters there are,
then of each step (forward, backward, clipping, AdamW), as a line of JSON: seconds, CPU-seconds, the
loss, the peak of memory in bytes.
"""
import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F

LAYERS, WIDTH, HEADS, HEADS_KV, FF, VOCABULARY, ROWS, LEN = map(int, sys.argv[1].split())
HEAD = WIDTH // HEADS


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def turn(x, cos, sin):
    """RoPE over adjacent pairs of x [rows, heads, len, head]."""
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.ff_norm = Norm(), Norm()
        self.query = torch.nn.Linear(WIDTH, WIDTH, bias=False)
        self.key = torch.nn.Linear(WIDTH, HEADS_KV * HEAD, bias=False)
        self.value = torch.nn.Linear(WIDTH, HEADS_KV * HEAD, bias=False)
        self.output = torch.nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate = torch.nn.Linear(WIDTH, FF, bias=False)
        self.up = torch.nn.Linear(WIDTH, FF, bias=False)
        self.down = torch.nn.Linear(FF, WIDTH, bias=False)

    def attend(self, x, cos, sin, mask):
        def heads(y, n):
            return y.view(ROWS, LEN, n, HEAD).transpose(1, 2)
        q = turn(heads(self.query(x), HEADS), cos, sin)
        k = turn(heads(self.key(x), HEADS_KV), cos, sin).repeat_interleave(HEADS // HEADS_KV, 1)
        v = heads(self.value(x), HEADS_KV).repeat_interleave(HEADS // HEADS_KV, 1)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(HEAD) + mask
        y = F.softmax(scores, -1) @ v
        return self.output(y.transpose(1, 2).reshape(ROWS, LEN, WIDTH))

    def forward(self, x, cos, sin, mask):
        x = x + self.attend(self.attention_norm(x), cos, sin, mask)
        y = self.ff_norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm()
        angles = torch.outer(torch.arange(LEN), 10000 ** (-torch.arange(0, HEAD, 2) / HEAD))
        self.cos, self.sin = angles.cos(), angles.sin()
        self.mask = torch.full((LEN, LEN), -math.inf).triu(1)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin, self.mask)
        logits = self.norm(x).view(-1, WIDTH) @ self.embedding.weight.t()
        return F.cross_entropy(logits, targets.view(-1))


def main():
    torch.set_num_threads(2)
    torch.manual_seed(1)
    model = Llama()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), foreach=True)
    text = torch.randint(VOCABULARY, (ROWS, LEN + 1))
    ids, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()
    print(json.dumps({"parameters": sum(p.numel() for p in model.parameters())}), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.monotonic(), time.process_time()
        loss = model(ids, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(json.dumps({"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu,
                          "loss": loss.item(),
                          "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


main()
