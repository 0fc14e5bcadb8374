package e2e

import (
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
)

func registerActivity(name string) activity.RegisterOptions {
	return activity.RegisterOptions{Name: name}
}

func startOptions() client.StartWorkflowOptions { return client.StartWorkflowOptions{} }

func countRequest(query string) *workflowservice.CountWorkflowExecutionsRequest {
	return &workflowservice.CountWorkflowExecutionsRequest{Namespace: "default", Query: query}
}
