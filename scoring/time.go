package scoring

import (
	"regexp"
	"time"
)

// rfc3339 is date-time of RFC 3339, §5.6, whose letters may be lower case.
var rfc3339 = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:)([0-9]{2})(\.[0-9]+)?([Zz]|[+-]([0-9]{2}):([0-9]{2}))$`)

// ParseTime reads a time in RFC 3339 format: with "t" and "z" in lower case too, with any number of digits after the
// point (those after the ninth are cut), and with a leap second, 23:59:60 UTC at the end of a month, which is the first
// second of the next day to every clock that counts as Go's does. Anything else is an [InvalidError] of field.
func ParseTime(field, text string) (time.Time, error) {
	refused := Invalid(field, "%.40q is not a time in RFC 3339 format, such as 2026-01-31T12:00:00Z", text)
	m := rfc3339.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, refused
	}
	date, minute, second, fraction, zone := m[1], m[2], m[3], m[4], m[5]
	if m[6] > "23" || m[7] > "59" {
		return time.Time{}, refused // time.Parse takes offsets of more than a day
	}
	if zone == "z" {
		zone = "Z"
	}
	leap := second == "60"
	if leap {
		second = "59"
	}
	at, err := time.Parse(time.RFC3339Nano, date+"T"+minute+second+fraction+zone)
	if err != nil {
		return time.Time{}, refused
	}
	if leap {
		at = at.Add(time.Second)
		if next := at.UTC(); next.Day() != 1 || next.Hour() != 0 || next.Minute() != 0 || next.Second() != 0 {
			return time.Time{}, refused
		}
	}
	return at, CheckTime(field, at)
}
