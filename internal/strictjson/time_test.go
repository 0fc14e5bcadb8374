package strictjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

func TestTime(t *testing.T) {
	t.Parallel()
	var v struct {
		At strictjson.Time `json:"at,omitzero"`
	}
	require.NoError(t, json.Unmarshal([]byte(`{"at":"2016-12-31t23:59:60z"}`), &v))
	require.True(t, v.At.Equal(time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)))
	text, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `{"at":"2017-01-01T00:00:00Z"}`, string(text))
	require.NoError(t, json.Unmarshal([]byte(`{"at":null}`), &v))
	require.True(t, v.At.IsZero())
	text, err = json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(text))
	for _, bad := range []string{`"now"`, `""`, `1`, `true`, `{}`} {
		require.ErrorAs(t, json.Unmarshal([]byte(`{"at":`+bad+`}`), &v), new(*scoring.InvalidError), bad)
	}
}
