// Two real nodes, in-country and abroad, each in a network namespace behind TLS of its own; ours
// stands between (border_world.sh). What travels, masked; what stays; what is refused by which rule.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve, verify } from './node.mjs';
import { certificate } from './upstream.mjs';

const MODEL = 'sekisho-keigo', NAME = '田中太郎', MY_NUMBER = '123456789018';
const mock = new URL('upstream.mjs', import.meta.url).pathname;
const children = new Set();
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });

// ---- the two places ----

// A real node in the namespace, as it comes: nothing of it leaves.
async function nodeIn(namespace) {
  const home = init(['--keyless']);
  const wrapper = join(home.directory, 'sekisho');
  writeFileSync(wrapper, `#!/bin/sh\nexec nsenter --net=/run/netns/${namespace} '${sekisho}' "$@"\n`);
  chmodSync(wrapper, 0o755);
  const node = await serve(home, {}, { sekisho: wrapper, options: {} });
  return { ...node, home };
}

// The TLS in front of it, with this certificate.
async function frontIn(namespace, host, card, node) {
  const log = join(node.home.directory, 'front.log');
  const options = { host, port: 8443, cert: card.certPath, key: card.keyPath, log, forward: new URL(node.url).origin };
  const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, mock, JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve, reject) => { child.stdout.once('data', resolve); ended.then(() => reject(new Error('no front'))); });
  return {
    requests: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []),
    async stop() { child.kill('SIGTERM'); await ended; children.delete(child); },
  };
}

const home = init();
const cards = { jp: certificate(home.directory, 'jp', { hosts: ['10.81.1.2'] }), eu: certificate(home.directory, 'eu', { hosts: ['10.81.2.2'] }),
  other: certificate(home.directory, 'other', { hosts: ['10.81.1.2'] }) };
const there = { jp: await nodeIn('in-country'), eu: await nodeIn('abroad') };
const fronts = { jp: await frontIn('in-country', '10.81.1.2', cards.jp, there.jp), eu: await frontIn('abroad', '10.81.2.2', cards.eu, there.eu) };
test.after(async () => {
  for (const front of Object.values(fronts)) await front.stop();
  for (const node of Object.values(there)) { await node.stop(); node.home.remove(); }
  home.remove();
});

// ---- our node ----

const day = (days) => new Date(Date.now() + days * 86400e3).toISOString().slice(0, 10);
const place = (id, country, host, card, until) => `
  - id: ${id}
    country: ${country}
    operator: "Example"
    operator_home: ${country}
    processing: single-region
    url: https://${host}:8443/v1
    addresses: ["${host}"]
    spki_sha256: ["${card.pin}"]
    ca: pin-only
    contract: "DPA-1"
    contract_until: ${until}
    retention: none
    models: [${MODEL}]`;
const policy = ({ until = day(90), reach = 'reach: listed, ' } = {}) => `format: 1
name: "world"
home: JP
packs: [jp]
classes:
  contact: {reach: node, consent: country, masked_reach: country}
  public: {reach: world}
places:${place('jp-gpu', 'JP', '10.81.1.2', cards.jp, until)}${place('eu-lab', 'DE', '10.81.2.2', cards.eu, day(90))}
tenants:
  - {id: default, labels: [public], consent_max: world}
routes:
  - {model: bridge, to: [{place: jp-gpu, model: ${MODEL}}, {place: node, model: ${MODEL}}]}
  - {model: jp-only, to: [{place: jp-gpu, model: ${MODEL}}]}
  - {model: fallback, ${reach}to: [{place: jp-gpu, model: ${MODEL}}, {place: eu-lab, model: ${MODEL}}]}
`;
const policyFile = join(home.directory, 'policy.yaml');
configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${policyFile}"`]]);

async function ours(options, run) {
  writeFileSync(policyFile, policy(options));
  const node = await serve(home);
  try {
    await run(node);
  } finally {
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
  }
}

