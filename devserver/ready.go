package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// waitReady returns when the frontend knows the namespace and its search
// attributes, and the UI accepts connections.
func waitReady(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{
		HostPort:  address(o.port),
		Namespace: o.namespace,
		Logger:    sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	err = retry(ctx, func() error { return addSearchAttributes(ctx, c.OperatorService(), o) })
	if err != nil || o.uiPort < 0 {
		return err
	}
	return retry(ctx, func() error {
		conn, err := net.Dial("tcp", address(o.uiPort))
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// addSearchAttributes adds the attributes that a namespace from an older file lacks.
func addSearchAttributes(ctx context.Context, operator operatorservice.OperatorServiceClient, o options) error {
	have, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: o.namespace})
	if err != nil {
		return err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, want := range o.searchAttributes {
		got, ok := have.GetCustomAttributes()[name]
		if ok && got != want {
			return permanent{fmt.Errorf("search attribute %s is %v in this database, not %v", name, got, want)}
		}
		if !ok {
			missing[name] = want
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: o.namespace, SearchAttributes: missing,
	})
	return err
}

type permanent struct{ error }

func retry(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || errors.As(err, new(permanent)) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", startLimit, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
