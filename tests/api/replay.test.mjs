// Receipts made under load give the same answer when they are computed again; what was changed is found.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { forge, forgeKey } from './forge.mjs';
import { configure, init, sekisho, serve, verify } from './node.mjs';

const run = promisify(execFile);
const headers = (place) => ({ authorization: `Bearer ${place.key}`, 'content-type': 'application/json' });
const post = (node, place, body, signal) =>
  fetch(`${node.url}/chat/completions`, { method: 'POST', signal, headers: headers(place), body });

// Runs `sekisho replay --json`; resolves to its exit code and what it says.
async function replay(place, name, receipt, body, args = []) {
  const files = [join(place.directory, `${name}.receipt`), join(place.directory, `${name}.body`)];
  writeFileSync(files[0], typeof receipt === 'string' ? receipt : JSON.stringify(receipt));
  writeFileSync(files[1], body);
  const words = ['replay', files[0], '--prompt', files[1], '--config', place.config, '--json', ...args];
  const { stdout, code = 0 } = await run(sekisho, words).catch((error) => error);
  return { code, ...JSON.parse(stdout) };
}

const prompts = ['はい', '部屋で食事はできますか？', 'Hello, is there a room with a view?', '何時に朝食ですか。\n\n二人です。'];
const settings = [
  { temperature: 0 },
  { temperature: 1, seed: 7 },
  { temperature: 0.8, top_p: 0.9 },
  { temperature: 1.3, top_k: 20, stop: ['。', 'です'] },
  { temperature: 1, min_p: 0.05, repetition_penalty: 1.2, logit_bias: { 5: -3, 17: 2.5 } },
  { temperature: 0, frequency_penalty: 0.5, presence_penalty: -0.25 },
];
const bodyOf = (i) => JSON.stringify({
  model: 'sekisho-keigo', messages: [{ role: 'user', content: prompts[i % prompts.length] }],
  ...settings[i % settings.length], ...(i % 3 ? { max_tokens: 4 + (i * 7) % 40 } : {}), ...(i % 2 ? { stream: true } : {}),
});

let place, node;
test.before(async () => {
  place = init();
  node = await serve(place);
});
test.after(async () => {
  await node.stop();
  place.remove();
});

test('50 receipts made by 8 callers at once, some of whom leave: every whole one replays', async () => {
  const made = [], left = [];
  let next = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (made.length < 50) {
      const i = next++, body = bodyOf(i), abort = new AbortController();
      const response = await post(node, place, body, abort.signal);
      assert.equal(response.status, 200, await (response.status === 200 ? '' : response.text()));
      if (i % 9 === 5) { // a stream: after its first event
        await response.body.getReader().read();
        abort.abort();
        left.push({ i, body, number: response.headers.get('sekisho-receipt') });
      } else {
        made.push({ i, body, answer: await response.text() });
      }
    }
  }));
  const queue = [...made];
  await Promise.all([1, 2].map(async () => {
    for (let row; (row = queue.pop());) {
      const result = await replay(place, `r${row.i}`, row.answer, row.body);
      assert.equal(result.code, 0, `${row.i}: ${result.reason}`);
      assert.deepEqual([result.result, result.request, result.prompt, result.answer], ['same', 'proven', 'proven', 'proven']);
    }
  }));
  // Of an answer that was cut nobody got the salts: it says so.
  assert.ok(left.length >= 4);
  for (const row of left) {
    const receipt = await (await fetch(`${node.url}/receipts/${row.number}`, { headers: headers(place) })).json();
    const result = await replay(place, `left${row.i}`, receipt, row.body);
    assert.equal(result.code, 1);
    assert.match(result.reason, /no salt/);
  }
});

test('a seed the node drew is in the receipt; the same body gives another answer next time', async () => {
  const body = JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 2, max_tokens: 40 });
  const answers = [await (await post(node, place, body)).json(), await (await post(node, place, body)).json()];
  const sampler = (answer) => JSON.parse(answer.sekisho.receipt.close.leaf).sampler;
  assert.notEqual(sampler(answers[0]), sampler(answers[1]));
  assert.ok(BigInt(/"seed":(\d+)/.exec(sampler(answers[0]))[1]) > 0n);
  for (const [i, answer] of answers.entries())
    assert.equal((await replay(place, `seed${i}`, answer, body)).code, 0);
});

