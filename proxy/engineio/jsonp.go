package engineio

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrForm says that a JSONP request's body is no form with one field d.
var ErrForm = errors.New("engine.io JSONP body must have one field d")

// AppendJSONP appends the script that hands a text payload to the client's
// callback of this index, which is the request's j.
func AppendJSONP(dst []byte, index string, payload []byte) []byte {
	dst = append(dst, "___eio["...)
	for i := range len(index) {
		if c := index[i]; c >= '0' && c <= '9' {
			dst = append(dst, c)
		}
	}
	dst = append(dst, "]("...)
	dst = appendString(dst, payload)
	return append(dst, ");"...)
}

// appendString writes text as JSON.stringify does, and what ends a line of a
// script but not a string of JSON as an escape (U+2028 and U+2029).
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if e := escape(r); e != "" {
			dst = append(dst, e...)
		} else if r < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xF])
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		text = text[size:]
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

func escape(r rune) string {
	switch r {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\u2028':
		return `\u2028`
	case '\u2029':
		return `\u2029`
	}
	return ""
}

// DecodeJSONP returns the payload in the form that a JSONP client posts: its
// field d, in which the client has written a newline as \n, because browsers
// make two characters of it, and a backslash before an n as two.
func DecodeJSONP(form []byte) ([]byte, error) {
	var field string
	found := 0
	for pair := range bytes.SplitSeq(form, []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		if string(name) == "d" {
			field = unescape(string(value))
			found++
		}
	}
	if found != 1 {
		return nil, ErrForm
	}
	return []byte(strings.NewReplacer(`\\n`, `\n`, `\n`, "\n").Replace(field)), nil
}
