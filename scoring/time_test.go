package scoring_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	day := func(year int, month time.Month, day, hour, minute, second, nano int) time.Time {
		return time.Date(year, month, day, hour, minute, second, nano, time.UTC)
	}
	for text, want := range map[string]time.Time{
		"2026-11-26T10:00:00Z":                 day(2026, 11, 26, 10, 0, 0, 0),
		"2026-11-26t10:00:00z":                 day(2026, 11, 26, 10, 0, 0, 0),
		"2026-11-26t10:00:00Z":                 day(2026, 11, 26, 10, 0, 0, 0),
		"2026-11-26T10:00:00+05:30":            day(2026, 11, 26, 4, 30, 0, 0),
		"2026-11-26T10:00:00-23:59":            day(2026, 11, 27, 9, 59, 0, 0),
		"2026-11-26T10:00:00-00:00":            day(2026, 11, 26, 10, 0, 0, 0),
		"2026-11-26T10:00:00.5Z":               day(2026, 11, 26, 10, 0, 0, 5e8),
		"2026-11-26t10:00:00.123456789012z":    day(2026, 11, 26, 10, 0, 0, 123456789),
		"2024-02-29T00:00:00Z":                 day(2024, 2, 29, 0, 0, 0, 0),
		"2016-12-31T23:59:60Z":                 day(2017, 1, 1, 0, 0, 0, 0),
		"2016-12-31t23:59:60.25z":              day(2017, 1, 1, 0, 0, 0, 25e7),
		"1990-12-31T15:59:60-08:00":            day(1991, 1, 1, 0, 0, 0, 0), // of RFC 3339, §5.8
		"2015-07-01T05:29:60+05:30":            day(2015, 7, 1, 0, 0, 0, 0),
		"1937-01-01T12:00:27.87+00:20":         day(1937, 1, 1, 11, 40, 27, 87e7),
		"0001-01-01T00:00:00Z":                 {},
		"9999-12-31T23:59:59.999999999Z":       day(9999, 12, 31, 23, 59, 59, 999999999),
		"2026-11-26T10:00:00.000000000000001Z": day(2026, 11, 26, 10, 0, 0, 0),
	} {
		got, err := scoring.ParseTime("time", text)
		require.NoError(t, err, text)
		require.True(t, want.Equal(got), "%s is %s", text, got)
	}
	for _, text := range []string{
		"", "now", "2026-11-26", "2026-11-26 10:00:00Z", "2026-11-26T10:00Z", "2026-11-26T10:00:00", "2026-11-26T10:00:00.123",
		"2026-11-26T10:00:00,5Z", "2026-11-26T10:00:00.Z", "2026-11-26T1:00:00Z", "2026-11-26T24:00:00Z", "2026-02-29T10:00:00Z",
		"2026-11-26T10:00:00+24:00", "2026-11-26T10:00:00+05:60", "2026-11-26T10:00:00+0530", "2026-11-26T10:00:00 Z", " 2026-11-26T10:00:00Z",
		"2026-11-26T10:00:00Z\n", "2026-11-26T10:60:00Z", "2026-11-26T10:00:61Z",
		"2026-11-26T10:00:60Z", "2016-12-31T22:59:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:59:60+01:00", // no leap second
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", // no year that JSON can write in UTC
		"２026-11-26T10:00:00Z",
	} {
		_, err := scoring.ParseTime("time", text)
		require.ErrorAs(t, err, new(*scoring.InvalidError), "%q", text)
	}
}

// What Go writes is read as it was, in either case of its letters.
func TestParseTimeProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "offset"))
		at := time.Unix(rapid.Int64Range(-62e9, 253e9).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanos")).In(zone)
		text := at.Format(time.RFC3339Nano)
		for _, form := range []string{text, lower(text)} {
			got, err := scoring.ParseTime("time", form)
			require.NoError(t, err, form)
			require.True(t, at.Equal(got), form)
		}
	})
}

func lower(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c == 'T' || c == 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}
