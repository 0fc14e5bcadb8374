package tool

// Elsewhere lies in a folder that users of the library cannot import from.
func Elsewhere(books []string) {}
