package config

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Redis says where the Redis or Valkey of a fleet is, and who asks there.
type Redis struct {
	Kind      RedisKind // "" for none
	Addresses []string  // host:port of the server, of the sentinels, or of nodes of the cluster
	Username  string    // "" for the default one
	Password  string    // "" for none
	Database  int       // 0 in a cluster

	Master           string // that the sentinels know it by
	SentinelPassword string // theirs; "" for none

	Secure bool        // TLS, to sentinels too
	TLS    UpstreamTLS // how they prove who they are, and usher to them
}

// RedisKind is how many servers there are, and who knows which one counts.
type RedisKind string

// The kinds of Redis.
const (
	NoRedis       RedisKind = ""
	RedisServer   RedisKind = "url"      // one server
	RedisSentinel RedisKind = "sentinel" // the sentinels know the master
	RedisCluster  RedisKind = "cluster"  // a cluster of Redis
)

var (
	redisKinds   = []string{string(RedisServer), string(RedisSentinel), string(RedisCluster)}
	redisKeys    = append([]string{"username", "password", "tls", "ca", "cert", "key"}, redisKinds...)
	sentinelKeys = []string{"master", "addresses", "password"}
)

// redisPort and sentinelPort are those of an address that has none.
const (
	redisPort    = "6379"
	sentinelPort = "26379"
)

// redis reads a URL, or the object that says more.
func (l *loader) redis(v value) (r Redis) {
	switch {
	case !v.given():
		return r
	case v.node.ShortTag() != "!!map":
		r.Kind = RedisServer
		l.redisURL(v, &r)
	default:
		o, _ := l.object(v, "in redis", redisKeys)
		l.redisKind(o, &r)
		l.redisUser(o, &r)
		l.redisTLS(o, &r)
	}
	l.adviseRedis(v, r)
	return r
}

// redisKind reads the one key that says where it is.
func (l *loader) redisKind(o object, r *Redis) {
	for _, kind := range redisKinds {
		v := o.field(kind)
		switch {
		case !v.given():
			continue
		case r.Kind != NoRedis:
			l.errorf(v.Position, "redis has %s already: it takes one of %s", r.Kind, enumerate(redisKinds))
			continue
		}
		switch r.Kind = RedisKind(kind); r.Kind {
		case RedisServer:
			l.redisURL(v, r)
		case RedisSentinel:
			l.sentinel(v, r)
		default:
			r.Addresses = l.redisAddresses(v, "a node of the cluster", redisPort)
		}
	}
	if r.Kind == NoRedis && !o.meant["url"] && !o.meant["sentinel"] && !o.meant["cluster"] {
		l.errorf(o.Position, "redis needs one of %s", enumerate(redisKinds))
	}
}

// redisURL reads redis://USER:PASSWORD@HOST:PORT/DATABASE, or rediss://. It may
// hold a secret, and is not shown.
func (l *loader) redisURL(v value, r *Redis) {
	w, ok := l.text(v)
	if !ok {
		return
	}
	u, err := url.Parse(w.text)
	switch {
	case err != nil && strings.Contains(w.text, "@"):
		l.errorf(w.Position, "%s is no URL: what its password has besides letters and digits is written as %%XX there, or the password stands as password in redis", w.name)
		return
	case err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || !isHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port(), 1):
		l.errorf(w.Position, `%s must be redis://HOST:PORT or rediss://HOST:PORT, such as "rediss://10.0.0.5:6379/0"`, w.name)
		return
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		l.errorf(w.Position, "%s must be a URL without query or fragment", w.name)
		return
	}
	port := u.Port()
	if port == "" {
		port = redisPort
	}
	r.Addresses, r.Secure = []string{net.JoinHostPort(u.Hostname(), port)}, u.Scheme == "rediss"
	r.Username = u.User.Username()
	var has bool
	if r.Password, has = u.User.Password(); has && (!w.secret || w.written && strings.Contains(w.shown, r.Password)) {
		l.warnf(w.Position, "the password of %s is written out in a file that everybody may read: use ${NAME}, or take the permission away", w.name)
	}
	if db := strings.TrimPrefix(u.Path, "/"); db != "" {
		if r.Database, err = strconv.Atoi(db); err != nil || r.Database < 0 || strconv.Itoa(r.Database) != db {
			l.errorf(w.Position, "%s must end with the number of a database, such as /0, or with its port", w.name)
		}
	}
}

