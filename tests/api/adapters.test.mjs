// Adapters: several over one model, chosen by name, beside each other in its steps; each is in the
// receipt, replays, and is signed as its model is.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve, verify } from './node.mjs';

const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const run = (...args) => {
  try {
    return { status: 0, output: execFileSync(sekisho, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }) };
  } catch (error) {
    return { status: error.status, output: `${error.stdout}${error.stderr}` };
  }
};

// A keyless place: the model, and adapters over it; `more` are the further fields of a row.
function place(names, more = () => '') {
  const made = init(['--keyless']);
  const from = /file: "(.*)"/.exec(readFileSync(made.config, 'utf8'))[1];
  made.file = (name) => join(made.directory, `${name}.gguf`);
  copyFileSync(from, made.file('base'));
  for (const [i, name] of names.entries())
    execFileSync(process.env.MAKE_LORA, [made.file('base'), made.file(name), '0.05', `${i + 1}`]);
  const row = (name, of = '') => `  - {id: "${name}", file: "${made.file(name)}"${of}${more(name, made)}}\n`;
  configure(made, [[/models:\n( .*\n)+/,
    `models:\n${row('base')}${names.map((name) => row(name, ', adapter_of: base')).join('')}`]]);
  return made;
}
const bodyOf = (model, extra = {}) => JSON.stringify({
  model, messages: [{ role: 'user', content: '丁寧語にしてください：明日は雨が降るので、バスで行く。' }], temperature: 0, max_tokens: 24, ...extra });
const post = (node, body) => fetch(`${node.url}/chat/completions`,
  { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const answer = async (node, model, extra) => {
  const response = await post(node, bodyOf(model, extra));
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
};
const textOf = async (node, model, extra) => (await answer(node, model, extra)).choices[0].message.content;
const refused = async (node, model) => {
  const response = await post(node, bodyOf(model));
  assert.equal(response.status, 503, await response.clone().text());
  return (await response.json()).error.message;
};
const listed = async (node) => Object.fromEntries((await (await fetch(`${node.url}/models`)).json()).data.map((one) => [one.id, one]));
const leafOf = (made) => JSON.parse(made.sekisho.receipt.open.leaf);

function replay(home, made, body, ...args) {
  writeFileSync(join(home.directory, 'receipt'), JSON.stringify(made));
  writeFileSync(join(home.directory, 'body'), body);
  const { status, output } = run('replay', join(home.directory, 'receipt'), '--prompt', join(home.directory, 'body'),
    '--config', home.config, '--json', ...args);
  return { status, ...JSON.parse(output) };
}

test('two adapters by their names, alone and beside each other; in the receipt, and replayed', async () => {
  const home = place(['one', 'two'], (name) => (name === 'two' ? ', scale: 0.9' : ''));
  const node = await serve(home), names = ['base', 'one', 'two'];
  const list = await listed(node);
  assert.deepEqual(Object.keys(list), names);
  assert.deepEqual(names.map((name) => list[name].parent), [undefined, 'base', 'base']);
  assert.deepEqual(names.map((name) => list[name].sekisho.sha256), names.map((name) => sha256(home.file(name))));
  assert.deepEqual(names.map((name) => list[name].sekisho.loaded), [true, true, true]);
  const alone = {};
  for (const name of names) alone[name] = await textOf(node, name);
  assert.equal(new Set(Object.values(alone)).size, 3, JSON.stringify(alone));
  const order = [...names, ...names, 'one', 'base'];
  assert.deepEqual(await Promise.all(order.map((name) => textOf(node, name))), order.map((name) => alone[name]));

  for (const name of names) {
    const body = bodyOf(name, { temperature: 1, seed: 3 }), made = await (await post(node, body)).json(), leaf = leafOf(made);
    assert.equal(verify(home, made.sekisho.receipt).status, 0);
    assert.equal(leaf.model, name);
    assert.equal(leaf.model_sha256, sha256(home.file('base')));
    assert.equal(leaf.adapter_sha256, name === 'base' ? undefined : sha256(home.file(name)));
    assert.equal(leaf.adapter_scale, { one: '1', two: '0.9' }[name]);
    const same = replay(home, made, body);
    assert.deepEqual([same.status, same.result, same.adapter_sha256], [0, 'same', leaf.adapter_sha256], same.reason);
    if (name !== 'two') continue;
    assert.equal(replay(home, made, body, '--adapter', home.file('two')).result, 'same');
    const other = replay(home, made, body, '--adapter', home.file('one'));
    assert.deepEqual([other.status, other.result], [1, 'cannot']);
    assert.match(other.reason, /one\.gguf is not its adapter, which has the SHA-256 /);
  }
  // What an answer rests on, by each.
  const rests = (model) => fetch(`${node.url}/attributions`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: '丁寧語にしてください：明日は雨が降るので、バスで行く。' }], answer: alone.base }) })
    .then((response) => response.json()).then(({ baseline }) => baseline.logprob);
  const likely = await Promise.all([...names, ...names].map(rests));
  assert.deepEqual(likely.slice(0, 3), likely.slice(3));
  assert.ok(likely[0] > likely[1] && likely[0] > likely[2] && likely[1] !== likely[2], `${likely}`);
  // As the command line computes it.
  for (const [name, adapter] of [['one', home.file('one')], ['two', `${home.file('two')}:0.9`]]) {
    const line = run('run', '--model', home.file('base'), '--adapter', adapter, '--temperature', '0', '--max-tokens', '24',
      '丁寧語にしてください：明日は雨が降るので、バスで行く。');
    assert.equal(line.output.trimEnd(), alone[name], line.output);
  }
  const counted = await (await fetch(node.url.replace('/v1', '/metrics'))).text();
  assert.match(counted, /model="two"/);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  const doctor = run('doctor', '--config', home.config).output;
  for (const name of names) assert.match(doctor, new RegExp(`ok +model +${name}: `));
  home.remove();
});

