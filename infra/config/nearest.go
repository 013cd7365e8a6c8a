package config

import (
	"fmt"
	"strings"
)

// foreign are keys that other clients of Kafka have, and why there is no such
// choice here.
var foreign = map[string]string{
	"acks":            "; there is no such choice: every append waits for all replicas that are in sync, so that no acknowledged command is lost",
	"max_connections": "; for a device that takes one connection give standby_polling: false",
	"group_id":        "; there is no such choice: every server reads everything and keeps its own position",
}

// hint names the key that was probably meant: the nearest of those that may
// stand there, or one of the same name elsewhere.
func hint(key string, known []string, where string) string {
	if why, ok := foreign[strings.ToLower(key)]; ok {
		return why
	}
	if best, ok := nearest(key, known); ok {
		return fmt.Sprintf("; did you mean %s?", join(where, best))
	}
	for _, k := range Keys() {
		if strings.HasSuffix(k.Name, "."+key) {
			return fmt.Sprintf("; did you mean %s?", k.Name)
		}
	}
	return "; here may stand " + strings.Join(known, ", ")
}

// nearest finds the name with the fewest edits, if they are few for its length.
func nearest(key string, known []string) (best string, found bool) {
	limit := max(1, len(key)/3) + 1
	for _, k := range known {
		if d := edits(strings.ToLower(key), strings.ToLower(k)); d < limit {
			best, limit, found = k, d, true
		}
	}
	return best, found
}

// edits counts the letters to insert, delete or replace to get from a to b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
