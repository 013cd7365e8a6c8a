package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Share is what a server gives to one that joins.
type Share struct {
	Brokers []string
	// Secrets gives the files that all servers have alike, by their name; nil for none.
	Secrets func() map[string][]byte
}

// secrets are the files that a token gives as an answer has them, whole or what they hash
// to, and the names of those that it does not give. Who has the signing key can sign another
// history: it is given only where the log says that somebody wanted that.
func (s *Share) secrets(token election.Invitation, whole bool) (out []httpapi.Secret, withheld []string) {
	files := s.Secrets()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == httpapi.SecretSigning && !token.Signing {
			withheld = append(withheld, name)
			continue
		}
		sum := sha256.Sum256(files[name])
		one := httpapi.Secret{Name: name, Hash: hex.EncodeToString(sum[:])}
		if whole {
			one.Content = string(files[name])
		}
		out = append(out, one)
	}
	return out, withheld
}

// faults says what a new server could not read: a token is good once, and would be used up.
func (s *Share) faults() (out []string) {
	files := s.Secrets()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if size := len(files[name]); size > httpapi.MaxSecret {
			out = append(out, fmt.Sprintf("the %s of this server would be %d bytes, and a server reads %d: make that file shorter, or ask another server", name, size, httpapi.MaxSecret))
		}
	}
	return out
}

// Invite implements httpapi.Cluster. The log keeps no more than a hash of the secret.
func (s *Server) Invite(ctx context.Context, user string, lasting time.Duration, signing bool) (httpapi.Invitation, error) {
	id, secret := strings.ToLower(rand.Text()[:8]), rand.Text()
	until := time.Now().Add(lasting)
	_, err := s.decide(ctx, decision{
		subject: s.me(),
		record:  just(domain.Invited{ID: id, Hash: election.HashOfToken(secret), Until: domain.InstantOf(until), By: user, Signing: signing}),
		void:    ": by its time the token has run out already",
		refused: func(m *election.Server) error {
			if why := m.State().Crowded(domain.InstantOf(time.Now())); why != "" {
				return fmt.Errorf("%s: %w", why, domain.ErrConflict)
			}
			return nil
		},
		holds: func(st *election.State) bool {
			_, ok := st.Token(id, secret)
			return ok
		},
	})
	return httpapi.Invitation{Token: id + "." + secret, Until: until}, err
}

// Admit implements httpapi.Cluster. Anybody may ask, so that nothing is done for who shows
// no token or no proof. Who proves to be whom a token was used for gets the same answer
// again, as long as it lives.
func (s *Server) Admit(ctx context.Context, in httpapi.JoinRequest) (httpapi.Admission, error) {
	id, secret, _ := strings.Cut(in.Token, ".")
	if id == "" || secret == "" {
		return httpapi.Admission{}, fmt.Errorf("this is no token: it is mistyped; `understudy cluster token` makes one: %w", domain.ErrConflict)
	}
	if !election.AdmissionProven(id, in.Server, in.Identity, in.Proof) {
		return httpapi.Admission{}, fmt.Errorf("the request is not signed with the key of identity %q: ask with `understudy cluster join`, of the landscape's release: %w", in.Identity, domain.ErrConflict)
	}
	out := httpapi.Admission{
		Landscape: s.options.Landscape, Partitions: s.options.Partitions, Brokers: s.options.Share.Brokers, Build: s.options.Build, Time: time.Now(),
	}
	if s.options.Share.Secrets == nil {
		return out, fmt.Errorf("this server has no keys to give: ask another one: %w", domain.ErrConflict)
	}
	var refusal error
	var shown election.Invitation
	if err := s.control.ask(ctx, func(m *election.Server) {
		if refusal = cmp.Or(s.Closed(), usable(m.State(), id, secret, in)); refusal == nil {
			shown, _ = m.State().Token(id, secret)
			out.Faults = s.faults(m, in)
		}
	}); err != nil || refusal != nil {
		return out, cmp.Or(err, refusal)
	}
	out.Secrets, out.Withheld = s.options.Share.secrets(shown, false)
	out.Faults = append(out.Faults, s.options.Share.faults()...)
	var active, latest uint64
	if err := s.core.call(ctx, func() {
		active, latest = s.core.machine.ActiveRevision(), s.core.machine.States()[domain.PartitionOfRevisions].LatestRevision()
	}); err != nil {
		return out, err
	}
	if active == 0 {
		out.Faults = append(out.Faults, fmt.Sprintf("no configuration of this landscape is active, so each server's own file says what devices there are, and the new one's names none: `understudy config export --to FILE`, then `understudy config publish FILE --if-match %d --activate`", latest))
	}
	if in.Check {
		return out, nil
	}
	if len(out.Faults) > 0 {
		return out, fmt.Errorf("%s: %w", strings.Join(out.Faults, "; "), domain.ErrConflict)
	}
	used := func(st *election.State) bool {
		token, ok := st.Token(id, secret)
		return !ok || token.Used != ""
	}
	if _, err := s.decide(ctx, decision{
		subject: in.Server, record: just(domain.Admitted{ID: id, Identity: in.Identity}),
		void:    ": by its time the token had run out; `understudy cluster token` makes another one",
		refused: func(m *election.Server) error { return usable(m.State(), id, secret, in) }, holds: used,
	}); err != nil {
		return out, err
	}
	err := s.control.ask(ctx, func(m *election.Server) { refusal = usable(m.State(), id, secret, in) })
	if err = cmp.Or(err, refusal); err == nil {
		out.Secrets, out.Withheld = s.options.Share.secrets(shown, true)
	}
	return out, err
}

// usable says why a token is no good.
func usable(st *election.State, id, secret string, in httpapi.JoinRequest) error {
	token, ok := st.Token(id, secret)
	switch {
	case !ok:
		return fmt.Errorf("this token is not known: it is mistyped, or has run out; `understudy cluster token` makes one: %w", domain.ErrConflict)
	case token.Used != "" && (token.Used != in.Server || token.Identity != in.Identity):
		return fmt.Errorf("this token was used for server %s; `understudy cluster token` makes another one: %w", token.Used, domain.ErrConflict)
	case !time.Now().Before(token.Until.Time()):
		return fmt.Errorf("this token ran out at %s; `understudy cluster token` makes another one: %w", token.Until.Time().Format(time.DateTime), domain.ErrConflict)
	}
	return nil
}

// faults says all that keeps a server from joining, as this one sees it.
func (s *Server) faults(m *election.Server, in httpapi.JoinRequest) (out []string) {
	if why := m.Unwelcome(in.Server, domain.Joined{Precedence: in.Precedence, Identity: in.Identity}); why != "" {
		out = append(out, why)
	}
	for _, e := range m.State().Members() {
		switch away, _ := m.State().Known(e.Name); {
		case away || e.Identity == "":
		case e.Name == in.Server && e.Identity != in.Identity:
			out = append(out, fmt.Sprintf("another installation runs as %s, at %s: choose another name", e.Name, e.Address))
		case e.Name != in.Server && e.Identity == in.Identity:
			out = append(out, fmt.Sprintf("this data folder has the identity of %s, at %s: choose an empty folder", e.Name, e.Address))
		}
	}
	return out
}
