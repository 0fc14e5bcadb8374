package webhooks

import "strconv"

// IssueKey is the key of the outcomes of a pull request or issue: "owner/repository#number". GitHub ignores the case of
// letters in it, and so do scorers that wait for one of these outcomes (scoring.Event.Folded): Acme/Shop#7 and
// acme/shop#7 are the same key.
func IssueKey(repository string, number int) string { return repository + "#" + strconv.Itoa(number) }

// MessageKey is the key of the outcomes of a Slack message: "channel/timestamp", such as "C0123/1531420618.000100". In Slack's
// ids case matters.
func MessageKey(channel, timestamp string) string { return channel + "/" + timestamp }
