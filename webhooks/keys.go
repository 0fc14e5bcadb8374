package webhooks

import "strconv"

// IssueKey is the key of the outcomes of a pull request or issue: "owner/repository#number".
func IssueKey(repository string, number int) string { return repository + "#" + strconv.Itoa(number) }

// MessageKey is the key of the outcomes of a Slack message: "channel/timestamp", such as "C0123/1531420618.000100".
func MessageKey(channel, timestamp string) string { return channel + "/" + timestamp }
