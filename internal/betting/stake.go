package betting

// Stake is what a unit says of the difference between two variants, b and j, and how far it could have gone: the terms of
// every test of the pair.
//
// With p the probability of b among the two, m = min(p, 1-p), u in [0, 1] the unit's score and c the centre before it, a is
// m(u-c)/p for a unit of b and -m(u-c)/(1-p) for one of j, so that its expectation is m times the difference of the means,
// however the means move over time.
type Stake struct {
	a, m float64
	// r and s are m/p and m/(1-p): a is at least -max(r c, s(1-c)) and at most max(r(1-c), s c).
	r, s, c float64
	// mb and mj have the expectations m mu_b and m mu_j, and mb - mj is a.
	mb, mj float64
	// u is the score, and own tells that the unit is one of b.
	u   float64
	own bool
}

// rarest is the share under which a unit bets nothing: it says too little to be worth the digits.
const rarest = 1e-9

// NewStake returns the terms of a unit with the score u in [0, 1] and the centre c in [0, 1]. own and other are the
// probabilities that it had of its own variant and of the other one; the stake is of its own against the other. ok is
// false for a unit that had next to no chance of both.
func NewStake(u, c, own, other float64) (s Stake, ok bool) {
	sum := own + other
	p, q := own/sum, other/sum
	if !(min(p, q) >= rarest) {
		return Stake{}, false
	}
	m := min(p, q)
	s = Stake{m: m, r: m / p, s: m / q, c: c, u: u, own: true}
	s.a = float64(s.r * (u - c))
	s.mj = float64(m * c)
	s.mb = s.mj + s.a
	return s, true
}

// Reversed returns the stake as the other variant sees it.
func (s Stake) Reversed() Stake {
	return Stake{a: -s.a, m: s.m, r: s.s, s: s.r, c: s.c, mb: s.mj, mj: s.mb, u: s.u, own: !s.own}
}

// reach is how far v b - a can get for a unit, before it is known, as a function of v: the larger of two lines, which
// both rise.
type reach struct{ at0, by0, at1, by1 float64 }

func (r reach) at(v float64) float64 {
	return max(r.at0+float64(v*r.by0), r.at1+float64(v*r.by1))
}

// difference returns the reach of m v - a.
func (s Stake) difference() reach {
	l := max(float64(s.r*s.c), float64(s.s*(1-s.c)))
	return reach{l, s.m, l, s.m}
}

// lift returns the b of a test of the lift, mj with the origin m added, and the reach of v b - a. The lift v is the
// difference as a share of mu_j + origin.
func (s Stake) lift(origin float64) (b float64, r reach) {
	base := float64(s.m * (s.c + origin))
	up := float64(s.s * (1 - s.c))
	return s.mj + float64(s.m*origin), reach{float64(s.r * s.c), base, up, base + up}
}

// least keeps the reach of a hypothesis that is nearly impossible from being 0: a larger one is as valid.
const least = 0x1p-10

// Than bets on "the mean of b exceeds the mean of j by more than v", v in units of the scores.
func (t *Test) Than(s Stake, v float64) {
	d := max(s.difference().at(v), float64(s.m*least))
	t.Bet((s.a - float64(v*s.m)) / d)
}

// ThanLift bets on "the mean of b exceeds the mean of j by more than v, as a share of the mean of j". origin is as in
// [NewPair].
func (t *Test) ThanLift(s Stake, origin, v float64) {
	b, r := s.lift(origin)
	t.Bet((s.a - float64(v*b)) / max(r.at(v), float64(s.m*least)))
}
