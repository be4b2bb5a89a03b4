// Answers of other servers through the whole node: whatever protocol the client speaks and whatever
// the place, what was masked comes back, and what the place does wrong is told as its fault.
import test from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, serve, verify } from './node.mjs';
import { lastText, upstream } from './upstream.mjs';

const MAIL = 'taro.tanaka@example.jp', TOKEN = /⟦EML:[0-9A-Z]{8}⟧/;
const there = { openai: await upstream({ kind: 'openai' }), anthropic: await upstream({ kind: 'anthropic' }),
  near: await upstream({ kind: 'openai' }), 'near-anthropic': await upstream({ kind: 'anthropic' }),
  silent: await upstream({ answer: { hang: 0 } }) };

// On this machine's loopback, but said to be abroad, or elsewhere in the country: so text goes there masked.
const place = (id, kind, wait_ms, land = 'DE') => `
  - id: ${id}
    kind: ${kind}
    country: ${land}
    operator: "Example"
    operator_home: ${land}
    reach: ${land === 'JP' ? 'country' : 'listed'}
    processing: single-region
    url: ${there[id].url}
    contract: "DPA-1"
    contract_until: 2099-12-31
    timeout_ms: ${wait_ms}
    models: [there]`;
const home = init();
writeFileSync(join(home.directory, 'policy.yaml'), `format: 1
name: "upstreams"
home: JP
classes:
  contact: {detect: [email], reach: node, masked_reach: listed}
  phone: {detect: [jp.phone], reach: node, masked_reach: country, mask: format}
  public: {reach: world}
places:${place('openai', 'openai', 60000)}${place('anthropic', 'anthropic', 60000)}${place('silent', 'openai', 200)}${
    place('near', 'openai', 60000, 'JP')}${place('near-anthropic', 'anthropic', 60000, 'JP')}
tenants:
  - {id: default, label: [public]}
routes:
  - {model: openai, to: [{place: openai, model: there}]}
  - {model: anthropic, to: [{place: anthropic, model: there}]}
  - {model: silent, to: [{place: silent, model: there}]}
  - {model: near, to: [{place: near, model: there}]}
  - {model: near-anthropic, to: [{place: near-anthropic, model: there}]}
`);
configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${join(home.directory, 'policy.yaml')}"`]]);
const node = await serve(home);
test.after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  for (const server of Object.values(there)) await server.stop();
  home.remove();
});

