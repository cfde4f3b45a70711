// Package redact hides what is secret in text that people are to read: in logs,
// and in what a tap shows. It goes by names and forms, and cannot know an
// application's own secrets; it rather hides too much.
package redact

import (
	"slices"
	"strings"
)

// Hidden stands for a secret.
const Hidden = "***"

// span is the place of a secret.
type span struct{ from, to int }

// Text returns text with the values of secrets replaced by "***": tokens,
// passwords, sids, headers such as Authorization, JSON Web Tokens, who a URL is
// fetched as. The text may end anywhere, also inside a value; cut tells that it
// goes on.
func Text(text string, cut bool) string {
	var list []span
	for r, ok := (reading{text: text}), true; ok; r, ok = r.unescaped() {
		for _, s := range secrets(r.text, cut) {
			list = append(list, span{r.place(s.from), r.place(s.to)})
		}
	}
	return hide(text, list)
}

// hide replaces the places in list, which may overlap.
func hide(text string, list []span) string {
	slices.SortFunc(list, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	done := 0 // text[:done] is in out
	for _, s := range list {
		if s.from >= done {
			out.WriteString(text[done:s.from] + Hidden)
		}
		done = max(done, s.to)
	}
	return out.String() + text[done:]
}

// Find returns where in data, which is no text, something begins that may be a
// secret or name one, len(data) if nothing does.
func Find(data []byte) int {
	first := len(data)
	for r, ok := (reading{text: string(data)}), true; ok; r, ok = r.unescaped() {
		first = min(first, r.place(find(r.text)))
	}
	return first
}

func find(text string) int {
	for at := 0; at < len(text); {
		if from, to := authorityAt(text, at); from < to {
			if userinfo(text[from:to], to == len(text)) > 0 {
				return from
			}
			at = to
			continue
		}
		n := wordAt(text, at)
		if word := text[at : at+n]; n > 0 && (namesSecret(word) || isJWT(word) || isScheme(word)) {
			return at
		}
		at += max(n, 1)
	}
	return len(text)
}

// secrets returns the places of what is to be hidden in text, in order.
func secrets(text string, cut bool) (list []span) {
	for at := 0; at < len(text); {
		if from, to := authorityAt(text, at); from < to {
			if n := userinfo(text[from:to], cut && to == len(text)); n > 0 {
				list = append(list, span{from, from + n})
			}
			at = to // a host and its port are no name and its value
			continue
		}
		word := wordAt(text, at)
		if word == 0 {
			at++
			continue
		}
		from, to := secretAt(text, at, at+word)
		if from < to {
			list = append(list, span{from, to})
		}
		at = max(at+word, to)
	}
	return list
}

// wordAt returns the length of the word that begins at the given place.
func wordAt(text string, at int) int {
	n := 0
	for at+n < len(text) && isWord(text[at+n]) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// secretAt returns the place of the secret that the word text[from:to] is or
// leads to; both are the same if there is none.
func secretAt(text string, from, to int) (int, int) {
	word := text[from:to]
	switch {
	case isJWT(word):
		return from, to
	case isScheme(word):
		begin := to
		for begin < len(text) && text[begin] == ' ' {
			begin++
		}
		end := begin
		for end < len(text) && (isWord(text[end]) || strings.IndexByte("+/=~", text[end]) >= 0) {
			end++
		}
		if begin > to && end-begin >= minCredential {
			return begin, end
		}
		return to, to
	}
	if namesSecret(word) {
		return valueOf(text, from, to)
	}
	return to, to
}
