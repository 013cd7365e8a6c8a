package server

import "github.com/understudy-io/understudy/domain"

// dataSilence is how long a partition may leave a fetch unanswered until it
// counts as out of sight: an empty answer comes after fetchWait.
const dataSilence = 3 * fetchWait

// sight is which partitions of the log answer this server. One may fail while
// the others go on: they can lie at several brokers.
type sight struct {
	answered []domain.Mono // the last good answer of each
	lostAt   domain.Mono   // when a fetch last failed, as a whole or in part
}

// missing are the partitions that cannot be read: they have not answered since a
// fetch failed, or for too long.
func (s *sight) missing(now domain.Mono) []int {
	var out []int
	for p, at := range s.answered {
		if at <= s.lostAt || now-at > dataSilence {
			out = append(out, p)
		}
	}
	return out
}
