package clerk

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// route is where an errand's record is read and where its own one goes. Either
// end may be away for a while.
type route struct {
	from  int32 // partition of the log
	topic domain.TopicKind
	to    int32
}

func routeOf(e Errand) route {
	switch e := e.(type) {
	case Chore:
		r := route{from: e.Position.Partition, topic: domain.TopicLog, to: e.Position.Partition}
		switch e.Kind {
		case partition.Forward:
			r.to = e.Owner
		case partition.DeadLetter:
			r.topic, r.to = domain.TopicDeadLetter, 0
		case partition.Again, partition.Refuse, partition.GiveAnswer:
		}
		return r
	case Relock:
		return route{from: e.Asked.Partition, topic: domain.TopicLog, to: e.Because.Partition}
	case Repeat:
		return route{from: e.Asked.Partition, topic: domain.TopicLog, to: e.Because.Partition}
	}
	return route{}
}

// lane holds the errands of one route, in order.
type lane struct {
	route
	waiting []Errand
	retryAt domain.Mono // the first one has failed
	pause   time.Duration
}

// lane is that of a route, which has something to do from now on.
func (m *Machine) lane(r route) *lane {
	if m.current != nil && m.current.route == r {
		return m.current
	}
	for _, l := range m.lanes {
		if l.route == r {
			return l
		}
	}
	l := &lane{route: r, pause: retryFrom}
	m.lanes = append(m.lanes, l)
	return l
}
