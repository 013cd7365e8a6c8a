package identityfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/understudy-io/understudy/adapters/identityfile"
	"github.com/understudy-io/understudy/domain"
)

func TestAFolderKeepsItsIdentityAndAnotherHasAnother(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := identityfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := identityfile.Open(dir)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the second start has another identity, %v", err)
	}
	other, err := identityfile.Open(t.TempDir())
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("two folders have one identity, %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("the folder holds %v, %v", files, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

func TestADamagedIdentityIsNoNewOne(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, identityfile.Name), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := identityfile.Open(dir); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
