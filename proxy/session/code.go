package session

import "strconv"

// codeLabel folds a close code, which the peers choose, to one of a fixed set:
// itself where the registry of RFC 6455 has it, its class where it is the
// peers' own, "none" for 0.
func codeLabel(code uint16) string {
	switch {
	case code == 0:
		return "none"
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return strconv.Itoa(int(code))
	case code >= 3000 && code <= 3999:
		return "3xxx"
	case code >= 4000 && code <= 4999:
		return "4xxx"
	}
	return Other
}

// Violation returns what a peer did that usher closes with code for breaking a
// rule: those that the configuration sets have codes of their own.
func Violation(code uint16) Event {
	if code == 1008 || code == 1009 {
		return TooBig
	}
	return Protocol
}
