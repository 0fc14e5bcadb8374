// Package shelf is a library's shelf, made up for tests.
package shelf

import "io"

// A Shelf holds the books of one room, in the order of their titles. The zero Shelf is empty and ready to use.
// It must not be copied.
type Shelf struct {
	// Capacity limits how many volumes fit.
	Capacity int
	books    []string
}

// Lend hands a volume over to a reader until the given day. If Lend finds nothing it returns [io.EOF].
//
// A borrower who is late pays a fine.
func (s *Shelf) Lend(title string, reader io.Reader, day int) (volume string, err error) {
	return "", nil
}

// Restock orders new copies from the printer whenever fewer than minimum copies remain, e.g. after a busy week.
// Suppliers are asked in turn; [Shelf.Restock] blocks until one of them accepts.
func (s *Shelf) Restock(minimum int, supplier string) error { return nil }

// NewShelf returns an empty shelf that has room for so many books.
//
// Deliberately, dust is not modelled.
func NewShelf(capacity int) *Shelf { return nil }

// Title returns the printed heading of the cover page in capitals. Umlauts are kept.
func Title(cover string) string { return "" }

// Spine returns the printed heading of the cover page in capitals. It reads the back instead.
func Spine(cover string) string { return "" }

// Count counts them. Short sentences ask too little.
func Count(shelves []*Shelf) int { return 0 }

// Echo says once more what had already been said before. Note: says once more what had already been said before.
func Echo(sound string) string { return "" }

// A is a letter without anything else that tells what it could be good for.
type A int

func Undocumented(books []string) {}

// hidden does something that nobody outside may call from here.
func hidden(books []string) {}

// Copyright is a value, which nobody asks for because values are not symbols here.
const Copyright = 1
