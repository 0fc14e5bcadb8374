package shelf

// Checked is exported by a test file alone and so belongs to nobody.
func Checked(books []string) {}
