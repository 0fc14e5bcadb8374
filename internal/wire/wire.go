// Package wire makes texts fit for where the SDK, the Temporal server and the indexes of databases take them.
package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	marker   = "%%" // begins an encoded text; the hash follows, and another percent sign
	hashSize = 16   // bytes
	readable = 96   // bytes of the encoded text that are kept for who reads the id
	headSize = len(marker) + 2*hashSize + 1
)

// MaxEncoded is the most that [ID] makes of a text that it encodes, in bytes.
const MaxEncoded = headSize + readable

// ID returns text as a part of a workflow, activity, update or request id. The SDK sends ids in gRPC headers, which
// hold only printable ASCII: such a text stays unchanged, and any other becomes a hash and a readable, percent-encoded
// beginning, at most [MaxEncoded] bytes. No two texts have the same id: a text that only looks encoded is encoded too.
func ID(text string) string {
	if Printable(text) && !Encoded(text) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	var b strings.Builder
	b.WriteString(marker + hex.EncodeToString(sum[:hashSize]) + "%")
	for i := 0; i < len(text); i++ {
		next := text[i : i+1]
		if c := text[i]; c < ' ' || c > '~' || c == '%' {
			next = fmt.Sprintf("%%%02X", c)
		}
		if b.Len()+len(next) > MaxEncoded {
			break
		}
		b.WriteString(next)
	}
	return b.String()
}

// Printable tells whether text is printable ASCII only, so that a gRPC header takes it.
func Printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// Encoded tells whether text is what [ID] makes of one that it encodes.
func Encoded(text string) bool {
	if len(text) < headSize || !strings.HasPrefix(text, marker) || text[headSize-1] != '%' {
		return false
	}
	_, err := hex.DecodeString(text[len(marker) : headSize-1])
	return err == nil
}
