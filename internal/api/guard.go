package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/verdict-dev/verdict/internal/proxy"
)

// Guard lets in who shows one of the tokens: as a Bearer token, or, for browsers, as the password of Basic
// authentication. Without any token, everything is refused unless the server listens on the loopback alone; and then
// requests that name another host are refused, so that no web page reaches it through a name of its own, and requests
// that came through a proxy, which come from anywhere though they seem to come from this host. A trusted proxy decides
// itself whom it lets in.
type Guard struct {
	Tokens   []string
	Loopback bool
	Proxies  proxy.Trusted
	// Open lets everyone in: another handler is the guard.
	Open bool
}

// Protect returns h behind the guard. A browser is asked for a password if basic is set.
func (g Guard) Protect(h http.Handler, basic bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := g.check(r); p != nil {
			if p.Status == http.StatusUnauthorized {
				challenge := `Bearer realm="verdict"`
				if basic {
					challenge = `Basic realm="verdict", charset="UTF-8"`
				}
				w.Header().Set("WWW-Authenticate", challenge)
			}
			p.Write(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (g Guard) check(r *http.Request) *Problem {
	if g.Open {
		return nil
	}
	if len(g.Tokens) > 0 {
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		ok := strings.EqualFold(scheme, "Bearer")
		if _, password, basic := r.BasicAuth(); basic {
			shown, ok = password, true
		}
		if !ok {
			return problem(http.StatusUnauthorized, unauthorized, "Authorization", "a bearer token is required")
		}
		if !g.knows(strings.TrimSpace(shown)) {
			return problem(http.StatusUnauthorized, unauthorized, "Authorization", "the token is wrong")
		}
		return nil
	}
	if !g.Loopback || !arrivedOnLoopback(r) {
		return problem(http.StatusForbidden, forbidden, "", "without VERDICT_API_TOKEN this is served on a loopback address only")
	}
	if !IsLoopback(r.Host) {
		return problem(http.StatusForbidden, forbidden, "Host", "without VERDICT_API_TOKEN only requests to a loopback address are answered")
	}
	if by := proxy.Forwarded(r); by != "" && !g.Proxies.Through(r) {
		return problem(http.StatusForbidden, forbidden, by, "this request came through a proxy: set VERDICT_API_TOKEN or, if the proxy decides who gets in, name it in VERDICT_TRUSTED_PROXIES")
	}
	if origin := r.Header.Get("Origin"); origin != "" && !loopbackOrigin(origin) {
		return problem(http.StatusForbidden, forbidden, "Origin", "without VERDICT_API_TOKEN no page of another host may ask")
	}
	return nil
}

// arrivedOnLoopback tells whether a connection may have come to a loopback address: a mounted handler does not know
// where its server listens.
func arrivedOnLoopback(r *http.Request) bool {
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || at.IP.IsLoopback()
}

// loopbackOrigin tells whether an Origin is of this host.
func loopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && IsLoopback(u.Host)
}

// knows compares hashes, which have one length, with every token, so that the time tells nothing of them.
func (g Guard) knows(shown string) bool {
	got := sha256.Sum256([]byte(shown))
	found := 0
	for _, t := range g.Tokens {
		want := sha256.Sum256([]byte(t))
		found |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return found == 1
}

// IsLoopback tells whether a host, with or without a port, is a loopback address or localhost.
func IsLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}