const headers = { authorization: `Bearer ${home.key}`, 'content-type': 'application/json' };
const post = (path, body, signal) => fetch(`${node.url}${path}`, {
  method: 'POST', body: JSON.stringify(body), signal,
  headers: { ...headers, ...(path.startsWith('/messages') && { 'anthropic-version': '2023-06-01' }) },
});
// The close leaf of a decision; an error may be told before that leaf is sealed.
async function closeOf(number) {
  for (;;) {
    const { close } = await (await fetch(`${node.url}/receipts/${number}`, { headers })).json();
    if (close) return JSON.parse(close.leaf);
  }
}
const json = async (path, body) => {
  const response = await post(path, body);
  return { status: response.status, headers: response.headers, body: await response.json() };
};
// The values of a stream's events.
async function events(path, body) {
  const response = await post(path, { ...body, stream: true });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text.split('\n\n').flatMap((event) => /^data: (\{.*)/m.exec(event)?.[1] ?? []).map((data) => JSON.parse(data));
}
const sent = (kind) => there[kind].requests.at(-1);
const answers = (kind, answer) => { there[kind].answer = typeof answer === 'function' ? answer : () => answer; };

// What a client reads, in each protocol: { text, thought, calls: [[name, arguments]], end, receipt }.
const clients = {
  chat: async (model, content, more) => {
    const { status, body } = await json('/chat/completions', { model, messages: [{ role: 'user', content }], ...more });
    assert.equal(status, 200, JSON.stringify(body));
    const [{ message, finish_reason: end }] = body.choices;
    return { text: message.content ?? '', thought: message.reasoning_content ?? '', end, receipt: body.sekisho.receipt, usage: body.usage,
      calls: (message.tool_calls ?? []).map(({ function: { name, arguments: text } }) => [name, text]) };
  },
  'chat stream': async (model, content, more) => {
    const all = await events('/chat/completions', { model, messages: [{ role: 'user', content }], stream_options: { include_usage: true }, ...more });
    const deltas = all.flatMap(({ choices }) => choices?.[0]?.delta ?? []), calls = [];
    for (const { index, function: { name, arguments: text } } of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
      calls[index] ??= [name, ''];
      calls[index][1] += text ?? '';
    }
    const join = (member) => deltas.map((delta) => delta[member] ?? '').join('');
    return { text: join('content'), thought: join('reasoning_content'), calls, end: all.map(({ choices }) => choices?.[0]?.finish_reason).find(Boolean),
      receipt: all.map(({ sekisho }) => sekisho?.receipt).find(Boolean), usage: all.map(({ usage }) => usage).find(Boolean) };
  },
  messages: async (model, content, { tools, ...more } = {}) => {
    const { status, body } = await json('/messages', { model, max_tokens: 99, messages: [{ role: 'user', content }], ...more,
      ...(tools && { tools: tools.map(({ function: { name, parameters } }) => ({ name, input_schema: parameters })) }) });
    assert.equal(status, 200, JSON.stringify(body));
    const of = (type, member) => body.content.filter((block) => block.type === type).map((block) => block[member]).join('');
    return { text: of('text', 'text'), thought: of('thinking', 'thinking'), end: body.stop_reason, receipt: body.sekisho.receipt, usage: body.usage,
      calls: body.content.filter(({ type }) => type === 'tool_use').map(({ name, input }) => [name, JSON.stringify(input)]) };
  },
};
const TOOLS = [{ type: 'function', function: { name: 'send', parameters: { type: 'object', properties: { to: { type: 'string' } } } } }];

for (const kind of ['openai', 'anthropic']) {
  for (const [name, client] of Object.entries(clients)) {
    test(`${name} at a place of kind ${kind}: a masked value comes back, wherever its token is cut`, async () => {
      answers(kind, ({ json: asked }) => ({ text: `はい、${lastText(asked)}`, chunk: 1, piece: 1, usage: { prompt: 20, cached: 4, completion: 9 } }));
      const { text, end, receipt, usage } = await client(kind, `連絡先は ${MAIL} です。`);
      assert.equal(text, `はい、連絡先は ${MAIL} です。`);
      assert.match(end, /^(stop|end_turn)$/);
      assert.ok(!sent(kind).text.includes(MAIL) && TOKEN.test(lastText(sent(kind).json)));
      assert.equal(usage.completion_tokens ?? usage.output_tokens, 9);
      const { status, output } = verify(home, receipt, { response: text, prompt: sent(kind).text });
      assert.equal(status, 0, output);
    });

    test(`${name} at a place of kind ${kind}: thoughts and calls, with values in their arguments`, async () => {
      answers(kind, ({ json: asked }) => {
        const to = TOKEN.exec(JSON.stringify(asked.messages.at(-1)))[0];
        return { reasoning: `${to} に送ろう。`, calls: [{ name: 'send', arguments: { to } }, { name: 'send', arguments: { to: 'x' } }], piece: 2 };
      });
      const { thought, calls, end } = await client(kind, `${MAIL} に送って。`, { tools: TOOLS });
      assert.equal(thought, `${MAIL} に送ろう。`);
      assert.deepEqual(calls.map(([called, text]) => [called, JSON.parse(text)]), [['send', { to: MAIL }], ['send', { to: 'x' }]]);
      assert.match(end, /^tool_(calls|use)$/);
    });
  }

  test(`what a place of kind ${kind} does wrong is told as its fault, and is in the receipt`, async () => {
    const failed = [502, 'place_failed', 'failed'];
    const faults = [
      [{ status: 500 }, failed, /status 500: The mock is overloaded/],
      [{ status: 429, retryAfter: 2 }, [503, 'place_busy', 'failed'], /status 429/],
      [{ status: 404, body: { error: { message: 'no model there' } } }, failed, /status 404: no model there/],
      [{ status: 400, body: { error: { message: 'top_k is unknown' } } }, [400, 'place_refused', 'failed'], /top_k is unknown/],
      [{ raw: '<html>' }, failed, /ends in the middle/],
      [{ raw: '' }, failed, /empty/],
      [{ cut: 0 }, failed, /./],
      [{ text: 'abcdef', garbage: 3 }, failed, /expected a value/],
      [{ text: 'abcdef', broken: 3 }, failed, /broke its answer off: overloaded_error/],
      [{ calls: [{ name: 'rm', arguments: {} }] }, failed, /a tool that was not offered/],
      [{ calls: [{ name: 'send', arguments: '[1]' }] }, failed, /arguments of 'send' that are no JSON object/],
    ];
    const hello = { model: kind, messages: [{ role: 'user', content: 'こんにちは' }], tools: TOOLS };
    for (const [answer, [status, code, outcome], why] of faults) {
      answers(kind, { text: 'ok' });
      assert.equal((await json('/chat/completions', hello)).status, 200); // else it would not be asked for a while
      answers(kind, answer);
      const got = await json('/chat/completions', hello);
      assert.deepEqual([got.status, got.body.error.code], [status, code], got.body.error.message);
      assert.match(got.body.error.message, why);
      const close = await closeOf(got.headers.get('sekisho-receipt'));
      assert.equal(close.outcome, outcome);
      if (answer.cut !== 0) assert.equal(close.peer, '127.0.0.1', 'who took the envelope');
    }
    assert.match(node.log(), /warn ferry place host=\S+:\d+ status=500/);
    assert.ok(!node.log().includes('no model there'), 'words of a place are not logged');
  });

  test(`a stream that breaks off at a place of kind ${kind} says so after what came before`, async () => {
    answers(kind, { text: 'abcdef', piece: 1, delay: 5, cut: 6 });
    const response = await post('/chat/completions', { model: kind, stream: true, messages: [{ role: 'user', content: 'こんにちは' }] });
    const text = await response.text();
    assert.match(text, /"content":"a"/);
    assert.match(text, /"code":"place_failed"/);
    assert.ok(!text.includes('"finish_reason":"stop"'));
  });

  test(`a client that leaves an answer of kind ${kind} lets its place go`, async () => {
    answers(kind, { text: 'a'.repeat(2000), piece: 1, delay: 5 });
    const before = there[kind].requests.length, leave = new AbortController();
    const response = await post('/chat/completions', { model: kind, stream: true, messages: [{ role: 'user', content: 'こんにちは' }] }, leave.signal);
    await response.body.getReader().read();
    leave.abort();
    while (!there[kind].requests[before].aborted) await new Promise((resolve) => setTimeout(resolve, 10));
  });
}

test('wherever a value stands in a request, it does not leave', async () => {
  const messages = [{ role: 'user', content: 'はい' }], tool = (more) => ({ messages,
    tools: [{ type: 'function', function: { name: 'send', parameters: { type: 'object', properties: {} }, ...more } }] });
  const schema = (of) => ({ type: 'object', properties: { a: { type: 'string', maxLength: 7, ...of } }, required: ['a'], additionalProperties: false });
  const says = (content) => ({ messages: [{ role: 'user', content }] });
  const result = (content, args = '{}') => ({ messages: [...messages,
    { role: 'assistant', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'send', arguments: args } }] },
    { role: 'tool', tool_call_id: 'c1', content }] });
  const escaped = MAIL.replace('@', '\\u0040');
  const requests = {
    parts: says([{ type: 'text', text: MAIL.slice(0, 9) }, { type: 'text', text: MAIL.slice(9) }].map((part, i) => i ? part : { ...part, text: `宛先は ${part.text}` })),
    json: says(`{"to": "${escaped}", "note": "a\\n${MAIL}"}`), 'json in json': says(`"{\\"to\\": \\"${MAIL.replace('@', '\\\\u0040')}\\"}"`),
    url: says(`https://a.example/?to=${encodeURIComponent(MAIL)}`), html: says(MAIL.replace('@', '&#64;')),
    wide: says(MAIL.replace('@', '＠')), 'zero width': says(MAIL.replace('@', '\u200b@\u2060')),
    name: { messages: [{ role: 'user', name: MAIL, content: 'はい' }] },
    result: result(JSON.stringify({ to: MAIL })), escaped: result(`{"to": "${escaped}"}`), arguments: result('はい', JSON.stringify({ [MAIL]: [MAIL] })),
    description: tool({ description: MAIL }), parameters: tool({ parameters: schema({ default: MAIL, enum: [MAIL] }) }),
    property: tool({ parameters: { type: 'object', properties: { [MAIL]: {} } } }),
    format: { messages, response_format: { type: 'json_schema', json_schema: { name: 'a', schema: schema({ enum: [MAIL] }) } } },
    described: { messages, response_format: { type: 'json_schema', json_schema: { name: 'a', description: MAIL, schema: schema({ description: MAIL }) } } },
    stop: { messages, stop: [MAIL] }, user: { messages, user: MAIL, metadata: { a: MAIL }, safety_identifier: MAIL, prompt_cache_key: MAIL },
    variables: { messages, chat_template_kwargs: { [MAIL]: { a: MAIL } } },
  };
  for (const [name, request] of Object.entries(requests)) {
    const before = there.openai.requests.length;
    answers('openai', { text: 'はい' });
    const { status } = await json('/chat/completions', { model: 'openai', ...request });
    for (const { text, json: asked } of there.openai.requests.slice(before)) {
      assert.doesNotMatch(text, /taro\.tanaka/, name);
      const { maxLength } = (asked.tools?.[0].function.parameters ?? asked.response_format?.json_schema.schema)?.properties.a ?? { maxLength: 7 };
      assert.equal(maxLength, 7, name); // what is no text stays what it was
    }
    assert.ok(status === 200 || status === 400, `${name}: ${status}`);
  }
});

