package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/term"

	"usher/proxy/admin"
)

// CloseOptions say which sessions of a running usher to close: the one of an id,
// or those that fit all else that is set.
type CloseOptions struct {
	OperatorOptions
	SessionFilter
	ID     string // or how it begins
	Header string // name of a header of close_by

	Code   int    // of the Close frames
	Reason string // likewise; usher's own, if empty
}

const (
	// maxHeaderValue bounds what is read of a header's value.
	maxHeaderValue = 16 << 10
	// maxFound is how many sessions are looked through for one id.
	maxFound = "1000"
)

// Close has a running usher close sessions, and writes how many. The value of a
// header is the first line of in: it may be a secret, and a command line would
// show it to everybody on the machine.
func Close(ctx context.Context, in *os.File, w io.Writer, o CloseOptions) error {
	order, err := o.order(in)
	if err != nil {
		return err
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	method, path := http.MethodPost, "/v1/sessions/close"
	if o.ID != "" {
		id, err := c.find(ctx, o.ID)
		if err != nil {
			return err
		}
		method, path = http.MethodDelete, "/v1/sessions/"+url.PathEscape(id)
	}
	var answer admin.Closed
	if err := c.ask(ctx, method, path, order, &answer); err != nil {
		return err
	}
	if answer.Closed == 0 {
		return &hintError{Err: errors.New("no open session fits"), Hint: "usher sessions lists those that are open"}
	}
	_, err = fmt.Fprintf(w, "%s closed\n", sessions(answer.Closed))
	return err
}

func (o CloseOptions) order(in *os.File) (admin.CloseOrder, error) {
	order := admin.CloseOrder{Route: o.Route, Upstream: o.Upstream, Endpoint: o.Endpoint, Client: o.Client, Reason: o.Reason}
	fits := o.SessionFilter != SessionFilter{} || o.Header != ""
	switch {
	case o.ID == "" && !fits:
		return order, &UsageError{Text: "close needs to know what", Hint: "an id, --route, --upstream, --endpoint, --client or --header; to close all, usher drain --all"}
	case o.ID != "" && fits:
		return order, &UsageError{Text: "an id cannot stand with --route, --upstream, --endpoint, --client or --header", Hint: "usher close " + o.ID + " closes the one session"}
	case o.Code < 0 || o.Code > 4999:
		return order, &UsageError{Text: fmt.Sprintf("--code: %d is no close code", o.Code), Hint: "an application's own are from 4000 to 4999"}
	}
	order.Code = uint16(o.Code)
	if o.Header == "" {
		return order, nil
	}
	value, err := readValue(in, o.Header)
	if err != nil {
		return order, fmt.Errorf("value of %s from standard input: %w", o.Header, err)
	}
	if value == "" {
		return order, &UsageError{Text: "--header: standard input has no value of " + o.Header, Hint: "echo VALUE | usher close --header " + o.Header}
	}
	order.Header = &admin.HeaderValue{Name: o.Header, Value: value}
	return order, nil
}

// readValue reads a line. Somebody who types it is asked, and it is not shown.
func readValue(in *os.File, header string) (string, error) {
	if fd := int(in.Fd()); term.IsTerminal(fd) {
		fmt.Fprintf(os.Stderr, "value of %s: ", header)
		value, err := term.ReadPassword(fd)
		fmt.Fprintln(os.Stderr)
		return string(value), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxHeaderValue)).ReadString('\n')
	if err == io.EOF {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// find returns the id of the one open session whose id begins so.
func (c *operator) find(ctx context.Context, begin string) (string, error) {
	var page admin.SessionPage
	if err := c.get(ctx, "/v1/sessions?"+url.Values{"q": {begin}, "limit": {maxFound}}.Encode(), &page); err != nil {
		return "", err
	}
	found := make(map[string]bool) // a trusted peer may have given one id to several
	id := ""
	for _, s := range page.Sessions {
		if s.ID == begin {
			return begin, nil
		}
		if strings.HasPrefix(s.ID, begin) {
			id, found[s.ID] = s.ID, true
		}
	}
	switch {
	case page.Next != "" && len(found) < 2:
		return "", &hintError{Err: fmt.Errorf("%q stands in too much of what is open", begin), Hint: "write more of the id"}
	case len(found) == 0:
		return "", &hintError{Err: fmt.Errorf("no open session has an id that begins with %q", begin), Hint: "usher sessions lists those that are open"}
	case len(found) == 1:
		return id, nil
	}
	return "", &hintError{Err: fmt.Errorf("%d open sessions have ids that begin with %q", len(found), begin), Hint: "write more of the id"}
}
