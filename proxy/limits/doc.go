// Package limits counts what clients have and how often they ask, by their
// addresses, and says no when that is too much. An IPv6 client counts by its /64,
// which is what one customer has at least. What is kept is bounded.
package limits
