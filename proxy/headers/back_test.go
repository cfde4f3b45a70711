package headers

import (
	"net/http"
	"slices"
	"testing"

	"usher/proxy/config"
)

func TestBack(t *testing.T) {
	replaced := config.Route{Path: "/app", ReplacePrefix: "/dashboard"}
	stripped := config.Route{Path: "/app", StripPrefix: "/app"}
	whole := config.Route{Path: "/form", ReplacePrefix: "/"}
	root := config.Route{Path: "/", ReplacePrefix: "/dashboard"}
	named := config.Route{Path: "/app", StripPrefix: "/app", Headers: config.Headers{Set: []config.Header{{Name: "Host", Value: "legacy.test"}}}}
	plain := config.Route{Path: "/app"}
	for _, tt := range []struct {
		route             config.Route
		name, value, want string
	}{
		{replaced, "Location", "/dashboard", "/app"},
		{replaced, "Location", "/dashboard/", "/app/"},
		{replaced, "Location", "/dashboard/x%20y?next=/dashboard/z#a", "/app/x%20y?next=/dashboard/z#a"},
		{replaced, "Location", "/dashboard?x", "/app?x"},
		{replaced, "Location", "/dashboards/x", "/dashboards/x"},
		{replaced, "Location", "/other", "/other"},
		{replaced, "Location", "/app/x", "/app/x"},
		{replaced, "Location", "x/y", "x/y"},
		{replaced, "Location", "../x", "../x"},
		{replaced, "Location", "?x", "?x"},
		{replaced, "Location", "", ""},
		{replaced, "Location", "/dashboard/../x", "/dashboard/../x"},
		{replaced, "Location", "/dashboard/a/../x", "/app/x"},
		{replaced, "Location", "/%64ashboard/x", "/app/x"},
		{replaced, "Location", `/dashboard\x`, `/dashboard\x`},
		{replaced, "Location", "https://App.example.com/dashboard/x", "https://App.example.com/app/x"},
		{replaced, "Location", "http://app.example.com:80/dashboard/x", "http://app.example.com:80/app/x"},
		{replaced, "Location", "http://public.example.com/dashboard", "http://public.example.com/app"},
		{replaced, "Location", "//app.example.com/dashboard?x", "//app.example.com/app?x"},
		{replaced, "Location", "https://app.example.com/other", "https://app.example.com/other"},
		{replaced, "Location", "http://10.0.0.7:3102/dashboard/x?y", "/app/x?y"},
		{replaced, "Location", "http://10.0.0.7:3102/other", "http://10.0.0.7:3102/other"},
		{replaced, "Location", "http://10.0.0.7/dashboard/x", "http://10.0.0.7/dashboard/x"},
		{replaced, "Location", "https://elsewhere.example/dashboard/x", "https://elsewhere.example/dashboard/x"},
		{replaced, "Location", "ftp://app.example.com/dashboard/x", "ftp://app.example.com/dashboard/x"},
		{replaced, "Location", "http:///dashboard/x", "http:///dashboard/x"},
		{replaced, "Refresh", "5; url=/dashboard/x", "5; url=/app/x"},
		{replaced, "Refresh", "0;URL='/dashboard'", "0;URL='/app'"},
		{replaced, "Refresh", `0, Url = "http://10.0.0.7:3102/dashboard/"`, `0, Url = "/app/"`},
		{replaced, "Refresh", "5", "5"},
		{replaced, "Refresh", "5; url=", "5; url="},
		{replaced, "Set-Cookie", "a=/dashboard; Path=/dashboard; HttpOnly", "a=/dashboard; Path=/app; HttpOnly"},
		{replaced, "Set-Cookie", "a=1; path=/dashboard/x;path=/dashboard", "a=1; path=/app/x;path=/app"},
		{replaced, "Set-Cookie", "path=/dashboard; Path=/", "path=/dashboard; Path=/"},
		{replaced, "Set-Cookie", "a=1; Path", "a=1; Path"},
		{replaced, "X-Other", "/dashboard", "/dashboard"},

		{root, "Location", "/dashboard", "/"},
		{root, "Location", "/dashboard/x", "/x"},
		{root, "Location", "/dashboard//evil.example/x", "/evil.example/x"},
		{root, "Set-Cookie", "a=1; Path=/dashboard", "a=1; Path=/"},

		{whole, "Location", "/", "/form/"},
		{whole, "Location", "/login?next=/x", "/form/login?next=/x"},
		{whole, "Location", "//elsewhere.example/x", "//elsewhere.example/x"},
		{whole, "Location", "login", "login"},
		{whole, "Location", "https://app.example.com/login", "https://app.example.com/form/login"},
		{whole, "Location", "http://10.0.0.7:3102/login", "/form/login"},
		{whole, "Location", "http://10.0.0.7:3102", "/form/"},
		{whole, "Location", "https://elsewhere.example/x", "https://elsewhere.example/x"},
		{whole, "Refresh", "5; url=/x", "5; url=/form/x"},
		{whole, "Set-Cookie", "a=1; Path=/; HttpOnly", "a=1; Path=/form; HttpOnly"},
		{whole, "Set-Cookie", "a=1; Path=/x", "a=1; Path=/form/x"},
		{whole, "Set-Cookie", "a=1; Path=x", "a=1; Path=x"},
		{whole, "Set-Cookie", "a=1; Path=", "a=1; Path="},
		{whole, "Set-Cookie", "a=1", "a=1"},

		{stripped, "Location", "/x", "/x"},
		{stripped, "Location", "https://app.example.com/x", "https://app.example.com/x"},
		{stripped, "Location", "http://10.0.0.7:3102/x", "/app/x"},
		{stripped, "Location", "http://10.0.0.7:3102", "/app/"},
		{stripped, "Location", "http://10.0.0.7:3102//x", "/app/x"},
		{stripped, "Refresh", "5; url=http://10.0.0.7:3102/x", "5; url=/app/x"},
		{stripped, "Set-Cookie", "a=1; Path=/", "a=1; Path=/"},
		{named, "Location", "https://legacy.test/x", "/app/x"},
		{plain, "Location", "http://10.0.0.7:3102/x", "http://10.0.0.7:3102/x"},
	} {
		b := NewBack(&tt.route, Sender{Host: "public.example.com"}, "app.example.com", "10.0.0.7:3102")
		h := http.Header{tt.name: {tt.value}}
		b.Apply(h)
		if got := b.Value(tt.name, tt.value); got != tt.want || !slices.Equal(h[tt.name], []string{tt.want}) {
			t.Errorf("%s: %s on %+v: got %q and %q, want %q", tt.name, tt.value, tt.route, got, h[tt.name], tt.want)
		}
	}
}
