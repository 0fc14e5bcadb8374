package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// setting is a value that a program takes from a flag, an environment variable, or its default, in this order.
type setting struct {
	flag, short string // a secret has no flag: arguments are visible to every process of a machine
	env         string
	fallback    string
	usage       string
	secret      bool
	read        func(text string) error
	mask        func(text string) string // for a value with a secret in it
	kind        string                   // of the value, for the help

	text, source string // once resolved
}

// settings are all settings of a program.
type settings []*setting

// declare makes the flags. They take any text: resolve reports its mistakes together with all others.
func (all settings) declare(flags *pflag.FlagSet) {
	for _, s := range all {
		if s.flag == "" {
			continue
		}
		help := s.usage
		if s.env != "" {
			help += " [" + s.env + "]"
		}
		flags.VarP(&rawFlag{s}, s.flag, s.short, help)
		flags.Lookup(s.flag).DefValue = s.fallback
		if s.kind == "bool" {
			flags.Lookup(s.flag).NoOptDefVal = "true"
		}
	}
}

// rawFlag keeps the text that a flag was given.
type rawFlag struct{ s *setting }

func (f *rawFlag) String() string     { return "" }
func (f *rawFlag) Type() string       { return f.s.kind }
func (f *rawFlag) Set(t string) error { f.s.text, f.s.source = t, "--"+f.s.flag; return nil }

// resolve reads every setting and returns all mistakes.
func (all settings) resolve(env environ) error {
	var errs []error
	for _, s := range all {
		if s.source == "" {
			s.text, s.source = s.fallback, "default"
			// An empty variable is one that a deployment left out. An empty secret is one that it failed to fill in.
			if v, ok := env.LookupEnv(s.env); ok && s.env != "" && (v != "" || s.secret) {
				s.text, s.source = v, s.env
			}
		}
		if s.secret && s.source == "default" {
			continue
		}
		if err := s.read(s.text); err != nil {
			if shown := s.shown(); shown != "" && !s.secret {
				err = fmt.Errorf("%q: %w", shown, err)
			}
			name := s.source
			if name == "default" {
				name = "--" + s.flag
			}
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// log writes a line for each setting, with where it came from.
func (all settings) log(l *slog.Logger) {
	for _, s := range all {
		name := s.flag
		if name == "" {
			name = s.env
		}
		logSetting(l, name, s.shown(), s.source)
	}
}

// masked replaces a secret in output.
const masked = "***"

// shown is the value as people may see it.
func (s *setting) shown() string {
	switch {
	case s.secret && s.text != "":
		return masked
	case s.mask != nil:
		return s.mask(s.text)
	}
	return s.text
}

func logSetting(l *slog.Logger, name, value, source string) {
	l.Info("setting", "name", name, "value", value, "source", source)
}

// textOf takes any text.
func textOf(to *string) func(string) error {
	return func(t string) error { *to = t; return nil }
}

func nonEmpty(to *string) func(string) error {
	return func(t string) error {
		if strings.TrimSpace(t) == "" {
			return errors.New("must not be empty")
		}
		*to = t
		return nil
	}
}

func boolOf(to *bool) func(string) error {
	return func(t string) (err error) {
		if *to, err = strconv.ParseBool(t); err != nil {
			return errors.New("must be true or false")
		}
		return nil
	}
}

// countOf takes 0, which means the SDK's own default, and whole numbers from least.
func countOf(to *int, least int) func(string) error {
	return func(t string) error {
		n, err := strconv.Atoi(t)
		if err != nil || n < 0 || (n > 0 && n < least) {
			return fmt.Errorf("must be 0, for the default, or a whole number from %d", least)
		}
		*to = n
		return nil
	}
}

func wholeOf(to *int64) func(string) error {
	return func(t string) error {
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			return errors.New("must be a whole number")
		}
		*to = n
		return nil
	}
}

func durationOf(to *time.Duration) func(string) error {
	return func(t string) error {
		d, err := time.ParseDuration(t)
		if err != nil || d < 0 {
			return errors.New("must be a duration such as 25s or 2m")
		}
		*to = d
		return nil
	}
}

func oneOf(to *string, allowed ...string) func(string) error {
	return func(t string) error {
		if !slices.Contains(allowed, t) {
			named := slices.DeleteFunc(slices.Clone(allowed), func(a string) bool { return a == "" })
			return fmt.Errorf("must be one of %s", strings.Join(named, ", "))
		}
		*to = t
		return nil
	}
}

// secretsOf takes one secret, or several separated by commas while they are rotated.
func secretsOf(to *[]string) func(string) error {
	return func(t string) error {
		*to = nil
		for _, s := range strings.Split(t, ",") {
			if s = strings.TrimSpace(s); s == "" {
				return errors.New("is set but empty, or has an empty part: unset it, or set it to one secret, or several separated by commas")
			}
			*to = append(*to, s)
		}
		return nil
	}
}

// listenOf takes an address to listen on.
func listenOf(to *string) func(string) error {
	return func(t string) error {
		_, port, err := net.SplitHostPort(t)
		if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
			return errors.New("must be host:port, such as 127.0.0.1:8080")
		}
		*to = t
		return nil
	}
}

// linkOf takes the base URL of a site that people are sent to.
func linkOf(to *string) func(string) error {
	return func(t string) error {
		if u, err := url.Parse(t); err == nil && u.User != nil {
			return errors.New("must have no user and no password: everybody who sees a link would see them")
		}
		return urlOf(to)(t)
	}
}

// maskURL returns a URL without its password, for logs and errors.
func maskURL(t string) string {
	u, err := url.Parse(t)
	if err == nil && (u.User != nil || !strings.Contains(t, "@")) {
		return u.Redacted()
	}
	return masked
}

// urlOf takes the base URL of a site.
func urlOf(to *string) func(string) error {
	return func(t string) error {
		u, err := url.Parse(t)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return errors.New("must be a URL such as http://localhost:8233")
		}
		*to = strings.TrimRight(t, "/")
		return nil
	}
}
