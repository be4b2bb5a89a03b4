// A strict reader of Prometheus' text format 0.0.4: whatever it lets pass, Prometheus reads. Returns
// { name: { type, help, samples: [{ name, labels, value }] } }, and throws where a line is wrong, a
// family is split or untyped, a series occurs twice, or a histogram's buckets do not add up.
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

function labelsOf(text, line) {
  const labels = {};
  let rest = text;
  while (rest) {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/.exec(rest);
    if (!match) throw new Error(`labels: ${line}`);
    const [whole, name, value] = match;
    if (name in labels || name.startsWith('__')) throw new Error(`label ${name}: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    rest = rest.slice(whole.length);
    if (whole.endsWith(',') && !rest) throw new Error(`comma: ${line}`);
  }
  return labels;
}

function sampleOf(line) {
  const match = /^([^\s{]+)(?:\{(.*)\})? ([^\s]+)$/.exec(line);
  if (!match || !NAME.test(match[1])) throw new Error(`sample: ${line}`);
  const value = match[3] === '+Inf' ? Infinity : Number(match[3]);
  if (Number.isNaN(value)) throw new Error(`value: ${line}`);
  return { name: match[1], labels: labelsOf(match[2] ?? '', line), value };
}

function histogramCheck(name, samples) {
  const series = new Map();
  for (const sample of samples) {
    const { le, ...others } = sample.labels;
    const key = JSON.stringify(Object.entries(others).sort());
    if (!series.has(key)) series.set(key, { buckets: [] });
    const row = series.get(key);
    const part = sample.name.slice(name.length);
    if (part === '_bucket') {
      if (le === undefined) throw new Error(`${name}: a bucket without le`);
      row.buckets.push([le === '+Inf' ? Infinity : Number(le), sample.value]);
    } else if (part === '_sum' || part === '_count') {
      row[part] = sample.value;
    } else {
      throw new Error(`${sample.name} is no part of histogram ${name}`);
    }
  }
  for (const { buckets, _sum, _count } of series.values()) {
    for (let i = 1; i < buckets.length; i++)
      if (!(buckets[i][0] > buckets[i - 1][0]) || buckets[i][1] < buckets[i - 1][1]) throw new Error(`${name}: buckets`);
    if (buckets.at(-1)?.[0] !== Infinity || buckets.at(-1)[1] !== _count || !(_sum >= 0)) throw new Error(`${name}: ends`);
  }
}

export function read(text) {
  if (!text.endsWith('\n') || text.includes('\r')) throw new Error('lines end in one line feed');
  const families = {}, seen = new Set();
  let family = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (head) {
      const [, what, name, rest] = head;
      if (!NAME.test(name)) throw new Error(`name: ${line}`);
      if (what === 'HELP') {
        if (families[name]) throw new Error(`a family twice: ${line}`);
        family = families[name] = { help: rest, samples: [] };
        family.name = name;
      } else {
        if (family?.name !== name || family.type || !TYPES.includes(rest)) throw new Error(`type: ${line}`);
        family.type = rest;
      }
      continue;
    }
    const sample = sampleOf(line);
    const own = family?.type === 'histogram' ? sample.name.startsWith(`${family.name}_`) : sample.name === family?.name;
    if (!own || !family.type) throw new Error(`of no family: ${line}`);
    const key = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(key)) throw new Error(`a series twice: ${line}`);
    seen.add(key);
    family.samples.push(sample);
  }
  for (const [name, { type, samples }] of Object.entries(families)) {
    if (type === 'histogram') histogramCheck(name, samples);
    if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name}: below 0`);
  }
  return families;
}
