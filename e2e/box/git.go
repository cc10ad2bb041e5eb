// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Git is one bare repository that Argo CD reads, and a work tree to commit from. The branch is main.
type Git struct {
	URL string // file://...

	mu   sync.Mutex
	tree string
	env  []string
}

func (b *Box) newGit() (*Git, error) {
	bare, tree := filepath.Join(b.dir, "git", "apps.git"), filepath.Join(b.dir, "git", "tree")
	g := &Git{URL: "file://" + bare, tree: tree, env: append(b.environment(),
		"GIT_AUTHOR_NAME=e2e", "GIT_AUTHOR_EMAIL=e2e@heapgate.invalid", "GIT_COMMITTER_NAME=e2e", "GIT_COMMITTER_EMAIL=e2e@heapgate.invalid")}
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return nil, err
	}
	for _, line := range []string{"init -q --bare -b main " + bare, "init -q -b main", "remote add origin " + bare, "commit -q --allow-empty -m start", "push -q origin main"} {
		if _, err := g.git(strings.Fields(line)...); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Git) git(args ...string) (string, error) {
	command := exec.Command("git", args...)
	command.Dir, command.Env = g.tree, g.env
	text, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return strings.TrimSpace(string(text)), nil
}

// Commit writes files (path to content; no content removes the file or folder), pushes one commit and returns its SHA.
func (g *Git) Commit(t testing.TB, files map[string]string) string {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for path, text := range files {
		at := filepath.Join(g.tree, path)
		var err error
		if text == "" {
			err = os.RemoveAll(at)
		} else {
			err = writeText(at, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var sha string
	for _, line := range []string{"add --all .", "commit -q --allow-empty -m " + strings.ReplaceAll(t.Name(), " ", "_"), "push -q origin main", "rev-parse HEAD"} {
		var err error
		if sha, err = g.git(strings.Fields(line)...); err != nil {
			t.Fatal(err)
		}
	}
	return sha
}

// Folder reads a folder of this project as files for Commit, to be found in the repository under another path.
func Folder(t testing.TB, dir, as string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		relative, _ := filepath.Rel(dir, path)
		files[filepath.Join(as, relative)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
