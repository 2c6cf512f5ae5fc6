// Package model runs LVLMs over a backend: it reads a Hugging Face folder (config.json and safetensors), refuses what it does
// not know by name, and offers the few coarse steps that an engine schedules.
//
// Families (family.go): three with a SigLIP or CLIP vision tower, a two-layer projector and a decoder of the Llama lineage
// (text_kinds.go): LlavaForConditionalGeneration, whose pictures are one tile each, and LlavaNextForConditionalGeneration and
// LlavaOnevisionForConditionalGeneration, whose pictures are laid out in tiles (pack.go). Qwen2VLForConditionalGeneration and
// Qwen2_5_VLForConditionalGeneration take pictures of any size (qwen_vision.go), and their positions follow the pictures
// (positions.go); so does Qwen3VLForConditionalGeneration, whose pictures also add rows behind the decoder's first layers
// (deepstack.go). InternVLForConditionalGeneration merges the patches of each tile (internvl.go).
// Random makes a model of either up from a config.json.
//
//	EncodeImages: [C, H, W] pixels -> patches [576, C*P*P] -> tower [576, vision hidden] -> projector [576, hidden]
//	Begin:        tokens [n] -> embeddings, image rows replaced [n, hidden]
//	Advance:      some of the n rows through one layer; with the last ones of the last layer the first token is chosen
//	Launch:       one token of each of B sequences -> [B, hidden] -> layers -> logits [B, vocab] -> the next tokens, on the device
//	Take:         the tokens, when the host wants them
//
// In models/aircache-tiny (336 x 336 pixels, patch 14, width 256, 8 layers of 4 query and 2 KV heads of 64, vocabulary 1024) a
// picture is 576 rows of 256; a prompt of one picture and 40 text tokens is 616 rows, fills Pages(616) = 39 pages of 16 KiB in
// each of 8 layers on the CPU (float32), and gives 1024 logits.
//
// A decoder layer appends its keys and values to the pages of its own list, so that after eviction every layer may hold
// another number of rows. Position (for RoPE) comes from the caller and never from a cache length.
//
// A [Watcher] stands beside a prefill: it hands out each layer's pages just before the layer runs, sees the layer's keys and
// some query rows (Observed) just after it, and may compact it there and then (Keep). TextRelevance, Importance, Columns and
// Density weigh cached rows with the queries; Rows reads the cache itself.
//
// A model belongs to one goroutine at a time. Errors of one step leave it usable.
package model