test('what was changed is found: the body, the receipt, the model', async () => {
  const body = bodyOf(0), answer = await (await post(node, place, body)).json();
  const { receipt } = answer.sekisho;
  const other = body.replace('はい', 'いえ');
  assert.notEqual(other, body);
  const wrongBody = await replay(place, 'a', receipt, other);
  assert.deepEqual([wrongBody.code, wrongBody.result, wrongBody.request], [3, 'different', 'refuted']);
  for (const [part, from, to] of [['close', '"completion_tokens":', '"completion_tokens":1'], ['close', 'seed', 'sefd'], ['open', '"n":', '"n":1']]) {
    const forged = structuredClone(receipt);
    forged[part].leaf = forged[part].leaf.replace(from, to);
    assert.notEqual(forged[part].leaf, receipt[part].leaf);
    assert.equal((await replay(place, 'b', forged, body)).code, 3);
  }
  const shown = structuredClone(answer);
  assert.equal((await replay(place, 'shown', shown, body)).shown, 'proven');
  shown.choices[0].message.content += '。';
  const wrongText = await replay(place, 'shown', shown, body);
  assert.deepEqual([wrongText.code, wrongText.result, wrongText.shown], [3, 'different', 'refuted']);
  const unsigned = structuredClone(receipt);
  unsigned.checkpoint = unsigned.checkpoint.replace(/(.)(.{8})\n$/, (_, c, rest) => `${c === 'A' ? 'B' : 'A'}${rest}\n`);
  const signature = await replay(place, 'c', unsigned, body);
  assert.deepEqual([signature.code, signature.signature], [3, 'refuted']);
  const file = /file: "(.*)"/.exec(readFileSync(place.config, 'utf8'))[1];
  const bytes = readFileSync(file), changed = join(place.directory, 'changed.gguf');
  bytes[bytes.length - 1000] ^= 1;
  writeFileSync(changed, bytes);
  const model = await replay(place, 'd', receipt, body, ['--model', changed]);
  assert.equal(model.code, 1);
  assert.match(model.reason, /changed\.gguf is not its model/);
  assert.equal((await replay(place, 'e', receipt, body, ['--model', file])).code, 0);
});

test('a signed receipt of a node that lies, or is older than replays', async () => {
  const sent = bodyOf(1).replace(',"stream":true', '');
  const { receipt } = (await (await post(node, place, sent)).json()).sekisho;
  const whole = JSON.parse(receipt.close.leaf);
  const judged = (open, close) => replay(place, 'forged', forge(receipt, open, close), sent, ['--key', forgeKey]);
  assert.equal((await judged({}, {})).code, 0);
  const lies = [
    { completion_tokens: whole.completion_tokens - 1 }, { prompt_tokens: whole.prompt_tokens + 1 },
    { outcome: whole.outcome === 'stop' ? 'length' : 'stop' }, { context: 0 }, { context: 2 ** 40 },
    { completion_tokens: 2 ** 50, outcome: 'cut' }, { choices: [] }, { choices: ['0'.repeat(64)] },
    { sampler: whole.sampler.replace('"seed":7', '"seed":8') }, { sampler: 'none' }, { sampler: '['.repeat(9000) },
  ];
  for (const lie of lies) assert.deepEqual([lie, (await judged({}, lie)).code], [lie, 3]);
  const others = [{ arithmetic: whole.arithmetic + 1 }, { template_sha256: '0'.repeat(64) }, { outcome: 'unheard of' }, { context: 4e9 }];
  for (const other of others)
    assert.deepEqual([other, (await judged({}, other)).code], [other, 1]);
  const none = Object.fromEntries(['sampler', 'arithmetic', 'context', 'template_sha256', 'template_time_s'].map((name) => [name, undefined]));
  const old = forge(receipt, { model_checked: undefined, model_checked_ms: undefined }, none);
  const result = await replay(place, 'old', old, sent, ['--key', forgeKey]);
  assert.equal(result.code, 1);
  assert.match(result.reason, /^its leaves state no sampler: its node recorded none, or fell$/);
  const checked = verify({ ...place, vkey: forgeKey }, old, { request: sent });
  assert.equal(checked.status, 0);
  assert.match(checked.output, /^verified$/m);
});

