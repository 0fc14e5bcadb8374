package postgres

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/verdict-dev/verdict/scoring"
)

// keywords are the libpq keywords for the database's location and user: a keyword dsn has at least one of them.
const keywords = `host|hostaddr|port|dbname|database|user|password|passfile|service|servicefile|sslmode|sslpassword`

var hasKeyword = regexp.MustCompile(`(?:^|\s)(?:` + keywords + `)\s*=`)

// IsDSN tells whether a text looks like a dsn for [Open]: a postgres:// URL, or keywords and values such as "host=db
// dbname=scores". It may still be wrong.
func IsDSN(text string) bool {
	return isURL(text) || startsWithKey.MatchString(text) && hasKeyword.MatchString(text)
}

var startsWithKey = regexp.MustCompile(`^\s*\w+\s*=`)

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// Redacted returns a dsn that is safe to show: the settings that a connection would really use, including the
// environment (PGHOST, …) and the service file, without any secret. It is built from the parsed settings, not from the
// text, so that no secret is mistaken for something harmless. The error, a *scoring.InvalidError, has no secret either.
func Redacted(dsn string) (string, error) {
	config, err := parse(dsn)
	if err != nil {
		return "", err
	}
	c := config.ConnConfig
	shown := url.URL{Scheme: "postgres", Path: "/" + c.Database, User: url.User(c.User)}
	if c.Password != "" {
		shown.User = url.UserPassword(c.User, "xxxxx")
	}
	query := url.Values{}
	var hosts []string
	at := func(host string, port uint16) {
		address := net.JoinHostPort(host, strconv.Itoa(int(port)))
		if network, socket := pgconn.NetworkAddress(host, port); network == "unix" {
			address = socket
		}
		if !slices.Contains(hosts, address) {
			hosts = append(hosts, address)
		}
	}
	at(c.Host, c.Port)
	for _, f := range c.Fallbacks {
		at(f.Host, f.Port)
	}
	if shown.Host = strings.Join(hosts, ","); strings.Contains(shown.Host, "/") {
		shown.Host, query["host"] = "", hosts
	}
	if path := c.RuntimeParams["search_path"]; path != "" {
		query.Set("search_path", path)
	}
	shown.RawQuery = query.Encode()
	return shown.String(), nil
}

// parse reads a dsn as pgx does, and refuses one that could be read in two ways.
func parse(dsn string) (*pgxpool.Config, error) {
	if !IsDSN(dsn) {
		return nil, scoring.Invalid("dsn", "give a postgres:// URL, or keywords and values such as host=db dbname=scores")
	}
	if isURL(dsn) && isAmbiguous(dsn) {
		return nil, scoring.Invalid("dsn", "it is ambiguous which part of the URL is secret: in a user or a password, write @ / ? # %% : as %%40 %%2F %%3F %%23 %%25 %%3A")
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, scoring.Invalid("dsn", "%s", reason(err))
	}
	return config, nil
}

// isAmbiguous tells whether a URL may mean something else than pgx reads: it has a ? or # in front of the @, or an @
// elsewhere than there and in the value of a secret, as happens when a password holds an @ or a slash. The part before
// it would be read, and shown, as a user, a host, a port or a database.
func isAmbiguous(dsn string) bool {
	_, rest, _ := strings.Cut(dsn, "://")
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' { // as pgx and libpq find the user
		if strings.ContainsAny(rest[:i], "?#") {
			return true
		}
		rest = rest[i+1:]
	}
	rest, query, _ := strings.Cut(rest, "?")
	if strings.Contains(rest, "@") {
		return true
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err == nil && isSecret(decoded) {
			continue
		}
		if strings.Contains(key, "@") || strings.Contains(value, "@") {
			return true
		}
	}
	return false
}

func isSecret(key string) bool { return key == "password" || key == "sslpassword" }

// reason is pgx's error about a dsn that it refuses, without the dsn: pgx masks secrets as well as it can, but by its
// own documentation not always.
func reason(err error) string {
	var refused *pgconn.ParseConfigError
	if !errors.As(err, &refused) {
		return "pgx does not take it"
	}
	quoted := pgconn.NewParseConfigError(refused.ConnString, "", nil).Error()
	switch why := strings.TrimPrefix(err.Error(), quoted); {
	case why == err.Error():
		return "pgx does not take it"
	case strings.HasPrefix(why, "failed to parse as URL"):
		return "not a URL: in a user or a password, write @ / ? # % : as %40 %2F %3F %23 %25 %3A"
	case strings.HasPrefix(why, "failed to parse as keyword/value"):
		return `not keywords and values: quote a value that has spaces or quotes in it, as in password='it\'s'`
	default:
		return why
	}
}

// modeKey is pgx's parameter of the query mode.
const modeKey = "default_query_exec_mode"

// saysMode tells whether a dsn, which can be parsed, says how queries are sent.
func saysMode(dsn string) bool {
	c, err := pgconn.ParseConfig(dsn) // which leaves pgx's own parameters
	return err == nil && c.RuntimeParams[modeKey] != ""
}

// searchPath is the schema that a connection asks for, empty for the role's own.
func searchPath(c *pgx.ConnConfig) string {
	if path := c.RuntimeParams["search_path"]; path != "" {
		return path
	}
	if found := searchPathOption.FindStringSubmatch(c.RuntimeParams["options"]); found != nil {
		return found[1]
	}
	return ""
}

var searchPathOption = regexp.MustCompile(`(?:^|\s)(?:-c\s*|--)search_path=(\S+)`)
