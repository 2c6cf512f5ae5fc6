// Package tokenizer turns text into token ids and back, as the tokenizer.json of a model folder says.
//
// It covers byte-level BPE, the form that GPT-2, Llama 3 and Qwen2 use, and BPE over characters with a byte fallback, which
// Llama 2, Vicuna and InternLM2 have from SentencePiece. It answers exactly what Hugging Face's tokenizers library answers;
// hack/tokenizergoldens writes the cases that the tests hold it to. A component of tokenizer.json that it does not know is
// refused by name when the folder is loaded.
//
// Encoding runs in this order:
//
//	text -> added tokens taken as they are written -> normalizer -> added tokens taken after it
//	     -> pre-tokenizer (words) -> BPE over the bytes or characters of each word -> post-processor's template
//
// Letters and numbers are those of Go's Unicode tables and the digits of Unicode 16: so every character is cut as the reference
// cuts it ("make tokenizer-check" tries all of them).
package tokenizer