const headersOf = (words) => ({ authorization: `Bearer ${home.key}`, 'content-type': 'application/json', ...words });
const post = (node, body, words) =>
  fetch(`${node.url}/chat/completions`, { method: 'POST', headers: headersOf(words), body: JSON.stringify(body) });
// An error may be told before the leaf of its end is sealed.
async function receiptOf(node, number) {
  for (;;) {
    const receipt = await (await fetch(`${node.url}/receipts/${number}`, { headers: headersOf() })).json();
    if (receipt.close) return receipt;
  }
}
const openOf = (receipt) => JSON.parse(receipt.open.leaf);
const closeOf = (receipt) => JSON.parse(receipt.close.leaf);

const asks = (model, text) => ({ model, stream: true, max_tokens: 12, temperature: 0, messages: [{ role: 'user', content: text }] });
// Held to the name, the place repeats what it was told instead of it.
const repeats = (model, text) => ({ ...asks(model, text), max_tokens: 200,
  response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {
    type: 'object', properties: { name: { const: NAME } }, required: ['name'], additionalProperties: false } } } });

// A stream: its text, and the receipt that rides in its end, which opens the request, the answer and,
// of one from another place, the bytes that place was sent.
async function streamed(node, body, words, envelope = () => null) {
  const response = await post(node, body, words);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const events = text.split('\n\n').filter((event) => event.startsWith('data: {')).map((event) => JSON.parse(event.slice(6)));
  const receipt = events.map((event) => event.sekisho?.receipt).find(Boolean);
  assert.ok(receipt, text);
  const content = events.map((event) => event.choices?.[0]?.delta?.content ?? '').join('');
  const prompt = envelope();
  const { status, output } = verify(home, receipt, { request: JSON.stringify(body), response: content, ...(prompt && { prompt }) });
  assert.equal(status, 0, output);
  return { content, open: openOf(receipt), close: closeOf(receipt) };
}

// An error that begins with its rule, and the same rule in the receipt.
async function refused(node, body, words, { status, code, rule, place: at }) {
  const response = await post(node, body, words);
  const { error } = await response.json();
  assert.deepEqual([response.status, error.code], [status, code], error.message);
  assert.ok(error.message.startsWith(`${rule}: `), error.message);
  const receipt = await receiptOf(node, response.headers.get('sekisho-receipt'));
  const open = openOf(receipt);
  assert.deepEqual([open.rule, open.place, closeOf(receipt).outcome], [rule, at, 'refused']);
  assert.equal(verify(home, receipt).status, 0);
  return error;
}

const seen = (front) => front.requests().map(({ text }) => text);
const PUBLIC = { 'sekisho-label': 'public' };

// ---- what is shown ----

test('a name goes to the place in the country as a token, and comes back as the name', () => ours({}, async (node) => {
  const sent = () => seen(fronts.jp).at(-1);
  const { content, open, close } = await streamed(node, repeats('jp-only', `患者の氏名: ${NAME}様。名前だけ答えてください。`), PUBLIC, sent);
  assert.deepEqual(JSON.parse(content), { name: NAME });
  const envelope = JSON.parse(sent()), said = envelope.messages.at(-1).content;
  const [token] = /⟦PER:[0-9A-Z]{8}⟧/.exec(said);
  assert.equal(said, `患者の氏名: ${token}様。名前だけ答えてください。`);
  assert.equal(envelope.response_format.json_schema.schema.properties.name.const, token);
  assert.ok(!sent().includes(NAME));
  assert.deepEqual([open.verdict, open.rule, open.place], ['mask', 'class.contact', 'jp-gpu']);
  assert.ok(open.classes.includes('contact'));
  assert.deepEqual([close.peer, close.spki_sha256], ['10.81.1.2', Buffer.from(cards.jp.pin, 'base64').toString('hex')]);
  assert.ok(close.masks_restored >= 1);
  assert.deepEqual(seen(fronts.eu), []);
}));

