// The gazetteer: names of prefectures, municipalities and towns, each with its kind, in the forms
// people write (ケ as ヶ, が, ガ; ノ as の; without 大字; 三丁目 cut off).
//
// Kinds: p prefecture, m municipality (市, Tokyo's 区, 郡 with its 町 or 村), w what stands below or
// beside one (a city's 区, 町 and 村 without 郡), t town.

const SMALL_KE = /[ケヶ]/, NO = /ノ/;

// Spellings of one name.
function spellings(name) {
  const out = new Set([name]);
  if (SMALL_KE.test(name))
    for (const ke of ['ケ', 'ヶ', 'が', 'ガ', 'か']) out.add(name.replaceAll(/[ケヶ]/g, ke));
  for (const one of [...out]) if (NO.test(one)) out.add(one.replaceAll('ノ', 'の'));
  return [...out];
}

// What KEN_ALL adds to a town: areas of 地割, ranges, 丁目 and names of buildings behind it.
function town(name) {
  return name.split(/[（(、～〜]/)[0].replace(/(第?[０-９0-9]+地割|[０-９0-9]+丁目).*$/, '')
    .replace(/^(大字|字)/, '').trim();
}

// 上閉伊郡大槌町, 札幌市北区, 横浜市, 千代田区.
function municipality(name) {
  const gun = /^(.+?郡)(.+[町村])$/.exec(name);
  if (gun) return [['m', name], ['m', gun[1]], ['w', gun[2]]];
  const island = /^(.+島)(.+[町村])$/.exec(name); // 八丈島八丈町
  if (island) return [['m', name], ['w', island[2]]];
  const ward = /^(.+?市)(.+区)$/.exec(name);
  if (ward) return [['m', name], ['m', ward[1]], ['w', ward[2]]];
  return [[/[町村]$/.test(name) ? 'w' : 'm', name]];
}

export function places(rows) {
  const kinds = new Map();
  const add = (word, kind) => {
    for (const spelling of spellings(word))
      kinds.set(spelling, (kinds.get(spelling) ?? '').replace(kind, '') + kind);
  };
  for (const row of rows) {
    add(row.prefecture, 'p');
    for (const [kind, word] of municipality(row.municipality)) add(word, kind);
    const name = row.town ? town(row.town) : '';
    if ([...name].length >= 1) add(name, 't');
  }
  return [...kinds].map(([word, kind]) => `${word}\t${[...kind].sort().join('')}`);
}
