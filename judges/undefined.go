package judges

import (
	"errors"
	"fmt"
)

// ErrUndefined says that a definition has no value for its input: a mean of nothing, a recall without anything to
// recall, a tied vote. Errors of this package that say so wrap it, with the reason. It is not a 0: a score that
// is undefined is left out, or recorded as not applicable.
var ErrUndefined = errors.New("judges: undefined")

func undefined(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUndefined, fmt.Sprintf(format, args...))
}
