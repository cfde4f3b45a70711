package forward

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"

	"usher/proxy/refusal"
)

// maxInterim is how many interim answers of an upstream are passed on. net/http
// would count their bytes, but not where somebody passes them on.
const maxInterim = 10

var errInterim = refusal.New(http.StatusGatewayTimeout, refusal.Timeout, "upstream gave more than %d interim answers", maxInterim)

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
