// Package tokenizer turns text into token ids and back, as the tokenizer.json of a model folder says.
//
// It covers byte-level BPE, the form that GPT-2, Llama 3 and Qwen2 use, and answers exactly what Hugging Face's
// tokenizers library answers; hack/tokenizergoldens writes the cases that the tests hold it to. A component of
// tokenizer.json that it does not know is refused by name when the folder is loaded.
//
// Encoding runs in this order:
//
//	text -> added tokens taken as they are written -> normalizer -> added tokens taken after it
//	     -> pre-tokenizer (words) -> BPE over the bytes of each word -> post-processor's template
//
// Letters and numbers are those of the Unicode version of Go's tables (unicode.Version, 15.0 in Go 1.26). The reference
// also knows the digits of Unicode 16: 80 characters that Llama 3's pattern cuts differently.
package tokenizer
