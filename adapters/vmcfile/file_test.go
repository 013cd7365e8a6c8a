package vmcfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// V35: what was applied is in one file of a fixed name, and a failure leaves the old one.
func TestTheFileIsTheOldOneOrTheNewOne(t *testing.T) {
	dir := t.TempDir()
	f := In(dir)
	if _, err := f.Load(100); !errors.Is(err, domain.ErrNotFound) {
		t.Fatalf("no file: %v", err)
	}
	for _, text := range []string{"first", "second, and longer"} {
		if err := f.Save([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(100); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 || names[0].Name() != Name {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := f.Load(5); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("too large a file: %v", err)
	}

	if err := os.Mkdir(filepath.Join(dir, Name+".next"), 0o700); err != nil { // it cannot be written aside
		t.Fatal(err)
	}
	if err := f.Save([]byte("third")); err == nil {
		t.Error("it says that it was written")
	}
	if got, err := f.Load(100); err != nil || string(got) != "second, and longer" {
		t.Errorf("a failure leaves %q, %v", got, err)
	}
}
