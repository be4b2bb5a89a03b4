// Keys and values on disk (engine.cache_disk): with memory for one conversation, prompts of several
// keys are found again, with the same answers; never another's, never what was changed in the file;
// a disk that is full or broken costs time and nothing else, and one that cannot be used is said.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, closeSync, fstatSync, openSync, readFileSync, readdirSync, readlinkSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asUser, configure, init, sekisho, serve } from './node.mjs';

const root = process.getuid() === 0;
const PAGE = 16;
const names = ['one', 'two', 'three', 'four'];

// Memory for one context and no more: what the room says it needs.
async function tight(place, user, disk, type) {
  configure(place, [[/memory: \d+/, 'memory: 1'], [/cache_disk: \d+/, `cache_disk: ${disk}`],
    [/cache_type: "f16"/, `cache_type: ${type}`], [/context: \d+/, 'context: 384'], [/parallel: \d+/, 'parallel: 1']]);
  const why = await serve(place, {}, user).then(() => '', (error) => error.message);
  const needed = /it needs (\d+) bytes of memory/.exec(why);
  assert.ok(needed, why);
  configure(place, [[/memory: 1\b/, `memory: ${needed[1]}`]]);
}

async function made(disk, user = { sekisho, options: {} }, type = 'f16') {
  const place = init([], user);
  const key = (...words) =>
    execFileSync(user.sekisho, ['key', ...words, '--config', place.config], { encoding: 'utf8', ...user.options }).trim();
  const keys = names.map((name) => key(name)), reader = key('reader', '--metrics');
  await tight(place, user, disk, type);
  return { place, keys, reader };
}

// 11 pages, the same for every key.
const prompt = Array.from({ length: 26 }, (_, i) => `${i + 1}番目の質問です。`).join('');
async function ask(node, key, text = prompt) {
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sekisho-keigo', temperature: 0, max_tokens: 8, messages: [{ role: 'user', content: text }] }),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  const { prompt_tokens: all, prompt_tokens_details: { cached_tokens: cached } } = answer.usage;
  return { text: answer.choices[0].message.content, all, cached };
}

