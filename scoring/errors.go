package scoring

import "fmt"

// ErrorTypeInvalid is the stable application error type of an [InvalidError] that crosses Temporal. It is never
// retryable: the same call is refused every time.
const ErrorTypeInvalid = "verdict.Invalid"

// InvalidError says which field of a call was refused and why. A refused call has changed nothing.
type InvalidError struct {
	// Field is the name of the refused argument, in lower case, such as "name" or "value".
	Field string
	// Reason describes the problem and, where there is one, the limit.
	Reason string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("verdict: invalid %s: %s", e.Field, e.Reason)
}

// Invalid returns an [InvalidError] with a formatted reason.
func Invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}
