package partition

// pool keeps each value once, for those who need the same ones over and over.
type pool[T comparable] struct {
	slab[pooled[T]]
	numbers map[T]uint32
	clone   func(T) T // what is kept shares no memory with a record
	recent  [2]uint32 // used last; mostly the next one is one of them
}

type pooled[T any] struct {
	value T
	uses  int
}

func newPool[T comparable](clone func(T) T) pool[T] {
	return pool[T]{numbers: make(map[T]uint32), clone: clone}
}

// use gives the number of a value, to be released once.
func (p *pool[T]) use(v T) uint32 {
	n := p.recent[0]
	if n == 0 || p.at(n).value != v {
		n = p.recent[1]
		if n == 0 || p.at(n).value != v {
			n = p.numberOf(v)
		}
		p.recent[0], p.recent[1] = n, p.recent[0]
	}
	p.edit(n).uses++
	return n
}

func (p *pool[T]) numberOf(v T) uint32 {
	n, ok := p.numbers[v]
	if !ok {
		v = p.clone(v)
		n = p.add(pooled[T]{value: v})
		p.numbers[v] = n
	}
	return n
}

func (p *pool[T]) release(n uint32) {
	x := p.edit(n)
	if x.uses--; x.uses == 0 {
		delete(p.numbers, x.value)
		p.drop(n)
		for i, r := range p.recent {
			if r == n {
				p.recent[i] = 0
			}
		}
	}
}