func (l *loader) sentinel(v value, r *Redis) {
	o, ok := l.object(v, "in sentinel", sentinelKeys)
	if !ok {
		return
	}
	if w, ok := l.text(l.required(o, "master", "in sentinel")); ok {
		r.Master = w.text
	}
	r.Addresses = l.redisAddresses(l.required(o, "addresses", "in sentinel"), "a sentinel", sentinelPort)
	r.SentinelPassword = l.redisPassword(o.field("password"))
}

// redisAddresses reads HOST:PORT, or a list of them.
func (l *loader) redisAddresses(v value, name, port string) []string {
	var list []string
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(v, name) {
		w, ok := l.text(item)
		if !ok {
			continue
		}
		address := w.text
		if isHost(strings.Trim(address, "[]")) {
			address = net.JoinHostPort(strings.Trim(address, "[]"), port)
		}
		host, p, err := net.SplitHostPort(address)
		if err != nil || !isHost(host) || !isPort(p, 1) {
			l.errorf(w.Position, `%s must be HOST:PORT, such as "10.0.0.5:%s", not %s`, w.name, port, w)
			continue
		}
		if at, ok := first[address]; ok {
			l.errorf(w.Position, "address %s stands here a second time: the first is at %s", w, l.where(at))
			continue
		}
		first[address] = w.Position
		list = append(list, address)
	}
	return list
}

// redisUser reads who asks, where the URL does not say.
func (l *loader) redisUser(o object, r *Redis) {
	for _, key := range []string{"username", "password"} {
		if v := o.field(key); v.given() && r.Username+r.Password != "" {
			l.errorf(v.Position, "the URL of redis has a user already: leave that or %s out", key)
			return
		}
	}
	if w, ok := l.text(o.field("username")); ok {
		r.Username = w.text
		if !o.field("password").given() {
			l.errorf(w.Position, "username needs password beside it")
		}
	}
	r.Password = cmp.Or(l.redisPassword(o.field("password")), r.Password)
}

// redisPassword reads one; its length is the server's matter.
func (l *loader) redisPassword(v value) string { return l.secret(v, "password", 1, nil) }

// redisTLS reads how the servers are spoken to.
func (l *loader) redisTLS(o object, r *Redis) {
	switch v := o.field("tls"); {
	case r.Kind != RedisServer:
		l.bool(v, &r.Secure)
	case v.given():
		l.errorf(v.Position, "tls is for sentinel and cluster: a URL says rediss://")
	}
	for key, into := range map[string]*string{"ca": &r.TLS.CA, "cert": &r.TLS.Cert, "key": &r.TLS.Key} {
		w, ok := l.text(o.field(key))
		if ok && !r.Secure && r.Kind != NoRedis {
			need := "tls: true"
			if r.Kind == RedisServer {
				need = "a URL with rediss://"
			}
			l.errorf(w.Position, "%s is never used without %s", key, need)
		}
		*into = w.text
	}
	for key, other := range map[string]string{"cert": "key", "key": "cert"} {
		if v := o.field(key); v.given() && !o.field(other).given() {
			l.errorf(v.Position, "%s needs %s beside it", key, other)
		}
	}
	r.TLS.CAAt, r.TLS.CertAt, r.TLS.KeyAt = o.field("ca").Position, o.field("cert").Position, o.field("key").Position
}

// adviseRedis warns of one that strangers can reach, and read on the way.
func (l *loader) adviseRedis(v value, r Redis) {
	for _, address := range r.Addresses {
		host, _, _ := net.SplitHostPort(address)
		a, err := netip.ParseAddr(host)
		if err != nil || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
			continue
		}
		if r.Password == "" && r.TLS.Cert == "" {
			l.advise(v.Position, "the Redis at %s has a public address, and takes everybody: give it a password", address)
		}
		if !r.Secure {
			l.advise(v.Position, "the Redis at %s has a public address, and is spoken to without TLS", address)
		}
	}
}
