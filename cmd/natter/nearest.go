package main

import "strings"

// nearest returns the candidate most like word: one that starts with it if only
// one does, else the one with the smallest edit distance when that is at most a
// third of its length (two for short words), else "".
func nearest(word string, candidates []string) string {
	var starting []string
	for _, c := range candidates {
		if word != "" && strings.HasPrefix(c, word) {
			starting = append(starting, c)
		}
	}
	if len(starting) == 1 {
		return starting[0]
	}
	best, bestDistance := "", 0
	for _, c := range candidates {
		d := editDistance(word, c)
		if d <= max(len(c)/3, min(2, len(c)-1)) && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(s)][len(t)]
}
