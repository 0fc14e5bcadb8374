package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/freeport"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	host        = "127.0.0.1"
	clusterName = "active"

	// retention is how long a closed run stays: a week lets a person look at
	// yesterday's runs again. The server's own default for SQLite is a day.
	retention = 7 * 24 * time.Hour

	startLimit = time.Minute
	stopLimit  = 10 * time.Second
)

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.port == 0 {
		o.port = freeport.MustGetFreePort()
	}
	if o.uiPort == 0 {
		o.uiPort = freeport.MustGetFreePort()
	}
	for _, port := range []int{o.port, o.uiPort} {
		if err := checkFree(port); err != nil {
			return err
		}
	}

	level := zap.NewAtomicLevel()
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return err
	}
	server, err := newServer(o, level)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	ready := map[string]string{"address": address(o.port), "namespace": o.namespace}
	if o.uiPort > 0 {
		go serveUI(o)
		ready["ui"] = "http://" + address(o.uiPort)
	}
	err = waitReady(ctx, o)
	if err == nil {
		line, _ := json.Marshal(ready)
		_, err = fmt.Fprintf(stdout, "READY %s\n", line)
	}
	if err == nil {
		<-ctx.Done()
	} else if ctx.Err() != nil {
		err = nil // stopped while it started
	}
	if o.db == "" {
		return err // nothing to save
	}
	level.SetLevel(zap.FatalLevel) // a stopping server logs every request that it cuts off as an error
	return errors.Join(err, stop(server))
}

func stop(server temporal.Server) error {
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(stopLimit):
		return fmt.Errorf("the server did not stop within %v", stopLimit)
	}
}

func newServer(o options, level zapcore.LevelEnabler) (temporal.Server, error) {
	store, err := openStore(o)
	if err != nil {
		return nil, err
	}
	logger := log.NewZapLogger(zap.New(zapcore.NewCore(
		zapcore.NewConsoleEncoder(log.DefaultZapEncoderConfig), zapcore.Lock(os.Stderr), level)))
	cfg := serverConfig(o.port, store)
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, service := range cfg.Services {
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(address(service.RPC.GRPCPort))
	}
	return temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(o.dynamicConfig),
	)
}

// openStore creates the schema and the namespace before the server starts. A namespace that is already in the file
// stays unchanged.
func openStore(o options) (*config.SQL, error) {
	store := &config.SQL{PluginName: sqlite.PluginName}
	if o.db == "" {
		store.DatabaseName = strconv.Itoa(rand.Int())
		store.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
	} else {
		if err := os.MkdirAll(filepath.Dir(o.db), 0o755); err != nil {
			return nil, err
		}
		store.DatabaseName = o.db
		store.ConnectAttributes = map[string]string{
			"mode": "rwc",
			// The schema is created once; later starts find the tables there.
			"setup":        "true",
			"journal_mode": "wal",
			"synchronous":  "normal",
			// Two servers on one file would take each other's tasks.
			"locking_mode": "exclusive",
		}
	}
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.namespace, false, o.searchAttributes)
	if err != nil {
		return nil, err
	}
	namespace.Detail.Config.Retention = durationpb.New(retention)
	if err := sqliteschema.CreateNamespaces(store, namespace); err != nil {
		return nil, fmt.Errorf("open the database (does another server use it?): %w", err)
	}
	return store, nil
}

func serverConfig(port int, store *config.SQL) *config.Config {
	httpPort := freeport.MustGetFreePort()
	service := func(port, httpPort int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, HTTPPort: httpPort, BindOnIP: host}}
	}
	cfg := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     sqlite.PluginName,
			VisibilityStore:  sqlite.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqlite.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             address(port),
				HTTPAddress:            address(httpPort),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: address(port)},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(port, httpPort),
			string(primitives.HistoryService):  service(freeport.MustGetFreePort(), 0),
			string(primitives.MatchingService): service(freeport.MustGetFreePort(), 0),
			string(primitives.WorkerService):   service(freeport.MustGetFreePort(), 0),
		},
	}
	cfg.Global.Membership.MaxJoinDuration = startLimit
	cfg.Global.Membership.BroadcastAddress = host
	cfg.Archival.History.State = "disabled"
	cfg.Archival.Visibility.State = "disabled"
	cfg.NamespaceDefaults.Archival.History.State = "disabled"
	cfg.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return cfg
}

// serveUI blocks; it ends the process itself when it cannot listen.
func serveUI(o options) {
	cfg := &uiconfig.Config{
		Host:                host,
		Port:                o.uiPort,
		TemporalGRPCAddress: address(o.port),
		DefaultNamespace:    o.namespace,
		EnableUI:            true,
		HideLogs:            true,
		DisableNewsFetch:    true,
		CORS:                uiconfig.CORS{CookieInsecure: true},
	}
	_ = uiserver.NewServer(uioptions.WithConfigProvider(cfg)).Start()
}

// checkFree gives a taken port its own error before anything is started.
func checkFree(port int) error {
	if port < 0 {
		return nil
	}
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return err
	}
	return l.Close()
}

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
