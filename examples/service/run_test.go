package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/service"
	"github.com/verdict-dev/verdict/verdicttest"
)

// The run by itself. A plugin without a key for tokens would fail the test.
func TestAnswer(t *testing.T) {
	t.Parallel()
	env := verdicttest.New(t, verdict.Config{TokenKey: make([]byte, 32)})
	env.RegisterActivity(service.Look)
	env.ExecuteWorkflow(service.Answer, service.Question{MessageID: "m1", Text: "When do you open?"})
	var said service.Reply
	require.NoError(t, env.GetWorkflowResult(&said))
	require.Equal(t, "We are open from nine to five.", said.Answer)
	require.NotEmpty(t, said.Token)
}
