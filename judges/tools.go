package judges

import (
	"slices"
	"strings"
)

// ToolCall is a call of a tool that an agent made, or should have made.
type ToolCall struct {
	Name string `json:"name"`
	// Kind separates tools of the same name, such as function and mcp. Optional.
	Kind string `json:"kind,omitempty"`
	// Args are the arguments as JSON. None is the same as {}.
	Args string `json:"args,omitempty"`
}

// same tells whether two calls are of the same tool with the same arguments, compared by meaning if they are JSON.
func (c ToolCall) same(o ToolCall) bool {
	return c.tool() == o.tool() && Exact(args(c), args(o))
}

func (c ToolCall) tool() [2]string { return [2]string{c.Name, c.Kind} }

func args(c ToolCall) string {
	if strings.TrimSpace(c.Args) == "" {
		return "{}"
	}
	return c.Args
}

// ToolF1 compares the calls made with the expected ones as sets: regardless of order and repetitions, a call counts
// with its name, its kind and its arguments (by the rules of [Exact]), and one that is not expected costs as much as
// one that is missing. Two empty sets agree.
func ToolF1(called, expected []ToolCall) Overlap {
	a, b := distinct(called), distinct(expected)
	if len(a)+len(b) == 0 {
		return Overlap{1, 1, 1}
	}
	common := 0
	for _, c := range a {
		if slices.ContainsFunc(b, c.same) {
			common++
		}
	}
	return overlapOf(common, len(a), len(b))
}

func distinct(calls []ToolCall) (set []ToolCall) {
	for _, c := range calls {
		if !slices.ContainsFunc(set, c.same) {
			set = append(set, c)
		}
	}
	return set
}

// ToolRecall returns the share of the expected calls, from 0 to 1, whose tool was called, by name and kind, regardless
// of order, arguments and calls that were not expected. A tool that is expected twice must be called twice. Where none
// is expected it is 1.
func ToolRecall(called, expected []ToolCall) float64 {
	if len(expected) == 0 {
		return 1
	}
	return float64(overlap(toolBag(called), toolBag(expected))) / float64(len(expected))
}

func toolBag(calls []ToolCall) map[string]int {
	bag := map[string]int{}
	for _, c := range calls {
		bag[c.Name+"\x00"+c.Kind]++
	}
	return bag
}

// Order says how much the order of steps matters.
type Order uint8

// The orders.
const (
	InOrder    Order = iota // steps in between cost, but break nothing: F1 of the longest common subsequence
	ExactOrder              // the same steps and no other: 1 or 0
	AnyOrder                // the share of the expected steps that were taken, with repetitions; others are free
)

// Trajectory compares the steps that an agent took, such as the names of the tools it called, with the expected ones.
// It returns a number from 0 to 1. Two empty lists agree, 1; where nothing is expected, AnyOrder is 1, and the other
// orders are 0 for any step.
func Trajectory(taken, expected []string, order Order) float64 {
	switch order {
	case ExactOrder:
		return number01(slices.Equal(taken, expected))
	case AnyOrder:
		if len(expected) == 0 {
			return 1
		}
		return float64(overlap(bagOf([][]string{taken}), bagOf([][]string{expected}))) / float64(len(expected))
	default:
		return bagF1(len(commonSubsequence(taken, expected)), len(taken), len(expected))
	}
}
