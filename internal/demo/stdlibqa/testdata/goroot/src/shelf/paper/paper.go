// Package paper is what books are made of.
package paper

// Weight reports how heavy one square metre of the sheet is. Moisture is taken off first: the grams are of dry pulp.
func Weight(sheet []byte) (grams float64) { return 0 }
