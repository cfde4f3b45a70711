package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/proxy/config"
)

var now = time.Unix(1_700_000_000, 0)

// signer makes tokens, also such as no library makes.
type signer struct {
	t       testing.TB
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	ed      ed25519.PrivateKey
	foreign *rsa.PrivateKey
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	s := &signer{t: t}
	var err [4]error
	s.rsa, err[0] = rsa.GenerateKey(rand.Reader, 2048)
	s.foreign, err[1] = rsa.GenerateKey(rand.Reader, 2048)
	s.ec, err[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, s.ed, err[3] = ed25519.GenerateKey(rand.Reader)
	if e := errors.Join(err[:]...); e != nil {
		t.Fatal(e)
	}
	return s
}

// testSet is a key set that is here.
type testSet struct{ fixed }

func (s testSet) find(kid, algorithm string, _ time.Time) ([]namedKey, bool) {
	return pick(s.fixed, kid, algorithm), false
}

func (s *signer) keys() keys {
	return testSet{fixed{
		{jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "r", Algorithm: "RS256"}, ""},
		{jose.JSONWebKey{Key: s.ec.Public(), KeyID: "e"}, ""},
		{jose.JSONWebKey{Key: s.ed.Public(), KeyID: "d"}, ""},
	}}
}

// raw signs head and claims as they stand, by the algorithm that is named.
func (s *signer) raw(algorithm, head, claims string) string {
	s.t.Helper()
	b := base64.RawURLEncoding
	signed := b.EncodeToString([]byte(head)) + "." + b.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	var err error
	switch algorithm {
	case "RS256":
		sig, err = rsa.SignPKCS1v15(rand.Reader, s.rsa, crypto.SHA256, sum[:])
	case "foreign":
		sig, err = rsa.SignPKCS1v15(rand.Reader, s.foreign, crypto.SHA256, sum[:])
	case "ES256":
		r, v, e := ecdsa.Sign(rand.Reader, s.ec, sum[:])
		sig, err = make([]byte, 64), e
		r.FillBytes(sig[:32])
		v.FillBytes(sig[32:])
	case "EdDSA":
		sig = ed25519.Sign(s.ed, []byte(signed))
	case "HS256 by the public key":
		der, _ := x509.MarshalPKIXPublicKey(s.rsa.Public())
		h := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		h.Write([]byte(signed))
		sig = h.Sum(nil)
	case "none":
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return signed + "." + b.EncodeToString(sig)
}

// token is a good one, with more claims, which may be said twice.
func (s *signer) token(more string) string {
	return s.raw("RS256", `{"alg":"RS256","kid":"r"}`, claims(more))
}

func claims(more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"iss":"https://id","aud":["other","chat"],"sub":"u1"` + more + `}`
}

// signatures are what a routes file has that names no algorithms.
var signatures = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

var strict = config.JWTAuth{
	Issuer: "https://id", Audience: []string{"chat", "more"}, Leeway: 30 * time.Second, Algorithms: signatures,
	Claims: []config.ClaimHeader{{Header: "X-User-Id", Claim: "sub"}, {Header: "X-Roles", Claim: "roles"}},
	Expiry: config.Expiry{Code: 3000},
}

// Each of the ways in which a token may be wrong, and those in which it is not.
func TestTokens(t *testing.T) {
	s := newSigner(t)
	jwk, err := json.Marshal(jose.JSONWebKey{Key: s.foreign.Public()})
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	tests := []struct {
		name, token string
		err         error
		expires     int64
	}{
		{"good", s.token(""), nil, 0},
		{"good, ES256", s.raw("ES256", `{"alg":"ES256","kid":"e"}`, claims("")), nil, 0},
		{"good, EdDSA", s.raw("EdDSA", `{"alg":"EdDSA","kid":"d"}`, claims("")), nil, 0},
		{"no kid", s.raw("ES256", `{"alg":"ES256"}`, claims("")), nil, 0},
		{"with an end", s.token(fmt.Sprintf(`"exp":%d`, at(time.Minute))), nil, at(time.Minute)},
		{"end with a fraction", s.token(fmt.Sprintf(`"exp":%d.75`, at(time.Minute))), nil, at(time.Minute)},
		{"within leeway", s.token(fmt.Sprintf(`"exp":%d`, at(-10*time.Second))), nil, at(20 * time.Second)},
		{"begins within leeway", s.token(fmt.Sprintf(`"nbf":%d`, at(10*time.Second))), nil, 0},

		{"empty", "", errMalformed, 0},
		{"text", "secret", errMalformed, 0},
		{"of two parts", "e30.e30", errMalformed, 0},
		{"JSON form", `{"payload":"e30","signatures":[]}`, errMalformed, 0},
		{"alg none", s.raw("none", `{"alg":"none","kid":"r"}`, claims("")), errAlgorithm, 0},
		{"alg None", s.raw("none", `{"alg":"None","kid":"r"}`, claims("")), errAlgorithm, 0},
		{"HS256 by the public key", s.raw("HS256 by the public key", `{"alg":"HS256","kid":"r"}`, claims("")), errAlgorithm, 0},
		{"no alg", s.raw("RS256", `{"kid":"r"}`, claims("")), errAlgorithm, 0},
		{"another alg than the key's", s.raw("RS256", `{"alg":"RS384","kid":"r"}`, claims("")), errSignature, 0},
		{"signed by another", s.raw("foreign", `{"alg":"RS256","kid":"r"}`, claims("")), errSignature, 0},
		{"embedded jwk", s.raw("foreign", `{"alg":"RS256","kid":"r","jwk":`+string(jwk)+`}`, claims("")), errSignature, 0},
		{"jku", s.raw("foreign", `{"alg":"RS256","jku":"http://127.0.0.1:1/"}`, claims("")), errSignature, 0},
		{"x5u", s.raw("foreign", `{"alg":"RS256","x5u":"http://127.0.0.1:1/"}`, claims("")), errSignature, 0},
		{"crit", s.raw("RS256", `{"alg":"RS256","kid":"r","crit":["exp"]}`, claims("")), errMalformed, 0},
		{"b64", s.raw("RS256", `{"alg":"RS256","kid":"r","crit":["b64"],"b64":false}`, claims("")), errMalformed, 0},
		{"kid with a path", s.raw("RS256", `{"alg":"RS256","kid":"../../dev/null"}`, claims("")), errSignature, 0},
		{"kid with SQL", s.raw("RS256", `{"alg":"RS256","kid":"r' OR '1'='1"}`, claims("")), errSignature, 0},
		{"alg twice", s.raw("RS256", `{"alg":"RS256","alg":"none","kid":"r"}`, claims("")), errMalformed, 0},
		{"changed behind its back", s.token("")[:60] + "A" + s.token("")[61:], errSignature, 0},
		{"nested", s.raw("RS256", `{"alg":"RS256","kid":"r","cty":"JWT"}`, s.token("")), errMalformed, 0},
		{"claim twice", s.token(`"sub":"admin"`), errMalformed, 0},
		{"claims in another case", s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `{"ISS":"https://id","AUD":"chat"}`), errIssuer, 0},
		{"exp as text", s.token(`"exp":"4000000000"`), errMalformed, 0},
		{"exp huge", s.token(`"exp":1e300`), errMalformed, 0},
		{"exp beyond time", s.token(`"exp":9223372036854775807`), errMalformed, 0},
		{"exp negative", s.token(`"exp":-1`), errExpired, 0},
		{"exp zero", s.token(`"exp":0`), errExpired, 0},
		{"exp null", s.token(`"exp":null`), nil, 0},
		{"expired", s.token(fmt.Sprintf(`"exp":%d`, at(-31*time.Second))), errExpired, 0},
		{"not yet", s.token(fmt.Sprintf(`"nbf":%d`, at(time.Minute))), errNotYet, 0},
		{"nbf huge", s.token(`"nbf":9223372036854775807`), errMalformed, 0},
		{"issuer", s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `{"iss":"https://id/","aud":"chat"}`), errIssuer, 0},
		{"audience", s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `{"iss":"https://id","aud":"chatter"}`), errAudience, 0},
		{"audience of numbers", s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `{"iss":"https://id","aud":[1]}`), errMalformed, 0},
		{"no object", s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `"text"`), errMalformed, 0},
		{"control character", s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `{"iss":"https://id","aud":"chat","sub":"a\r\nX-Admin: 1"}`), errUnsuitable, 0},
		{"comma in a list", s.token(`"roles":["user,admin"]`), errUnsuitable, 0},
		{"object", s.token(`"roles":{"admin":true}`), errUnsuitable, 0},
		{"64 KiB", s.token(`"pad":"` + strings.Repeat("a", 64<<10) + `"`), errMalformed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tokens := newTokens(&strict)
			tokens.keys = s.keys()
			g, wait, err := tokens.verify(tt.token, now)
			if err != tt.err || g.Expires != tt.expires || wait {
				t.Errorf("got %v, until %d, wait %t, want %v, until %d", err, g.Expires, wait, tt.err, tt.expires)
			}
			if want := []config.Header{{Name: "X-User-Id", Value: "u1"}}; err == nil && !reflect.DeepEqual(g.Headers, want) {
				t.Errorf("headers: got %v, want %v", g.Headers, want)
			}
		})
	}
}

// What claims are to upstreams, and what routes require of them.
func TestClaims(t *testing.T) {
	s := newSigner(t)
	tests := []struct {
		more  string
		roles string
		err   error
	}{
		{`"level":2,"mail":true,"groups":["a","staff"]`, "", nil},
		{`"level":2,"mail":true,"groups":"staff","roles":["a","b"]`, "a,b", nil},
		{`"level":2,"mail":true,"groups":"staff","roles":[1,true,2.5]`, "1,true,2.5", nil},
		{`"level":2,"mail":true,"groups":"staff","roles":12345678901`, "12345678901", nil},
		{`"level":2,"mail":true,"groups":"staff","roles":[]`, "", nil},
		{`"level":2,"mail":true,"groups":["a"]`, "", errClaim},
		{`"level":2,"mail":"true","groups":"staff"`, "", errClaim},
		{`"level":"2","mail":true,"groups":"staff"`, "", errClaim},
		{`"level":2,"groups":"staff"`, "", errClaim},
		{`"level":2,"mail":[[true]],"groups":"staff"`, "", errClaim},
	}
	rule := strict
	rule.Require = []config.ClaimValue{{Claim: "level", Value: 2.0}, {Claim: "mail", Value: true}, {Claim: "groups", Value: "staff"}}
	for _, tt := range tests {
		tokens := newTokens(&rule)
		tokens.keys = s.keys()
		g, _, err := tokens.verify(s.token(tt.more), now)
		roles := ""
		for _, h := range g.Headers {
			if h.Name == "X-Roles" {
				roles = h.Value
			}
		}
		if err != tt.err || roles != tt.roles {
			t.Errorf("%s: got %v, roles %q, want %v, %q", tt.more, err, roles, tt.err, tt.roles)
		}
	}
}

// HMACs are for a secret, and a secret is for HMACs.
func TestSecret(t *testing.T) {
	s := newSigner(t)
	tokens := newTokens(&config.JWTAuth{Algorithms: []string{"HS256", "HS384", "HS512"}})
	tokens.keys = secretKey("0123456789abcdef0123456789abcdef")
	signing, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte("0123456789abcdef0123456789abcdef")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signing.Sign([]byte(`{"sub":"u1"}`))
	if err != nil {
		t.Fatal(err)
	}
	good, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tokens.verify(good, now); err != nil {
		t.Errorf("good: got %v", err)
	}
	if _, _, err := tokens.verify(s.token(""), now); err != errAlgorithm {
		t.Errorf("RS256: got %v, want %v", err, errAlgorithm)
	}
}

func FuzzTokens(f *testing.F) {
	s := newSigner(f)
	f.Add(s.token(""))
	f.Add(s.raw("none", `{"alg":"none"}`, claims("")))
	good := s.token("")
	tokens := newTokens(&strict)
	tokens.keys = s.keys()
	f.Fuzz(func(t *testing.T, raw string) {
		if _, _, err := tokens.verify(raw, now); err == nil && raw != good && !strings.HasPrefix(raw, good[:strings.LastIndexByte(good, '.')]) {
			t.Errorf("%q is let in", raw)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := newSigner(b)
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			tokens := newTokens(&strict)
			tokens.keys = s.keys()
			raw := s.raw(alg, `{"alg":"`+alg+`"}`, claims(""))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := tokens.verify(raw, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
