package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
)

type options struct {
	port, uiPort     int
	db               string
	namespace        string
	logLevel         string
	searchAttributes map[string]enumspb.IndexedValueType
	dynamicConfig    dynamicconfig.StaticClient
}

func parse(args []string) (options, error) {
	o := options{
		searchAttributes: map[string]enumspb.IndexedValueType{},
		dynamicConfig:    developmentConfig(),
	}
	fs := flag.NewFlagSet("devserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&o.port, "port", 0, "`port` of the frontend; 0 takes a free one")
	fs.IntVar(&o.uiPort, "ui-port", 0, "`port` of the web UI; 0 takes a free one, -1 serves no UI")
	fs.StringVar(&o.db, "db", "", "SQLite `file` to keep everything in; empty keeps it in memory")
	fs.StringVar(&o.namespace, "namespace", "default", "`name` of the namespace to have ready")
	fs.StringVar(&o.logLevel, "log-level", "error", "`level` of the server's log on standard error")
	fs.Func("search-attribute", "`Name=Type` to register in the namespace; repeat for more", func(s string) error {
		name, kind, _ := strings.Cut(s, "=")
		t, err := enumspb.IndexedValueTypeFromString(kind)
		if name == "" || err != nil || t == enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED {
			return errors.New("want Name=Type, Type one of Bool, Datetime, Double, Int, Keyword, KeywordList, Text")
		}
		o.searchAttributes[name] = t
		return nil
	})
	fs.Func("dynamic-config-value", "`key=JSON` of the server's dynamic configuration; repeat for more", func(s string) error {
		key, text, _ := strings.Cut(s, "=")
		value, err := dynamicValue(text)
		if key == "" || err != nil {
			return errors.New(`want key=JSON, for example system.enableNexus=true or matching.rps=5000`)
		}
		o.dynamicConfig[dynamicconfig.MakeKey(key)] = value
		return nil
	})
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(os.Stderr)
		fs.PrintDefaults()
		return o, err
	}
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err != nil {
		return o, fmt.Errorf("%w (-help lists the flags)", err)
	}
	return o, nil
}

// dynamicValue reads JSON but keeps whole numbers whole: the server takes no
// float where it wants an int.
func dynamicValue(text string) (value any, err error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	err = json.Unmarshal([]byte(text), &value)
	return value, err
}

// developmentConfig lifts limits that protect a shared cluster but only slow a single developer down.
func developmentConfig() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// A search attribute or namespace added at run time is usable at once.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key():                            true,
		dynamicconfig.FrontendMaxNamespaceNamespaceReplicationInducingAPIsRPSPerInstance.Key(): 100,
		// Production allows 10 visibility calls a second: polling List would back off.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 1000,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():           20000,
		dynamicconfig.FrontendRPS.Key():                                  20000,
		dynamicconfig.HistoryRPS.Key():                                   20000,
		dynamicconfig.MatchingRPS.Key():                                  20000,
		// As in Temporal's own development server: less memory.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8096,
	}
}
