package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"
)

// connection is how a program reaches Temporal: flags over environment variables over a profile of temporal.toml, with
// the names that the temporal command line has.
type connection struct {
	flags      *pflag.FlagSet
	profile    string
	configFile string
	address    string
	namespace  string
	apiKey     string
	authority  string
	identity   string
	grpcMeta   []string
	tls        bool
	certPath   string
	certData   string
	keyPath    string
	keyData    string
	caPath     string
	caData     string
	serverName string
	skipVerify bool
	codec      string
	codecAuth  string
	inFile     map[string]bool // which flags the profile has a value for
}

// declare makes the flags.
func (c *connection) declare(flags *pflag.FlagSet) {
	c.flags = flags
	flags.StringVar(&c.profile, "profile", "", "profile of temporal.toml [TEMPORAL_PROFILE]")
	flags.StringVar(&c.configFile, "config-file", "", "path of temporal.toml [TEMPORAL_CONFIG_FILE]")
	flags.StringVar(&c.address, "address", "", "host:port of the Temporal frontend [TEMPORAL_ADDRESS] (default "+client.DefaultHostPort+")")
	flags.StringVarP(&c.namespace, "namespace", "n", "", "namespace [TEMPORAL_NAMESPACE] (default "+client.DefaultNamespace+")")
	flags.StringVar(&c.apiKey, "api-key", "", "API key; turns TLS on [TEMPORAL_API_KEY]")
	flags.StringVar(&c.authority, "client-authority", "", "value of the :authority header [TEMPORAL_CLIENT_AUTHORITY]")
	flags.StringVar(&c.identity, "identity", "", "identity of this client (default pid@host)")
	flags.StringArrayVar(&c.grpcMeta, "grpc-meta", nil, "KEY=VALUE header to send; repeat for more [TEMPORAL_GRPC_META_*]")
	flags.BoolVar(&c.tls, "tls", false, "use TLS [TEMPORAL_TLS]")
	flags.StringVar(&c.certPath, "tls-cert-path", "", "path of the client certificate [TEMPORAL_TLS_CLIENT_CERT_PATH]")
	flags.StringVar(&c.certData, "tls-cert-data", "", "the client certificate in PEM [TEMPORAL_TLS_CLIENT_CERT_DATA]")
	flags.StringVar(&c.keyPath, "tls-key-path", "", "path of the client's private key [TEMPORAL_TLS_CLIENT_KEY_PATH]")
	flags.StringVar(&c.keyData, "tls-key-data", "", "the client's private key in PEM [TEMPORAL_TLS_CLIENT_KEY_DATA]")
	flags.StringVar(&c.caPath, "tls-ca-path", "", "path of the server's CA certificate [TEMPORAL_TLS_SERVER_CA_CERT_PATH]")
	flags.StringVar(&c.caData, "tls-ca-data", "", "the server's CA certificate in PEM [TEMPORAL_TLS_SERVER_CA_CERT_DATA]")
	flags.StringVar(&c.serverName, "tls-server-name", "", "server name to expect [TEMPORAL_TLS_SERVER_NAME]")
	flags.BoolVar(&c.skipVerify, "tls-disable-host-verification", false, "do not verify the server's name [TEMPORAL_TLS_DISABLE_HOST_VERIFICATION]")
	flags.StringVar(&c.codec, "codec-endpoint", "", "URL of the remote codec that encodes and decodes payloads [TEMPORAL_CODEC_ENDPOINT]")
	flags.StringVar(&c.codecAuth, "codec-auth", "", "Authorization header for the codec [TEMPORAL_CODEC_AUTH]")
}

// options returns the client's options. Nothing is connected yet.
func (c *connection) options(env environ, logger *slog.Logger) (client.Options, error) {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		ConfigFilePath: c.configFile, ConfigFileProfile: c.profile, EnvLookup: env, DisableEnv: true,
	})
	if err != nil {
		return client.Options{}, fmt.Errorf("temporal client: %w", err)
	}
	c.inFile = map[string]bool{
		"address": profile.Address != "", "namespace": profile.Namespace != "",
		"api-key": profile.APIKey != "", "tls": profile.TLS != nil,
	}
	if err := profile.ApplyEnvVars(env); err != nil {
		return client.Options{}, fmt.Errorf("temporal client: %w", err)
	}
	if err := c.apply(&profile); err != nil {
		return client.Options{}, err
	}
	o, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{IncludeRemoteCodec: true})
	if err != nil {
		return client.Options{}, fmt.Errorf("temporal client: %w", err)
	}
	if o.DataConverter != nil { // a codec that takes its time is no workflow that hangs
		o.DataConverter = workflow.DataConverterWithoutDeadlockDetection(o.DataConverter)
	}
	o.HostPort = cmp.Or(o.HostPort, client.DefaultHostPort)
	o.Namespace = cmp.Or(o.Namespace, client.DefaultNamespace)
	o.Identity = c.identity
	o.Logger = sdklog.NewStructuredLogger(logger)
	return o, nil
}

