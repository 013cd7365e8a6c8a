package server_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/server"
)

// sharing is what the servers of these tests give to one that joins.
var sharing = server.Share{Brokers: []string{"broker:1"}, Secrets: func() map[string][]byte {
	return map[string][]byte{httpapi.SecretKeys: []byte("the key"), httpapi.SecretSigning: []byte("the signing key")}
}}

// A token is not used up by an answer that the new server could not read.
func TestSecretsThatNobodyCouldReadAreInTheWay(t *testing.T) {
	s := newStage(t)
	a := s.startWith("A", func(o *server.Options) {
		o.Share = server.Share{Secrets: func() map[string][]byte {
			return map[string][]byte{httpapi.SecretTokens: make([]byte, httpapi.MaxSecret+1)}
		}}
	})
	s.primary(a)
	token, err := a.Invite(s.ctx, "ann", time.Minute, false)
	must(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	id, _, _ := strings.Cut(token.Token, ".")
	in := httpapi.JoinRequest{Token: token.Token, Server: "C", Check: true}
	in.Identity, in.Proof = election.ProveAdmission(key, id, "C")
	got, err := a.Admit(s.ctx, in)
	if err != nil || !strings.Contains(strings.Join(got.Faults, "\n"), "make that file shorter") {
		t.Errorf("%+v, %v", got.Faults, err)
	}
}

// given is the key that an answer gives; empty if it gives none.
func given(a httpapi.Admission) string { return secretIn(a, httpapi.SecretKeys) }

func secretIn(a httpapi.Admission, name string) string {
	for _, s := range a.Secrets {
		if s.Name == name {
			return s.Content
		}
	}
	return ""
}

// A token made at one server is good at another one, once, also when two show it at the
// same moment to two servers.
func TestATokenAdmitsOneServer(t *testing.T) {
	s := newStage(t)
	shares := func(o *server.Options) {
		o.Election.TTL = time.Second
		o.Share = sharing
		for i := range o.Devices {
			o.Devices[i].ValidAbsolute, o.Devices[i].ValidOneShot = time.Minute, 10*time.Second
		}
	}
	a := s.startWith("A", shares)
	s.primary(a)
	b := s.startWith("B", shares)
	s.primary(a, b)
	token, err := a.Invite(s.ctx, "ann", time.Minute, false)
	must(t, err)
	tokenID, _, _ := strings.Cut(token.Token, ".")
	folders := map[string]ed25519.PrivateKey{}
	for _, folder := range []string{"c1", "d1"} {
		_, folders[folder], err = ed25519.GenerateKey(nil)
		must(t, err)
	}
	ask := func(m *member, name, folder string, check bool) (httpapi.Admission, error) {
		in := httpapi.JoinRequest{Token: token.Token, Server: name, Check: check}
		in.Identity, in.Proof = election.ProveAdmission(folders[folder], tokenID, name)
		return m.Admit(s.ctx, in)
	}
	// The landscape has no revision yet: nobody may join, and all is said that is in the way.
	s.eventually("B knows the token", func() error {
		looked, err := ask(b, "A", "c1", true)
		if err == nil && (given(looked) != "" || looked.Landscape != "test" || !strings.Contains(strings.Join(looked.Faults, "\n"), "publish FILE --if-match 0 --activate`")) {
			t.Fatalf("%+v", looked)
		}
		return err
	})
	if _, err := ask(b, "C", "c1", false); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("without a configuration: %v", err)
	}
	text, err := a.Text(s.ctx, 0)
	must(t, err)
	_, err = a.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Comment: "from the file", Activate: true})
	must(t, err)
	s.eventually("B has the configuration", func() error {
		looked, err := ask(b, "C", "c1", true)
		if err == nil && len(looked.Faults) > 0 {
			err = errors.New(looked.Faults[0])
		}
		return err
	})
	identity, proof := election.ProveAdmission(folders["c1"], tokenID, "C")
	_, another := election.ProveAdmission(folders["d1"], tokenID, "C")
	_, forD := election.ProveAdmission(folders["c1"], tokenID, "D")
	_, forOther := election.ProveAdmission(folders["c1"], "0a0b", "C")
	unsigned := func(when string) {
		for name, proof := range map[string]string{"no proof": "", "another's proof": another, "the proof for another name": forD, "the proof for another token": forOther} {
			for _, check := range []bool{true, false} {
				got, err := b.Admit(s.ctx, httpapi.JoinRequest{Token: token.Token, Server: "C", Identity: identity, Proof: proof, Check: check})
				if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "is not signed") || given(got) != "" || got.Landscape != "" {
					t.Errorf("%s, with %s: %+v, %v", when, name, got, err)
				}
			}
		}
	}
	unsigned("an unused token")
	var admitted atomic.Int32
	var first atomic.Pointer[string]
	var all sync.WaitGroup
	for i, m := range []*member{a, b} {
		all.Go(func() {
			got, err := ask(m, []string{"C", "D"}[i], []string{"c1", "d1"}[i], false)
			switch {
			case err == nil && given(got) == "the key":
				admitted.Add(1)
				first.Store(&[]string{"C", "D"}[i])
			case !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "was used for server"):
				t.Errorf("%s: %+v, %v", m.name, got, err)
			}
		})
	}
	all.Wait()
	if n := admitted.Load(); n != 1 {
		t.Errorf("%d servers were admitted by one token", n)
	}
	unsigned("a used token")
	name := *first.Load()
	folder := map[string]string{"C": "c1", "D": "d1"}[name]
	if got, err := ask(a, name, folder, false); err != nil || given(got) != "the key" {
		t.Errorf("%s asks again: %+v, %v", name, got, err)
	} else if secretIn(got, httpapi.SecretSigning) != "" || !slices.Equal(got.Withheld, []string{httpapi.SecretSigning}) {
		t.Errorf("the signing key is given by a token that was not made for it, or nothing is said: %+v", got)
	}
	if got, err := ask(a, "E", folder, false); !errors.Is(err, domain.ErrConflict) || given(got) != "" {
		t.Errorf("%s asks again as E: %+v, %v", name, got, err)
	}
	for _, wrong := range []string{"", "x.y", "x", ".", token.Token + "x", strings.ToUpper(token.Token)} {
		in := httpapi.JoinRequest{Token: wrong, Server: "C", Identity: identity, Proof: proof}
		if id, _, ok := strings.Cut(wrong, "."); ok {
			in.Identity, in.Proof = election.ProveAdmission(folders["c1"], id, "C")
		}
		if got, err := a.Admit(s.ctx, in); !errors.Is(err, domain.ErrConflict) || given(got) != "" {
			t.Errorf("token %q: %+v, %v", wrong, got, err)
		}
	}
	// Who has the signing key can sign another history: it is given where the log says so.
	token, err = a.Invite(s.ctx, "ann", time.Minute, true)
	must(t, err)
	tokenID, _, _ = strings.Cut(token.Token, ".")
	_, folders["e1"], err = ed25519.GenerateKey(nil)
	must(t, err)
	got, err := ask(a, "E", "e1", false)
	if err != nil || secretIn(got, httpapi.SecretSigning) != "the signing key" || len(got.Withheld) != 0 {
		t.Errorf("a token with the signing key: %+v, %v", got, err)
	}
}

