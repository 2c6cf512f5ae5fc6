// Writes what Hugging Face's tokenizers library answers, gzipped, for the tests of runtime/tokenizer.
//
//   npm install
//   node goldens.js OUT                       small vocabularies, one of each form: the committed goldens
//   node goldens.js OUT TOKENIZER.JSON ...    real vocabularies, with every code point besides
'use strict';

const fs = require('fs');
const zlib = require('zlib');
const { Tokenizer } = require('tokenizers');
const corpus = require('./corpus');
const { forms } = require('./forms');

async function answers(name, definition, texts, decodes) {
  const source = JSON.stringify(definition);
  const t = Tokenizer.fromString(source);
  const single = definition.post_processor?.single;
  const first = single?.[0].SpecialToken?.id;
  const ids = [];
  for (const text of texts) {
    const e = await t.encode(text, null, { addSpecialTokens: !first || !text.startsWith(first) });
    ids.push(Array.from(e.getIds()));
  }
  const used = [...Object.values(definition.model.vocab), ...definition.added_tokens.map((a) => a.id)];
  const size = 1 + used.reduce((a, b) => Math.max(a, b));
  const next = corpus.random(2);
  const decoded = [];
  for (let i = 0; i < decodes; i++) {
    // Half of the tokens from the first 300, which are mostly single bytes: characters that are cut and wrong.
    const list = Array.from({ length: 1 + next(9) }, () => next(next(2) ? size : Math.min(300, size)));
    const skip = i % 2 === 1;
    decoded.push({ ids: list, skip, text: await t.decode(list, skip) });
  }
  return { name, file: source, ids, decoded };
}

function everyCodePoint() {
  const texts = [];
  for (let c = 1; c < 0x110000; c++) {
    if (c >= 0xd800 && c < 0xe000) continue;
    if (c >= 0xe010 && c < 0xf8f0) continue; // private use, all alike
    if (c >= 0x32000 && c < 0xe0000) continue; // not assigned
    if (c >= 0xe0200) break;
    const s = String.fromCodePoint(c);
    texts.push(`x${s} ${s}1${s}${s}`);
  }
  return texts;
}

async function main(out, ...real) {
  const texts = real.length ? [...corpus.texts(20000), ...everyCodePoint()] : corpus.texts(900);
  const definitions = real.length ? real.map((path) => [path, JSON.parse(fs.readFileSync(path, 'utf8'))]) : Object.entries(forms());
  const tokenizers = [];
  for (const [name, definition] of definitions) tokenizers.push(await answers(name, definition, texts, real.length ? 20000 : 400));
  const json = JSON.stringify({ texts, tokenizers });
  fs.writeFileSync(out, zlib.gzipSync(json, { level: 9 }));
  console.log(`${out}: ${tokenizers.length} tokenizers, ${texts.length} texts, ${fs.statSync(out).size} bytes`);
}

main(...process.argv.slice(2));
