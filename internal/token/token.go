// Package token seals a run's identity into an opaque text that a browser may carry and give back.
package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/verdict-dev/verdict/scoring"
)

// MinKey is the least length of a key in bytes.
const MinKey = 32

// maxSealed is the most bytes that a run becomes: each of its ids may have [scoring.MaxID], and JSON makes six of one.
const maxSealed = 3*6*scoring.MaxID + 256

// Seal encrypts and authenticates run under key. The same run gives the same token, so that workflow code may make
// one: the nonce is a keyed hash of the plaintext (the construction of SIV, RFC 5297, over AES-GCM), which tells no
// more than that two tokens are of one run.
func Seal(key []byte, run scoring.Run) (string, error) {
	aead, macKey, err := ciphers(key)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(run)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, macKey)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, nil)), nil
}

// Open returns the run that was sealed under one of the keys: the first is the current one, the others are those from
// before a rotation.
func Open(keys [][]byte, token string) (scoring.Run, error) {
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(data) > maxSealed {
		return scoring.Run{}, scoring.Invalid("token", "not a token of ours")
	}
	for _, key := range keys {
		aead, _, err := ciphers(key)
		if err != nil {
			return scoring.Run{}, err
		}
		if len(data) < aead.NonceSize() {
			break
		}
		plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], nil)
		if err != nil {
			continue
		}
		var run scoring.Run
		if err := json.Unmarshal(plain, &run); err != nil {
			break
		}
		return run, nil
	}
	return scoring.Run{}, scoring.Invalid("token", "not one of our tokens, or its key is no longer accepted")
}

// ciphers derives the encryption and the nonce key from key.
func ciphers(key []byte) (cipher.AEAD, []byte, error) {
	if len(key) < MinKey {
		return nil, nil, scoring.Invalid("token key", "%d bytes, at least %d are needed", len(key), MinKey)
	}
	derive := func(label string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(label))
		return mac.Sum(nil)
	}
	block, err := aes.NewCipher(derive("verdict token encryption v1"))
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, derive("verdict token nonce v1"), err
}
