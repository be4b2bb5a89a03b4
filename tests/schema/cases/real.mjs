// Schemas as people write them: [schema, values that validate, values that do not].
const object = (properties, more = {}) => ({ type: "object", properties, required: Object.keys(properties), additionalProperties: false, ...more });
const list = (items, more = {}) => ({ type: "array", items, ...more });
const or = (...anyOf) => ({ anyOf });
const string = { type: "string" }, integer = { type: "integer" }, number = { type: "number" }, boolean = { type: "boolean" }, none = { type: "null" };
const one = (...values) => ({ type: "string", enum: values });

// What the documentation of structured outputs shows: steps of a proof, fields of a paper, a page
// of nested parts, a verdict, a list that refers to itself, a union, an optional field.
export const documented = [
  [object({ steps: list(object({ explanation: string, output: string })), final_answer: string }), [{ steps: [{ explanation: "両辺から7を引く", output: "8x = -30" }], final_answer: "x = -3.75" }], [{ steps: [] }, { steps: [{}], final_answer: "" }]],
  [object({ title: string, authors: list(string), abstract: string, keywords: list(string) }), [{ title: "t", authors: ["a"], abstract: "", keywords: [] }], [{ title: "t" }]],
  [{ ...object({ type: one("div", "button", "header", "section", "field", "form"), label: string, children: list({ $ref: "#" }), attributes: list(object({ name: string, value: string })) }) }, [{ type: "div", label: "", children: [{ type: "button", label: "送信", children: [], attributes: [{ name: "id", value: "x" }] }], attributes: [] }], [{ type: "span", label: "", children: [], attributes: [] }]],
  [object({ is_violating: boolean, category: { type: ["string", "null"], enum: ["violence", "sexual", "self_harm", null] }, explanation_if_violating: { type: ["string", "null"] } }), [{ is_violating: false, category: null, explanation_if_violating: null }], [{ is_violating: false, category: "none", explanation_if_violating: null }]],
  [object({ linked_list: { $ref: "#/$defs/node" } }, { $defs: { node: object({ value: number, next: or({ $ref: "#/$defs/node" }, none) }) } }), [{ linked_list: { value: 1, next: { value: 2, next: null } } }], [{ linked_list: { value: 1 } }]],
  [object({ item: or(object({ name: string, age: number }), object({ number: string, street: string, city: string })) }), [{ item: { name: "a", age: 3 } }, { item: { number: "1", street: "b", city: "c" } }], [{ item: { name: "a" } }]],
  [object({ location: string, unit: { type: ["string", "null"], enum: ["F", "C", null] } }), [{ location: "東京", unit: "C" }, { location: "x", unit: null }], [{ location: "x" }, { location: "x", unit: "K" }]],
  [object({ name: string, date: string, participants: list(string) }), [{ name: "会議", date: "金曜日", participants: ["太郎"] }], [{ name: "会議" }]],
  [object({ name: { type: "string", description: "n" }, email: { type: "string", format: "email" } }), [{ name: "a", email: "a@b.co" }], [{ name: "a", email: "x" }]],
];