async function round(node, keys) {
  const answers = [];
  for (const key of keys) answers.push(await ask(node, key));
  return answers;
}
// What the engine tells once a second.
async function metrics(node, key, until) {
  for (let tries = 0; tries < 300; tries++) {
    const response = await fetch(node.url.replace('/v1', '/metrics'), { headers: { authorization: `Bearer ${key}` } });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    const now = Object.fromEntries([...text.matchAll(/^sekisho_cache_disk_(\w+) (\d+)$/gm)].map(([, name, value]) => [name, +value]));
    if (until(now)) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail('the engine never told');
}
const whole = ({ all }) => Math.floor((all - 1) / PAGE) * PAGE; // the last token is never found

for (const type of ['f16', 'q8_0']) test(`prompts of several keys are found again on disk: ${type}`, async () => {
  const { place, keys, reader } = await made(64 << 20, undefined, type);
  const node = await serve(place);
  const first = await round(node, keys);
  assert.ok(whole(first[0]) > 10 * PAGE, `${first[0].all} tokens`);
  for (const answer of first) assert.equal(answer.cached, 0, 'another key\'s pages are not there for this one');
  for (let again = 0; again < 2; again++) {
    for (const answer of await round(node, keys)) {
      assert.equal(answer.cached, whole(answer));
      assert.equal(answer.text, first[0].text);
    }
  }
  const longer = await ask(node, keys[0], `${prompt}では？`);
  assert.ok(longer.cached >= whole(first[0]) - 2 * PAGE, `${longer.cached}`);
  assert.doesNotMatch(node.log(), /cache_disk/);
  const numbers = await metrics(node, reader, (now) => now.hits_total > 0);
  assert.ok(numbers.pages > 0 && numbers.failed_total === 0 && numbers.damaged_total === 0);
  assert.ok(numbers.read_bytes_total > 0 && numbers.read_bytes_total <= numbers.written_bytes_total);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.ok(!readdirSync(join(place.directory, 'data')).some((name) => /cache|scratch|#/.test(name)), 'nothing stays');
  place.remove();
});

test('without a disk they are computed again, with the same answers', async () => {
  const { place, keys } = await made(0);
  const node = await serve(place);
  const first = await round(node, keys), second = await round(node, keys);
  for (const answer of [...first, ...second]) {
    assert.equal(answer.cached, 0);
    assert.equal(answer.text, first[0].text);
  }
  await node.stop();
  place.remove();
});

function engineOf(node) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.includes('(engine)') && +stat.slice(stat.lastIndexOf(')')).split(' ')[2] === node.child.pid;
    } catch {
      return false; // it is gone
    }
  });
}
// The file of the engine room, by its descriptor: it has no name.
function scratchOf(node) {
  const all = `/proc/${engineOf(node)}/fd`;
  const fd = readdirSync(all).find((name) => /\/#\d+ \(deleted\)$/.test(readlinkSync(join(all, name))));
  return fd && openSync(join(all, fd), 'r+');
}

test('an engine that falls takes its pages along; the next has a disk of its own', async () => {
  const { place, keys } = await made(64 << 20);
  const node = await serve(place);
  const first = await round(node, keys), engine = +engineOf(node);
  process.kill(engine, 'SIGKILL');
  let again;
  for (let tries = 0; tries < 300 && !again; tries++) {
    again = await ask(node, keys[0]).catch(() => undefined); // 503 until the next is there
    if (!again) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(again.cached, 0);
  assert.equal(again.text, first[0].text);
  assert.notEqual(+engineOf(node), engine);
  await round(node, keys);
  for (const answer of await round(node, keys)) assert.equal(answer.cached, whole(answer));
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});

test('what was changed in the file is not found', { skip: !root && 'skip: needs root to reach a file without a name' }, async () => {
  const { place, keys } = await made(64 << 20);
  const node = await serve(place);
  const first = await round(node, keys);
  const file = scratchOf(node);
  assert.ok(file, 'the engine room has a scratch file');
  const { size, nlink, mode } = fstatSync(file);
  assert.deepEqual([nlink, mode & 0o777], [0, 0o600]);
  const bytes = readFileSync(file);
  assert.ok(size > 100_000 && bytes.length === size);
  for (let at = 64; at < size; at += 4096) writeSync(file, Buffer.from([bytes[at] ^ 1]), 0, 1, at);
  for (const [i, answer] of (await round(node, keys)).entries()) { // memory had those of the last keys
    if (i < 2) assert.ok(answer.cached < whole(answer));
    assert.equal(answer.text, first[0].text);
  }
  assert.match(node.log(), /engine cache_disk model=0 text="a page is damaged: computed again"/);
  for (const answer of await round(node, keys)) assert.equal(answer.cached, whole(answer), 'what was put since is good');
  closeSync(file);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});

test('what a full or broken disk does not take is not kept; the next page is tried anew', async () => {
  const user = asUser();
  const { place, keys, reader } = await made(64 << 20, user);
  const rooms = join(user.home, 'bin/libexec/sekisho'), build = dirname(sekisho);
  copyFileSync(join(build, 'libexec/sekisho/engine'), join(rooms, 'engine.real'));
  copyFileSync(join(build, 'tests/fault/disk_shim.so'), join(rooms, 'disk_shim.so'));
  copyFileSync(join(build, 'tests/fault/disk_room'), join(rooms, 'fresh'));
  renameSync(join(rooms, 'fresh'), join(rooms, 'engine'));
  // Pages of the first key are the first to go; memory has room for 24.
  for (const row of ['pwrite ENOSPC 1 ever', 'pwrite ENOSPC 25 ever', 'pwrite torn 25 ever', 'pwrite EIO 20 once', 'pwrite short 1 ever']) {
    writeFileSync(join(rooms, 'plan'), `${row}\n`);
    const node = await serve(place, {}, user);
    const first = await round(node, keys), second = await round(node, keys), third = await round(node, keys);
    for (const answer of [...first, ...second, ...third]) assert.equal(answer.text, first[0].text, row);
    const some = row.startsWith('pwrite ENOSPC 1 ') ? 0 : whole(second[0]);
    assert.equal(second[0].cached, some, `${row}: what is there is read`);
    if (/once|short/.test(row)) for (const answer of third) assert.equal(answer.cached, whole(answer), row);
    const { failed_total: failed } = await metrics(node, reader, (now) => now.failed_total > 0 || row.includes('short'));
    const lines = node.log().split('\n').filter((line) => / cache_disk /.test(line));
    writeFileSync(join(place.directory, 'log'), '');
    if (row.includes('short')) {
      assert.deepEqual([failed, lines.length], [0, 0], 'a write in two parts is a write');
    } else {
      assert.match(lines[0], /engine cache_disk model=0 text="write: (No space left on device|Input\/output error)"/);
      assert.ok(row.includes('once') ? failed === 1 && lines.length === 1 : lines.length < failed, `${row}: ${lines.length} lines of ${failed}`);
    }
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
  }
  place.remove();
  user.remove();
});

test('a disk that makes no file without a name is said at the start', async () => {
  const { place } = await made(64 << 20);
  const shim = join(dirname(sekisho), 'tests/fault/disk_shim.so');
  for (const [kind, words] of [['EOPNOTSUPP', 'Operation not supported'], ['EACCES', 'Permission denied']]) {
    await assert.rejects(serve(place, { LD_PRELOAD: shim, DISK_PLAN: `tmpfile ${kind} 1 ever` }), (error) => {
      assert.match(error.message, new RegExp(`engine\\.cache_disk: no file without a name \\(O_TMPFILE\\) in ${place.directory}/data: ${words}; set it to 0, or put data on a disk that has them`));
      return true;
    });
  }
  configure(place, [[/cache_disk: \d+/, 'cache_disk: 0']]);
  const node = await serve(place, { LD_PRELOAD: shim, DISK_PLAN: 'tmpfile EOPNOTSUPP 1 ever' });
  assert.deepEqual(await node.stop(), { code: 0, signal: null }, 'without the field nobody asks for one');
  place.remove();
});
