package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// State is the state of one partition: the fold of its records so far.
type State struct {
	partition, partitions int32
	limits                Limits

	next     int64
	logTime  domain.Instant
	begun    bool // log time is set
	suspect  bool // the last append time was too far ahead to be believed
	epoch    uint64
	sequence uint64
	opener   string // incarnation that opened the epoch

	devices   map[string]*Device
	sorted    []*Device // by id
	verbs     verbLists // of the devices
	index     index
	chores    chores
	waiting   int // repeats that wait for an outcome
	counters  Counters
	revisions revisions

	frozen *Frozen   // whose devices are being copied; nil if none is
	fresh  []Pending // made together, not used yet

	hash         domain.Hash // sum over the items, without the head and what is stale
	stale        []hashed    // items that have changed
	staleEntries []uint32    // slots, likewise, up to maxListed
	manyStale    bool        // there are more: any may be stale
	buf          []byte      // scratch for canonical forms
}

// New is the state of a partition before its first record. Limits that are not
// given are the default ones.
func New(partition, partitions int32, limits Limits) *State {
	return &State{
		partition:  partition,
		partitions: max(partitions, 1),
		limits:     limits.orDefault(),
		devices:    make(map[string]*Device),
		verbs:      make(verbLists),
		index:      newIndex(),
		chores:     newChores(),
	}
}

// Partition is the number of the partition.
func (s *State) Partition() int32 { return s.partition }

// Limits are the limits that the state keeps.
func (s *State) Limits() Limits { return s.limits }

// Next is the offset after the last folded record.
func (s *State) Next() int64 { return s.next }

// LogTime is the time of the log: the highest append time that is believed. It
// never goes back. Zero before the first record.
func (s *State) LogTime() domain.Instant { return s.logTime }

// ClockSuspect says that the last append time was more than MaxJump ahead of
// log time, and no server confirmed it: somebody's clock is wrong.
func (s *State) ClockSuspect() bool { return s.suspect }

// Epoch is the highest epoch opened in this partition; 0 if none was.
func (s *State) Epoch() uint64 { return s.epoch }

// Sequence is the sequence of the last record of Epoch that counted.
func (s *State) Sequence() uint64 { return s.sequence }

// Opener is the incarnation that opened Epoch.
func (s *State) Opener() string { return s.opener }

// Forgotten is the highest ce_time of a UID that was forgotten. Commands that
// are not newer are refused as too old. Zero if none was forgotten.
func (s *State) Forgotten() domain.Instant { return s.index.forgotten }

// Counters are what the fold has decided so far.
func (s *State) Counters() Counters { return s.counters.clone() }

// Device finds a configured device, or a removed one that commands still wait for.
func (s *State) Device(id string) (*Device, bool) {
	d, ok := s.devices[id]
	return d, ok
}

// Devices lists them by id. The devices are live: read them before the next Apply.
func (s *State) Devices() []*Device { return slices.Clone(s.sorted) }

func (s *State) addDevice(d *Device) {
	id := d.Definition.Device
	s.devices[id] = d
	i, _ := slices.BinarySearchFunc(s.sorted, id, byID)
	s.sorted = slices.Insert(s.sorted, i, d)
}

func (s *State) dropDevice(d *Device) {
	id := d.Definition.Device
	delete(s.devices, id)
	s.releaseVerbs(d.Definition.Verbs)
	if i, ok := slices.BinarySearchFunc(s.sorted, id, byID); ok {
		s.sorted = slices.Delete(s.sorted, i, i+1)
	}
}

func byID(d *Device, id string) int { return strings.Compare(d.Definition.Device, id) }

func (s *State) at(offset int64) domain.Position {
	return domain.Position{Partition: s.partition, Offset: offset}
}
