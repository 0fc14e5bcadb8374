package experiments

import "github.com/cespare/xxhash/v2"

// uniform maps a unit to a number in [0, 1) with 53 random bits: the upper bits of its 64-bit hash under a seed.
func uniform(seed uint64, unit string) float64 {
	var d xxhash.Digest
	d.ResetWithSeed(seed)
	_, _ = d.WriteString(unit) // never fails
	return float64(d.Sum64()>>11) * 0x1p-53
}
