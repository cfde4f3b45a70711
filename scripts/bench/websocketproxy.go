//go:build linux

package main

import (
	"crypto/tls"
	"flag"
	"net/http"
	"net/url"

	"github.com/koding/websocketproxy"
)

// serveWebsocketproxy is the process of the proxy "websocketproxy": the module
// behind net/http, as its documentation shows it.
func serveWebsocketproxy(args []string) error {
	f := flag.NewFlagSet(verbWebsocketproxy, flag.ContinueOnError)
	listen := f.String("listen", "", "address")
	upstream := f.String("upstream", "", "address")
	cert := f.String("cert", "", "PEM file; with -key: speak TLS")
	key := f.String("key", "", "PEM file")
	if err := f.Parse(args); err != nil {
		return err
	}
	s := &http.Server{
		Addr:      *listen,
		Handler:   websocketproxy.NewProxy(&url.URL{Scheme: "ws", Host: *upstream}),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13},
	}
	if *cert == "" {
		return s.ListenAndServe()
	}
	return s.ListenAndServeTLS(*cert, *key)
}
