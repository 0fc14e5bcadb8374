// Package betting tests and bounds the means of scores in [0, 1], and the differences and lifts between variants, by the
// capital of a gambler. Everything it shows and everything that it decides is one family of tests: an interval is what
// the tests do not reject.
//
// A test of "the mean of a - v b is at most 0" multiplies a wealth by 1 + f (a - v b)/d for each unit, where d is as far as
// v b - a can get for this unit, known before the unit is. Each factor is positive, and has an expectation of at most 1
// while the hypothesis holds given all units before; so the wealth reaches 1/alpha at any time with a probability of
// at most alpha (Ville). That needs the recorded probabilities of the assignment and the range of the scores, and nothing
// else: it holds at every number of units, under drift, at 90/10 and under weights that follow the data. It is the capital
// process of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024,
// arXiv:2010.09686, on the inverse-probability difference of Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics
// 49(2), 2021, Corollary 2, with a fixed mixture of bets and each unit's own bound.
//
// Products are converted explicitly, which forbids the compiler to fuse them with an addition, and logarithms come from
// the package exact: a state, and an interval, are the same to the last bit on every architecture. No decision takes a
// logarithm.
package betting
