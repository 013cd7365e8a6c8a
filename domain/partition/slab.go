package partition

// slab keeps values in chunks, by number, so that a great many of them are a
// few objects for the garbage collector, and those without pointers none to
// look into. Numbers begin at 1 and are used again; which one a value gets has
// no meaning outside.
type slab[T any] struct {
	view[T]
	shared []bool // by chunk: a frozen view has it too
	free   []uint32
	used   uint32
}

// view reads a slab. That of a frozen slab goes on reading what was there then,
// from any goroutine.
type view[T any] struct{ chunks []*chunk[T] }

type chunk[T any] [chunkSize]T

const chunkSize = 256

// at is for reading only.
func (v view[T]) at(n uint32) *T { return &v.chunks[(n-1)/chunkSize][(n-1)%chunkSize] }

// edit is for writing. What was read before may lie elsewhere then.
func (s *slab[T]) edit(n uint32) *T {
	c := (n - 1) / chunkSize
	if s.shared[c] {
		own := *s.chunks[c]
		s.chunks[c], s.shared[c] = &own, false
	}
	return s.at(n)
}

func (s *slab[T]) add(v T) uint32 {
	n := s.used + 1
	if last := len(s.free) - 1; last >= 0 {
		n, s.free = s.free[last], s.free[:last]
	} else {
		s.used = n
	}
	if int(n) > len(s.chunks)*chunkSize {
		s.chunks, s.shared = append(s.chunks, new(chunk[T])), append(s.shared, false)
	}
	*s.edit(n) = v
	return n
}

func (s *slab[T]) drop(n uint32) {
	var none T
	*s.edit(n) = none
	s.free = append(s.free, n)
}

// freeze gives a view of what is there now. A chunk is copied when it is first
// written to afterwards.
func (s *slab[T]) freeze() view[T] {
	for c := range s.shared {
		s.shared[c] = true
	}
	return view[T]{append([]*chunk[T](nil), s.chunks...)}
}
