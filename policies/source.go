// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	maxFiles     = 1000
	maxFileBytes = 1 << 20

	defaultsFile = "data/defaults.yaml"
	schemasDir   = "schemas"
	checksDir    = "checks" // judges the rules, not a workload
)

// source is the text of a pack by slash-separated path.
type source struct {
	modules  map[string]string
	schemas  map[string][]byte
	defaults []byte
}

// readSource collects what belongs to a pack. Tests are no part of it; hidden entries are not either, because a mounted ConfigMap
// shows every file a second time below a folder named ..data.
func readSource(files fs.FS) (*source, error) {
	src := &source{modules: map[string]string{}, schemas: map[string][]byte{}}
	err := src.walk(files, ".")
	switch {
	case err != nil:
		return nil, err
	case len(src.modules) == 0:
		return nil, errors.New("no .rego file found; a pack has its rules below gate/")
	case src.defaults == nil:
		return nil, fmt.Errorf("%s is missing; it holds the limits of the rules", defaultsFile)
	}
	return src, nil
}

func (s *source) walk(files fs.FS, root string) error {
	return fs.WalkDir(files, root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(entry.Name(), "."), entry.IsDir() && (entry.Name() == "testdata" || name == checksDir):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			return s.follow(files, name)
		}
		return s.add(files, name)
	})
}

// follow adds what a symbolic link points at. In a mounted ConfigMap gate is a link to the folder ..data/gate; a link to a folder
// anywhere deeper could lead in circles.
func (s *source) follow(files fs.FS, name string) error {
	info, err := fs.Stat(files, name)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return s.add(files, name)
	case strings.Contains(name, "/"):
		return fmt.Errorf("%s is a link to a folder; only the topmost folders may be links", name)
	}
	return s.walk(files, name)
}

func (s *source) add(files fs.FS, name string) error {
	isModule := strings.HasSuffix(name, ".rego") && !strings.HasSuffix(name, "_test.rego")
	isSchema := path.Dir(name) == schemasDir && path.Ext(name) == ".json"
	if !isModule && !isSchema && name != defaultsFile {
		return nil
	}
	if len(s.modules)+len(s.schemas) >= maxFiles {
		return fmt.Errorf("more than %d files", maxFiles)
	}
	content, err := readLimited(files, name)
	if err != nil {
		return err
	}
	switch {
	case isModule:
		s.modules[name] = string(content)
	case isSchema:
		s.schemas[name] = content
	default:
		s.defaults = content
	}
	return nil
}

func readLimited(files fs.FS, name string) ([]byte, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	err = errors.Join(err, file.Close())
	if err == nil && len(content) > maxFileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFileBytes)
	}
	return content, err
}

// digest hashes, in the order of their paths, everything that can change a decision. Length prefixes keep two files from
// being read as one.
func (s *source) digest(limits map[string]any) (string, error) {
	entries := maps.Clone(s.schemas)
	for name, text := range s.modules {
		entries[name] = []byte(text)
	}
	effective, err := json.Marshal(limits)
	if err != nil {
		return "", err
	}
	builtins, err := capabilitiesJSON()
	if err != nil {
		return "", err
	}
	entries["data/limits.json"], entries["capabilities.json"] = effective, builtins

	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		_, _ = fmt.Fprintf(sum, "%d:%s%d:%s", len(name), name, len(entries[name]), entries[name])
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
