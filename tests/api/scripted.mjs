// A model that says what a script says: a real GGUF file for the real engine and its real sampler,
// whose next token is a function of the last one.
//
// Every token of a script is a token of its own, so each knows the one that follows; attention and
// feed-forward are zero, every token has a code (random ±1), which is its row of the output and the
// embedding of those it follows. Prompts are read byte by byte: their tokens are in no script.
// After a prompt every logit is 0 but that of script 0 (50), so it is what comes without
// asking; a client asks for another by `logit_bias: { [first[n]]: 100 }`. Within a script the next
// token's logit is CHAIN, everything else's is noise of about a tenth of it: whatever the sampler
// is set to, the script comes out, unless a grammar's mask forbids its next token.
import { writeFileSync } from 'node:fs';

const WIDTH = 256, HEAD = 32, CHAIN = 1024, DEFAULT = 50;
const NORMAL = 1, CONTROL = 3, USER = 4; // tokenizer.ggml.token_type

// ---- vocabulary ----

// How byte-level BPE writes bytes (GPT-2): visible ones of Latin-1 as themselves, others from U+0100.
const visible = (byte) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
const letters = [];
for (let byte = 0, others = 0; byte < 256; byte++) letters.push(String.fromCodePoint(visible(byte) ? byte : 256 + others++));
const written = (piece) => Array.from(typeof piece === 'string' ? Buffer.from(piece) : piece, (byte) => letters[byte]).join('');

const same = (count, make) => Array.from({ length: count }, (_, i) => make(i));

// ---- the file ----

const u32 = (value) => { const out = Buffer.alloc(4); out.writeUInt32LE(value); return out; };
const u64 = (value) => { const out = Buffer.alloc(8); out.writeBigUInt64LE(BigInt(value)); return out; };
const f32 = (value) => { const out = Buffer.alloc(4); out.writeFloatLE(value); return out; };
const text = (value) => { const bytes = Buffer.from(value); return Buffer.concat([u64(bytes.length), bytes]); };
const kinds = { u32: [4, u32], i32: [5, u32], f32: [6, f32], bool: [7, (value) => Buffer.from([value ? 1 : 0])], text: [8, text] };
const key = (name, kind, value) => Buffer.concat([text(name), u32(kinds[kind][0]), kinds[kind][1](value)]);
const list = (name, kind, values) =>
  Buffer.concat([text(name), u32(9), u32(kinds[kind][0]), u64(values.length), ...values.map(kinds[kind][1])]);
const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((32 - bytes.length % 32) % 32)]);

// tensors: [name, shape, Float32Array]
function gguf(keys, tensors) {
  let offset = 0;
  const infos = tensors.map(([name, shape, values]) => {
    const info = Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset)]);
    offset += Math.ceil(values.byteLength / 32) * 32;
    return info;
  });
  return Buffer.concat([
    padded(Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...infos])),
    ...tensors.map(([, , values]) => padded(Buffer.from(values.buffer, values.byteOffset, values.byteLength))),
  ]);
}

// ---- the model ----

// Column 0 is the prompt's; a code takes the others.
function codes(count) {
  let state = 0x9e3779b9;
  const chance = () => { // xorshift32
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return state & 1;
  };
  return same(count, () => Float32Array.from({ length: WIDTH }, (_, i) => (i === 0 ? 0 : chance() ? 1 : -1)));
}

// Which tokens there are, and `next`: for each the one that follows, -1 for those of prompts.
function vocabulary(scripts, special, eos) {
  const tokens = letters.map((piece) => [piece, NORMAL]);
  const ends = tokens.length;
  const controls = new Map([[eos], ...special.map((name) => (name.token ? [name.token, name.then] : [name]))]);
  for (const name of controls.keys()) tokens.push([name, CONTROL]);
  const next = tokens.map(() => -1), ids = [];
  for (const script of scripts) {
    const from = tokens.length, own = [];
    let then = ends;
    for (const piece of script) {
      if (piece.again !== undefined) { then = from + piece.again; break; }
      own.push(tokens.length);
      tokens.push(piece.control ? [piece.control, CONTROL] : piece.user ? [piece.user, USER] : [written(piece), NORMAL]);
    }
    own.forEach((id, i) => { next[id] = i + 1 < own.length ? own[i + 1] : then; });
    ids.push(own);
  }
  [...controls.values()].forEach((then, i) => { if (then !== undefined) next[ends + i] = ids[then][0]; });
  return { tokens, next, ids, ends };
}

function weights({ tokens, next, ids }) {
  const embeddings = new Float32Array(tokens.length * WIDTH), output = new Float32Array(tokens.length * WIDTH);
  const code = codes(tokens.length);
  next.forEach((to, id) => {
    if (to < 0) {
      embeddings[id * WIDTH] = 1; // normed: sqrt(WIDTH)
      return;
    }
    embeddings.set(code[to], id * WIDTH);
    output.set(code[to].map((bit) => bit * CHAIN / WIDTH), to * WIDTH);
  });
  output[ids[0][0] * WIDTH] = DEFAULT / Math.sqrt(WIDTH);
  return { embeddings, output };
}