// Japanese forms.
export const japanese = [
  [object({ 氏名: { type: "string", minLength: 1, maxLength: 40 }, フリガナ: { type: "string", pattern: "^[ァ-ヶー ]+$" }, 生年月日: { type: "string", format: "date" }, 性別: one("男性", "女性", "その他", "無回答"), 郵便番号: { type: "string", pattern: "^\\d{3}-\\d{4}$" } }),
    [{ 氏名: "山田 太郎", フリガナ: "ヤマダ タロウ", 生年月日: "1990-04-01", 性別: "男性", 郵便番号: "150-0001" }], [{ 氏名: "", フリガナ: "ヤマダ", 生年月日: "1990-04-01", 性別: "男性", 郵便番号: "150-0001" }, { 氏名: "a", フリガナ: "やまだ", 生年月日: "1990-04-01", 性別: "男性", 郵便番号: "150-0001" }]],
  [object({ 都道府県: one("北海道", "東京都", "大阪府", "京都府", "沖縄県"), 市区町村: string, 番地: { type: ["string", "null"] } }), [{ 都道府県: "京都府", 市区町村: "京都市", 番地: null }], [{ 都道府県: "京都", 市区町村: "京都市", 番地: null }]],
  [object({ 請求書番号: { type: "string", pattern: "^INV-\\d{4}-\\d{5}$" }, 発行日: { type: "string", format: "date" }, 明細: list(object({ 品名: string, 数量: { type: "integer", minimum: 1 }, 単価: { type: "integer", minimum: 0 }, 税率: { enum: [8, 10] } }), { minItems: 1 }), 合計: { type: "integer", minimum: 0 } }),
    [{ 請求書番号: "INV-2026-00042", 発行日: "2026-11-22", 明細: [{ 品名: "紙", 数量: 3, 単価: 500, 税率: 10 }], 合計: 1650 }], [{ 請求書番号: "INV-2026-00042", 発行日: "2026-11-22", 明細: [], 合計: 0 }]],
  [object({ 要約: { type: "string", maxLength: 400 }, 感情: one("肯定", "中立", "否定"), 確信度: { type: "number", minimum: 0, maximum: 1 }, 話題: list(string, { minItems: 1, maxItems: 5 }) }), [{ 要約: "良い", 感情: "肯定", 確信度: 0.93, 話題: ["天気"] }], [{ 要約: "良い", 感情: "肯定", 確信度: 1.2, 話題: ["天気"] }, { 要約: "x", 感情: "良", 確信度: 1, 話題: ["a"] }]],
  [object({ 会議名: string, 開始: { type: "string", format: "date-time" }, 参加者: list(object({ 名前: string, 役割: one("議長", "書記", "参加者") })), 決定事項: list(string), 宿題: list(object({ 担当: string, 内容: string, 期限: or({ type: "string", format: "date" }, none) })) }),
    [{ 会議名: "定例", 開始: "2026-11-22T10:00:00+09:00", 参加者: [{ 名前: "佐藤", 役割: "議長" }], 決定事項: [], 宿題: [{ 担当: "鈴木", 内容: "資料", 期限: null }] }], [{ 会議名: "定例" }]],
  [object({ 電話番号: { type: "string", pattern: "^0\\d{1,4}-\\d{1,4}-\\d{4}$" }, メール: { type: "string", format: "email" } }), [{ 電話番号: "03-1234-5678", メール: "a@example.jp" }], [{ 電話番号: "1234", メール: "a@example.jp" }]],
  [object({ マイナンバー確認: boolean, 在留資格: { type: ["string", "null"] }, 世帯人数: { type: "integer", minimum: 1, maximum: 20 } }), [{ マイナンバー確認: true, 在留資格: null, 世帯人数: 4 }], [{ マイナンバー確認: true, 在留資格: null, 世帯人数: 0 }]],
  [{ type: "object", additionalProperties: { type: "object", properties: { 価格: { type: "number", minimum: 0 }, 在庫: integer }, required: ["価格"], additionalProperties: false } }, [{ りんご: { 価格: 120 }, みかん: { 価格: 50, 在庫: 3 } }, {}], [{ りんご: { 在庫: 1 } }]],
  [object({ 回答: string, 根拠: list(object({ 文書: string, 頁: { type: "integer", minimum: 1 }, 引用: { type: "string", minLength: 1 } }), { maxItems: 10 }) }), [{ 回答: "はい", 根拠: [{ 文書: "規程", 頁: 3, 引用: "…" }] }], [{ 回答: "はい", 根拠: [{ 文書: "規程", 頁: 0, 引用: "…" }] }]],
  [object({ 等級: { type: "string", pattern: "^[甲乙丙]種$" }, 元号: { type: "string", pattern: "^(?:令和|平成|昭和)(?:元|[1-9]\\d?)年$" } }), [{ 等級: "甲種", 元号: "令和8年" }, { 等級: "丙種", 元号: "平成元年" }], [{ 等級: "丁種", 元号: "令和8年" }, { 等級: "甲種", 元号: "大正3年" }]],
];

