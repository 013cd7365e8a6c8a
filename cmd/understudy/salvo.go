package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-io/understudy/domain"
)

// maxSalvoFile is far more than 288 crosspoints need.
const maxSalvoFile = 256 << 10

// parseSalvo reads lines "DEST SOURCE [LEVEL]", or a list in JSON or YAML.
func parseSalvo(text []byte) ([]domain.Take, error) {
	takes, err := parseTakes(text)
	if err != nil {
		return nil, err
	}
	if len(takes) == 0 || len(takes) > domain.MaxSalvo {
		return nil, fmt.Errorf("it has %d crosspoints: give 1 to %d: %w", len(takes), domain.MaxSalvo, domain.ErrInvalid)
	}
	for i, t := range takes {
		if t.Destination < 1 || t.Source < 1 {
			return nil, fmt.Errorf("crosspoint %d: destination and source count from 1: %w", i+1, domain.ErrInvalid)
		}
	}
	return takes, nil
}

func parseTakes(text []byte) ([]domain.Take, error) {
	first := ""
	for line := range strings.Lines(string(text)) {
		if line = bare(line); line != "" {
			first = line
			break
		}
	}
	if first != "" && first[0] >= '0' && first[0] <= '9' {
		return parseLines(string(text))
	}
	return parseList(text)
}

func parseLines(text string) ([]domain.Take, error) {
	var takes []domain.Take
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(bare(line))
		if len(words) == 0 {
			continue
		}
		if len(words) > 3 || len(words) < 2 {
			return nil, fmt.Errorf("line %d: write DEST SOURCE [LEVEL], for example 5 12: %w", n, domain.ErrInvalid)
		}
		dest, err1 := strconv.Atoi(words[0])
		source, err2 := strconv.Atoi(words[1])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("line %d: destination and source must be whole numbers: %w", n, domain.ErrInvalid)
		}
		t := domain.Take{Destination: dest, Source: source}
		if len(words) == 3 {
			t.Level = words[2]
		}
		takes = append(takes, t)
	}
	return takes, nil
}

// bare is a line without its comment.
func bare(line string) string {
	line, _, _ = strings.Cut(line, "#")
	return strings.TrimSpace(line)
}

// parseList reads JSON too, which is YAML. A field never heard of is an error.
func parseList(text []byte) ([]domain.Take, error) {
	type take struct {
		Level       string `yaml:"level"`
		Destination int    `yaml:"destination"`
		Source      int    `yaml:"source"`
	}
	var list []take
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		where := err.Error()
		if wrong, ok := errors.AsType[*yaml.TypeError](err); ok { // its words are about our types
			where, _, _ = strings.Cut(wrong.Errors[0], ":")
		}
		return nil, fmt.Errorf("%s: write lines DEST SOURCE [LEVEL], or a list of {destination, source, level}: %w", where, domain.ErrInvalid)
	}
	takes := make([]domain.Take, len(list))
	for i, t := range list {
		takes[i] = domain.Take{Level: t.Level, Destination: t.Destination, Source: t.Source}
	}
	return takes, nil
}
