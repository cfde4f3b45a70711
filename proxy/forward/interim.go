package forward

import (
	"context"
	"errors"
	"net/http/httptrace"
	"net/textproto"
)

// maxInterim is how many interim answers of an upstream are passed on. net/http
// would count their bytes, but not where somebody passes them on.
const maxInterim = 32

var errInterim = errors.New("more than 32 interim answers")

// limitInterim has a round trip fail in which the upstream never comes to its
// answer.
func limitInterim(ctx context.Context) context.Context {
	n := 0
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			if n++; n > maxInterim {
				return errInterim
			}
			return nil
		},
	})
}
