package election

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestAViewIsOfUseWhereAllThatFollowsIsRetained(t *testing.T) {
	state := NewState()
	for i := range int64(5) {
		state.Apply(domain.Record{
			Position: domain.Position{Offset: i}, Signed: true, Subject: "a", UID: "u", Payload: domain.Joined{Incarnation: "a1"},
		})
	}
	view := domain.Record{Payload: domain.View{At: 4, State: state.Export()}}
	for start, want := range map[int64]bool{0: true, 5: true, 6: false} {
		got, ok := FromView(view, start)
		if ok != want || ok && got.Next() != 5 {
			t.Errorf("where control begins at %d: %v, %v", start, got, ok)
		}
	}
	ahead := domain.Record{Payload: domain.View{At: 7, State: state.Export()}}
	forged, other := view, domain.Record{Payload: domain.Joined{}}
	forged.Defect = domain.DefectUnsigned
	for name, r := range map[string]domain.Record{"of another position than its state": ahead, "forged": forged, "none": other} {
		if _, ok := FromView(r, 0); ok {
			t.Errorf("a view that is %s is of use", name)
		}
	}
}
