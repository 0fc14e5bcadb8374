package devserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

const localhost = "127.0.0.1"

// startCLI runs the Temporal CLI's development server.
func startCLI(ctx context.Context, o Options, path string) (*Server, error) {
	port, err := portOrFree(o.Port)
	if err != nil {
		return nil, err
	}
	args := []string{
		"server", "start-dev", "--ip", localhost, "--port", strconv.Itoa(port),
		"--namespace", o.Namespace, "--log-level", "error",
		// Search attributes that are added later are usable at once, and polling List is not limited to the 10 calls a second
		// of a shared cluster.
		"--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=true",
		"--dynamic-config-value", "frontend.namespaceRPS.visibility=1000",
	}
	s := &Server{
		Address:   net.JoinHostPort(localhost, strconv.Itoa(port)),
		Namespace: o.Namespace,
		From:      path + " server start-dev",
	}
	if o.UIPort < 0 {
		args = append(args, "--headless")
	} else {
		ui, err := portOrFree(o.UIPort)
		if err != nil {
			return nil, err
		}
		args = append(args, "--ui-port", strconv.Itoa(ui))
		s.UIURL = "http://" + net.JoinHostPort(localhost, strconv.Itoa(ui))
	}
	if o.DBFile != "" {
		args = append(args, "--db-filename", o.DBFile)
	}
	for _, name := range slices.Sorted(maps.Keys(o.SearchAttributes)) {
		args = append(args, "--search-attribute", name+"="+o.SearchAttributes[name])
	}

	p, err := startProcess(cliCommand(path, args...), io.Discard, o.ServerLog)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.From, err)
	}
	p.bySignal = true
	s.process = p
	err = p.await(ctx, func(ctx context.Context) error {
		return prepare(ctx, s, o.SearchAttributes)
	})
	if err != nil {
		return nil, fmt.Errorf("start %s (set %s=embedded to pass it over): %w", s.From, EnvUse, err)
	}
	return s, nil
}

// prepare waits until a server knows its namespace and completes it: the CLI keeps closed runs for a day, and registers
// search attributes in new namespaces only.
func prepare(ctx context.Context, s *Server, attributes map[string]string) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort:  s.Address,
		Namespace: s.Namespace,
		Logger:    log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	wait := time.NewTicker(20 * time.Millisecond)
	defer wait.Stop()
	var last error
	for {
		_, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: s.Namespace,
			Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(Retention)},
		})
		if err == nil {
			err = AddSearchAttributes(ctx, c, s.Namespace, attributes)
		}
		if err == nil || errors.As(err, new(*attributeError)) {
			return err
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %v)", context.Cause(ctx), last)
		case <-wait.C:
		}
	}
}

func portOrFree(port int) (int, error) {
	if port != 0 {
		return port, nil
	}
	return freePort()
}

// freePort returns a port that stays free for a minute for a process that binds to it by number: the connection closed
// from the listener's side is in TIME_WAIT on it, and meanwhile the kernel does not hand it out as an arbitrary port.
func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(localhost, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, in.Close()
}
