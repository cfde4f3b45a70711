package http1

import (
	"net/textproto"
	"strings"
)

// HasToken reports whether a list header has a token, in any case and in any of its
// lines (RFC 9110, 5.6.1).
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(textproto.TrimString(t), token) {
				return true
			}
		}
	}
	return false
}
