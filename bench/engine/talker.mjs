// A program that takes lines and answers each with a line of JSON, within a time limit.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const children = new Set();
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });

export class Talker {
  #child; #lines; #name; opened;
  static async open(program, args, limitS) {
    const one = new Talker();
    one.#name = [program, ...args].map((word) => String(word).split('/').at(-1)).join(' ');
    one.#child = spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    one.#child.stdin.on('error', () => {}); // it ended: the next answer says so
    children.add(one.#child);
    one.#lines = createInterface({ input: one.#child.stdout })[Symbol.asyncIterator]();
    one.opened = await one.#answer(limitS);
    return one;
  }
  async ask(line, limitS) {
    this.#child.stdin.write(`${line}\n`);
    return this.#answer(limitS);
  }
  close() {
    children.delete(this.#child);
    this.#child.kill('SIGKILL');
  }
  async #answer(limitS) {
    const limit = setTimeout(() => this.close(), 1000 * limitS);
    const { value, done } = await this.#lines.next();
    clearTimeout(limit);
    if (done) throw new Error(`${this.#name}: no answer within ${limitS} s, or it ended`);
    return JSON.parse(value);
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
