package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

func TestAKeyFileComesBackAsItWasWritten(t *testing.T) {
	for name, k := range map[string]codec.Keyring{"generated": codec.Generate(), "of two": ring(t)} {
		back, err := codec.ParseKeyFile(k.MarshalKeyFile())
		if err != nil || back.Current() != k.Current() || !bytes.Equal(back.MarshalKeyFile(), k.MarshalKeyFile()) {
			t.Errorf("%s: %v, %v", name, back, err)
		}
	}
	if ring(t).Current() != "k2" {
		t.Error("the first key does not sign")
	}
	if first, second := codec.Generate(), codec.Generate(); bytes.Equal(first.MarshalKeyFile(), second.MarshalKeyFile()) {
		t.Error("two generated keys are the same")
	}
}

func TestBadKeyFilesAreRefusedWithoutShowingAKey(t *testing.T) {
	good := "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	for name, text := range map[string]string{
		"empty":           "",
		"comments only":   "# k1 " + good + "\n",
		"one field":       "k1\n",
		"three fields":    "k1 " + good + " x\n",
		"not base64":      "k1 !" + good + "\n",
		"a short key":     "k1 AQEB\n",
		"a key id twice":  "k1 " + good + "\nk1 " + good + "\n",
		"a bad key id":    "k=1 " + good + "\n",
		"a long key id":   strings.Repeat("k", 33) + " " + good + "\n",
		"too long a key":  "k1 " + strings.Repeat("AQEB", 22) + "\n",
		"a space too few": "k1" + good + "\n",
	} {
		_, err := codec.ParseKeyFile([]byte(text))
		if !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		} else if name != "a space too few" && strings.Contains(err.Error(), "AQEB") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	if _, err := codec.NewKeyring("k2", map[string][]byte{"k1": bytes.Repeat([]byte{1}, 32)}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a ring whose signing key is missing: %v", err)
	}
}

func TestPrintingARingDoesNotShowItsKeys(t *testing.T) {
	k := ring(t)
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("keys", "keys", k)
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %v", k, k, &k), b.String()} {
		if strings.Contains(s, "AgIC") || strings.Contains(s, "2 2 2") || strings.Contains(s, "0x2, 0x2") || !strings.Contains(s, "k2") {
			t.Errorf("printed as %s", s)
		}
	}
}
