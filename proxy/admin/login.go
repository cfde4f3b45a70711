package admin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	cookieName = "usher_operator"
	cookieLife = 12 * time.Hour
	mostCookie = 3800 // bytes; browsers keep 4096 with the name and what is said of it
)

// Login is what an operator shows: a token, or a name and a password.
type Login struct {
	Token    string `json:"token"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// request returns r as it were if it had shown l itself.
func (l Login) request(r *http.Request) *http.Request {
	shown := *r
	shown.Header = make(http.Header)
	if l.Name != "" {
		shown.SetBasicAuth(l.Name, l.Password)
	} else {
		shown.Header.Set("Authorization", "Bearer "+l.Token)
	}
	return &shown
}

// login gives a page a cookie for what lets an operator in.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	var order Login
	if err := readJSON(r, &order); err != nil {
		h.refuse(w, r, err)
		return
	}
	d := h.door()
	if !d.Guarded() {
		writeJSON(w, http.StatusOK, struct{}{})
		return
	}
	shown := order.request(r)
	o, err := h.judge(d, shown)
	if err == nil {
		err = h.giveCookie(w, shown.Header.Get("Authorization"))
	}
	if err != nil {
		h.Log.Warn("operator's login refused", "peer", r.RemoteAddr)
		if errors.Is(err, errNobody) {
			err = failure(http.StatusUnauthorized, "the token is wrong")
		}
		h.refuse(w, r, err)
		return
	}
	h.Log.Info("operator logs in", by(o.at(r), "role", string(o.Role))...)
	writeJSON(w, http.StatusOK, o)
}

func (h *Handler) logout(w http.ResponseWriter, _ *http.Request) {
	setCookie(w, "", -1)
	writeJSON(w, http.StatusOK, struct{}{})
}

func (h *Handler) giveCookie(w http.ResponseWriter, authorization string) error {
	value := h.newCookie(time.Now().Add(cookieLife), authorization)
	if len(value) > mostCookie {
		return failure(http.StatusBadRequest, "the token is too long for a cookie: show it as Authorization: Bearer")
	}
	setCookie(w, value, int(cookieLife.Seconds()))
	return nil
}

func setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// newSeal returns what cookies are sealed with: nothing that outlives the process.
func newSeal() cipher.AEAD {
	var key [32]byte
	rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a size that AES knows
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // so has the block
	}
	return seal
}

// newCookie returns what has been shown, sealed, for unseal to take until then. So
// a cookie ends with what it was given for: an old token, a password of before.
func (h *Handler) newCookie(until time.Time, authorization string) string {
	text := strconv.FormatInt(until.Unix(), 10) + "." + authorization
	return base64.RawURLEncoding.EncodeToString(h.seal.Seal(nil, nil, []byte(text), nil))
}

// unseal returns r as it were if it had shown what its cookie was given for, nil if
// it has none that is good.
func (h *Handler) unseal(r *http.Request) *http.Request {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	text, err := h.seal.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil
	}
	end, authorization, _ := strings.Cut(string(text), ".")
	until, err := strconv.ParseInt(end, 10, 64)
	if err != nil || time.Now().Unix() >= until {
		return nil
	}
	shown := *r
	shown.Header = http.Header{"Authorization": {authorization}}
	return &shown
}

// ways names how operators can log in.
func (h *Handler) ways() (list []string) {
	to, _ := h.Broker.Guard()
	if to.Token != "" {
		list = append(list, "token")
	}
	for _, way := range to.Auth {
		if kind := way.Kind(); !slices.Contains(list, kind) {
			list = append(list, kind)
		}
	}
	return list
}

// challenge says how r may show who it comes from (RFC 9110, 11.6.1), and takes a
// cookie back that is worth nothing. A page has a form of its own: to what asks for
// JSON, nothing is said that makes a browser ask for a password.
func (h *Handler) challenge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="usher"`)
	to, _ := h.Broker.Guard()
	for _, way := range to.Auth {
		if way.Basic != nil && r.Header.Get("Accept") != "application/json" {
			w.Header().Add("WWW-Authenticate", `Basic realm="`+way.Basic.Realm+`", charset="UTF-8"`)
			break
		}
	}
	if _, err := r.Cookie(cookieName); err == nil {
		setCookie(w, "", -1)
	}
}
