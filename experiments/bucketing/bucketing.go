// Package bucketing maps units to numbers as other systems do. It is for moving a running experiment over without
// moving a unit: compute the variant that the unit has there, and give it to the Choose method of an experiments.Split
// whose definition selects by scoring.ByCustom. New experiments have no need of it.
package bucketing

import (
	"crypto/md5"  //nolint:gosec // a hash that others bucket by, not a secret
	"crypto/sha1" //nolint:gosec // likewise
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
)

// GrowthBook returns the number in [0, 1] of a value under a seed, for the hash versions 1 and 2. ok is false for any
// other version. Version 1 takes 1000 steps and correlates experiments that share a seed's end.
func GrowthBook(seed, value string, version int) (n float64, ok bool) {
	switch version {
	case 1:
		return float64(fnv32a(value+seed)%1000) / 1000, true
	case 2:
		return float64(fnv32a(strconv.FormatUint(uint64(fnv32a(seed+value)), 10))%10000) / 10000, true
	}
	return 0, false
}

// fnv32a is FNV-1a over UTF-16 code units: bytes only as long as the text is ASCII.
func fnv32a(s string) uint32 {
	h := uint32(2166136261)
	for _, unit := range utf16.Encode([]rune(s)) {
		h = (h ^ uint32(unit)) * 16777619
	}
	return h
}

// Range is the half-open range [From, To) of a variant.
type Range struct{ From, To float64 }

// GrowthBookRanges returns the ranges of n variants with a coverage, which is brought into [0, 1]. Weights that are not n
// or do not sum to about 1 count as equal ones. Each range shrinks from its own start, so that widening moves no unit.
func GrowthBookRanges(n int, coverage float64, weights []float64) []Range {
	coverage = math.Min(math.Max(coverage, 0), 1)
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	if len(weights) != n || sum < 0.99 || sum > 1.01 {
		weights = EqualWeights(n)
	}
	ranges := make([]Range, n)
	start := 0.0
	for i, w := range weights {
		ranges[i] = Range{start, start + coverage*w}
		start += w
	}
	return ranges
}

// EqualWeights returns n weights of 1/n.
func EqualWeights(n int) []float64 {
	w := make([]float64, max(n, 0))
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}

// Choose returns the index of the first range that contains n, or -1.
func Choose(n float64, ranges []Range) int {
	for i, r := range ranges {
		if n >= r.From && n < r.To {
			return i
		}
	}
	return -1
}

// GrowthBookNamespace tells whether a user is in the range of a namespace.
func GrowthBookNamespace(user, namespace string, r Range) bool {
	n, _ := GrowthBook("__"+namespace, user, 1)
	return n >= r.From && n < r.To
}

// LaunchDarkly returns the number in [0, 1] of a context under a flag's key and salt, or, if seed is not nil, under the
// seed.
func LaunchDarkly(flag, salt, context string, seed *int) float64 {
	prefix := flag + "." + salt
	if seed != nil {
		prefix = strconv.Itoa(*seed)
	}
	sum := sha1.Sum([]byte(prefix + "." + context)) //nolint:gosec // see the import
	const digits = 60                               // bits: 15 hexadecimal digits
	return float64(binary.BigEndian.Uint64(sum[:8])>>(64-digits)) / (1<<digits - 1)
}

// Optimizely returns the bucket of a key, in [0, buckets).
func Optimizely(key string, seed uint32, buckets int) int {
	return int(float64(murmur3(key, seed)) / (1 << 32) * float64(buckets))
}

// Unleash returns the number of an id within a group, in [1, normalizer].
func Unleash(group, id string, normalizer, seed uint32) uint32 {
	return murmur3(group+":"+id, seed)%normalizer + 1
}

// Eppo returns the shard of an input, in [0, total).
func Eppo(input string, total uint32) uint32 {
	sum := md5.Sum([]byte(input)) //nolint:gosec // see the import
	return binary.BigEndian.Uint32(sum[:4]) % total
}

// murmur3 is MurmurHash3 x86 32 bit (Appleby, public domain).
func murmur3(s string, seed uint32) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	data := []byte(s)
	h := seed
	for ; len(data) >= 4; data = data[4:] {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(data)*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var tail uint32
	for i, b := range data {
		tail |= uint32(b) << (8 * i)
	}
	h ^= bits.RotateLeft32(tail*c1, 15) * c2
	h ^= uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
