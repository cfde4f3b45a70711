package nginx

import (
	"fmt"
	"strings"
)

// Error is a fault of a file.
type Error struct {
	File string
	Line int
	Text string
}

// Error returns the fault as editors understand it.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", clean(e.File), e.Line, e.Text) }

// token is a word, or one of ";", "{" and "}"; the zero one is the end.
type token struct {
	text string
	line int
	mark byte // 0 for a word
}

// lexer takes a text apart, as ngx_conf_read_token does.
type lexer struct {
	file string
	text string
	at   int
	line int
}

func (l *lexer) errorf(line int, format string, args ...any) error {
	return &Error{l.file, line, fmt.Sprintf(format, args...)}
}

// next returns the next token; ok is false at the end.
func (l *lexer) next() (t token, ok bool, err error) {
	l.skip()
	if l.at == len(l.text) {
		return token{line: l.line}, false, nil
	}
	switch c := l.text[l.at]; c {
	case ';', '{', '}':
		l.at++
		return token{line: l.line, mark: c}, true, nil
	case '"', '\'':
		t, err = l.quoted(c)
	default:
		t = l.word()
	}
	return t, err == nil, err
}

// skip goes on behind spaces and comments.
func (l *lexer) skip() {
	for ; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '\n':
			l.line++
		case c == '#':
			for l.at+1 < len(l.text) && l.text[l.at+1] != '\n' {
				l.at++
			}
		case !isSpace(c):
			return
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// quoted reads a word in quotes.
func (l *lexer) quoted(quote byte) (token, error) {
	t := token{line: l.line}
	begin := l.at + 1
	for i := begin; i < len(l.text); i++ {
		switch l.text[i] {
		case '\n':
			l.line++
		case '\\':
			i++
			if i < len(l.text) && l.text[i] == '\n' {
				l.line++
			}
		case quote:
			t.text, l.at = unescape(l.text[begin:i]), i+1
			if l.at < len(l.text) && !isSpace(l.text[l.at]) && !strings.ContainsRune(";{)", rune(l.text[l.at])) {
				return t, l.errorf(l.line, "unexpected %q behind a word in quotes", l.text[l.at])
			}
			return t, nil
		}
	}
	return t, l.errorf(t.line, "a word in quotes has no end")
}

// word reads one without quotes. A brace behind a dollar is part of it.
func (l *lexer) word() token {
	t := token{line: l.line}
	begin := l.at
	for ; l.at < len(l.text); l.at++ {
		c := l.text[l.at]
		if c == '\\' {
			l.at++
			if l.at < len(l.text) && l.text[l.at] == '\n' {
				l.line++
			}
		} else if isSpace(c) || c == ';' || c == '{' && l.text[l.at-1] != '$' {
			break
		}
	}
	l.at = min(l.at, len(l.text))
	t.text = unescape(l.text[begin:l.at])
	return t
}

// unescape takes the backslash off what nginx takes it off; expressions keep theirs.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if j := strings.IndexByte(`"'\trn`, s[i+1]); j >= 0 {
				b.WriteByte("\"'\\\t\r\n"[j])
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// code goes on behind the brace that ends a block of another language, such as Lua.
func (l *lexer) code(line int) error {
	for depth := 1; l.at < len(l.text); l.at++ {
		switch l.text[l.at] {
		case '\n':
			l.line++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				l.at++
				return nil
			}
		}
	}
	return l.errorf(line, `a "{" has no "}"`)
}