// given returns the flags that were given, except the address and the namespace.
func (c *connection) given() []string {
	var given []string
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&connection{}).declare(own)
	c.flags.Visit(func(f *pflag.Flag) {
		switch {
		case own.Lookup(f.Name) == nil, f.Name == "address", f.Name == "namespace", f.Name == "grpc-meta":
		default:
			given = append(given, "--"+f.Name+"="+f.Value.String())
		}
	})
	for _, pair := range c.grpcMeta {
		given = append(given, "--grpc-meta="+pair)
	}
	return given
}

// apply puts the flags that were given over a profile. A flag with a path replaces data, and the other way round, since
// the two exclude each other.
func (c *connection) apply(p *envconfig.ClientConfigProfile) error {
	tls := func() *envconfig.ClientConfigTLS {
		if p.TLS == nil {
			p.TLS = &envconfig.ClientConfigTLS{}
		}
		return p.TLS
	}
	codec := func() *envconfig.ClientConfigCodec {
		if p.Codec == nil {
			p.Codec = &envconfig.ClientConfigCodec{}
		}
		return p.Codec
	}
	for name, set := range map[string]func(){
		"address":                       func() { p.Address = c.address },
		"namespace":                     func() { p.Namespace = c.namespace },
		"api-key":                       func() { p.APIKey = c.apiKey },
		"client-authority":              func() { p.Authority = c.authority },
		"tls":                           func() { tls().Disabled = !c.tls },
		"tls-cert-path":                 func() { tls().ClientCertPath, tls().ClientCertData = c.certPath, nil },
		"tls-cert-data":                 func() { tls().ClientCertData, tls().ClientCertPath = []byte(c.certData), "" },
		"tls-key-path":                  func() { tls().ClientKeyPath, tls().ClientKeyData = c.keyPath, nil },
		"tls-key-data":                  func() { tls().ClientKeyData, tls().ClientKeyPath = []byte(c.keyData), "" },
		"tls-ca-path":                   func() { tls().ServerCACertPath, tls().ServerCACertData = c.caPath, nil },
		"tls-ca-data":                   func() { tls().ServerCACertData, tls().ServerCACertPath = []byte(c.caData), "" },
		"tls-server-name":               func() { tls().ServerName = c.serverName },
		"tls-disable-host-verification": func() { tls().DisableHostVerification = c.skipVerify },
		"codec-endpoint":                func() { codec().Endpoint = c.codec },
		"codec-auth":                    func() { codec().Auth = c.codecAuth },
	} {
		if c.flags.Changed(name) {
			set()
		}
	}
	for _, pair := range c.grpcMeta {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return usage("--grpc-meta: must be KEY=VALUE") // the given text may be a secret
		}
		if p.GRPCMeta == nil {
			p.GRPCMeta = map[string]string{}
		}
		p.GRPCMeta[envconfig.NormalizeGRPCMetaKey(key)] = value
	}
	return nil
}

// log writes a line for each thing that was said about the connection, with where it came from.
func (c *connection) log(l *slog.Logger, env environ, o client.Options) {
	fromEnv, _ := env.LookupEnv("TEMPORAL_PROFILE")
	profile := cmp.Or(c.profile, fromEnv, envconfig.DefaultConfigFileProfile)
	key := ""
	if o.Credentials != nil {
		key = masked
	}
	for _, s := range []struct {
		flag, env, value string
	}{
		{"address", "TEMPORAL_ADDRESS", o.HostPort},
		{"namespace", "TEMPORAL_NAMESPACE", o.Namespace},
		{"api-key", "TEMPORAL_API_KEY", key},
		{"tls", "TEMPORAL_TLS", strconv.FormatBool(o.ConnectionOptions.TLS != nil)},
	} {
		source := "default"
		_, inEnv := env.LookupEnv(s.env)
		switch {
		case c.flags.Changed(s.flag):
			source = "--" + s.flag
		case inEnv:
			source = s.env
		case c.inFile[s.flag]:
			source = "profile " + profile
		}
		logSetting(l, s.flag, s.value, source)
	}
}

// dial connects. The error names the address.
func dial(ctx context.Context, o client.Options) (client.Client, error) {
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("no Temporal server at %s (set by --address or TEMPORAL_ADDRESS): %w", o.HostPort, err)
	}
	return c, nil
}
