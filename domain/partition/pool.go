package partition

// pool keeps each value once, for those who need the same ones over and over.
type pool[T comparable] struct {
	slab[pooled[T]]
	numbers map[T]uint32
}

type pooled[T any] struct {
	value T
	uses  int
}

func newPool[T comparable]() pool[T] { return pool[T]{numbers: make(map[T]uint32)} }

// use gives the number of a value, to be released once.
func (p *pool[T]) use(v T) uint32 {
	n, ok := p.numbers[v]
	if !ok {
		n = p.add(pooled[T]{value: v})
		p.numbers[v] = n
	}
	p.edit(n).uses++
	return n
}

func (p *pool[T]) release(n uint32) {
	x := p.edit(n)
	if x.uses--; x.uses == 0 {
		delete(p.numbers, x.value)
		p.drop(n)
	}
}
