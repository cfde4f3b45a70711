package tap

import (
	"strings"
	"testing"
)

// Row 47 of the attacks: what of a payload is masked by a name, wherever it
// stands. What has none is not told from any other text, as the README says.
func TestAttack47Names(t *testing.T) {
	const secret = "Zq7Zq7Zq7"
	for _, text := range []string{
		`{"token":"*"}`, `{"a":[{"refresh_token":"*"}]}`, `{"id_token":"*","client_secret":"*","otp":*}`, `{"PASSWORD" : "*"}`, `{"x-auth":{"any":"*"}}`,
		`"{\"token\":\"*\"}"`, `40{"any":"*"}`, `40/ns,{"any":"*"}`, `40/ns?any=*,`, `42["login",{"password":"*"}]`, `42["token","*"]`, `430["auth",{"any":"*"}]`,
		`?access_token=*&a=b`, `?Authorization=Bearer%20*&a=b`, `/a?sid=*`, `AWS_SECRET_ACCESS_KEY=*`, "Cookie: a=*; b=*\r\n", "Authorization: Basic *\r\n", `send Bearer * now`,
		`wss://ann:*@h/x`, `{"url":"amqp:\/\/*@h"}`, `/ws%3Ftoken%3D*`, `?next=%252Fx%253Fsid%253D*`, `wss%3A%2F%2Fann%3A*%40h`, `a=1\u0026token\u003d*`,
	} {
		text = strings.ReplaceAll(text, "*", secret)
		for end := range len(text) + 1 { // a tap may have only the beginning
			if got := mask(text[:end], end < len(text)); strings.Contains(got, secret) {
				t.Errorf("%s: got %s", text[:end], got)
			}
		}
	}
}