// scripts: for each answer its pieces, a token each: a string, bytes (also a part of a character),
// {control: '<x>'} (a token whose text is never shown), {user: '<x>'} (one that every prompt is cut
// at); the last may be {again: n}: on with piece n for ever. Else the end of the turn follows.
// special: further control tokens, those of the template; of {token, then: n} script n follows where
// a prompt ends in it. eos: the token that ends a turn.
// Returns { bytes, first, ids, ends, write(path) }: the file; the first token of each script, to be
// asked for by logit_bias; the ids of each script's pieces; the id of eos.
export function scripted({ template, scripts, special = [], eos = '</s>', context = 8192, name = 'scripted' }) {
  const vocab = vocabulary(scripts, special, eos);
  const { tokens, ids, ends } = vocab;
  const { embeddings, output } = weights(vocab);
  const zeros = (columns, rows) => [[columns, rows], new Float32Array(columns * rows)];
  const ones = [[WIDTH], new Float32Array(WIDTH).fill(1)];
  const keys = [
    key('general.architecture', 'text', 'llama'), key('general.name', 'text', name),
    key('llama.block_count', 'u32', 1), key('llama.context_length', 'u32', context),
    key('llama.embedding_length', 'u32', WIDTH), key('llama.feed_forward_length', 'u32', HEAD),
    key('llama.attention.head_count', 'u32', 1), key('llama.attention.key_length', 'u32', HEAD),
    key('llama.attention.value_length', 'u32', HEAD), key('llama.rope.dimension_count', 'u32', HEAD),
    key('llama.attention.layer_norm_rms_epsilon', 'f32', 1e-6),
    key('tokenizer.ggml.model', 'text', 'gpt2'), key('tokenizer.ggml.pre', 'text', 'gpt-2'),
    list('tokenizer.ggml.tokens', 'text', tokens.map(([piece]) => piece)),
    list('tokenizer.ggml.token_type', 'i32', tokens.map(([, kind]) => kind)),
    list('tokenizer.ggml.merges', 'text', []),
    key('tokenizer.ggml.eos_token_id', 'u32', ends), key('tokenizer.ggml.add_bos_token', 'bool', false),
    ...(template ? [key('tokenizer.chat_template', 'text', template)] : []),
  ];
  const bytes = gguf(keys, [
    ['token_embd.weight', [WIDTH, tokens.length], embeddings], ['output.weight', [WIDTH, tokens.length], output],
    ['output_norm.weight', ...ones], ['blk.0.attn_norm.weight', ...ones], ['blk.0.ffn_norm.weight', ...ones],
    ['blk.0.attn_q.weight', ...zeros(WIDTH, HEAD)], ['blk.0.attn_k.weight', ...zeros(WIDTH, HEAD)],
    ['blk.0.attn_v.weight', ...zeros(WIDTH, HEAD)], ['blk.0.attn_output.weight', ...zeros(HEAD, WIDTH)],
    ['blk.0.ffn_gate.weight', ...zeros(WIDTH, HEAD)], ['blk.0.ffn_up.weight', ...zeros(WIDTH, HEAD)],
    ['blk.0.ffn_down.weight', ...zeros(HEAD, WIDTH)],
  ]);
  return { bytes, ids, ends, first: ids.map((own) => own[0]), write: (path) => { writeFileSync(path, bytes); return path; } };
}

// An answer that runs until it is left: so many tokens, each of which attends to all before it, take
// minutes even from this model. The context that has room for them, and `max_tokens`.
export const FOREVER = 1 << 18;

// A model `endless` beside the others of a configuration: an answer that runs until it is left, or
// has `max_tokens`, is no matter of chance. For configure() of node.mjs.
export function endless(directory) {
  const template = '{% for m in messages %}{{ m.content }}\n{% endfor %}';
  const model = scripted({ template, scripts: [['はい', { again: 0 }]], context: FOREVER });
  return [/models:\n/, `models:\n  - {id: "endless", file: "${model.write(`${directory}/endless.gguf`)}", parallel: 2}\n`];
}

// A text as pieces of 1 to `most` bytes, drawn from `seed`: to be said in ever other tokens.
export function pieces(whole, most = 6, seed = 1) {
  const bytes = Buffer.from(whole), out = [];
  let state = seed * 2654435761 >>> 0 || 1;
  for (let at = 0; at < bytes.length;) {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    const to = at + 1 + (state >>> 0) % most;
    out.push(bytes.subarray(at, to));
    at = to;
  }
  return out;
}
