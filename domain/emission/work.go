package emission

import "github.com/understudy-io/understudy/domain"

// Work is an accepted command that has no outcome yet.
type Work struct {
	UID     string
	Command domain.Position
	Effect  domain.Effect
	Payload domain.Payload
	// Wishes are the targets that are still the newest wish; Lost are those
	// that a newer command had overtaken before the queue was built.
	Wishes []domain.Value
	Lost   []Loss
	// Read is when this server read the command, Deadline when it is too old
	// to be sent.
	Read, Deadline domain.Mono
	// Started says that an earlier primary has written the action ahead: a
	// one-shot may have been sent.
	Started bool
	// Gone says that the device it was for is no longer there, though one of its name is.
	Gone bool
}

// Loss is a wish that a newer command has overtaken.
type Loss struct {
	Target domain.Target
	By     string // the UID of the newer command
}

type stage uint8

const (
	waiting  stage = iota // in the queue, nothing sent
	reading               // a queryable's device is being read
	starting              // a one-shot's write-ahead is under way
	cleared               // a one-shot's write-ahead was read back; a queryable's device was
	emitting              // handed to the link, which has not returned
	sent                  // with the device; its answer or report is awaited
	ended                 // its outcome has been decided
)

// job is a work on its way through the queue.
type job struct {
	Work
	stage  stage
	ref    uint64
	items  []item
	acked  bool
	again  bool // sent once more because only its acknowledgement was missing
	sentAt domain.Mono
	giveUp domain.Mono // when a sent action has waited long enough
	steps  domain.Steps
}

// item is one wish of a job and what became of it.
type item struct {
	domain.Value
	state itemState
	by    string
}

type itemState uint8

const (
	open itemState = iota
	met
	overtaken
	missed
)

func newJob(w Work) *job {
	j := &job{Work: w, items: make([]item, 0, len(w.Wishes)+len(w.Lost))}
	for _, v := range w.Wishes {
		j.items = append(j.items, item{Value: v})
	}
	for _, l := range w.Lost {
		j.items = append(j.items, item{Value: domain.Value{Target: l.Target}, state: overtaken, by: l.By})
	}
	return j
}

// remaining are the wishes that are still to be sent.
func (j *job) remaining() []domain.Value {
	out := make([]domain.Value, 0, len(j.items))
	for _, it := range j.items {
		if it.state == open {
			out = append(out, it.Value)
		}
	}
	return out
}

// settled says that no item is open; an action without targets never settles by reports.
func (j *job) settled() bool {
	for _, it := range j.items {
		if it.state == open {
			return false
		}
	}
	return len(j.items) > 0
}

func (j *job) unsent() bool { return j.stage < emitting }
