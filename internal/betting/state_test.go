package betting

import (
	"encoding"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
)

type state interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

func bytesOf(t *testing.T, s state) []byte {
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	return data
}

// A state that is written and read goes on to the same bytes, wherever it is cut, and has the stated size.
func TestStateRoundTrips(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 165, 5000} {
		p := play{rng: rand.New(rand.NewPCG(uint64(n), 5)), share: .3}
		whole := []state{new(Test), NewPair(0, false, []float64{.01}, nil), NewPair(-1, false, nil, nil), NewMean()}
		again := []state{new(Test), NewPair(0, false, []float64{.01}, nil), NewPair(-1, false, nil, nil), NewMean()}
		add := func(all []state, s Stake) {
			all[0].(*Test).Than(s, -.2)
			all[1].(*Pair).Add(s)
			all[2].(*Pair).Add(s)
			all[3].(*Mean).Add(s.c)
		}
		for range n {
			add(whole, p.next(constant(.9, .1)))
		}
		for i, s := range whole {
			data := bytesOf(t, s)
			require.NoError(t, again[i].UnmarshalBinary(data))
			require.Equal(t, data, bytesOf(t, again[i]))
			require.LessOrEqual(t, len(data), []int{280, 42_500, 19_000, 19_000}[i])
			require.Error(t, again[i].UnmarshalBinary(nil))
			require.Error(t, again[i].UnmarshalBinary(append(data, 0)))
			if len(data) > 1 {
				require.Error(t, again[i].UnmarshalBinary(data[:len(data)-1]))
			}
			require.NoError(t, again[i].UnmarshalBinary(data))
		}
		for range 1000 {
			s := p.next(constant(.9, .1))
			add(whole, s)
			add(again, s)
		}
		for i := range whole {
			require.Equal(t, bytesOf(t, whole[i]), bytesOf(t, again[i]))
		}
		require.Equal(t, whole[0].(*Test).E(), again[0].(*Test).E())
	}
}

// GOARCH=386 go test -run TwoArchitectures is the other one: its mathematics is Go where amd64's is assembly. The ends of
// intervals are in it.
func TestSameBytesOnTwoArchitectures(t *testing.T) {
	t.Parallel()
	p := play{rng: rand.New(rand.NewPCG(9, 9)), share: .1}
	pair, mean, centre := NewPair(.25, false, []float64{.02}, []float64{.02}), NewMean(), Centre{}
	var test Test
	text := ""
	for i := range 6000 {
		s := p.next(constant(.33, .3))
		x := float64(p.rng.IntN(1000)) / 7
		c, ok := NewStake(p.rng.Float64(), centre.Given(x), .3, .5)
		require.True(t, ok)
		centre.AddGiven(c.c, x)
		pair.Add(s)
		mean.Add(c.c)
		test.Than(c, -.01)
		if i%1000 == 999 {
			v, lo, hi := pair.Difference(40)
			l, low, high, shown := pair.Lift(40)
			m, n := mean.Interval(40)
			text += fmt.Sprintln(v, lo, hi, l, low, high, shown, m, n, test.LogE(), test.LogPeak(), test.E(), test.Peak())
		}
	}
	for _, s := range []state{&test, pair, mean} {
		text += fmt.Sprintf("%x", bytesOf(t, s))
	}
	require.Equal(t, "7d3d2ec895dc2315", fmt.Sprintf("%016x", xxhash.Sum64String(text)), runtime.GOARCH)
}

// A covariate that says much of the score makes the bets larger, and is no part of what is tested.
func TestCovariateInTheCentre(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 7))
	var plain, with Centre
	var bare, informed Test
	for range 2000 {
		x := rng.NormFloat64()
		b := rng.IntN(2) == 0
		u := max(0, min(1, .5+.1*x+.05*rng.NormFloat64()))
		if b {
			u = min(1, u+.02)
		}
		for _, k := range []struct {
			t *Test
			c float64
		}{{&bare, plain.Value()}, {&informed, with.Given(x)}} {
			s, _ := NewStake(u, k.c, .5, .5)
			if !b {
				s = s.Reversed()
			}
			k.t.Than(s, 0)
		}
		plain.Add(u)
		with.AddGiven(u, x)
	}
	require.Greater(t, informed.LogE(), 2*bare.LogE())
	require.Equal(t, 1.0, with.Given(1e9))
	require.Equal(t, 0.0, with.Given(-1e9))
	require.Equal(t, .5, new(Centre).Given(3))
}