test('an answer of masks alone, all in one event, comes back whole', async () => {
  const mail = `${'a'.repeat(40)}@example.jp`, want = `${mail} `.repeat(2000);
  for (const kind of ['openai', 'anthropic']) {
    answers(kind, ({ json: asked }) => ({ text: `${TOKEN.exec(lastText(asked))[0]} `.repeat(2000), piece: 1e6 }));
    for (const [name, client] of Object.entries(clients)) {
      const { text, end } = await client(kind, `連絡先は ${mail} です。`);
      assert.match(end, /^(stop|end_turn)$/, `${name} at ${kind}`);
      assert.equal(text, want);
    }
  }
});

test('a value has one token from turn to turn, and another in the next conversation', async () => {
  const system = { role: 'system', content: '同じ前置きです。'.repeat(100) };
  const first = [system, { role: 'user', content: `${MAIL} に送って。` }];
  const turns = [first, [...first, { role: 'assistant', content: `${MAIL} に送りました。` }, { role: 'user', content: '控えも。' }],
    [system, { role: 'user', content: `${MAIL} とは誰ですか。` }]];
  const tokens = [];
  answers('openai', { text: 'はい' });
  for (const messages of turns) {
    assert.equal((await json('/chat/completions', { model: 'openai', messages })).status, 200);
    const found = sent('openai').text.match(new RegExp(TOKEN, 'g'));
    assert.equal(new Set(found).size, 1);
    tokens.push(found[0]);
  }
  assert.equal(tokens[0], tokens[1]);
  assert.notEqual(tokens[0], tokens[2]);
});