// Parameters of tools.
const tool = (properties, required = []) => ({ type: "object", properties, required });
export const tools = [
  [tool({ location: { type: "string", description: "City" }, unit: one("celsius", "fahrenheit") }, ["location"]), [{ location: "Tokyo" }, { location: "Tokyo", unit: "celsius" }], [{ unit: "celsius" }, { location: "a", unit: "k" }]],
  [tool({ query: string, limit: { type: "integer", minimum: 1, maximum: 100, default: 10 }, filters: { type: "object", additionalProperties: string } }, ["query"]), [{ query: "a" }, { query: "a", limit: 100, filters: { b: "c" } }], [{ limit: 3 }, { query: "a", limit: 101 }]],
  [tool({}), [{}], [[], null]],
  [{ type: "object", properties: {}, additionalProperties: false }, [{}], [{ a: 1 }]],
  [tool({ path: { type: "string", pattern: "^/[A-Za-z0-9_./-]*$" }, content: string, mode: { enum: ["w", "a"] } }, ["path", "content"]), [{ path: "/a/b.txt", content: "x\ny" }], [{ path: "a", content: "" }]],
  [tool({ to: list({ type: "string", format: "email" }, { minItems: 1 }), cc: list({ type: "string", format: "email" }), subject: string, body: string }, ["to", "subject", "body"]), [{ to: ["a@b.cd"], subject: "s", body: "b" }], [{ to: [], subject: "s", body: "b" }]],
  [tool({ expression: string }, ["expression"]), [{ expression: "1+1" }], [{}]],
  [tool({ sql: { type: "string", minLength: 1 }, parameters: list({ type: ["string", "number", "boolean", "null"] }) }, ["sql"]), [{ sql: "select 1", parameters: [1, "a", null] }], [{ sql: "" }, { sql: "a", parameters: [[]] }]],
  [tool({ url: { type: "string", format: "uri" }, method: one("GET", "POST", "PUT", "DELETE"), headers: { type: "object", additionalProperties: string }, body: {} }, ["url"]), [{ url: "https://example.com/", method: "GET", headers: { A: "b" }, body: { x: [1] } }], [{ url: "x" }, { url: "https://a.b/", method: "get" }]],
  [tool({ start: { type: "string", format: "date-time" }, end: { type: "string", format: "date-time" }, timezone: { type: "string", default: "Asia/Tokyo" } }, ["start", "end"]), [{ start: "2026-11-22T00:00:00Z", end: "2026-11-23T00:00:00Z" }], [{ start: "今日", end: "明日" }]],
  [tool({ latitude: { type: "number", minimum: -90, maximum: 90 }, longitude: { type: "number", minimum: -180, maximum: 180 } }, ["latitude", "longitude"]), [{ latitude: 35.68, longitude: 139.69 }], [{ latitude: 91, longitude: 0 }]],
  [tool({ todos: list(object({ id: string, content: { type: "string", minLength: 1 }, status: one("pending", "in_progress", "completed"), priority: one("high", "medium", "low") })) }, ["todos"]), [{ todos: [{ id: "1", content: "a", status: "pending", priority: "low" }] }], [{ todos: [{ id: "1", content: "", status: "pending", priority: "low" }] }]],
  [tool({ old_string: string, new_string: string, replace_all: { type: "boolean", default: false }, file_path: string }, ["file_path", "old_string", "new_string"]), [{ old_string: "a", new_string: "b", file_path: "/x" }], [{ old_string: "a" }]],
  [{ $schema: "http://json-schema.org/draft-07/schema#", ...object({ command: string, timeout: { type: "number", maximum: 600000, minimum: 0 } }, { required: ["command"] }) }, [{ command: "ls" }, { command: "ls", timeout: 1000 }], [{ timeout: 1 }, { command: "ls", timeout: 600001 }]],
];

