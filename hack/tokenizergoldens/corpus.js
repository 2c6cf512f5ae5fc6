// The texts that the goldens are made of: ordinary sentences, and hard strings made from fragments by a fixed seed.
'use strict';

const sentences = [
  'Which code is in the red box?', 'List all codes of the blue boxes, from left to right.',
  "It's what we'll do; they've said they'd come, and I'M sure YOU'RE right.", "Don't say 'tis over: 'twas never 'S or 'lL.",
  'The quick brown fox jumps over the lazy dog 1234567890 times, for $3.50 (or 12%) each!',
  'Der schnelle braune Fuchs springt über den faulen Hund; Straße, Größe, Äpfel.',
  'Le cœur déçu mais l’âme plutôt naïve, Louÿs rêva de crapaüter en canoë.',
  'El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío; añoraba a su querido cachorro.',
  'Съешь же ещё этих мягких французских булок, да выпей чаю.', 'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.',
  '敏捷的棕色狐狸跳过了懒狗。图片里的红色盒子里是什么代码?', 'いろはにほへと ちりぬるを。カタカナとひらがな、漢字。',
  '키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.', 'نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر.',
  'דג סקרן שט בים מאוכזב ולפתע מצא חברה.', 'ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले।',
  'เป็นมนุษย์สุดประเสริฐเลิศคุณค่า', 'Voix ambiguë d’un cœur qui, au zéphyr, préfère les jattes de kiwis.',
  'func main() {\n\tfor i := 0; i < 10; i++ {\n\t\tfmt.Println("i =", i)\n\t}\n}\n',
  'def f(x):\n    """Doc."""\n    return x ** 2  # comment\n\n\nprint(f(3))\n',
  '{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}',
  '<html>\n  <body class="a b">&nbsp;</body>\n</html>', 'https://example.com/a/b?c=d&e=%20f#g', 'a@b.co, 2026-01-02T03:04:05Z, v1.2.3-rc.1+x',
  'SELECT * FROM t WHERE a = 1 AND b LIKE \'%x%\';\r\n-- done\r\n', 'E = mc², ∑ᵢ xᵢ ≤ ∞, ½ + ¼ = ¾, Ⅷ, ①②③, ٣٤٥',
  '👍🏽 👨‍👩‍👧‍👦 🇩🇪 ☕️ 🤷‍♀️', 'e\u0301 vs é, A\u030a vs Å, ﬁ ﬀ, \u1100\u1161\u11a8 vs 각, \u0344 \u2126',
];

const fragments = [
  ' ', '  ', '   ', '\n', '\n\n', '\r\n', '\t', '\t\t', ' \n ', '\u00a0', '\u2003', '\u3000', '\u0085', '\v', '\f', '\u2028', '\u200b', '\ufeff',
  "'s", "'S", "'ſ", "'re", "'Re", "'ll", "'lL", "'t", "'ve", "'m", "'d", "'", "''", '’s',
  'a', 'b', 'Z', 'the', 'Hello', 'world', 'ing', 'é', 'e\u0301', 'ß', 'ж', '中', '文字', 'ア', '각', 'ب', 'ह', 'ि', 'ก', '\u0301', '\u20dd', 'ǅ', 'ʰ', 'ª', 'ⓐ', 'Ⅷ',
  '0', '7', '12', '345', '67890', '٣', '²', '½', '௧', '一',
  '.', ',', '!', '?!', '...', '--', '(', ')', '[]', '{', '}', '/', '\\', '"', '@', '#', '$', '€', '%', '^', '&', '*', '_', '~', '`', '|', '<', '>', '=', '+', '…', '—', '“', '”',
  '👍', '👍🏽', '👨‍👩‍👧', '🇩🇪', '\ufe0f', '\u200d', '\u0000', '\u0007', '\u001b[0m', '\u007f', '\u00ad', '\uffff', '\u{10ffff}', '\ue000', '\u{1d400}', '\u{20000}', '\ufffd',
  '<|im_start|>', '<|im_end|>', '<|endoftext|>', '<image>', '<|begin|>', '<|im_', '|>', '<image', '<imagex>', '<strip>', '<word>', 'wordy', '<norm\u00e9>', '<norme\u0301>', ' <lead',
];

// An own generator of random numbers, so that every run writes the same file.
function random(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function hardTexts(count, seed) {
  const next = random(seed);
  const texts = [];
  for (let i = 0; i < count; i++) {
    let text = '';
    for (let n = 1 + next(12); n > 0; n--) text += fragments[next(fragments.length)];
    texts.push(text);
  }
  return texts;
}

// Long words and long runs, which no cache remembers.
const long = ['a'.repeat(300), 'the'.repeat(100), ' '.repeat(200) + 'x', '\n'.repeat(50) + ' ' + '\n'.repeat(3), 'ab'.repeat(64) + '中'.repeat(90), '!'.repeat(130) + '\n\n', '1'.repeat(100)];

module.exports = { sentences, fragments, random, hardTexts, texts: (count) => ['', ...sentences, ...fragments, ...long, ...hardTexts(count, 1)] };
