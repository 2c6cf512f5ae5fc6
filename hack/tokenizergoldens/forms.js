// The forms of tokenizer.json that the committed goldens cover, all over one small vocabulary.
'use strict';

const corpus = require('./corpus');
const { patterns, train, trainCharacters } = require('./vocabulary');

const byteLevel = (fields) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false, ...fields });
const split = (pattern, fields) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false, ...fields });
const sequence = (...pretokenizers) => ({ type: 'Sequence', pretokenizers });
const token = (id, content, fields) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...fields });

function forms() {
  const { vocab, merges } = train(corpus.sentences, 1200);
  const size = Object.keys(vocab).length;
  const chat = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<image>', '<|begin|>'].map((content, i) => token(size + i, content));
  const define = (fields, model) => ({
    version: '1.0', truncation: null, padding: null, added_tokens: chat, normalizer: null, post_processor: byteLevel(), decoder: byteLevel(), ...fields,
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges, ...model },
  });
  const begin = { id: '<|begin|>', ids: [size + 4], tokens: ['<|begin|>'] };
  const end = { id: '<|endoftext|>', ids: [size], tokens: ['<|endoftext|>'] };
  const flags = [
    token(size + 5, '<strip>', { lstrip: true, rstrip: true }), token(size + 6, '<word>', { single_word: true, special: false }),
    token(size + 7, '<norm\u00e9>', { normalized: true, special: false }), token(size + 8, 'word', { single_word: true, normalized: true, special: false }),
    token(size + 9, ' <lead', { lstrip: true }), token(size + 10, '<imagex>', { rstrip: true, special: false }),
  ];
  // A vocabulary in which some merges are missing: whole words are found by ignore_merges only.
  const half = merges.filter((_, i) => i % 7 !== 3 || i < 60);
  const reachable = half.map((pair) => pair.join(' '));
  const characters = trainCharacters(corpus.sentences, 700);
  const whole = Object.keys(characters.vocab).length;
  const replace = (from, content) => ({ type: 'Replace', pattern: { String: from }, content });
  const list = (key, type, ...parts) => ({ type, [key]: parts });
  // SentencePiece's converter: older files put the first blank there in the normalizer, newer ones in the pre-tokenizer.
  const fallback = (fields, model) => ({
    ...define({}), added_tokens: [...['<unk>', '<s>', '</s>'].map((content, i) => token(i, content)), token(whole, '<image>'), token(whole + 1, '<|im_end|>'), token(whole + 2, '<norm\u00e9>', { normalized: true })],
    post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } },
    decoder: list('decoders', 'Sequence', replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }), ...fields,
    model: { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: true, ignore_merges: false, ...characters, ...model },
  });
  const metaspace = (prepend_scheme, split) => ({ pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme, split } });
  return {
    llama2: fallback({ normalizer: list('normalizers', 'Sequence', { type: 'Prepend', prepend: '▁' }, replace(' ', '▁')) }),
    'no blank before': fallback({ normalizer: list('normalizers', 'Sequence', replace(' ', '▁')), decoder: list('decoders', 'Sequence', replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }) }),
    'a blank before the first section': fallback(metaspace('first', false)),
    'a blank before each section, words': fallback(metaspace('always', true), { ignore_merges: true }),
    qwen2: define({ normalizer: { type: 'NFC' }, pre_tokenizer: sequence(split(patterns.qwen2), byteLevel()) }),
    llama3: define({
      pre_tokenizer: sequence(split(patterns.llama3), byteLevel({ trim_offsets: true })),
      post_processor: {
        type: 'TemplateProcessing', single: [{ SpecialToken: { id: begin.id, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { [begin.id]: begin },
      },
    }, { ignore_merges: true, merges: reachable }),
    gpt2: define({ pre_tokenizer: byteLevel({ use_regex: true }), post_processor: null }, { merges: merges.map((pair) => pair.join(' ')) }),
    'gpt2 with a space before': define({
      pre_tokenizer: byteLevel({ add_prefix_space: true, use_regex: true }),
      post_processor: {
        type: 'Sequence', processors: [byteLevel(), {
          type: 'TemplateProcessing', single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: end.id, type_id: 0 } }],
          pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { [end.id]: end },
        }],
      },
    }),
    'flags of added tokens': define({ added_tokens: [...chat, ...flags], normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }] }, pre_tokenizer: sequence(split(patterns.qwen2), byteLevel()) }),
    'an unknown pattern': define({ pre_tokenizer: sequence(split(patterns.camel), byteLevel()) }),
    'an unknown pattern, matches only': define({ pre_tokenizer: sequence(split(patterns.camel, { behavior: 'Removed', invert: true }), byteLevel()) }),
    'two splits': define({ pre_tokenizer: sequence(split('\\p{N}'), split(patterns.gpt2), byteLevel()) }),
  };
}

module.exports = { forms };
