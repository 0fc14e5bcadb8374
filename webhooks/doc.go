// Package webhooks receives webhook deliveries, checks who sent them, and turns them into outcomes.
//
// [New] makes an [http.Handler] from a scheme, which describes how a sender signs ([GitHub], [Stripe],
// [StandardWebhooks], [Slack], [CloudEvents], [HMAC]), a [Mapping], which turns a delivery into outcomes, and a [Sink],
// which keeps outcomes:
//
//	h, err := webhooks.New(webhooks.GitHub{Secrets: secrets}, webhooks.Options{
//		Mapping: webhooks.PullRequests,
//		Sink:    sink,
//	})
//	mux.Handle("/webhooks/github", h)
//
// # Answers to senders
//
//	200  every outcome of the delivery is durably held, or it was a ping or a challenge; for Slack also instead of 202
//	202  verified, and nothing in it is an outcome for us; so are events of Stripe's test mode, unless they were asked for
//	400  malformed, or refused for good: sending it again does not help
//	401  not authentic (for Stripe: 400)
//	405  not a POST
//	408  the body did not arrive in time
//	413  the body is larger than Options.MaxBody
//	415  not a format that the scheme knows
//	503  not held: the sink failed or too many deliveries are under way; Retry-After says when to try again
//
// GitHub never redelivers by itself.
//
// # Duplicates
//
// Senders deliver the same event more than once. The id of an outcome is made from the source's name and the delivery's id,
// so that every copy is the same outcome, and the sink keeps it once. The delivery's id is:
//
//	GitHub            X-GitHub-Delivery (which the signature does not cover)
//	Stripe            the event's id
//	StandardWebhooks  webhook-id
//	Slack             event_id, or trigger_id for commands and interactions
//	CloudEvents       source and id
//	HMAC              a header, or the body's "id", or the hash of the body
//
// # Strictness
//
// An empty secret is refused when the handler is made. Several secrets may be valid at a time, for rotation. Signatures
// cover the raw body and are compared in constant time. A timestamp may differ from the clock by the tolerance, in
// either direction. A request with two copies of a security-relevant header is refused. There is no SHA-1: GitHub's
// X-Hub-Signature is not read, and Segment, which signs with HMAC-SHA1 only, is not supported.
package webhooks
