package scoring

import (
	"slices"
	"strings"
)

// Limits of categories.
const (
	MaxCategory   = 64  // bytes
	MaxCategories = 100 // of a list, and of one score that a report tells apart
)

// Categories is the declared list of the values that a categorical score can have. The zero Categories has none.
type Categories struct {
	name   string
	values []string
}

// NewCategories declares the values of the score of a name. It refuses a list that is empty, has more than [MaxCategories], repeats
// one, or has one that [CheckCategory] refuses.
func NewCategories(name string, values ...string) (Categories, error) {
	if err := CheckName("name", name); err != nil {
		return Categories{}, err
	}
	if len(values) == 0 || len(values) > MaxCategories {
		return Categories{}, Invalid("categories", "%d, from 1 to %d are allowed", len(values), MaxCategories)
	}
	c := Categories{name: name}
	for _, v := range values {
		if err := CheckCategory(v); err != nil {
			return Categories{}, err
		}
		if c.Has(v) {
			return Categories{}, Invalid("categories", "%q appears twice", v)
		}
		c.values = append(c.values, v)
	}
	return c, nil
}

// MustCategories is [NewCategories] for variables of packages: it panics where that returns an error.
func MustCategories(name string, values ...string) Categories {
	c, err := NewCategories(name, values...)
	if err != nil {
		panic("verdict: " + err.Error())
	}
	return c
}

// Has tells whether a category is declared.
func (c Categories) Has(category string) bool { return slices.Contains(c.values, category) }

// Score returns the score that has a category. One that is not declared makes a score in state error, with a reason that names the
// list.
func (c Categories) Score(category string) Score {
	if !c.Has(category) {
		return Fail(c.name, "not one of "+strings.Join(c.values, ", ")+": "+Clip(category, MaxCategory))
	}
	return Score{Name: c.name, State: Scored, Category: category}
}

// CheckCategory refuses a category that is empty, longer than [MaxCategory] bytes, not UTF-8, or has control characters.
func CheckCategory(category string) error { return checkText("category", category, MaxCategory, true) }
