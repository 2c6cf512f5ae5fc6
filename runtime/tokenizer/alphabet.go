package tokenizer

// Byte-level vocabularies spell each byte as one printable character: itself where it prints, and the characters
// from U+0100 on, in order, where it does not (so a space is "Ġ" and a newline "Ċ").
var (
	runeOfByte [256]rune
	byteOfRune = map[rune]byte{}
)

func init() {
	spare := rune(256)
	for b := range 256 {
		r := rune(b)
		if !printsItself(b) {
			r = spare
			spare++
		}
		runeOfByte[b] = r
		byteOfRune[r] = byte(b)
	}
}

func printsItself(b int) bool {
	return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae
}

// rawBytes undoes the spelling. A token that holds any character outside the alphabet stands for its own UTF-8.
func rawBytes(token string) string {
	raw := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := byteOfRune[r]
		if !ok {
			return token
		}
		raw = append(raw, b)
	}
	return string(raw)
}
