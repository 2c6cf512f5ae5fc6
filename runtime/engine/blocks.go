package engine

import (
	"crypto/sha256"
	"encoding/binary"

	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// textBlock is the longest run of text in one block. Blocks are cut where prompts are likely to part: behind each picture, and every
// so many rows of text behind the last cut. Where a block ends depends on nothing that comes after it, so prompts that begin alike
// are cut alike.
const textBlock = 1024

// block is where one of a prompt's blocks ends, and the name of all that is before.
type block struct {
	end      int // rows
	pictures int // that end there or before
	key      kv.Key
	digest   [sha256.Size]byte // of the last of those, where one ends here
}

// blocksOf cuts a valid request's prompt. The last row is in no block: from it the answer begins, so it is always computed.
//
//	system text 14, picture 576, question 30  ->  one block of 590 rows
func blocksOf(r Request, c model.Config) (blocks []block) {
	parent := rootKey(r, c)
	from, pictures := 0, 0
	var digests [][sha256.Size]byte
	cut := func(end int) {
		parent = keyOf(parent, r.Tokens[from:end], digests)
		b := block{end: end, pictures: pictures, key: parent}
		if len(digests) > 0 {
			b.digest = digests[len(digests)-1]
		}
		blocks, digests, from = append(blocks, b), nil, end
	}
	for row := 0; row < len(r.Tokens); {
		if r.Tokens[row] != c.ImageToken {
			if row++; row-from == textBlock && row < len(r.Tokens) {
				cut(row)
			}
			continue
		}
		row += c.Rows(r.Images[pictures])
		digests = append(digests, r.Images[pictures].Digest())
		pictures++
		if row < len(r.Tokens) {
			cut(row)
		}
	}
	return blocks
}

// rootKey is what the first block continues: whatever rows depend on beside tokens and pictures, and who may read them.
func rootKey(r Request, c model.Config) kv.Key {
	return sha256.Sum256([]byte("prefix 1\x00" + c.Identity + "\x00" + r.Tenant))
}

// keyOf names a block: all before it, its tokens, its pictures.
func keyOf(parent kv.Key, tokens []int32, pictures [][sha256.Size]byte) kv.Key {
	b := append(make([]byte, 0, len(parent)+8+4*len(tokens)), parent[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(tokens)))
	for _, token := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(token))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(pictures)))
	for _, p := range pictures {
		b = append(b, p[:]...)
	}
	return sha256.Sum256(b)
}

// pictureKeys name the request's pictures, where its prompt is cached; else nothing. A picture that ends the prompt has no name.
func (j *job) pictureKeys() []pictureKey {
	keys := make([]pictureKey, len(j.request.Images))
	for _, b := range j.blocks {
		if b.digest != ([sha256.Size]byte{}) {
			keys[b.pictures-1] = pictureKey{j.request.Tenant, b.digest}
		}
	}
	return keys
}
