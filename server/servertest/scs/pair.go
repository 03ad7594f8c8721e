package scs

import (
	"slices"
)

// pairUp gives each of n wanted things one of m offered things that fits it,
// no thing twice: pairs[w] is the offer for w. If that cannot be done, lone
// is a wanted thing left over (and pairs[lone] is -1); otherwise it is -1.
// It is Kuhn's augmenting-path algorithm; fits is asked once for each pair.
func pairUp(n, m int, fits func(w, g int) bool) (pairs []int, lone int) {
	edges := make([][]int, n)
	for w := range n {
		for g := range m {
			if fits(w, g) {
				edges[w] = append(edges[w], g)
			}
		}
	}
	owner := slices.Repeat([]int{-1}, m)
	var claim func(w int, seen []bool) bool
	claim = func(w int, seen []bool) bool {
		for _, g := range edges[w] {
			if seen[g] {
				continue
			}
			seen[g] = true
			if owner[g] < 0 || claim(owner[g], seen) {
				owner[g] = w
				return true
			}
		}
		return false
	}
	lone = -1
	for w := range n {
		if !claim(w, make([]bool, m)) && lone < 0 {
			lone = w
		}
	}
	pairs = slices.Repeat([]int{-1}, n)
	for g, w := range owner {
		if w >= 0 {
			pairs[w] = g
		}
	}
	return pairs, lone
}