// As generators of schemas write them.
export const generated = [
  // pydantic
  [{ $defs: { Item: { properties: { name: { title: "Name", type: "string" }, price: { exclusiveMinimum: 0, title: "Price", type: "number" }, tax: { anyOf: [{ type: "number" }, { type: "null" }], default: null, title: "Tax" } }, required: ["name", "price"], title: "Item", type: "object" } }, properties: { items: { items: { $ref: "#/$defs/Item" }, title: "Items", type: "array" }, note: { anyOf: [{ maxLength: 20, type: "string" }, { type: "null" }], default: null } }, required: ["items"], title: "Order", type: "object" }, [{ items: [{ name: "a", price: 1.5 }] }, { items: [], note: null }], [{ items: [{ name: "a", price: 0 }] }]],
  [{ properties: { mapping: { additionalProperties: { type: "integer" }, title: "M", type: "object" }, pair: { maxItems: 2, minItems: 2, prefixItems: [{ type: "string" }, { type: "integer" }], type: "array" }, kind: { const: "a", default: "a", type: "string" } }, required: ["mapping", "pair"], type: "object" }, [{ mapping: { x: 1 }, pair: ["a", 1] }, { mapping: {}, pair: ["a", 1], kind: "a" }], [{ mapping: {}, pair: ["a"] }]],
  [{ $defs: { Cat: { properties: { pet_type: { const: "cat", type: "string" }, meows: { type: "integer" } }, required: ["pet_type", "meows"], type: "object" }, Dog: { properties: { pet_type: { const: "dog", type: "string" }, barks: { type: "number" } }, required: ["pet_type", "barks"], type: "object" } }, properties: { pet: { discriminator: { mapping: { cat: "#/$defs/Cat", dog: "#/$defs/Dog" }, propertyName: "pet_type" }, oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }] } }, required: ["pet"], type: "object" }, [{ pet: { pet_type: "cat", meows: 3 } }, { pet: { pet_type: "dog", barks: 1.5 } }], [{ pet: { pet_type: "cat", barks: 1 } }, { pet: { pet_type: "cow" } }]],
  // zod
  [{ $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: { id: { type: "string", format: "uuid", pattern: "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$" }, n: { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 }, t: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] } }, required: ["id", "n"], additionalProperties: false }, [{ id: "00000000-0000-0000-0000-000000000000", n: 1 }, { id: "123e4567-e89b-42d3-a456-426614174000", n: -3, t: ["a", 1] }], [{ id: "123e4567-e89b-02d3-a456-426614174000", n: 1 }, { id: "x", n: 1 }]],
  [{ type: "object", properties: { status: { type: "string", enum: ["ok", "error"] }, data: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] }, meta: { type: "object", propertyNames: { type: "string" }, additionalProperties: {} } }, required: ["status"], additionalProperties: false }, [{ status: "ok", data: ["a"], meta: { a: 1 } }, { status: "error" }], [{ status: "x" }, { status: "ok", data: 1 }]],
  [{ anyOf: [{ type: "object", properties: { type: { type: "string", const: "success" }, value: {} }, required: ["type"], additionalProperties: false }, { type: "object", properties: { type: { type: "string", const: "failure" }, message: { type: "string" } }, required: ["type", "message"], additionalProperties: false }] }, [{ type: "success", value: [1] }, { type: "success" }, { type: "failure", message: "m" }], [{ type: "failure" }]],
  // OpenAPI 3.0
  [{ type: "object", properties: { id: { type: "integer", format: "int64", example: 10 }, name: { type: "string", nullable: true, xml: { name: "n" } }, photo: { type: "string", format: "byte" }, status: { type: "string", enum: ["available", "sold"] } }, required: ["id", "name"] }, [{ id: 1, name: null }, { id: 1, name: "a", photo: "YQ==", status: "sold" }], [{ id: 1 }, { id: 1.5, name: "a" }]],
  // TypeScript generators
  [{ $ref: "#/definitions/Config", definitions: { Config: { type: "object", properties: { level: { $ref: "#/definitions/Level" }, nested: { $ref: "#/definitions/Config" } }, required: ["level"], additionalProperties: false }, Level: { type: "string", enum: ["debug", "info"] } } }, [{ level: "debug", nested: { level: "info" } }], [{ level: "x" }]],
  // GeoJSON, package, chess, rows
  [object({ type: { const: "Feature" }, geometry: or(object({ type: { const: "Point" }, coordinates: list(number, { minItems: 2, maxItems: 3 }) }), object({ type: { const: "LineString" }, coordinates: list(list(number, { minItems: 2, maxItems: 2 }), { minItems: 2 }) })), properties: { type: ["object", "null"] } }), [{ type: "Feature", geometry: { type: "Point", coordinates: [1, 2] }, properties: null }, { type: "Feature", geometry: { type: "LineString", coordinates: [[1, 2], [3, 4]] }, properties: { a: 1 } }], [{ type: "Feature", geometry: { type: "Point", coordinates: [1] }, properties: null }]],
  [{ type: "object", properties: { name: { type: "string", pattern: "^[a-z][a-z0-9-]*$" }, version: { type: "string", pattern: "^\\d+\\.\\d+\\.\\d+$" }, dependencies: { type: "object", additionalProperties: string }, private: boolean }, required: ["name", "version"], additionalProperties: false }, [{ name: "a", version: "1.0.0", dependencies: { b: "^1" } }], [{ name: "A", version: "1.0.0" }, { name: "a", version: "1" }]],
  [object({ moves: list({ type: "string", pattern: "^(?:[KQRBN]?[a-h]?[1-8]?x?[a-h][1-8](?:=[QRBN])?|O-O(?:-O)?)[+#]?$" }, { minItems: 1, maxItems: 4 }) }), [{ moves: ["e4", "Nf3", "O-O", "exd8=Q#"] }], [{ moves: [] }, { moves: ["e9"] }]],
  [object({ columns: list(string, { minItems: 1 }), rows: list(list(or(string, number, boolean, none))) }), [{ columns: ["a"], rows: [["x", 1, null]] }], [{ columns: [], rows: [] }]],
  [object({ name: string, arguments: { type: "object" } }), [{ name: "f", arguments: { a: 1 } }], [{ name: "f" }]],
  [object({ score: { type: "integer", minimum: 1, maximum: 5 }, reasons: list(string, { minItems: 1, maxItems: 3 }), pass: boolean }), [{ score: 5, reasons: ["a"], pass: true }], [{ score: 6, reasons: ["a"], pass: true }]],
  [object({ entities: list(object({ text: { type: "string", minLength: 1 }, label: one("PERSON", "ORG", "LOC", "DATE"), start: { type: "integer", minimum: 0 }, end: { type: "integer", minimum: 0 } })) }), [{ entities: [{ text: "東京", label: "LOC", start: 0, end: 2 }] }], [{ entities: [{ text: "東京", label: "GPE", start: 0, end: 2 }] }]],
];
