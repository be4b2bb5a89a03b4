// Masks through the clients people use: what a place says again, in streams cut anywhere, comes to
// the client as it was; the place never had it. The places are on an address that is no loopback
// (tests/api/border_world.sh), so that the policy counts them as elsewhere.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { configure, init, serve } from '../api/node.mjs';
import { certificate, lastText, upstream } from '../api/upstream.mjs';

const HOST = '10.81.1.1', RUNS = 75; // of each of four: 300
const mails = ['taro.yamada@example.co.jp', 'h.suzuki@hospital.example.jp', 'a+b@x.example'];
const plain = ['会議は三時から。', ' ⟦これは普通の括弧⟧ ', '"quoted" \\ and\nnew lines', 'ご確認ください、', ' EML: ', '[[x]] '];

let seed = Number(process.env.SEKISHO_SEED ?? 1);
const chance = (below) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >>> 8) % below; };
const pick = (list) => list[chance(list.length)];
const written = () => Array.from({ length: 2 + chance(8) }, () => pick(chance(2) ? mails : plain)).join(' ');

const place = (id, there) => `
  - {id: ${id}, country: JP, operator: X, operator_home: JP, processing: single-region, kind: ${id},
     url: "${there.url}", addresses: ["${HOST}"], spki_sha256: ["${there.pin}"], ca: pin-only,
     contract: C, contract_until: 2099-01-01, models: [m]}`;
const policy = (places) => `format: 1
name: masks
home: JP
unknown: node
classes:
  contact: {detect: [email], reach: node, masked_reach: country}
  open: {detect: [], reach: country}
tenants:
  - {id: default, label: [open], labels: [open]}
places:${Object.entries(places).map(([id, there]) => place(id, there)).join('')}
routes:
${Object.keys(places).map((id) => `  - {model: at-${id}, to: [{place: ${id}, model: m}]}`).join('\n')}
`;

let home, node, places, openai, anthropic;
before(async () => {
  home = init();
  const card = certificate(home.directory, 'there', { hosts: [HOST] });
  places = { openai: await upstream({ kind: 'openai', card, host: HOST }), anthropic: await upstream({ kind: 'anthropic', card, host: HOST }) };
  const file = join(home.directory, 'policy.yaml');
  writeFileSync(file, policy(places));
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${file}"`]]);
  node = await serve(home);
  openai = new OpenAI({ baseURL: node.url, apiKey: home.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: node.url.replace('/v1', ''), apiKey: home.key, maxRetries: 0 });
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail|drop) /);
  for (const there of Object.values(places)) await there.stop();
  home.remove();
});

// What the place does: says the last message again, in pieces and writes of any size, as content
// or as a call's arguments.
const repeats = (call) => ({ json }) => {
  const text = lastText(json), sizes = () => 1 + chance(12);
  const answer = { piece: 1 + chance(7), chunk: chance(2) ? sizes : undefined };
  return call ? { ...answer, calls: [{ name: 'note', arguments: { text } }] } : { ...answer, reasoning: chance(2) ? text : undefined, text };
};
const never_there = (there) => {
  for (const { text } of there.requests.splice(0)) for (const mail of mails) assert.ok(!text.includes(mail), text);
};
const parameters = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };

for (const kind of ['openai', 'anthropic']) {
  test(`openai's client, a place of ${kind}: ${RUNS} streams`, async () => {
    for (let i = 0; i < RUNS; i++) {
      const content = written(), call = chance(3) === 0;
      places[kind].answer = repeats(call);
      const stream = openai.chat.completions.stream({ model: `at-${kind}`, messages: [{ role: 'user', content }],
        ...(call ? { tools: [{ type: 'function', function: { name: 'note', parameters } }] } : {}) });
      const { choices: [{ message }] } = await stream.finalChatCompletion();
      const said = call ? JSON.parse(message.tool_calls[0].function.arguments).text : message.content;
      assert.equal(said, content, `run ${i}`);
    }
    never_there(places[kind]);
  });

  test(`Anthropic's client, a place of ${kind}: ${RUNS} streams`, async () => {
    for (let i = 0; i < RUNS; i++) {
      const content = written(), call = chance(3) === 0;
      places[kind].answer = repeats(call);
      const stream = anthropic.messages.stream({ model: `at-${kind}`, max_tokens: 500, messages: [{ role: 'user', content }],
        ...(call ? { tools: [{ name: 'note', input_schema: parameters }] } : {}) });
      const message = await stream.finalMessage();
      const block = message.content.find(({ type }) => type === (call ? 'tool_use' : 'text'));
      assert.equal(call ? block.input.text : block.text, content, `run ${i}`);
    }
    never_there(places[kind]);
  });
}

test('not streamed, several choices, and what only looks like a token', async () => {
  const content = `${mails[0]} ⟦EML:00000000⟧ ${mails[1]}`;
  places.openai.answer = repeats(false);
  const answer = await openai.chat.completions.create({ model: 'at-openai', n: 3, messages: [{ role: 'user', content }] });
  assert.deepEqual(answer.choices.map(({ message }) => message.content), [content, content, content]);
  never_there(places.openai);
});
