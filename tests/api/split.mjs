// Splits a GGUF file as gguf-split does: all keys in the first part, the tensors over all parts.
export function splitGguf(file, count) {
  let at = 4;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const string = () => { const len = u64(); return file.subarray((at += len) - len, at).toString(); };
  const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
  const skip = (kind) => {
    if (kind === 8) string();
    else if (kind === 9) { const inner = u32(), len = u64(); for (let i = 0; i < len; i++) skip(inner); }
    else at += sizes[kind];
  };
  u32();
  const tensors = u64(), keys = u64(), keysAt = at;
  for (let i = 0; i < keys; i++) { string(); skip(u32()); }
  const keyBytes = file.subarray(keysAt, at);
  const rows = Array.from({ length: tensors }, () => {
    const from = at;
    string();
    const dimensions = u32();
    at += 8 * dimensions + 4;
    return { head: file.subarray(from, at), offset: u64() };
  });
  const data = Math.ceil(at / 32) * 32;
  rows.sort((a, b) => a.offset - b.offset);
  rows.forEach((row, i) => { row.bytes = file.subarray(data + row.offset, i + 1 < tensors ? data + rows[i + 1].offset : file.length); });

  const number = (bytes, value) => { const out = Buffer.alloc(bytes); out.writeUIntLE(value, 0, Math.min(bytes, 6)); return out; };
  const text = (value) => Buffer.concat([number(8, value.length), Buffer.from(value)]);
  const key = (name, kind, bytes, value) => Buffer.concat([text(name), number(4, kind), number(bytes, value)]);
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((32 - bytes.length % 32) % 32)]);
  return Array.from({ length: count }, (_, part) => {
    const own = rows.filter((_, i) => Math.floor(i * count / tensors) === part);
    let offset = 0;
    const infos = own.map(({ head, bytes }) => {
      const info = Buffer.concat([head, number(8, offset)]);
      offset += padded(bytes).length;
      return info;
    });
    return Buffer.concat([padded(Buffer.concat([Buffer.from('GGUF'), number(4, 3), number(8, own.length),
      number(8, part ? 3 : keys + 3), ...(part ? [] : [keyBytes]), key('split.no', 2, 2, part),
      key('split.count', 2, 2, count), key('split.tensors.count', 5, 4, tensors), ...infos])),
      ...own.map(({ bytes }) => padded(bytes))]);
  });
}
