// Package estimate has the statistics that an analysis is made of: moments, confidence sequences, sample ratios, posteriors,
// tests. Each is a pure function with the source of its formula, held to reference cases (testdata/statistics.json).
package estimate
