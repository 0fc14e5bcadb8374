package special

import "math"

// Legendre fills the nodes and weights of Gauss's quadrature over [-1, 1]. There are as many of the one as of the other.
func Legendre(nodes, weights []float64) {
	n := len(nodes)
	for i := range nodes {
		x := -math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		var slope float64
		for range 8 { // Newton's steps double the digits, from two
			p, before := 1.0, 0.0
			for k := 1; k <= n; k++ {
				p, before = (float64(2*k-1)*x*p-float64(k-1)*before)/float64(k), p
			}
			slope = float64(n) * (x*p - before) / (x*x - 1)
			x -= p / slope
		}
		nodes[i], weights[i] = x, 2/((1-x*x)*slope*slope)
	}
}
