package http2

import (
	"io"
	"strings"
)

// short begins the text of net/http's error for a body that ends before its
// length, which is the client's doing alone. Others mean that it has gone.
const short = "request declared a Content-Length of "

// body says of one that is too short what that breaks.
type body struct{ io.ReadCloser }

// Read implements io.Reader.
func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && strings.HasPrefix(err.Error(), short) {
		err = errLength
	}
	return n, err
}
