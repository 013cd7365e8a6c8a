package election

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// A server that begins with a view knows what operators have decided before it.
func TestAViewKeepsWhatWasDecided(t *testing.T) {
	s := NewState()
	for i, w := range []written{
		preferred("a1", 10), preferred("b1", 20), claimed("a1", 1, -1), limited(2), paused, drain("b1"),
		{"a1", domain.Contest{Epoch: 1, By: "ops", To: "b"}}, released("a1", 1), claimed("b1", 2, 7),
		banned("a1"), {"b1", domain.Dissolved{By: "ops"}},
	} {
		s.Apply(domain.Record{Position: domain.Position{Offset: int64(i)}, Subject: w.by[:1], Signed: true, Type: w.p.Type(), Payload: w.p})
	}
	restored, err := Restore(s.Export())
	if err != nil {
		t.Fatal(err)
	}
	if restored.Hash() != s.Hash() {
		t.Errorf("%s became %s", s.Export(), restored.Export())
	}
	policy, ok := restored.Policy()
	_, dissolved := restored.Dissolved()
	if b, _ := restored.Member("b"); !b.Drained || b.DrainedBy != "ops" {
		t.Errorf("who drained b is %q", b.DrainedBy)
	}
	if !ok || policy.MaxMembers != 2 || !restored.Paused().On || !dissolved || restored.moved == 0 || restored.Banned("a") == "" {
		t.Errorf("something is forgotten: %s", restored.Export())
	}
}

// What nobody has decided is not in a view: those of version 0.1.0 are what they were.
func TestAViewOfALandscapeWithoutDecisionsIsAsItWas(t *testing.T) {
	s := NewState()
	for i, w := range []written{join("a1"), claimed("a1", 1, -1), dead("a1")} {
		s.Apply(domain.Record{Position: domain.Position{Offset: int64(i)}, Subject: w.by[:1], Signed: true, Type: w.p.Type(), Payload: w.p})
	}
	want := `{"version":1,"next":3,"epoch":1,"held":false,"holder":{"name":"a","incarnation":"a1"},"heard":1,"heard_n":1,"ttl":1000000000,` +
		`"contested":false,"successor":"","cause":"failover","members":[{"name":"a","incarnation":"a1","joined":0,"precedence":0,"address":"",` +
		`"build":"","ready":false,"removed":false,"died":true,"quarantined":false,"last_heartbeat":{"incarnation":"","epoch":0,"n":0,"acked":0,` +
		`"ttl":0,"ready":false,"lag":0,"position":0,"guarded":false,"uptime":0},"last_seen":-1,"last_appended":0,"left":false,` +
		`"quarantined_as":"","removal":""}],"retired":[{"name":"a","incarnation":"a1"}]}`
	if got := string(s.Export()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
