package scoring

// Limits of attributes.
const (
	MaxAttributes      = 10  // of a run, and that a plugin declares
	MaxAttributeValues = 100 // of one attribute, in a store
)

// Attribute is something about how a run was made, by which counts are broken down: its prompt, its model, its tenant's plan.
type Attribute struct {
	Key   string `json:"key"`   // at most [MaxName] bytes
	Value string `json:"value"` // at most [MaxName] bytes; empty: Refused
	// After tells that it was said after the run's first assignment: the variant may have caused it.
	After bool `json:"after,omitempty"`
	// Refused is set by the store for one value too many of the attribute. It is counted, under an empty value.
	Refused bool `json:"refused,omitempty"`
}

// CheckAttributes refuses attributes that break a limit, or two of one key.
func CheckAttributes(all []Attribute) error {
	if len(all) > MaxAttributes {
		return Invalid("attributes", "%d, at most %d are allowed", len(all), MaxAttributes)
	}
	seen := map[string]bool{}
	for _, a := range all {
		if err := CheckName("attribute", a.Key); err != nil {
			return err
		}
		if err := CheckName("attribute's value", a.Value); err != nil && !a.Refused {
			return err
		}
		if seen[a.Key] {
			return Invalid("attribute", "%q appears twice", a.Key)
		}
		seen[a.Key] = true
	}
	return nil
}
