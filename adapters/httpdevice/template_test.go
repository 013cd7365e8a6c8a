package httpdevice

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestArgumentsStayInTheirPlace(t *testing.T) {
	nasty := []string{
		"plain", "a b", "a/b", "../../admin", "a?b=c", "a&b=c", "a#b", "a%2fb", "a+b", "ü", `"quoted"`, `\`, "line\nline",
		"\r\nX-Evil: 1\r\n\r\n", "</script>", "{{.uid}}", "\x00", "\xff", "1}, {\"admin\": true",
	}
	for _, arg := range nasty {
		args := map[string]string{"a": arg, "uid": "u"}
		place, err := parseURL("/x/{{path .a}}/y?q={{query .a}}&z=1")
		if err != nil {
			t.Fatal(err)
		}
		text, err := place.render(args, MaxURL)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse("http://127.0.0.1" + text)
		if err != nil {
			t.Fatalf("%q gives %q: %v", arg, text, err)
		}
		if u.Path != "/x/"+arg+"/y" || u.Query().Get("q") != arg || u.Query().Get("z") != "1" || len(u.Query()) != 2 || u.Fragment != "" || strings.Count(u.EscapedPath(), "/") != 3 {
			t.Errorf("%q gives %q", arg, text)
		}
		body, err := parseBody(`{"v": {{json .a}}, "w": 1}`)
		if err != nil {
			t.Fatal(err)
		}
		text, err = body.render(args, MaxRequest)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc) != 2 || doc["v"] != strings.ToValidUTF8(arg, "�") {
			t.Errorf("%q gives the body %s (%v)", arg, text, err)
		}
	}
}

func TestALiteralIsANumberTrueFalseOrNull(t *testing.T) {
	p, err := parseBody(`{{literal .a}}`)
	if err != nil {
		t.Fatal(err)
	}
	for arg, good := range map[string]bool{"1": true, "-2.5e3": true, "true": true, "null": true, " 7 ": true, "": false, "x": false, `"x"`: false, "[1]": false, "1}": false, "NaN": false} {
		text, err := p.render(map[string]string{"a": arg}, 100)
		if (err == nil) != good || (good && text != strings.TrimSpace(arg)) {
			t.Errorf("literal %q gives %q, %v", arg, text, err)
		}
		if err != nil && !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("literal %q: %v is of no class", arg, err)
		}
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	urls := []string{
		"", "x", "//evil.example/", "http://evil.example/", "/{{.a}}", "/{{json .a}}", "/{{query .a}}", "/?{{path .a}}", "/?a={{text .a}}",
		"/a b", "/#x", `/\x`, "/{{", "/{{path}}", "/{{path .a.b}}", "/{{path .a .b}}", "/{{if .a}}x{{end}}", "/{{range .a}}{{end}}",
		`/{{printf "%99999d" 1 | path}}`, "/{{$x := .a}}", `/{{define "x"}}{{end}}`, "/{{.a | path | path}}", "/" + strings.Repeat("x", MaxURL), "/{{unknown .a}}", `/{{path "x"}}`,
	}
	for _, text := range urls {
		if _, err := parseURL(text); err == nil {
			t.Errorf("url %.50q was accepted", text)
		}
	}
	for _, text := range []string{"{{.a}}", "{{path .a}}", "{{json}}", "{{with .a}}{{end}}", `{{template "x"}}`} {
		if _, err := parseBody(text); err == nil {
			t.Errorf("body %q was accepted", text)
		}
	}
	if _, err := parseURL("/{{.a | path}}?{{.b | query}}"); err != nil {
		t.Errorf("piped form: %v", err)
	}
}

func TestAMissingArgumentIsAnErrorAndNotNoValue(t *testing.T) {
	p, err := parseBody("{{json .a}}")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := p.render(map[string]string{}, 100); err == nil {
		t.Errorf("rendered %q", text)
	}
}

func TestATextThatGrowsBeyondItsLimitIsRefused(t *testing.T) {
	p, err := parseURL("/{{path .a}}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.render(map[string]string{"a": strings.Repeat("ü", MaxURL/2)}, MaxURL); err == nil {
		t.Error("accepted")
	}
}

func TestDifferentUIDsGiveDifferentHeaders(t *testing.T) {
	seen := map[string]string{}
	for _, uid := range []string{"a", "a b", "a%20b", "a\nb", "a%0Ab", "ü", "%C3%BC", "a\r\nX: 1"} {
		h := headerText(uid)
		if other, twice := seen[h]; twice {
			t.Errorf("%q and %q both give %q", uid, other, h)
		}
		if strings.ContainsFunc(h, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q gives %q", uid, h)
		}
		seen[h] = uid
	}
}

func FuzzAURLTemplateNeverLetsAnArgumentOut(f *testing.F) {
	f.Add("/a/{{path .a}}?b={{query .a}}", "x/../y?z#")
	f.Add("/{{.a | path}}", "..")
	f.Add("/?x", "")
	f.Fuzz(func(t *testing.T, text, arg string) {
		p, err := parseURL(text)
		if err != nil {
			return
		}
		args := func(v string) map[string]string {
			m := map[string]string{}
			for _, field := range p.fields() {
				m[field] = v
			}
			return m
		}
		plain, err1 := p.render(args("x"), MaxURL)
		got, err2 := p.render(args(arg), 1<<20)
		if err1 != nil || err2 != nil {
			return
		}
		for _, mark := range []string{"/", "?", "#", "&", "=", "\n", " "} {
			if mark == "=" || mark == "&" { // harmless in a path, and escaped in a query
				got, _, _ = strings.Cut(got, "?")
				plain, _, _ = strings.Cut(plain, "?")
				continue
			}
			if strings.Count(got, mark) != strings.Count(plain, mark) {
				t.Errorf("template %q with %q gives %q: another number of %q", text, arg, got, mark)
			}
		}
	})
}