// A call's arguments as the place got them.
const argumentsSent = (kind) => {
  const message = sent(kind).json.messages.find(({ role }) => role === 'assistant');
  return message.tool_calls ? JSON.parse(message.tool_calls[0].function.arguments)
    : message.content.find(({ type }) => type === 'tool_use').input;
};
for (const near of ['near', 'near-anthropic']) {
  test(`${near}: a number that is an argument goes as another of its form, and comes back in a stream`, async () => {
    const TEL = '090-1234-5678', SHAPE = /^\d{3}-\d{4}-\d{4}$/, seen = new Set();
    const given = { tel: TEL, mail: MAIL, note: `電話は ${TEL} です。` };
    const messages = [{ role: 'user', content: `${TEL} に電話して。` },
      { role: 'assistant', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'send', arguments: JSON.stringify(given) } }] },
      { role: 'tool', tool_call_id: 'c1', content: 'ok' }];
    for (const client of [clients.chat, clients['chat stream'], clients['chat stream']]) {
      answers(near, () => {
        const { tel } = argumentsSent(near);
        return { text: `${tel} と 1${tel} と${tel}`, calls: [{ name: 'send', arguments: { tel, list: [`+${tel}`] } }], piece: 1, chunk: 7 };
      });
      const { text, calls, receipt } = await client(near, '', { messages, tools: TOOLS });
      const { tel, mail, note } = argumentsSent(near);
      assert.ok(!sent(near).text.includes(TEL));
      assert.match(tel, SHAPE);
      assert.match(mail, TOKEN);
      assert.match(note, /^電話は ⟦TEL:[0-9A-Z]{8}⟧ です。$/);
      assert.match(sent(near).text, /⟦TEL:[0-9A-Z]{8}⟧ に電話して/);
      assert.equal(text, `${TEL} と 1${tel} と${TEL}`);
      assert.deepEqual(JSON.parse(calls[0][1]), { tel: TEL, list: [`+${TEL}`] });
      assert.equal(JSON.parse(receipt.close.leaf).masks_restored, 4);
      seen.add(tel);
    }
    assert.equal(seen.size, 1, 'one conversation has one substitute');
    // What stands in a text already could be taken for it: a token goes.
    const said = [...messages, { role: 'user', content: `番号札 ${[...seen][0]} ではなく` }];
    answers(near, { text: 'はい' });
    assert.equal((await json('/chat/completions', { model: near, messages: said })).status, 200);
    assert.match(argumentsSent(near).tel, /^⟦TEL:[0-9A-Z]{8}⟧$/);
  });
}

