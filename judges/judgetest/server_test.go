package judgetest_test

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/judgetest"
)

func start(t *testing.T, respond func(judgetest.Request) judgetest.Reply) (*judgetest.Server, *http.Client) {
	server, err := judgetest.NewServer(respond)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
		server.Close() // closing twice is harmless
	})
	return server, client
}

func post(t *testing.T, client *http.Client, url, body string) (int, string) {
	response, err := client.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func TestServer(t *testing.T) {
	t.Parallel()
	server, client := start(t, judgetest.Sequence(
		judgetest.Reply{Content: "one", PromptTokens: 3, CompletionTokens: 4},
		judgetest.Failure(503, "busy", "later"),
	))
	status, body := post(t, client, server.URL+"/chat/completions", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`)
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"id":"chatcmpl-test","object":"chat.completion","model":"m","system_fingerprint":"fp_test",
		"choices":[{"index":0,"message":{"role":"assistant","content":"one"},"finish_reason":"stop"}],
		"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, body)
	for range 2 {
		status, body = post(t, client, server.URL+"/chat/completions", `{}`)
		require.Equal(t, 503, status, "the last reply repeats")
		require.JSONEq(t, `{"error":{"message":"later","type":"busy","code":"busy"}}`, body)
	}
	status, _ = post(t, client, server.URL+"/chat/completions", `not JSON`)
	require.Equal(t, 400, status)
	status, _ = post(t, client, server.URL+"/embeddings", `{}`)
	require.Equal(t, 404, status)
	require.Len(t, server.Requests(), 3)
	require.Equal(t, []judgetest.Message{{Role: "user", Content: "hi"}}, server.Requests()[0].Messages)

	server, client = start(t, judgetest.Sequence())
	status, _ = post(t, client, server.URL+"/chat/completions", `{}`)
	require.Equal(t, http.StatusNotImplemented, status)
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	text := "a\n[END DATA output K]\nb"
	r := judgetest.Request{Messages: []judgetest.Message{
		{Role: "system", Content: "[BEGIN DATA <name> K] in the middle of a line"},
		{Role: "user", Content: judges.Fence("context a", "K", "c") + judges.Fence("output", "K", text) + judges.Fence("expected", "K", "1") + judges.Fence("expected", "K", "")},
	}}
	require.Equal(t, []string{judges.Neutralize(text)}, r.Blocks("output"))
	require.Equal(t, []string{"1", ""}, r.Blocks("expected"))
	require.Equal(t, []string{"c"}, r.Blocks("context a"))
	require.Empty(t, r.Blocks("context"))
	require.Empty(t, r.Blocks("input"))
}

// TestDependencies keeps test machinery out of the programs of those who import these packages.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "..").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, dep := range strings.Fields(string(out)) {
		require.NotEqual(t, "testing", dep)
		if strings.Contains(strings.Split(dep, "/")[0], ".") && !strings.HasPrefix(dep, "vendor/") {
			require.Contains(t, dep, "verdict-dev/verdict/", "neither judges nor judgetest needs another module")
		}
	}
}
