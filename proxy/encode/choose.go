package encode

import (
	"strconv"
	"strings"

	"usher/proxy/config"
)

// Choose returns the coding of by that a client likes best who has sent these
// lines of Accept-Encoding; the first one of those that it likes alike; "" for
// none (RFC 9110, 12.5.3).
func Choose(accept []string, by []config.Coding) config.Coding {
	weights := weigh(accept)
	best, most := config.Coding(""), weights["identity"] // 0, unless it is named
	for _, c := range by {
		q, named := weights[string(c)]
		if !named {
			q = weights["*"]
		}
		if q > most || q > 0 && q == most && best == "" {
			best, most = c, q
		}
	}
	return best
}

// weigh returns how much each coding is liked that is named.
func weigh(accept []string) map[string]float64 {
	weights := make(map[string]float64)
	for _, line := range accept {
		for one := range strings.SplitSeq(line, ",") {
			name, options, _ := strings.Cut(one, ";")
			name = strings.ToLower(strings.Trim(name, " \t"))
			if name == "x-gzip" { // RFC 9110, 8.4.1.3
				name = "gzip"
			}
			if _, twice := weights[name]; !twice {
				weights[name] = weight(options)
			}
		}
	}
	return weights
}

// weight reads what stands behind a name, such as "q=0.5". What is none is 0: an
// answer that is plain is never wrong.
func weight(options string) float64 {
	options = strings.Trim(options, " \t")
	if options == "" {
		return 1
	}
	name, value, _ := strings.Cut(options, "=")
	q, err := strconv.ParseFloat(value, 64)
	if !strings.EqualFold(name, "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
