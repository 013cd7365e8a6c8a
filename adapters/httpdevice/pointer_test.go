package httpdevice

import (
	"testing"
)

// The examples of RFC 6901, section 5, and values as parameters hold them.
func TestPointersFindWhatTheStandardSays(t *testing.T) {
	doc := `{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8,
		"n": 1.50, "big": 12345678901234567890, "t": true, "z": null, "o": {"x":  [1, 2]}, "s": "", "m~1n": 9}`
	tests := map[string]string{
		"/foo": `["bar","baz"]`, "/foo/0": "bar", "/foo/1": "baz", "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4",
		`/i\j`: "5", `/k"l`: "6", "/ ": "7", "/m~0n": "8", "/m~01n": "9", "/n": "1.50", "/big": "12345678901234567890", "/t": "true", "/z": "null",
		"/o": `{"x":[1,2]}`, "/o/x/1": "2", "/s": "",
	}
	for text, want := range tests {
		got, err := extractAt(t, text, doc)
		if err != nil || got != want {
			t.Errorf("%q finds %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"/none", "/foo/2", "/foo/-", "/foo/01", "/foo/-1", "/foo/+1", "/foo/x", "/t/x", "/foo/99999999999999999999"} {
		if got, err := extractAt(t, text, doc); err == nil {
			t.Errorf("%q finds %q", text, got)
		}
	}
	for _, text := range []string{"x", "/~", "/~2", "/a~"} {
		if _, err := parsePointer(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func extractAt(t *testing.T, at, body string) (string, error) {
	t.Helper()
	p, err := parsePointer(at)
	if err != nil {
		t.Fatal(err)
	}
	return (&reading{at: p}).extract([]byte(body))
}

func TestAnAnswerThatIsNotJSONIsItsText(t *testing.T) {
	for body, want := range map[string]string{" 42 \n": "42", `"42"`: "42", "on\r\n": "on", "007": "007", "": "", "1 2": "1 2", "<on/>": "<on/>"} {
		if got, err := extractAt(t, "", body); err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", body, got, err, want)
		}
	}
	for _, body := range []string{"on", "", `{"a": 1} x`, "{"} {
		if got, err := extractAt(t, "/a", body); err == nil {
			t.Errorf("%q gives %q where a pointer needs JSON", body, got)
		}
	}
	if got, err := extractAt(t, "", "\xff\xfe"); err == nil {
		t.Errorf("bytes that are no text give %q", got)
	}
}

func FuzzAnyAnswerGivesAValueOrAnError(f *testing.F) {
	f.Add("/a/0/b", []byte(`{"a": [{"b": 1}]}`))
	f.Add("", []byte("text"))
	f.Add("/~0~1", []byte(`{"~/": null}`))
	f.Fuzz(func(t *testing.T, at string, body []byte) {
		p, err := parsePointer(at)
		if err != nil {
			return
		}
		r := reading{at: p}
		one, err1 := r.extract(body)
		two, err2 := r.extract(body)
		if one != two || (err1 == nil) != (err2 == nil) {
			t.Errorf("%q in %q: %q, %v and then %q, %v", at, body, one, err1, two, err2)
		}
		if _, err := checkText(one); err1 == nil && err != nil {
			t.Errorf("the value %q is over the limits", one)
		}
	})
}
