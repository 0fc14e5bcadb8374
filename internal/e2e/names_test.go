package e2e

import "go.temporal.io/sdk/activity"

func registerActivity(name string) activity.RegisterOptions {
	return activity.RegisterOptions{Name: name}
}
