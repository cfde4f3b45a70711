package affinity

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzGuide has any answer tagged and any query led: what was tagged leads
// back, nothing else does, and nothing but the sid is changed.
func FuzzGuide(f *testing.F) {
	f.Add("EIO=4&transport=polling", open4)
	f.Add("EIO=3&transport=polling", open3)
	f.Add("EIO=4&transport=polling&j=0", jsonp4)
	f.Add("EIO=4&transport=polling&sid=abc~def", `0{"sid":"x"}`)
	f.Add("sid=%zz&EIO=4", `"sid":"\`)
	g := NewGuide([]byte("secret"))
	f.Fuzz(func(t *testing.T, query, body string) {
		p, err := g.Lead(query, endpoints)
		if err == nil && p.Endpoint != "" && p.revision == 4 {
			t.Fatalf("%q leads to %s without a tag of ours", query, p.Endpoint)
		}
		if err != nil || !p.Opens {
			return
		}
		from, to := findSID([]byte(body))
		b, _ := g.Tag(p, []byte(body), endpoints[2])
		tagged := string(b)
		if from == to || p.revision == 3 {
			if tagged != body {
				t.Fatalf("got %q, want %q as it was", tagged, body)
			}
			return
		}
		told, ok := strings.CutSuffix(strings.TrimPrefix(tagged, body[:from]), body[to:])
		if !ok {
			t.Fatalf("got %q, want nothing changed but the sid of %q", tagged, body)
		}
		back, err := g.Lead("EIO=4&transport=polling&sid="+url.QueryEscape(told), endpoints)
		if err != nil || back.Endpoint != endpoints[2] || back.Query != "EIO=4&transport=polling&sid="+url.QueryEscape(body[from:to]) {
			t.Fatalf("sid %q: got %+v, %v, want it to lead back", told, back, err)
		}
	})
}