// A server does not end because of what somebody asks of it: a record that cannot be
// written is the answer to who asked, and the token stays good.
func TestANameThatNoRecordCanCarryEndsNobody(t *testing.T) {
	s := newStage(t)
	a := s.startWith("A", func(o *server.Options) {
		o.Share = sharing
		for i := range o.Devices {
			o.Devices[i].ValidAbsolute, o.Devices[i].ValidOneShot = time.Minute, 10*time.Second
		}
	})
	s.primary(a)
	text, err := a.Text(s.ctx, 0)
	must(t, err)
	_, err = a.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Comment: "from the file", Activate: true})
	must(t, err)
	token, err := a.Invite(s.ctx, "ann", time.Minute, false)
	must(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	id, _, _ := strings.Cut(token.Token, ".")
	ask := func(name string) error {
		in := httpapi.JoinRequest{Token: token.Token, Server: name}
		in.Identity, in.Proof = election.ProveAdmission(key, id, name)
		_, err := a.Admit(s.ctx, in)
		return err
	}
	// The API lets no such name in; another caller might.
	if err := ask(strings.Repeat("ü", 100)); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a name of 200 bytes: %v", err)
	}
	must(t, ask("C"))
	select {
	case err := <-a.done:
		a.done <- nil
		t.Errorf("the primary has ended: %v", err)
	default:
	}
}
