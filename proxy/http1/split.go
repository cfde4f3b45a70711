package http1

import "bytes"

// Span is a part of a head: from its first byte to behind its last.
type Span struct{ From, To uint16 }

// Line is a header line. The value has no white space around it.
type Line struct{ Name, Value Span }

// Head tells where the parts of a request's head stand in its bytes.
type Head struct {
	Method Span
	Target Span
	Minor  byte // of the version, which is HTTP/1.
	Lines  []Line
}

// Split takes a head apart, from the method to the end of the empty line, that
// CheckHead has found whole: nothing is checked again. It reuses the lines of
// into, and allocates only what they lack.
func Split(head []byte, into *Head) {
	at := bytes.IndexByte(head, ' ')
	into.Method = span(0, at)
	target := at + 1
	at = target + bytes.IndexByte(head[target:], ' ')
	into.Target = span(target, at)
	into.Minor = head[at+1+minorAt] - '0'
	into.Lines = into.Lines[:0]
	for at += 1 + len(version); head[at] != '\r'; {
		name := at
		colon := name + bytes.IndexByte(head[name:], ':')
		end := colon + bytes.IndexByte(head[colon:], '\r')
		into.Lines = append(into.Lines, Line{Name: span(name, colon), Value: trimmed(head, colon+1, end)})
		at = end + len("\r\n")
	}
}

// span holds every offset of a head, as MaxHead is 32 KiB.
func span(from, to int) Span { return Span{From: uint16(from), To: uint16(to)} }

// trimmed is what stands between two offsets without the white space around it.
func trimmed(head []byte, from, to int) Span {
	for from < to && isSpace(head[from]) {
		from++
	}
	for from < to && isSpace(head[to-1]) {
		to--
	}
	return span(from, to)
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' }
