// The node that the clients meet, and what they ask it: one real node, its own model for words,
// scripted ones (tests/api/scripted.mjs) for tools and thinking, a random encoder for embeddings.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { configure, init, serve } from '../api/node.mjs';
import { FOREVER, pieces, scripted } from '../api/scripted.mjs';

// ---- what is asked ----

export const question = '丁寧語にしてください：明日は朝から雨が降るので、駅までは歩かずに、バスで行くことにする。';
export const messages = [{ role: 'user', content: question }];
export const said = 'It is 22 degrees in 京都.';
export const thought = 'The guest asks about weather.';
export const cities = ['京都', '東京'];
export const weather = {
  name: 'weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object', additionalProperties: false, required: ['city'],
    properties: { city: { type: 'string', enum: cities } },
  },
};
export const tools = [{ type: 'function', function: weather }];
// Short whatever a model likes to say: its own model here has room for 512 tokens.
export const booking = {
  type: 'object', additionalProperties: false, required: ['room', 'breakfast', 'floor'],
  properties: {
    room: { type: 'string', enum: ['和室', '洋室'] },
    breakfast: { type: 'boolean' },
    floor: { type: 'integer', enum: [1, 2, 3] },
  },
};

// ---- the node ----

// A ChatML template that knows Hermes tool calls. What comes after results begins with a token of
// its own, so that a script can say something else there than the call again.
const template = `{%- if tools %}<|im_start|>system
You may call functions within <tools></tools>:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
For each call answer <tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif %}
{%- for m in messages %}
{%- if m.role == 'tool' %}<|im_start|>user
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ m.role }}
{{ m.content or '' }}
{%- for call in m.tool_calls or [] %}
<tool_call>
{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
</tool_call>
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if messages[-1].role == 'tool' %}<|after|>{% endif %}
{%- endif %}`;
const thinking = `{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}
{%- endif %}`;
const plain = `{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;
const call = (city) =>
  [...pieces('<tool_call>\n'), ...pieces(`{"name": "weather", "arguments": {"city": "${city}"}}`), ...pieces('\n</tool_call>')];
const chatml = { eos: '<|im_end|>', special: ['<|im_start|>'] };

export function scriptedModels(directory) {
  const special = ['<|im_start|>', { token: '<|after|>', then: 1 }];
  const make = (name, options) => scripted({ name, ...chatml, ...options }).write(join(directory, `${name}.gguf`));
  return {
    caller: make('caller', { template, special, scripts: [call(cities[0]), pieces(said)] }),
    'caller-of-two': make('caller-of-two',
      { template, special, scripts: [[...call(cities[0]), '\n', ...call(cities[1])], pieces(said)] }),
    thinker: make('thinker',
      { template: thinking, scripts: [['<think>', '\n', ...pieces(thought), '\n', '</think>', '\n\n', ...pieces(said)]] }),
    plain: make('plain', { template: plain, scripts: [pieces(said)] }), // knows no tools
    endless: make('endless', { template, special, context: FOREVER, scripts: [['はい', { again: 0 }], pieces(said)] }),
    writer: make('writer', { template, special, scripts: [pieces('{"city": "京都", "degrees": [21, 22]}'), pieces(said)] }),
  };
}

function encoder(directory) {
  const file = join(directory, 'encoder.gguf');
  execFileSync(process.env.MAKE_GGUF, ['bert', 'Q8_0', file]);
  return file;
}

// Further keys: one of 60 requests in a minute, so one in a second; one that reads metrics; others
// without a limit.
const limited = 'sk-limited', metrics = 'sk-metrics', others = ['sk-second', 'sk-third'];
const keyRow = (key, more = '') => `\n  - {name: "${key}", sha256: "${createHash('sha256').update(key).digest('hex')}"${more}}`;
const keyRows = `keys:${keyRow(limited, ', requests_per_minute: 60')}${keyRow(metrics, ', use: "metrics"')}${others.map((key) => keyRow(key)).join('')}`;

// Resolves to { url, root, key, keys, vkey, pid, model, ready(), idle(), spent(), stop() }. url: with /v1. model: the
// ids by what they are for. lines: pairs for configure().
export async function open(lines = []) {
  const place = init();
  const files = { ...scriptedModels(place.directory), encoder: encoder(place.directory) };
  const rows = Object.entries(files).map(([id, file]) => `  - {id: "${id}", file: "${file}", parallel: 4}\n`);
  configure(place, [[/(\nmodels:\n(?: .*\n)+)/, `$1${rows.join('')}`], [/keys:/, keyRows], ...lines]);
  const node = await serve(place);
  const ready = async () => (await fetch(node.url.replace('/v1', '/readyz'))).json();
  return {
    url: node.url, root: node.url.replace('/v1', ''), key: place.key, keys: [place.key, ...others], vkey: place.vkey, pid: node.child.pid, ready,
    model: { words: 'sekisho-keigo', ...Object.fromEntries(Object.keys(files).map((id) => [id, id])) },
    // Until no request is open: a client that left has ended its job.
    async idle() {
      for (;;) {
        const { open, running } = await ready();
        if (open === 0 && running === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    // A key whose minute is used up: the next request of it is told to come again, in about a second.
    async spent() {
      const headers = { authorization: `Bearer ${limited}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ model: 'sekisho-keigo', messages, max_tokens: 1 });
      const ask = async () => (await fetch(`${node.url}/chat/completions`, { method: 'POST', headers, body })).status;
      while ((await ask()) === 200);
      return limited;
    },
    async stop() {
      const end = await node.stop();
      const log = node.log();
      place.remove();
      return { ...end, log };
    },
  };
}
