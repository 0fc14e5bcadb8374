package harness

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
)

// Dial returns a client of the bench's server, with the options that change sets. It is closed when the test ends.
func (b *Bench) Dial(change func(*client.Options)) client.Client {
	b.T.Helper()
	server := devservertest.ForTest(b.T)
	o := client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger()}
	if change != nil {
		change(&o)
	}
	c, err := client.Dial(o)
	require.NoError(b.T, err)
	b.T.Cleanup(c.Close)
	return c
}

// By returns the bench with another client: workers, runs and the service use it, the store stays.
func (b *Bench) By(c client.Client) *Bench {
	other := *b
	other.Client = c
	other.Verdict = verdict.NewClient(c, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue})
	return &other
}

// WorkerBy is Worker by another client.
func (b *Bench) WorkerBy(c client.Client, queue string, o worker.Options, register func(worker.Worker)) (stop func()) {
	b.T.Helper()
	return b.By(c).Worker(queue, o, register)
}

// Proxy stands between a client and the bench's server.
type Proxy struct {
	Address string

	mu    sync.Mutex
	goes  chan struct{} // closed while it forwards
	conns map[net.Conn]bool
}

// Proxy returns one that forwards, until the test ends.
func (b *Bench) Proxy() *Proxy {
	b.T.Helper()
	return NewProxy(b.T, devservertest.ForTest(b.T).Address)
}

// NewProxy returns one that forwards to an address, until the test ends.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{Address: listener.Addr().String(), goes: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(p.goes)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			p.mu.Lock()
			p.conns[from], p.conns[server] = true, true
			p.mu.Unlock()
			all.Go(func() { p.forward(from, server) })
			all.Go(func() { p.forward(server, from) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.Go()
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		all.Wait()
	})
	return p
}

// forward copies bytes while the proxy forwards.
func (p *Proxy) forward(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		goes := p.goes
		p.mu.Unlock()
		<-goes
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Hang lets nothing through from now on, and refuses nothing either: connections stay open and are silent.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.goes = make(chan struct{})
}

// Go lets everything through again, starting with the bytes held back.
func (p *Proxy) Go() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.goes:
	default:
		close(p.goes)
	}
}
