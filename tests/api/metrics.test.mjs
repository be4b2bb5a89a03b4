// GET /metrics on a real node: Prometheus' format to the letter, counts that are true, no tenant in
// it, and only for who may read it.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { configure, init, sekisho, serve } from './node.mjs';
import { read } from './prometheus.mjs';
import { FOREVER, endless } from './scripted.mjs';

const model = 'sekisho-keigo';
let place, node, reader, root;

before(async () => {
  place = init();
  reader = execFileSync(sekisho, ['key', 'a reader of Kyoto', '--metrics', '--config', place.config], { encoding: 'utf8' }).trim();
  configure(place, [endless(place.directory)]);
  node = await serve(place);
  root = node.url.replace('/v1', '');
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail) /);
  place.remove();
});

const bearer = (key) => (key ? { authorization: `Bearer ${key}` } : {});
const get = (path, key) => fetch(root + path, { headers: bearer(key) });
const ask = (key, extra = {}, signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal, headers: { ...bearer(key), 'content-type': 'application/json' },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 0, ...extra }),
});
const metrics = async () => read(await (await get('/metrics', reader)).text());
const value = (family, labels = {}) => family.samples.find((sample) =>
  Object.entries(labels).every(([name, text]) => sample.labels[name] === text))?.value;

test('only a key for metrics reads them, and it can do nothing else', async () => {
  const response = await get('/metrics', reader);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal((await get('/metrics')).status, 401);
  assert.equal((await get('/metrics', 'sk-wrong')).status, 401);
  const other = await get('/metrics', place.key);
  assert.equal(other.status, 403);
  assert.match((await other.json()).error.message, /sekisho key NAME --metrics/);
  for (const response of [await ask(reader), await get('/v1/models', reader), await get('/v1/receipts/0', reader)]) {
    assert.equal(response.status, 403);
    assert.equal((await response.json()).error.code, 'key_use');
  }
  const head = await fetch(`${root}/metrics`, { method: 'HEAD', headers: bearer(reader) });
  assert.equal(head.status, 200);
  assert.equal((await fetch(`${root}/metrics`, { method: 'POST', headers: bearer(reader) })).status, 405);
});

test('what was done is counted, in the names of OpenTelemetry', async () => {
  const was = await metrics();
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await (await ask(place.key, { max_tokens: 5 })).json());
  const leaving = new AbortController();
  const stream = await ask(place.key, { model: 'endless', stream: true, max_tokens: FOREVER }, leaving.signal);
  assert.equal(stream.status, 200);
  leaving.abort();
  assert.equal((await ask(place.key, { model: 'no such' })).status, 404);

  let now;
  const labels = { gen_ai_operation_name: 'chat', gen_ai_provider_name: 'sekisho', gen_ai_request_model: model };
  const duration = (families, extra, of = model) => families.gen_ai_server_request_duration_seconds.samples
    .find(({ name, labels }) => name.endsWith('_count') && labels.error_type === extra && labels.gen_ai_request_model === of)?.value ?? 0;
  const cut = (families) => duration(families, 'cut', 'endless');
  do now = await metrics(); while (cut(now) === cut(was));
  assert.equal(duration(now), duration(was) + 3);
  assert.equal(cut(now), cut(was) + 1);
  const tokens = (families, type) => families.gen_ai_client_token_usage.samples
    .find(({ name, labels: of }) => name.endsWith('_sum') && of.gen_ai_token_type === type && of.gen_ai_request_model === model)?.value ?? 0;
  const made = answers.reduce((sum, { usage }) => sum + usage.completion_tokens, 0);
  assert.ok(tokens(now, 'output') - tokens(was, 'output') >= made);
  for (const name of ['gen_ai_server_time_to_first_token_seconds', 'gen_ai_server_time_per_output_token_seconds']) {
    assert.equal(now[name].type, 'histogram');
    assert.ok(now[name].samples.length > 0, name);
    for (const sample of now[name].samples)
      for (const [label, text] of Object.entries(labels))
        if (sample.labels.gen_ai_request_model !== 'endless') assert.equal(sample.labels[label], text);
  }
  assert.ok(value(now.sekisho_receipts_total) >= value(was.sekisho_receipts_total) + 4);
  assert.ok(value(now.sekisho_requests_refused_total, { reason: 'model_not_found' }) >= 1);
  assert.equal(value(now.sekisho_requests_open), 0);
  assert.equal(value(now.sekisho_model_loaded, { gen_ai_request_model: model }), 1);
  assert.equal(value(now.sekisho_isolation_info), 1);
});

test('nothing of a caller is in it', async () => {
  const text = await (await get('/metrics', reader)).text();
  for (const secret of [place.key, reader, 'admin', 'Kyoto', 'はい', '127.0.0.1']) assert.ok(!text.includes(secret), secret);
  for (const { samples } of Object.values(read(text)))
    for (const { labels } of samples)
      for (const name of Object.keys(labels))
        assert.match(name, /^(gen_ai_(operation_name|provider_name|request_model|token_type)|error_type|le|reason|build|level|part|verdict|place)$/);
});

test('a keyless node shows them to this machine, and to no page of another origin', async () => {
  const open = init(['--keyless']);
  const keyless = await serve(open);
  const url = `${keyless.url.replace('/v1', '')}/metrics`;
  assert.ok(read(await (await fetch(url)).text()).sekisho_uptime_seconds);
  assert.equal((await fetch(url, { headers: { origin: 'https://evil.example' } })).status, 403);
  await keyless.stop();
  open.remove();
});

test('the reader of the format is strict', () => {
  const good = '# HELP a b\n# TYPE a counter\na{x="1"} 2\n';
  read(good);
  for (const bad of [good.slice(0, -1), good + 'a{x="1"} 3\n', good.replace('counter', 'count'), good.replace('2', 'two'),
    good.replace('"1"', '1'), good.replace('x=', '1x='), good + 'b 1\n', good.replace('# TYPE a counter\n', ''),
    good.replace('"1"', '"\\q"'), good.replace('2', '-1'), good + good,
    '# HELP h b\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    '# HELP h b\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n']) assert.throws(() => read(bad), undefined, bad);
});
