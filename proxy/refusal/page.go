package refusal

import (
	"mime"
	"net/http"
	"strings"
)

// pager is a ResponseWriter that has pages for refusals; kind is "" for none.
type pager interface {
	ErrorPage(status int) (kind string, content []byte)
}

// pageOf returns the page that stands for a line of text, if the operator has
// one for that status, and the client takes it.
func pageOf(w http.ResponseWriter, r *http.Request, status int) (kind, body string, ok bool) {
	for {
		if p, is := w.(pager); is {
			kind, content := p.ErrorPage(status)
			return kind, string(content), kind != "" && takes(r, kind)
		}
		outer, is := w.(interface{ Unwrap() http.ResponseWriter })
		if !is {
			return "", "", false
		}
		w = outer.Unwrap()
	}
}

// takes tells whether the client of r can make something of that kind. HTML goes
// to browsers that show a page, which name it: scripts and programs accept
// anything, and show people the short text.
func takes(r *http.Request, kind string) bool {
	if !strings.HasPrefix(kind, "text/html") {
		return true
	}
	for _, line := range r.Header["Accept"] {
		for one := range strings.SplitSeq(line, ",") {
			name, options, err := mime.ParseMediaType(one)
			if err == nil && (name == "text/html" || name == "text/*") {
				return strings.Trim(options["q"], "0.") != "" || options["q"] == ""
			}
		}
	}
	return false
}