test('a number whose class says format does not go abroad, in any form', async () => {
  const before = there.openai.requests.length;
  const messages = [{ role: 'user', content: 'はい' }, { role: 'assistant', tool_calls: [
    { id: 'c1', type: 'function', function: { name: 'send', arguments: '{"tel":"090-1234-5678"}' } }] }, { role: 'tool', tool_call_id: 'c1', content: 'ok' }];
  const { status, body } = await json('/chat/completions', { model: 'openai', messages });
  assert.equal(status, 403, JSON.stringify(body));
  assert.equal(there.openai.requests.length, before);
});

test('a place that says nothing is not waited for', async () => {
  const { status, body } = await json('/chat/completions', { model: 'silent', messages: [{ role: 'user', content: 'a' }] });
  assert.deepEqual([status, body.error.code], [502, 'place_failed']);
  assert.match(body.error.message, /no answer in time/);
  assert.match(node.log(), /warn ferry place host=\S+:\d+ failed="no answer in time"/);
});

test('the end of an answer: its length, a filter', async () => {
  const ask = (kind, more) => clients.chat(kind, 'こんにちは', more);
  for (const kind of ['openai', 'anthropic']) {
    answers(kind, { text: 'a', finish: 'length' });
    assert.equal((await ask(kind)).end, 'length');
    answers(kind, { text: 'a', finish: 'content_filter' });
    assert.equal((await ask(kind)).end, 'content_filter');
  }
});

test('completions with log-probabilities, embeddings, a ranking and a count', async () => {
  answers('openai', { text: 'abcd', piece: 2 });
  const { body: completion } = await json('/completions', { model: 'openai', prompt: 'a', logprobs: 0 });
  assert.equal(completion.choices[0].text, 'abcd');
  assert.deepEqual(completion.choices[0].logprobs.tokens, ['ab', 'cd']);
  const { body: embedded } = await json('/embeddings', { model: 'openai', input: ['a', `b ${MAIL}`] });
  assert.equal(embedded.data.length, 2);
  for (const { embedding } of embedded.data) assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-6);
  assert.ok(!sent('openai').text.includes(MAIL));
  const { body: ranked } = await json('/rerank', { model: 'openai', query: 'q', documents: ['long text', 'a'] });
  assert.deepEqual(ranked.results.map(({ index, relevance_score: score }) => [index, score]), [[1, 0.5], [0, Math.fround(0.1)]]);
  assert.equal(ranked.sekisho.score, 'place');
  const { body: counted } = await json('/messages/count_tokens', { model: 'anthropic', messages: [{ role: 'user', content: 'a' }] });
  assert.equal(counted.input_tokens, 7);
});

test('what a place cannot be told is refused by name, and nothing is sent', async () => {
  const rows = [
    ['openai', { typical_p: 0.5 }, 'typical_p'], ['openai', { grammar: 'root ::= "a"' }, 'grammar'],
    ['anthropic', { logprobs: true }, 'logprobs'], ['anthropic', { presence_penalty: 1 }, 'presence_penalty'],
    ['anthropic', { response_format: { type: 'json_object' } }, 'response_format.json_schema.schema'],
  ];
  for (const [kind, more, param] of rows) {
    const before = there[kind].requests.length;
    const { status, body } = await json('/chat/completions', { model: kind, messages: [{ role: 'user', content: 'a' }], ...more });
    assert.deepEqual([status, body.error.code, body.error.param], [400, 'unsupported_parameter', param], body.error.message);
    assert.equal(there[kind].requests.length, before);
  }
});
