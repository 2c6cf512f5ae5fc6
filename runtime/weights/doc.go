// Package weights reads model weights in safetensors files, single or sharded, by mapping them into memory.
//
// A file is an 8-byte little-endian length, a JSON header of that length, and the data:
//
//	{"__metadata__": {"format": "pt"}, "lm_head.weight": {"dtype": "BF16", "shape": [1024, 256], "data_offsets": [0, 524288]}, ...}
//
// Everything that a header says is checked before a byte of data is used: its size, dtypes, shapes (product against the
// bytes), offsets (inside the file, no gap, no overlap), names (no duplicates). A folder is sharded when it has
// model.safetensors.index.json, whose weight_map leads from tensor to file; else it has model.safetensors. Errors name the
// file, the tensor and the limit.
//
// Format: https://huggingface.co/docs/safetensors.
package weights
