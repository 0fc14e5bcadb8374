package scoring

import "encoding/json"

// Field is the path of a JSON field in an outcome's payload, such as "pull_request.merged"; see [Predicate]. The empty
// Field is the outcome's own value. Its methods make predicates. They compare with a number, a boolean or a text; where the
// rule is validated, anything else is refused.
type Field string

// Is holds where the field has the value.
func (f Field) Is(value any) Predicate { return f.compare(Equals, value) }

// IsNot holds where the field has another value. A field that the payload does not have meets no predicate.
func (f Field) IsNot(value any) Predicate { return f.compare(NotEquals, value) }

// AtLeast holds where the field is a number that is not less.
func (f Field) AtLeast(number any) Predicate { return f.compare(AtLeast, number) }

// AtMost holds where the field is a number that is not more.
func (f Field) AtMost(number any) Predicate { return f.compare(AtMost, number) }

// MoreThan holds where the field is a larger number.
func (f Field) MoreThan(number any) Predicate { return f.compare(MoreThan, number) }

// LessThan holds where the field is a smaller number.
func (f Field) LessThan(number any) Predicate { return f.compare(LessThan, number) }

func (f Field) compare(is Comparison, value any) Predicate {
	encoded, err := json.Marshal(value)
	if err != nil {
		encoded = nil // which Validate refuses
	}
	return Predicate{Field: string(f), Is: is, Value: encoded}
}
