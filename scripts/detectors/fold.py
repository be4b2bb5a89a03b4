#!/usr/bin/env python3
"""Writes src/border/fold_table.h: which characters the fold of a text changes, and into what.

    scripts/detectors/fold.py > src/border/fold_table.h

Sources: Unicode's compatibility decompositions (this Python's unicodedata; its version stands in
the output) for radicals and compatibility ideographs; below, by hand, the variants and old forms
met in Japanese names. Variants that are different names (島 and 嶋, 峰 and 峯) stay apart.
"""
import unicodedata

VARIANTS = """
髙高 﨑崎 嵜崎 邉辺 邊辺 齋斎 齊斉 濵浜 濱浜 澤沢 廣広 國国 櫻桜 惠恵 眞真 德徳 栁柳 桒桑 曻昇 淸清 彥彦 顯顕
舘館 檜桧 龝秋 穐秋 冨富 亞亜 壽寿 榮栄 條条 圓円 實実 寬寛 將将 峽峡 巖巌 應応 戶戸 房房 靑青 黃黄 黑黒 塚塚
步歩 萬万 藏蔵 藥薬 豐豊 鄕郷 鐵鉄 鹽塩 關関 雜雑 靜静 響響 龜亀 瀨瀬 瀧滝 氣気 海海 渴渇 溫温 滿満 潤潤 焰焔
狹狭 獨独 猪猪 琢琢 瓣弁 畫画 當当 疊畳 盡尽 眾衆 礒磯 祐祐 福福 禮礼 稻稲 穗穂 竝並 粹粋 絲糸 經経 縣県 繁繁
繩縄 繪絵 繼継 續続 聲声 聰聡 肅粛 腦脳 臺台 與与 舊旧 莊荘 蓮蓮 號号 螢蛍 蠶蚕 衞衛 覺覚 觀観 觸触 證証 譯訳
讓譲 豫予 賣売 賴頼 轉転 辨弁 遙遥 邨村 鄰隣 醫医 釋釈 鎭鎮 錢銭 鑛鉱 閒間 隆隆 險険 隱隠 靈霊 顏顔 飮飲 驛駅
驗験 髓髄 體体 鬪闘 鷄鶏 鷗鴎 麥麦 黨党 點点 齡齢 龍龍 會会 傳伝 佛仏 來来 儉倹 兩両 冲沖 凉涼 劍剣 劒剣 剩剰
勞労 勳勲 勵励 區区 卷巻 參参 雙双 單単 嚴厳 囑嘱 圍囲 圖図 團団 壓圧 壯壮 壹壱 壞壊 壘塁 奧奥 奬奨 孃嬢 學学
寶宝 寢寝 對対 屆届 屬属 層層 嶽岳 巢巣 帶帯 幷并 廢廃 廳庁 彈弾 徑径 從従 恆恒 悅悦 惱悩 慘惨 戀恋 戰戦 戲戯
拂払 拔抜 拜拝 搖揺 攝摂 收収 效効 敍叙 敎教 數数 斷断 晉晋 晚晩 曆暦 曉暁 橫横 檢検 櫂櫂 權権 歐欧 歡歓 歲歳
歷歴 歸帰 殘残 殼殻 每毎 沒没 涉渉 濟済 瀛瀛 爐炉 爭争 爲為 狀状 產産 發発 盜盗 碎砕 祕秘 稱称 竊窃 緖緒 緣縁
總総 縱縦 纖繊 缺欠 聽聴 膽胆 臟臓 虛虚 處処 蟲虫 裝装 覽覧 讀読 變変 豎竪 貳弐 踐践 輕軽 辭辞 遞逓 遲遅 邇迩
釀醸 銳鋭 鍊錬 鎔熔 陷陥 隨随 雞鶏 餘余 騷騒 驅駆 髮髪 麴麹 默黙 齒歯 𠮷吉 𠮟叱 𣘺橋 槗橋 𫝆今 𤰖畠 𡈽土 圡土
""".split()
EXPANSIONS = {"㋿": "令和", "㍻": "平成", "㍼": "昭和", "㍽": "大正", "㍾": "明治", "℡": "TEL", "№": "No",
              "㈱": "(株)", "㈲": "(有)", "〶": "〒"}

single = {}
for code in [*range(0x2e80, 0x2fe0), *range(0xf900, 0xfb00), *range(0xff61, 0xffa0), *range(0xffe0, 0xffef)]:
    to = unicodedata.normalize("NFKC", chr(code))
    if len(to) == 1 and to != chr(code) and ord(to) <= 0xffff:
        single[code] = ord(to)
for pair in VARIANTS:
    if pair[0] != pair[1]:
        single[ord(pair[0])] = ord(pair[1])
for code, to in list(single.items()):  # 﨑 by way of another
    single[code] = single.get(to, to)
wide = {code: to for code, to in single.items() if code > 0xffff}
single = {code: to for code, to in single.items() if code <= 0xffff}

# What fold.c decides by itself, so that the fast path stops there.
special = set(single) | {ord(c) for c in EXPANSIONS}
special |= set(range(0xff01, 0xff5f))                               # full-width ASCII
special |= {ord(c) for c in "〇零一二三四五六七八九"}
special |= set(range(0x2460, 0x2469)) | {0x24ea}                    # circled digits
special |= {0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2043, 0x2212, 0xfe58, 0xfe63}  # dashes
special |= {0x30fc, 0x2500, 0x2501, 0xff70}                         # bars, dashes between digits only
special |= set(range(0x2000, 0x2010)) | {0x202f, 0x205f, 0x3000}    # spaces, zero-width, marks
special |= set(range(0x2028, 0x202f)) | set(range(0x2060, 0x2070)) | {0x180e, 0xfeff}
special |= set(range(0xfe00, 0xfe10)) | set(range(0x180b, 0x180e))  # variation selectors
special |= {0x3099, 0x309a, 0xff9e, 0xff9f}                         # voicing marks
special |= {0xfe13, 0xfe55, 0xfe6b, 0xfe5f, 0xfe52}                 # small forms: : @ # .
special |= set(range(0x0966, 0x0970))                               # Devanagari digits
special |= set(range(0x800)) | set(range(0xd800, 0xe000))           # malformed in three bytes

bits = [0] * 1024
for code in special:
    bits[code >> 6] |= 1 << (code & 63)


def lines(items, indent="    ", width=100):
    line = indent
    for item in items:
        if len(line) + len(item) + 1 > width:
            yield line.rstrip()
            line = indent
        line += item + " "
    yield line.rstrip()


print(f"""// Made by scripts/detectors/fold.py from Unicode {unicodedata.unidata_version} and a list of variants: do not edit.
//
// Which characters a fold changes (fold.c), and what single characters become.
#pragma once
#include <stdint.h>

// Bit c & 63 of fold_bits[c >> 6]: the fold has to look at c, a character of three bytes.
static const uint64_t fold_bits[1024] = {{""")
print("\n".join(lines(f"0x{word:x}," if word else "0," for word in bits)))
print("};\n\n// From, to: ascending by the first.\nstatic const uint16_t fold_single[][2] = {")
print("\n".join(lines(f"{{0x{c:x}, 0x{t:x}}}," for c, t in sorted(single.items()))))
print("};\nstatic const uint32_t fold_wide[][2] = {")
print("\n".join(lines(f"{{0x{c:x}, 0x{t:x}}}," for c, t in sorted(wide.items()))))
print("};\n\nstatic const struct {\n    uint16_t from;\n    char to[8];\n} fold_several[] = {")
for c, to in sorted(EXPANSIONS.items()):
    print(f'    {{0x{ord(c):x}, "{to}"}},')
print("};")
