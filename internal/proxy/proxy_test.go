package proxy_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/proxy"
)

func request(remote string, forwarded ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	for _, f := range forwarded {
		r.Header.Add("X-Forwarded-For", f)
	}
	return r
}

func TestClient(t *testing.T) {
	t.Parallel()
	trusted, err := proxy.Parse([]string{"127.0.0.1", " 10.0.0.0/8", "2001:db8::/32"})
	require.NoError(t, err)
	for want, r := range map[string]*http.Request{
		"192.0.2.1":    request("192.0.2.1:80", "1.2.3.4"), // is not believed
		"1.2.3.4":      request("127.0.0.1:80", "6.6.6.6, 1.2.3.4"),
		"1.2.3.5":      request("127.0.0.1:80", "6.6.6.6, 1.2.3.5, 10.1.1.1"),
		"1.2.3.6":      request("[::ffff:127.0.0.1]:80", "6.6.6.6", "1.2.3.6:4711 ,10.1.1.1"),
		"127.0.0.1":    request("127.0.0.1:80"),
		"10.1.1.1":     request("127.0.0.1:80", "unknown, 10.1.1.1"),
		"10.2.2.2":     request("127.0.0.1:80", "10.2.2.2"), // all of them are proxies
		"2001:db9::1":  request("[2001:db8::1]:80", "[2001:db9::1]:80"),
		"2001:db8::66": request("[2001:db8::66]:80", "garbage"),
	} {
		got, ok := trusted.Client(r)
		require.True(t, ok)
		require.Equal(t, want, got.String())
	}
	_, ok := trusted.Client(request("@"))
	require.False(t, ok)
	require.True(t, trusted.Through(request("10.9.9.9:1")))
	require.False(t, trusted.Through(request("11.9.9.9:1")))
	require.False(t, proxy.Trusted{}.Through(request("127.0.0.1:1")))
	for _, bad := range []string{"", "localhost", "10.0.0.0/33", "10.0.0"} {
		_, err := proxy.Parse([]string{bad})
		require.Error(t, err, bad)
	}
}

func TestForwarded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "X-Forwarded", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP",
		"True-Client-IP", "X-Original-Host", "X-Envoy-External-Address", "X-Client-IP",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(name, "")
		require.Equal(t, http.CanonicalHeaderKey(name), proxy.Forwarded(r))
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, name := range []string{"Accept", "User-Agent", "Authorization", "Content-Type", "Idempotency-Key", "Origin", "Sec-Fetch-Site", "X-GitHub-Event"} {
		r.Header.Set(name, "x")
	}
	require.Empty(t, proxy.Forwarded(r))
	r.ProtoMajor, r.ProtoMinor = 1, 0
	require.Equal(t, "HTTP/1.0", proxy.Forwarded(r))
}
