package api_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/api"
)

// A handler that somebody mounts does not know where its server listens: without a token it answers what has arrived on a
// loopback address, or everybody if somebody else is the guard.
func TestMountedHandlers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		guard  api.Guard
		on     string
		status int
	}{
		"loopback":           {api.Guard{Loopback: true}, "127.0.0.1", http.StatusOK},
		"another address":    {api.Guard{Loopback: true}, "192.0.2.7", http.StatusForbidden},
		"guarded by another": {api.Guard{Open: true}, "192.0.2.7", http.StatusOK},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil) // which a client may claim of any address
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(c.on), Port: 80}))
		w := httptest.NewRecorder()
		c.guard.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), false).ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code, name)
	}
}
