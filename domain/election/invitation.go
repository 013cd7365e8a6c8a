package election

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// maxInvitations bounds the tokens that are kept.
const maxInvitations = 32

// Invitation is a token with which one server may join.
type Invitation struct {
	ID       string         `json:"id"`
	Hash     string         `json:"hash"` // SHA-256 of its secret, in hexadecimal digits
	Until    domain.Instant `json:"until"`
	By       string         `json:"by"`
	Used     string         `json:"used,omitempty"`     // the member that it was used for
	Identity string         `json:"identity,omitempty"` // of that member
	Signing  bool           `json:"signing,omitempty"`  // the signing key is given for it too
}

// HashOfToken is what the log keeps of a token's secret.
func HashOfToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Token finds a token of which somebody shows the secret.
func (s *State) Token(id, secret string) (Invitation, bool) {
	i := s.invitation(id)
	if i == nil || subtle.ConstantTimeCompare([]byte(HashOfToken(secret)), []byte(i.Hash)) == 0 {
		return Invitation{}, false
	}
	return *i, true
}

func (s *State) invitation(id string) *Invitation {
	at := slices.IndexFunc(s.invitations, func(i Invitation) bool { return i.ID == id })
	if at < 0 {
		return nil
	}
	return &s.invitations[at]
}

func (i Invitation) sound() bool {
	hash, err := hex.DecodeString(i.Hash)
	return i.ID != "" && sound(i.ID, domain.MaxUID) && sound(i.By, domain.MaxText) && err == nil && len(hash) == sha256.Size
}

// faultOfTokens says what cannot be true of those of a folded state.
func faultOfTokens(all []Invitation) string {
	if len(all) > maxInvitations {
		return "more tokens than there may be"
	}
	for at, i := range all {
		switch {
		case !i.sound() || i.Used != "" && i.Identity == "":
			return fmt.Sprintf("token %q makes no sense", i.ID)
		case at > 0 && all[at-1].ID >= i.ID:
			return fmt.Sprintf("token %q is there twice or out of order", i.ID)
		}
	}
	return ""
}

func (i Invitation) ranOut(at domain.Instant) bool { return i.Until <= at }

// Crowded says why there can be no other token at a time; empty if there can.
func (s *State) Crowded(at domain.Instant) string {
	living := 0
	for _, i := range s.invitations {
		if !i.ranOut(at) {
			living++
		}
	}
	if living >= maxInvitations {
		return fmt.Sprintf("there are %d tokens already: wait until one has run out", maxInvitations)
	}
	return ""
}

// invited keeps a new token. Those that have run out go; used ones stay until then, so
// that whoever shows one again is told what became of it.
func (s *State) invited(r *domain.Record, v domain.Invited) Ruling {
	i := Invitation{ID: v.ID, Hash: v.Hash, Until: v.Until, By: v.By, Signing: v.Signing}
	switch {
	case !i.sound():
		return void("is no sound token")
	case v.Until <= r.Appended:
		return void("token %s has run out already", v.ID)
	case s.invitation(v.ID) != nil:
		return void("token %s is there already", v.ID)
	}
	if why := s.Crowded(r.Appended); why != "" {
		return void("%s", why)
	}
	s.invitations = slices.DeleteFunc(s.invitations, func(i Invitation) bool { return i.ranOut(r.Appended) })
	s.invitations = append(s.invitations, i)
	slices.SortFunc(s.invitations, func(a, b Invitation) int { return cmp.Compare(a.ID, b.ID) })
	return counts
}

// admitted uses a token up. The first use counts, wherever two were asked for at once.
func (s *State) admitted(r *domain.Record, v domain.Admitted) Ruling {
	i := s.invitation(v.ID)
	switch {
	case !sound(v.Identity, domain.MaxText) || v.Identity == "":
		return void("names no identity")
	case i == nil:
		return void("there is no token %q", v.ID)
	case i.Used != "":
		return void("token %s was used for %s", i.ID, i.Used)
	case r.Appended >= i.Until:
		return void("token %s has run out", i.ID)
	}
	i.Used, i.Identity = r.Subject, v.Identity
	return counts
}
