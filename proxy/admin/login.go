package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	cookieName = "usher_operator"
	cookieLife = 12 * time.Hour
)

// login gives a page a cookie for the token. The cookie is not the token, and
// worth nothing when the process ends or the token changes.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	var order struct {
		Token string `json:"token"`
	}
	if err := readJSON(r, &order); err != nil {
		h.refuse(w, r, err)
		return
	}
	token := h.Broker.Config().Admin.Token
	if token != "" && !same(order.Token, token) {
		h.guesses.wrong(r.RemoteAddr, time.Now())
		h.Log.Warn("operator's login refused", "peer", r.RemoteAddr)
		h.refuse(w, r, failure(http.StatusUnauthorized, "the token is wrong"))
		return
	}
	if token != "" {
		until := time.Now().Add(cookieLife)
		setCookie(w, h.newCookie(until, token), int(cookieLife.Seconds()))
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func (h *Handler) logout(w http.ResponseWriter, _ *http.Request) {
	setCookie(w, "", -1)
	writeJSON(w, http.StatusOK, struct{}{})
}

func setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// newCookie returns a value that validCookie takes until then.
func (h *Handler) newCookie(until time.Time, token string) string {
	end := strconv.FormatInt(until.Unix(), 10)
	return end + "." + h.sign(end, token)
}

func (h *Handler) validCookie(value, token string) bool {
	end, signature, _ := strings.Cut(value, ".")
	if !hmac.Equal([]byte(signature), []byte(h.sign(end, token))) {
		return false
	}
	until, err := strconv.ParseInt(end, 10, 64)
	return err == nil && time.Now().Unix() < until
}

func (h *Handler) sign(end, token string) string {
	hash := hmac.New(sha256.New, h.key[:])
	hash.Write([]byte(end + "\x00" + token))
	return hex.EncodeToString(hash.Sum(nil))
}
