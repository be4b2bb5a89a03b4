// llama.cpp as node-llama-cpp packs it: what it computes from a GGUF file and ids. One thread: its
// threads spin, and with the cores shared they stand in each other's way.
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

export const CONTEXT = 512;
const llama = await getLlama({gpu: false, build: "never", maxThreads: 1,
                              logLevel: LlamaLogLevel.error, progressLogs: false});

// Two largest logits and the logarithms of the probabilities of `also`.
function reading(output, also) {
    const logits = [...output.next.logits].sort((a, b) => b[1] - a[1]);
    const sum = logits[0][1] + Math.log(output.next.totalLogitWeight);
    const of = new Map(logits);
    return {token: Number(logits[0][0]), next: Number(logits[1][0]),
            gap: logits[0][1] - logits[1][1],
            logprobs: also.map(id => of.get(id) - sum)};
}

const asking = also => ({generateNext: {
    logits: {filter: {tokens: also, includeTop: 2}}, totalLogitWeight: true,
    options: {temperature: 0}}});

// Reads ids; for each the reading of what follows, with the probability of `follow[i]`.
async function read(sequence, ids, follow) {
    const input = ids.map((id, i) => follow[i] === undefined ? id : [id, asking(follow[i])]);
    const outputs = await sequence.controlledEvaluate(input);
    return ids.map((_, i) => outputs[i] && reading(outputs[i], follow[i]));
}

export class Peer {
    static async open(file, lora) {
        const peer = new Peer();
        peer.lora = lora;
        peer.model = await llama.loadModel({modelPath: file, gpuLayers: 0, useMmap: true});
        return peer;
    }
    async close() {
        await this.model.dispose();
    }
    async #sequence(use) {
        const context = await this.model.createContext({contextSize: CONTEXT, threads: 1,
                                                        batchSize: CONTEXT, lora: this.lora});
        try {
            return await use(context.getSequence());
        } finally {
            await context.dispose();
        }
    }
    // `steps` tokens, each the most probable: [{token, next, gap}, …].
    async greedy(prompt, steps) {
        return this.#sequence(async sequence => {
            const out = [];
            let ids = prompt;
            while (out.length < steps) {
                const readings = await read(sequence, ids, [...Array(ids.length - 1), []]);
                out.push(readings.at(-1));
                ids = [out.at(-1).token];
            }
            return out;
        });
    }
    // Logarithm of the probability of ids[i], i >= 1, given those before.
    async score(ids) {
        return this.#sequence(async sequence => {
            const follow = ids.slice(1).map(id => [id]);
            const readings = await read(sequence, ids.slice(0, -1), follow);
            return readings.map(one => one.logprobs[0]);
        });
    }
    tokenize(text) {
        return this.model.tokenize(text).map(Number);
    }
    // By how much the logit of `one` after ids is above that of `other`.
    async lead(ids, one, other) {
        return this.#sequence(async sequence => {
            const [a, b] = (await read(sequence, ids, [...Array(ids.length - 1), [one, other]]))
                .at(-1).logprobs;
            return a - b;
        });
    }
    // The logit of a reranker for ids as they are; the package puts it through a sigmoid.
    async rank(ids) {
        const context = await this.model.createRankingContext({contextSize: CONTEXT, threads: 1,
                                                               batchSize: CONTEXT});
        const [score] = await context._evaluateChunks([ids]);
        await context.dispose();
        return Math.log(score / (1 - score));
    }
    async embed(ids) {
        const context = await this.model.createEmbeddingContext({contextSize: CONTEXT, threads: 1,
                                                                 batchSize: CONTEXT});
        const {vector} = await context.getEmbeddingFor(ids);
        await context.dispose();
        return vector;
    }
}
