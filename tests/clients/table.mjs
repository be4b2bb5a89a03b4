// The table: what was asked by which client, and whether it did. As text and as a page.
import { readFileSync } from 'node:fs';
import { cells as anthropic } from './anthropic.mjs';
import { cells as langchain } from './langchain.mjs';
import { cells as openai } from './openai.mjs';
import { cells as responses } from './openai_responses.mjs';
import { cells as vercel } from './vercel.mjs';

const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

// Columns: a client with the packages it is made of, and its cells by the name of their row.
export const clients = [
  { name: 'openai', packages: ['openai'], cells: { ...openai, ...responses } },
  { name: 'anthropic', packages: ['@anthropic-ai/sdk'], cells: anthropic },
  { name: 'langchain', packages: ['@langchain/openai', '@langchain/core'], cells: langchain },
  { name: 'ai sdk', packages: ['ai', '@ai-sdk/openai-compatible'], cells: vercel },
];

// Rows in the order in which the clients name them first.
export const rows = [...new Set(clients.flatMap(({ cells }) => Object.keys(cells)))];

const mark = (client, row, results) => {
  if (!client.cells[row]) return '–';
  const result = results.get(`${client.name}: ${row}`);
  return result === undefined ? '?' : result ? '✓' : '✗';
};

export function asText(results) {
  const wide = Math.max(...rows.map((row) => row.length));
  const line = (first, cells) => `${first.padEnd(wide)}  ${cells.map((cell) => cell.padEnd(10)).join('')}`.trimEnd();
  return [line('', clients.map(({ name }) => name)),
    ...rows.map((row) => line(row, clients.map((client) => mark(client, row, results))))].join('\n');
}

export function asPage(results) {
  const packages = clients.map(({ packages }) => packages.map((name) => `\`${name}\` ${version(name)}`).join(', '));
  return `# Calls and clients

Written by the test that makes every one of these calls with the real package on a real node (HACKING.md says how):
✓ did what its user expects, – was not asked (for the most part: is not in that package).

| | ${clients.map(({ name }) => name).join(' | ')} |
|---|${clients.map(() => '---').join('|')}|
| | ${packages.join(' | ')} |
${rows.map((row) => `| ${row} | ${clients.map((client) => mark(client, row, results)).join(' | ')} |`).join('\n')}
`;
}
