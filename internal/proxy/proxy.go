// Package proxy detects requests that came through a proxy, and finds the client that a trusted proxy forwards for.
package proxy

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Trusted are the addresses of proxies whose headers are believed.
type Trusted []netip.Prefix

// Parse reads addresses and networks such as "10.0.0.0/8".
func Parse(texts []string) (Trusted, error) {
	var all Trusted
	for _, t := range texts {
		t = strings.TrimSpace(t)
		if p, err := netip.ParsePrefix(t); err == nil {
			all = append(all, p.Masked())
			continue
		}
		a, err := netip.ParseAddr(t)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", t)
		}
		a = a.Unmap()
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all, nil
}

func (t Trusted) contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range t {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Forwarded returns the header that shows that a request came through a proxy, "" if none does: clients send none of
// these. HTTP/1.0 shows it too: nginx speaks it by default, and no client of today does.
func Forwarded(r *http.Request) string {
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		return "HTTP/1.0"
	}
	for name := range r.Header {
		if forwarding[name] {
			return name
		}
		for _, prefix := range forwardingPrefixes {
			if strings.HasPrefix(name, prefix) {
				return name
			}
		}
	}
	return ""
}

// In the form of http.CanonicalHeaderKey.
var (
	forwarding = map[string]bool{
		"Forwarded": true, "Via": true, "X-Real-Ip": true, "X-Client-Ip": true, "X-Cluster-Client-Ip": true, "X-Proxyuser-Ip": true,
		"True-Client-Ip": true, "Fastly-Client-Ip": true, "X-Amzn-Trace-Id": true, "X-Host": true, "X-Scheme": true,
	}
	forwardingPrefixes = []string{"X-Forwarded", "X-Original-", "X-Envoy-", "X-Appengine-", "X-Azure-", "Cf-", "Cdn-"}
)

// Through tells whether a request comes from a trusted proxy.
func (t Trusted) Through(r *http.Request) bool {
	peer, ok := peerOf(r)
	return ok && t.contains(peer)
}

// Client returns the address of who sent a request: the peer's or, if that is a trusted proxy, the last one in
// X-Forwarded-For that is none; anyone may have written the entries before it.
func (t Trusted) Client(r *http.Request) (client netip.Addr, ok bool) {
	client, ok = peerOf(r)
	if !ok || !t.contains(client) {
		return client, ok
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := addressOf(strings.TrimSpace(hops[i]))
		if err != nil {
			return client, true // the end of the known path
		}
		client = hop
		if !t.contains(hop) {
			break
		}
	}
	return client, true
}

func peerOf(r *http.Request) (netip.Addr, bool) {
	a, err := addressOf(r.RemoteAddr)
	return a, err == nil
}

// addressOf reads an address with or without a port.
func addressOf(text string) (netip.Addr, error) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap(), err
}
