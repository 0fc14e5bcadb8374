package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/postgres"
)

func TestBothFormsOfADSN(t *testing.T) {
	t.Parallel()
	for dsn, shown := range map[string]string{
		"postgres://u:p@h:1/d":                             "postgres://u:xxxxx@h:1/d",
		"postgresql://u@h/d?search_path=verdict":           "postgres://u@h:5432/d?search_path=verdict",
		"postgres://h/d?user=u&password=p@x":               "postgres://u:xxxxx@h:5432/d",
		"postgres://u:p@a:1,b:2/d":                         "postgres://u:xxxxx@a:1,b:2/d",
		"host=h port=1 user=u password=p dbname=d":         "postgres://u:xxxxx@h:1/d",
		" user = u password = 'a b\\'c' dbname = d host=h": "postgres://u:xxxxx@h:5432/d",
		"database=d user=u sslpassword=p host=/run/pg":     "postgres://u@/d?host=%2Frun%2Fpg%2F.s.PGSQL.5432",
		"application_name=x host=h user=u":                 "postgres://u@h:5432/",
	} {
		require.True(t, postgres.IsDSN(dsn), dsn)
		got, err := postgres.Redacted(dsn)
		require.NoError(t, err, dsn)
		require.Equal(t, shown, got)
	}
	for _, path := range []string{"verdict.db", "./host=h", "/tmp/user=u", "x=y", "file:verdict.db?host=h", ":memory:", "", "my host=h"} {
		require.False(t, postgres.IsDSN(path), path)
	}
}

func TestDSNsThatAreRefused(t *testing.T) {
	t.Parallel()
	for dsn, why := range map[string]string{
		"postgres://u:hun/ter2@h/d":                         "%40",
		"postgres://u:hun@ter2@h/d":                         "%40",
		"postgres://u:12/ter2@h":                            "%40",
		"postgres://h?user=u&password=hunter2@":             "%40",
		"postgres://u:1?x=ter2@h/d":                         "%40",
		"postgres://u:hunter2@h:port/d":                     "invalid port",
		"postgres://u:hunter2":                              "invalid port",
		"postgres://u:%zz@h/d":                              "not a URL",
		"host=h password=hun ter2 dbname=d":                 "quote a value",
		"host=h password='hunter2":                          "quote a value",
		"host=h password=hunter2 pool_max_conns=many":       "pool_max_conns",
		"host=h password=hunter2 sslmode=on":                "sslmode is invalid",
		"host=h password=hunter2 sslrootcert=/nowhere":      "/nowhere",
		"host=h password=hunter2 default_query_exec_mode=x": "default_query_exec_mode",
		"verdict.db": "postgres:// URL",
	} {
		var invalid *scoring.InvalidError
		_, err := postgres.Redacted(dsn)
		require.ErrorAs(t, err, &invalid, dsn)
		require.ErrorContains(t, err, why, dsn)
		_, opened := postgres.Open(t.Context(), dsn)
		require.Equal(t, err, opened)
		require.Equal(t, err, postgres.Migrate(t.Context(), dsn))
		for _, part := range []string{"hunter2", "ter2", "hun"} {
			require.NotContains(t, err.Error(), part, dsn)
		}
	}
}

// DSN draws a dsn of either form, well made or not, whose secret is the same wherever it stands.
func drawDSN(t *rapid.T, secret string) string {
	odd := rapid.SampledFrom([]string{"", "@", "/", "?", "#", " ", "'", `\`, "%", "&", "=", ":", "x=y@", "%zz", "[", ",", "\n"})
	password := odd.Draw(t, "before") + secret + odd.Draw(t, "after")
	if rapid.Bool().Draw(t, "escaped") {
		password = url.QueryEscape(password)
	}
	key := rapid.SampledFrom([]string{"password", "sslpassword", "pass%77ord"}).Draw(t, "key")
	host := rapid.SampledFrom([]string{"127.0.0.1:1", "h", "[::1]:1", "", "h:port", "a,b:1"}).Draw(t, "host")
	rest := rapid.SampledFrom([]string{"", "/", "/d", "/d?sslmode=disable", "/d?sslmode=maybe", "?connect_timeout=1", "/d?application_name=a@b"}).Draw(t, "rest")
	scheme := rapid.SampledFrom([]string{"postgres://", "postgresql://"}).Draw(t, "scheme")
	joint := "?"
	if strings.Contains(rest, "?") {
		joint = "&"
	}
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
	return rapid.SampledFrom([]string{
		scheme + "u:" + password + "@" + host + rest,
		scheme + ":" + password + "@" + host + rest,
		scheme + host + rest + joint + "user=u&" + key + "=" + password,
		scheme + "u@" + host + rest + joint + key + "=" + password,
		fmt.Sprintf("host=127.0.0.1 port=1 user=u password=%s dbname=d", password),
		fmt.Sprintf("password = %s host=127.0.0.1 port=1 sslmode=disable", quoted),
		fmt.Sprintf("host=127.0.0.1 port=nope password=%s sslpassword=%s", quoted, quoted),
		fmt.Sprintf("service=none servicefile=/nowhere password=%s", password),
	}).Draw(t, "form")
}

func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := "s3" + rapid.StringMatching(`[a-z0-9]{6}`).Draw(t, "secret")
		dsn := drawDSN(t, secret)
		shown, err := postgres.Redacted(dsn)
		if err != nil {
			require.NotContains(t, err.Error(), secret, dsn)
			return
		}
		require.NotContains(t, shown, secret, dsn)
	})
}
