package config

import (
	"net/http"
	"strings"
	"time"
)

// Cookie is what polling handshakes set, with the sid as its value. usher does
// not need it; load balancers in front may.
type Cookie struct {
	Name     string
	Path     string
	HTTPOnly bool
	SameSite http.SameSite
	Secure   bool
	MaxAge   time.Duration // 0 is until the browser closes
}

var cookieKeys = []string{"name", "path", "http_only", "same_site", "secure", "max_age"}

// cookie reads a name, or a mapping with more; nil if there is none.
func (l *loader) cookie(v value) *Cookie {
	if !v.given() {
		return nil
	}
	c := &Cookie{Path: "/", HTTPOnly: true, SameSite: http.SameSiteLaxMode}
	if v.node.ShortTag() != "!!map" {
		c.Name = l.cookieName(v)
		return c
	}
	o, _ := l.object(v, "in cookie", cookieKeys)
	c.Name = l.cookieName(l.required(o, "name", "in this cookie"))
	if path := o.field("path"); path.given() {
		c.Path = l.path(path)
	}
	l.bool(o.field("http_only"), &c.HTTPOnly)
	l.bool(o.field("secure"), &c.Secure)
	l.duration(o.field("max_age"), orZero, &c.MaxAge)
	site := o.field("same_site")
	c.SameSite = l.sameSite(site, c.SameSite)
	if c.SameSite == http.SameSiteNoneMode && !c.Secure {
		l.errorf(site.Position, "same_site none needs secure: true, or browsers drop the cookie")
	}
	return c
}

func (l *loader) cookieName(v value) string {
	w, ok := l.text(v)
	if ok && strings.Trim(w.text, hostLetters+".") != "" {
		l.errorf(w.Position, "cookie %s must be a name of letters, digits, _, - and .", w)
	}
	return w.text
}