test('one that does not fit, is damaged or is changed is refused by itself', async () => {
  const home = place(['one', 'short', 'model', 'changed']);
  truncateSync(home.file('short'), 2000);
  copyFileSync(home.file('base'), home.file('model'));
  const node = await serve(home);
  const base = await textOf(node, 'base'), one = await textOf(node, 'one');
  assert.notEqual(base, one);
  await textOf(node, 'changed');
  assert.match(await refused(node, 'short'), /^The model 'short' cannot be loaded: adapter short: /);
  assert.match(await refused(node, 'model'), /^The model 'model' cannot be loaded: adapter model: key general\.type: /);
  const list = await listed(node);
  assert.deepEqual(Object.keys(list).map((name) => list[name].sekisho.loaded), [true, true, false, false, true]);
  appendFileSync(home.file('changed'), 'x');
  await post(node, bodyOf('changed')); // whichever job meets it first may fail
  assert.match(await refused(node, 'changed'), /its file was changed after its digest was checked/);
  assert.equal(await textOf(node, 'base'), base);
  assert.equal(await textOf(node, 'one'), one);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('an adapter is signed as its model is, or refused', async () => {
  const home = place(['signed', 'unsigned', 'changed'], (name, made) => (name === 'base' ? `, signed_by: ["${join(made.directory, 'pub.pem')}"]` : ''));
  const secret = join(home.directory, 'key.pem'), open = join(home.directory, 'pub.pem');
  execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', secret], { stdio: 'pipe' });
  execFileSync('openssl', ['pkey', '-in', secret, '-pubout', '-out', open], { stdio: 'pipe' });
  for (const name of ['base', 'signed', 'changed']) assert.equal(run('model', 'sign', home.file(name), '--key', secret).status, 0);
  appendFileSync(home.file('changed'), 'x');
  const node = await serve(home);
  const leaf = leafOf(await answer(node, 'signed'));
  assert.equal(leaf.adapter_signer, sha256(open));
  assert.equal(leaf.model_signer, sha256(open));
  assert.notEqual(leaf.adapter_signature_sha256, leaf.model_signature_sha256);
  assert.match(await refused(node, 'unsigned'), /^The model 'unsigned' cannot be loaded: it is not signed: no /);
  assert.match(await refused(node, 'changed'), /changed\.gguf is not the file that was signed/);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  // Of a model that is refused nothing is served.
  configure(home, [[/models:\n/, `models:\n  - {id: "first", file: "${home.file('base')}"}\n`]]);
  appendFileSync(home.file('base'), 'x');
  const again = await serve(home);
  assert.match(await refused(again, 'signed'), /base\.gguf is not the file that was signed/);
  assert.deepEqual(await again.stop(), { code: 0, signal: null });
  home.remove();
});

test('added on the command line', async () => {
  const home = place(['one', 'kept'], (name, made) => (name === 'kept' ? `, scale: 0.5, signed_by: ["${join(made.directory, 'pub.pem')}"]` : ''));
  const secret = join(home.directory, 'key.pem'), open = join(home.directory, 'pub.pem');
  execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', secret], { stdio: 'pipe' });
  execFileSync('openssl', ['pkey', '-in', secret, '-pubout', '-out', open], { stdio: 'pipe' });
  assert.equal(run('model', 'sign', home.file('kept'), '--key', secret).status, 0);
  execFileSync(process.env.MAKE_LORA, [home.file('base'), home.file('more'), '0.07', '9', '2', 'f16']);
  assert.match(run('model', 'add', home.file('more'), '--config', home.config).output, /an adapter, which is served with its model/);
  assert.match(run('model', 'add', home.file('more'), '--adapter-of', 'none', '--config', home.config).output, /no model has the id none/);
  // Another file under a name that has to be signed has to be signed.
  const words = ['--id', 'kept', '--adapter-of', 'base', '--config', home.config];
  assert.match(run('model', 'add', home.file('more'), ...words).output, /it is not signed/);
  assert.equal(run('model', 'add', home.file('kept'), ...words).status, 0);
  assert.match(readFileSync(home.config, 'utf8'), /id: "?kept"?[^]*scale: "?0\.5"?/);
  const added = run('model', 'add', home.file('more'), '--adapter-of', 'base', '--config', home.config);
  assert.equal(added.status, 0, added.output);
  const node = await serve(home);
  assert.equal((await listed(node)).more.parent, 'base');
  assert.notEqual(await textOf(node, 'more'), await textOf(node, 'base'));
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});
