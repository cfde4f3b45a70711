package config

import "strings"

// Nearest returns the name of the list that got is probably a slip of the
// fingers for, or "".
func Nearest(got string, list []string) string {
	best, distance := "", 3
	for _, name := range list {
		if d := edits(strings.ToLower(got), name); d < distance && 2*d < max(len(name), 3) && 2*d < max(len(got), 3) {
			best, distance = name, d
		}
	}
	return best
}

// edits counts the letters to insert, delete, replace or swap with the next to
// get from a to b. Far apart is far apart: it does not count beyond 3.
func edits(a, b string) int {
	if len(a)-len(b) > 3 || len(b)-len(a) > 3 {
		return 3
	}
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	next := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], above[j-1]+1)
			}
		}
		above, row, next = row, next, above
	}
	return row[len(b)]
}
