#!/usr/bin/env python3
"""Converts a llama2.c checkpoint and tokenizer (karpathy/llama2.c, version 0 files) to GGUF v3, F32.

    scripts/gguf_stories.py stories260K.bin tok512.bin out.gguf

llama2.c rotates adjacent pairs, as GGUF's "llama" does, so no rows are permuted."""
import struct
import sys

U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
ALIGN = 32


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pack(kind, value):
    if kind == STRING:
        return text(value)
    if kind == BOOL:
        return bytes([value])
    return struct.pack({U32: "<I", F32: "<f", I32: "<i"}[kind], value)


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + pack(kind, value)


def key_array(name, kind, values):
    head = text(name) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + b"".join(pack(kind, v) for v in values)


def read_model(path):
    data = open(path, "rb").read()
    width, ff, layers, heads, heads_kv, vocab, context = struct.unpack_from("<7i", data)
    shared, vocab = vocab > 0, abs(vocab)
    at, kv = 28, width // heads * heads_kv

    def take(*shape):
        nonlocal at
        n = 4
        for d in shape:
            n *= d
        part = data[at:at + n]
        assert len(part) == n, "checkpoint is cut off"
        at += n
        return part

    def each(name, *shape):
        for i in range(layers):
            tensors[f"blk.{i}.{name}.weight"] = (shape[::-1], take(*shape))

    tensors = {"token_embd.weight": ((width, vocab), take(vocab, width))}
    each("attn_norm", width)
    each("attn_q", width, width)
    each("attn_k", kv, width)
    each("attn_v", kv, width)
    each("attn_output", width, width)
    each("ffn_norm", width)
    each("ffn_gate", ff, width)
    each("ffn_down", width, ff)
    each("ffn_up", ff, width)
    tensors["output_norm.weight"] = ((width,), take(width))
    take(context, width // heads)  # tables of cosines and sines, made anew by the engine
    if not shared:
        tensors["output.weight"] = ((width, vocab), take(vocab, width))
    keys = [
        key("general.architecture", STRING, "llama"),
        key("general.name", STRING, "stories260K"),
        key("general.license", STRING, "mit"),
        key("llama.context_length", U32, context),
        key("llama.embedding_length", U32, width),
        key("llama.block_count", U32, layers),
        key("llama.feed_forward_length", U32, ff),
        key("llama.attention.head_count", U32, heads),
        key("llama.attention.head_count_kv", U32, heads_kv),
        key("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        key("llama.rope.dimension_count", U32, width // heads),
    ]
    return keys, tensors, vocab


def read_tokens(path, vocab):
    data = open(path, "rb").read()
    at, tokens, scores, kinds = 4, [], [], []
    for i in range(vocab):
        score, size = struct.unpack_from("<fi", data, at)
        raw = data[at + 8:at + 8 + size]
        at += 8 + size
        kind = 2 if i == 0 else 3 if i < 3 else 6 if i < 259 else 1
        if kind == 3:
            raw = raw.strip()  # llama2.c stores "\n<s>\n"
        tokens.append(raw.replace(b" ", "\u2581".encode()) if kind == 1 else raw)
        scores.append(score)
        kinds.append(kind)
    return [
        key("tokenizer.ggml.model", STRING, "llama"),
        key_array("tokenizer.ggml.tokens", STRING, tokens),
        key_array("tokenizer.ggml.scores", F32, scores),
        key_array("tokenizer.ggml.token_type", I32, kinds),
        key("tokenizer.ggml.unknown_token_id", U32, 0),
        key("tokenizer.ggml.bos_token_id", U32, 1),
        key("tokenizer.ggml.eos_token_id", U32, 2),
    ]


def main():
    checkpoint, tokenizer, out = sys.argv[1:]
    keys, tensors, vocab = read_model(checkpoint)
    keys += read_tokens(tokenizer, vocab)
    head = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(keys)) + b"".join(keys)
    offset, body = 0, b""
    for name, (shape, raw) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", d) for d in shape) + struct.pack("<IQ", 0, offset)
        body += raw + b"\0" * (-len(raw) % ALIGN)
        offset = len(body)
    with open(out, "wb") as file:
        file.write(head + b"\0" * (-len(head) % ALIGN) + body)


if __name__ == "__main__":
    main()