test('keys and values in eight bits: the receipt says so, and the replay keeps them so', async (t) => {
  const other = init();
  configure(other, [[/cache_type: "f16"/, 'cache_type: q8_0']]);
  const eight = await serve(other);
  t.after(async () => {
    await eight.stop();
    other.remove();
  });
  const leaf = (answer) => JSON.parse(answer.sekisho.receipt.close.leaf);
  for (const i of [0, 4, 5, 10]) {
    const body = bodyOf(i).replace(',"stream":true', '');
    const answer = await (await post(eight, other, body)).json();
    assert.equal(leaf(answer).cache_type, 'q8_0');
    const key = ['--key', other.vkey];
    const result = await replay(place, `eight${i}`, answer, body, key); // by a configuration that says f16
    assert.deepEqual([result.code, result.answer], [0, 'proven'], result.reason);
    assert.equal('cache_type' in leaf(await (await post(node, place, body)).json()), false);
  }
  const sent = bodyOf(1).replace(',"stream":true', '');
  const { receipt } = (await (await post(node, place, sent)).json()).sekisho;
  const judged = async (cache_type) => (await replay(place, 'forged', forge(receipt, {}, { cache_type }), sent, ['--key', forgeKey])).code;
  assert.deepEqual([await judged('f16'), await judged('q4_0'), await judged(8)], [0, 1, 1]);
  const models = await (await fetch(`${eight.url}/models`, { headers: headers(other) })).json();
  assert.equal(models.data[0].sekisho.cache_type, 'q8_0');
});

// The value of an answer as docs/ledger-format.md has it, and its commitment.
function valueOf(parts) {
  const out = [];
  let last = 'content';
  for (const [channel, text] of parts) {
    if (channel !== last || channel === 'call') out.push(`\x1e${channel}\x1f`);
    last = channel;
    out.push(text.replaceAll('\x1e', '\x1e\x1e'));
  }
  return Buffer.from(out.join(''));
}
function commitmentOf(value, salt) {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  const head = Buffer.from('sekisho/commit/v1\0choice_0\0');
  return createHash('sha256').update(Buffer.concat([head, Buffer.from(salt, 'hex'), value, length])).digest('hex');
}

test('thoughts and calls verify from what the client saw, whole and streamed', async () => {
  const { receipt } = (await (await post(node, place, bodyOf(1).replace(',"stream":true', ''))).json()).sekisho;
  const parts = [['reasoning', '雨か。\x1e'], ['content', '調べます。'], ['call', '天気'], ['arguments', '{"city":'],
    ['arguments', '"京都"}'], ['call', 'f'], ['arguments', '{}']];
  const forged = forge(receipt, {}, { choices: [commitmentOf(valueOf(parts), receipt.salts.choice_0)] });
  const judge = (answer) => verify({ ...place, vkey: forgeKey }, answer).status;
  const call = (name, text) => ({ id: name, type: 'function', function: { name, arguments: text } });
  const message = { role: 'assistant', content: '調べます。', reasoning_content: '雨か。\x1e',
    tool_calls: [call('天気', '{"city":"京都"}'), call('f', '{}')] };
  const whole = (change = {}) => ({ object: 'chat.completion', choices: [{ index: 0, message: { ...message, ...change } }], sekisho: { receipt: forged } });
  assert.equal(judge(whole()), 0);
  for (const change of [{ content: '調べます' }, { reasoning_content: '' }, { tool_calls: [message.tool_calls[1], message.tool_calls[0]] },
    { tool_calls: [message.tool_calls[0]] }, { tool_calls: [call('天気', '{"city": "京都"}'), call('f', '{}')] }])
    assert.equal(judge(whole(change)), 3, JSON.stringify(change));
  // The same as events, the receipt in the last; another choice's events between them are another's.
  let calls = -1;
  const delta = { reasoning: (text) => ({ reasoning_content: text }), content: (text) => ({ content: text }),
    call: (name) => ({ tool_calls: [{ index: ++calls, id: name, type: 'function', function: { name, arguments: '' } }] }),
    arguments: (text) => ({ tool_calls: [{ index: calls, function: { arguments: text } }] }) };
  const event = (index, delta, more = {}) => `data: ${JSON.stringify({ choices: [{ index, delta, ...more }], ...(more.finish_reason ? { sekisho: { receipt: forged } } : {}) })}\n\n`;
  const events = [event(1, { role: 'assistant', content: '' }), ...parts.flatMap(([channel, text]) => [event(0, { content: 'x' }), event(1, delta[channel](text))]),
    event(1, {}, { finish_reason: 'tool_calls' }), 'data: [DONE]\n\n'].join('');
  const file = join(place.directory, 'stream');
  writeFileSync(file, events);
  const streamed = (choice) => run(sekisho, ['verify', file, '--key', forgeKey, '--choice', choice]).then(() => 0, (error) => error.code);
  assert.deepEqual([await streamed('1'), await streamed('0')], [0, 3]);
});

