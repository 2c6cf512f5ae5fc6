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
package tokenizer
