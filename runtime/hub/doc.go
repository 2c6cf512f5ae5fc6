// Package hub brings a model's files from where they are kept to a folder on this machine: from the Hugging Face Hub, from an
// S3-compatible store, or from a path that is there already.
//
//	hf://owner/name@revision   a commit, a branch or a tag; main when left out
//	s3://bucket/prefix         the objects directly under the prefix
//	/models/x                  any other text is a folder and is used as it is
//
// Only what the runtime reads is fetched: the configurations, the tokenizer, the chat template and the safetensors that the
// weight index names.
//
// # The cache
//
// One folder can be shared by many processes and machines (a ReadWriteMany volume):
//
//	huggingface/owner/name/<commit>/         a whole model; it appears by one rename and never changes
//	huggingface/owner/name/refs/main         which commit a branch or tag was last
//	huggingface/owner/name/.lease-<commit>.7 who fetches it
//	huggingface/owner/name/.partial-<commit>-7/model, journal
//	s3/<store>/<bucket and prefix>/<digest of the listing>/
//
// Each file is fetched in segments of 64 MiB by several workers. A cut connection goes on where it was cut; a process that
// was killed leaves its finished segments to the next one. A file counts once its digest is what the source says: SHA-256 for
// large files of the Hub, git's SHA-1 for small ones, SHA-256, CRC-64/NVME or MD5 for objects, as far as the store tells.
//
// # One at a time
//
// flock does not hold across all network file systems, and clocks of machines differ. So the right to fetch is a numbered
// lease: whoever creates .lease-<revision>.<n+1> (O_EXCL, atomic on NFS too) holds it, and a higher number overrules a lower
// one. The holder changes the file every few seconds; one that did not change for a while, by the waiter's own clock, is
// stale. The next holder renames the last one's partial folder to its own number, which is the fence: a holder that slept
// through its end finds its folder gone and publishes nothing.
package hub
