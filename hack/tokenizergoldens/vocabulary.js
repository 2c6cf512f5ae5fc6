// Trains a small byte-level BPE vocabulary, so that the goldens that are committed need no model's own.
'use strict';

const patterns = {
  gpt2: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  qwen2: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  llama3: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // No family's: words in camel case, and what stands between matches (digits) left to the split itself.
  camel: '[\\p{Lu}]?[\\p{Ll}\\p{M}]+|[\\p{Lu}\\p{Lt}]+(?![\\p{Ll}])| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s',
};

function alphabet() {
  const letters = [];
  let spare = 256;
  for (let b = 0; b < 256; b++) {
    const prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    letters.push(String.fromCodePoint(prints ? b : spare++));
  }
  return letters;
}

// trainCharacters makes a vocabulary as SentencePiece's converter writes it: <unk>, <s>, </s>, the bytes, merges, characters. A third of the
// characters beyond ASCII is left out, so that they come as bytes.
function trainCharacters(texts, count) {
  const lists = [];
  for (const text of texts) for (const word of text.split(' ')) lists.push([['▁', ...word], 1]);
  const letters = new Set(lists.flatMap(([list]) => list).filter((c) => c < '\u0080' || c === '▁' || c.codePointAt(0) % 3));
  for (const entry of lists) entry[0] = entry[0].filter((c) => letters.has(c));
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const vocab = new Map(['<unk>', '<s>', '</s>', ...bytes].map((token, id) => [token, id]));
  const merges = merge(lists, vocab, count);
  for (const letter of [...letters].sort()) if (!vocab.has(letter)) vocab.set(letter, vocab.size);
  return { vocab: Object.fromEntries(vocab), merges };
}

function train(texts, count) {
  const letters = alphabet();
  const words = new Map();
  for (const text of texts) {
    for (const [word] of text.matchAll(new RegExp(patterns.gpt2, 'gu'))) words.set(word, (words.get(word) ?? 0) + 1);
  }
  const lists = [...words].map(([word, n]) => [[...Buffer.from(word)].map((b) => letters[b]), n]);
  const vocab = new Map(letters.slice().sort().map((letter, id) => [letter, id]));
  const merges = merge(lists, vocab, count);
  return { vocab: Object.fromEntries(vocab), merges };
}

// merge joins the commonest pairs in the lists and enters what they make into the vocabulary.
function merge(lists, vocab, count) {
  const merges = [];
  while (merges.length < count) {
    const best = commonest(lists);
    if (!best) break;
    merges.push(best);
    const made = best.join('');
    if (!vocab.has(made)) vocab.set(made, vocab.size);
    for (const [list] of lists) {
      for (let i = 0; i + 1 < list.length; i++) if (list[i] === best[0] && list[i + 1] === best[1]) list.splice(i, 2, made);
    }
  }
  return merges;
}

function commonest(lists) {
  const counts = new Map();
  for (const [list, n] of lists) {
    for (let i = 0; i + 1 < list.length; i++) {
      const key = list[i] + ' ' + list[i + 1];
      counts.set(key, (counts.get(key) ?? 0) + n);
    }
  }
  let best = null;
  for (const [key, n] of counts) if (!best || n > best.n || (n === best.n && key < best.key)) best = { key, n };
  return best && best.key.split(' ');
}

module.exports = { patterns, train, trainCharacters };
