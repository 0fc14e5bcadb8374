package wire

import (
	"crypto/sha256"
	"encoding/binary"
)

// Digest returns a digest of a list of texts, 32 bytes, each text with its length before it so that no two lists are written alike.
// Ids may be longer than an entry of a database's index may be; a digest never is. Stores keep digests: it never changes.
func Digest(parts ...string) []byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