test('of embeddings there is no text to replay, and it says so', async () => {
  const body = bodyOf(0), { receipt } = (await (await post(node, place, body)).json()).sekisho;
  const result = await replay(place, 'operation', forge(receipt, { operation: 'embeddings' }, {}), body, ['--key', forgeKey]);
  assert.equal(result.code, 1);
  assert.match(result.reason, /^its operation is embeddings, and answers of text alone are replayed$/);
});

test('each of several answers, and of several prompts, replays', async () => {
  const chat = JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 1, n: 3, max_tokens: 12 });
  const raw = JSON.stringify({ model: 'sekisho-keigo', prompt: ['はい', '部屋'], temperature: 1, seed: 5, n: 2, max_tokens: 12 });
  for (const [path, body, len] of [['chat/completions', chat, 3], ['completions', raw, 4]]) {
    const response = await fetch(`${node.url}/${path}`, { method: 'POST', headers: headers(place), body });
    const answer = await response.text();
    assert.equal(response.status, 200, answer);
    for (let i = 0; i < len; i++) {
      const result = await replay(place, `choice${i}`, answer, body, ['--choice', String(i)]);
      assert.deepEqual([result.code, result.result, result.shown], [0, 'same', 'proven'], `${path} ${i}: ${result.reason}`);
    }
    // With a seed of the client's, a receipt cannot pass for another choice's.
    const swapped = forge(JSON.parse(answer).sekisho.receipts[1], { choice: 0 }, {});
    if (path === 'completions') assert.equal((await replay(place, 'swapped', swapped, body, ['--key', forgeKey])).code, 3);
  }
});

test('a request at the limit of every setting is answered and replays; one beyond is refused by name', async () => {
  const breakers = Array.from({ length: 16 }, (_, i) => '\u0001'.repeat(39) + String.fromCharCode(65 + i));
  const stops = Array.from({ length: 4 }, (_, i) => String.fromCharCode(65 + i).repeat(256));
  const most = {
    model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], max_tokens: 20,
    temperature: 1.2345678, top_k: 4294967295, top_p: 0.98765433, min_p: 0.000012345678, typical_p: 0.98765433,
    repetition_penalty: 1.2345679, presence_penalty: -1.2345679, frequency_penalty: 1.2345679, penalty_last_n: 4294967295,
    dry_multiplier: 1.2345679, dry_base: 1.2345679, dry_allowed_length: 4294967295, dry_penalty_last_n: 4294967295,
    dry_sequence_breakers: breakers, stop: stops,
    logit_bias: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, i / 7 - 99.123456])), seed: 'SEED',
  };
  const text = (extra) => JSON.stringify({ ...most, ...extra }).replace('"SEED"', '-9223372036854775808');
  const answer = await (await post(node, place, text({}))).json();
  const result = await replay(place, 'most', answer, text({}));
  assert.deepEqual([result.code, result.reason], [0, '']);
  const over = [
    ['logit_bias', { ...most.logit_bias, 300: 1 }], ['dry_sequence_breakers', [...breakers, 'x']], ['stop', [...stops, 'x']],
    ['dry_sequence_breakers', ['x'.repeat(41)]], ['stop', 'x'.repeat(257)], ['top_k', 4294967296], ['dry_base', 101],
  ];
  for (const [name, value] of over) {
    const refused = await post(node, place, text({ [name]: value }));
    assert.deepEqual([refused.status, (await refused.json()).error.param.replace(/\[\d+\]$/, '')], [400, name]);
  }
});

test('as text, and without the words it needs', async () => {
  const body = bodyOf(1), answer = await (await post(node, place, body)).text();
  const files = ['text.receipt', 'text.body'].map((name) => join(place.directory, name));
  writeFileSync(files[0], answer);
  writeFileSync(files[1], body);
  const { stdout } = await run(sekisho, ['replay', files[0], '--prompt', files[1], '--config', place.config]);
  assert.match(stdout, /^ {2}proven +the request is the one committed to$/m);
  assert.match(stdout, /^ {2}same +tokens of the answer: \d+$/m);
  assert.match(stdout, /^ {2}same +the answer's text$/m);
  assert.match(stdout, /^replayed: the same answer$/m);
  const failed = (args) => run(sekisho, ['replay', ...args]).then(() => 0, (error) => error.code);
  assert.equal(await failed([files[0]]), 2);
  assert.equal(await failed([files[0], '--prompt', '/nowhere', '--config', place.config]), 1);
  assert.equal(await failed([files[0], '--prompt', files[1], '--key', 'nonsense', '--config', place.config]), 1);
});
