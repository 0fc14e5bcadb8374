package webhooks

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// arrivals are the requests whose bodies are still on their way. They hold no slot, so a slow sender blocks no other.
// When there are too many, the sender with the most of them loses its oldest: a body that is sent at once arrives long
// before that.
type arrivals struct {
	limit int

	mu    sync.Mutex
	begun int64
	all   map[*arrival]struct{}
}

// arrival is one of them.
type arrival struct {
	sender string
	number int64
	cut    func()
	gone   bool
}

// enter adds a request. cut makes its reading fail; it is called at most once, and never after leave.
func (a *arrivals) enter(sender string, cut func()) *arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) >= a.limit {
		a.giveUp()
	}
	a.begun++
	in := &arrival{sender: sender, number: a.begun, cut: cut}
	if a.all == nil {
		a.all = map[*arrival]struct{}{}
	}
	a.all[in] = struct{}{}
	return in
}

// leave removes a request, and tells whether it was given up.
func (a *arrivals) leave(in *arrival) (gaveUp bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, in)
	return in.gone
}

// giveUp cuts the oldest of the sender that has the most. The lock is held.
func (a *arrivals) giveUp() {
	count := map[string]int{}
	for in := range a.all {
		count[in.sender]++
	}
	var oldest *arrival
	for in := range a.all {
		if oldest == nil || count[in.sender] > count[oldest.sender] ||
			(count[in.sender] == count[oldest.sender] && in.number < oldest.number) {
			oldest = in
		}
	}
	delete(a.all, oldest)
	oldest.gone = true
	oldest.cut()
}

// cutter returns a function that makes the reading of a request's body fail at once.
func cutter(w http.ResponseWriter) func() {
	c := http.NewResponseController(w)
	return func() { _ = c.SetReadDeadline(time.Unix(1, 0)) } // test recorders have no deadline
}

// senderOf names the sender of a request: the address that it came from or, of an IPv6 address, the network, since any
// host can have 2^64 of those.
func senderOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	return Network(addr)
}

// Network names who sends from an address, for [Options.Sender]: the address or, of IPv6, its network of 64 bits.
func Network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}
