// Package stage plays a demo: an experiment from assignment to winner, with a worker and users in processes of their own, on
// a Temporal of its own if there is none.
package stage
