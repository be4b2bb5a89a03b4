// Clients of a real node that all ask at once and read their answers as they come.
import { join, resolve } from 'node:path';

// A word is a token of model.c's; the number comes first, so that nothing is found in the cache.
const PROMPT = (i) => `${i} back bank best book call came care city come able area case`;

// { promptTokens, ask(): { tokens, seconds, first, gaps: { p50, p99, most } }, close() }
export async function serveOurs({ build, file, clients, tokens }) {
  process.env.SEKISHO = join(build, 'sekisho');
  const { init, configure, serve } = await import('../../tests/api/node.mjs');
  const place = init();
  configure(place, [[/file: ".*"/, `file: "${resolve(file)}"`], [/id: ".*"/, 'id: "bench"'], [/context: 0/, 'context: 512'],
    [/parallel: \d+/, `parallel: ${clients}`], [/threads: 0/, 'threads: 2']]);
  const node = await serve(place);
  let asked = 0, promptTokens;

  async function client(since) {
    const body = { model: 'bench', messages: [{ role: 'user', content: PROMPT(asked++) }], max_tokens: tokens, temperature: 0, stream: true, stream_options: { include_usage: true } };
    const reply = await fetch(`${node.url}/chat/completions`, { method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' } });
    if (reply.status !== 200) throw new Error(`the node: ${reply.status} ${await reply.text()}`);
    const times = [];
    let rest = '', made = 0;
    for await (const bytes of reply.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop();
      for (const line of lines.filter((one) => one.startsWith('data: {'))) {
        const { choices, usage } = JSON.parse(line.slice(6));
        if (choices?.[0]?.delta?.content) times.push((performance.now() - since) / 1000);
        if (usage) { made = usage.completion_tokens; promptTokens = usage.prompt_tokens; }
      }
    }
    return { made, first: times[0], gaps: times.slice(1).map((time, i) => time - times[i]) };
  }

  const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return {
    get promptTokens() { return promptTokens; },
    async ask() {
      const since = performance.now();
      const all = await Promise.all(Array.from({ length: clients }, () => client(since)));
      const seconds = (performance.now() - since) / 1000;
      const gaps = all.flatMap((one) => one.gaps).sort((a, b) => a - b), first = all.map((one) => one.first).sort((a, b) => a - b);
      return { tokens: all.reduce((sum, one) => sum + one.made, 0), seconds, first: at(first, 0.5), gaps: { p50: at(gaps, 0.5), p99: at(gaps, 0.99), most: gaps.at(-1) } };
    },
    async close() { await node.stop(); place.remove(); },
  };
}