test('My Number stays on the node, with consent too', () => ours({}, async (node) => {
  const before = seen(fronts.jp).length, words = { ...PUBLIC, 'sekisho-consent': 'world' };
  const text = `個人番号は ${MY_NUMBER} です。`;
  const { open } = await streamed(node, asks('bridge', text), words);
  assert.deepEqual([open.place, open.rule], ['node', 'class.my_number']);
  await refused(node, asks('jp-only', text), words,
    { status: 403, code: 'residency_local_only', rule: 'class.my_number', place: 'jp-gpu' });
  assert.equal(seen(fronts.jp).length, before);
  assert.deepEqual(seen(fronts.eu), []);
}));

test('text that nothing vouches for stays on the node', () => ours({}, (node) =>
  refused(node, asks('jp-only', 'こんにちは'), {}, { status: 403, code: 'residency_local_only', rule: 'unknown', place: 'jp-gpu' })));

test('an expired contract turns the place off', () => ours({ until: day(-1) }, async (node) => {
  const before = seen(fronts.jp).length;
  const error = await refused(node, asks('jp-only', 'こんにちは'), PUBLIC,
    { status: 403, code: 'residency_blocked', rule: 'place.jp-gpu', place: 'jp-gpu' });
  assert.match(error.message, /contract_until [-0-9]+ is over/);
  assert.equal(seen(fronts.jp).length, before);
}));

test('a key that is not pinned gets nothing', async () => {
  const before = seen(fronts.jp).length;
  await fronts.jp.stop();
  fronts.jp = await frontIn('in-country', '10.81.1.2', cards.other, there.jp);
  await ours({}, async (node) => {
    const response = await post(node, asks('jp-only', 'こんにちは'), PUBLIC);
    const { error } = await response.json();
    assert.deepEqual([response.status, error.code], [502, 'place_failed'], error.message);
    assert.match(error.message, /jp-gpu.*pins/);
    const close = closeOf(await receiptOf(node, response.headers.get('sekisho-receipt')));
    assert.deepEqual([close.outcome, close.rule], ['failed', 'place.jp-gpu']);
    // A route with this node in it goes on here, judged again.
    const { open } = await streamed(node, asks('bridge', 'こんにちは'), PUBLIC);
    assert.equal(open.place, 'node');
  });
  assert.equal(seen(fronts.jp).length, before);
});

test('a fallback is judged again: masked text of the country does not go abroad', async () => {
  await fronts.jp.stop();
  await ours({}, async (node) => {
    const text = `患者の氏名: ${NAME}様。`;
    const response = await post(node, asks('fallback', text), PUBLIC);
    const { error } = await response.json();
    assert.equal(response.status, 403, error.message);
    assert.match(error.message, /class\.contact: /);
    const open = openOf(await receiptOf(node, response.headers.get('sekisho-receipt')));
    assert.deepEqual([open.rule, open.place], ['class.contact', 'eu-lab']);
    assert.ok(Number.isInteger(open.retry_of));
    assert.deepEqual(seen(fronts.eu), []);
    // What anybody may have does fall back.
    const { open: next } = await streamed(node, asks('fallback', 'こんにちは'), PUBLIC);
    assert.equal(next.place, 'eu-lab');
  });
});

test('a route that would widen by itself does not load', () => {
  writeFileSync(policyFile, policy({ reach: '' }));
  const { status, stdout, stderr } = spawnSync(sekisho, ['border', 'check', policyFile], { encoding: 'utf8' });
  assert.notEqual(status, 0);
  assert.match(`${stdout}${stderr}`, /route fallback, step 2 \(eu-lab\): listed .* farther than country/);
});

test('there is no other way out of this network', () => {
  const routes = execFileSync('ip', ['route'], { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(routes.map((route) => route.split(' ')[0]).sort(), ['10.81.1.0/24', '10.81.2.0/24']);
});
