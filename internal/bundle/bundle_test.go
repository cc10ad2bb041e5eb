// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// small is a bundle with a file of every kind.
func small(t testing.TB) map[string][]byte {
	t.Helper()
	heap := []byte("a profile")
	return map[string][]byte{
		Settings: []byte(`{"window":"10m"}`), Moment: []byte(`{"now":"2026-01-02T03:04:05Z"}`), Answers: []byte(`[]`), Policy: []byte("policy"),
		Decision: []byte(`{"verdict":"pass"}`), Environment: []byte(`{}`), Input: []byte(`{"a":1}`), Stats: []byte(`{"b":2}`), Profile(heap): heap,
	}
}

func made(t testing.TB, files map[string][]byte) *Bundle {
	t.Helper()
	b, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func packed(t testing.TB, b *Bundle) []byte {
	t.Helper()
	text, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// member is one file of a tar that need not be ours.
type member struct {
	header  tar.Header
	content string
}

func plainMember(name, content string) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, content}
}

// members are those of a bundle, in the order in which it writes them.
func members(b *Bundle) []member {
	all := []member{plainMember(Manifest, string(b.manifest))}
	for _, name := range b.Names() {
		all = append(all, plainMember(name, string(b.files[name])))
	}
	return all
}

func archived(t testing.TB, all []member) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, m := range all {
		if m.header.Typeflag == tar.TypeReg {
			m.header.Size = int64(len(m.content))
		}
		if err := archive.WriteHeader(&m.header); err != nil {
			t.Fatal(err)
		}
		if m.header.Typeflag == tar.TypeReg {
			if _, err := archive.Write([]byte(m.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func refused(t *testing.T, text []byte, limits Limits, kind Kind, words string) {
	t.Helper()
	b, err := Read(text, limits)
	var typed *Error
	if b != nil || !errors.As(err, &typed) || typed.Kind != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %s with %q", err, kind, words)
	}
}

func TestRoundTrip(t *testing.T) {
	b := made(t, small(t))
	unsigned := b.Digest()
	if err := b.Attach([]byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	text := packed(t, b)
	if !bytes.Equal(text, packed(t, made2(t, b))) {
		t.Error("the same files were packed to other bytes")
	}
	got, err := Read(text, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != unsigned || string(got.Attestation()) != "{}\n" || !maps.EqualFunc(got.files, b.files, bytes.Equal) {
		t.Errorf("got %s %q %v", got.Digest(), got.Attestation(), got.Names())
	}
}

// made2 makes the bundle again from its parts.
func made2(t testing.TB, b *Bundle) *Bundle {
	again := made(t, b.files)
	if err := again.Attach(b.attestation); err != nil {
		t.Fatal(err)
	}
	return again
}

// TestManifest pins the form that the digest is taken of.
func TestManifest(t *testing.T) {
	files := small(t)
	delete(files, Input)
	delete(files, Stats)
	const want = `{
  "schema_version": 1,
  "files": [
    {
      "name": "answers.json",
      "sha256": "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
      "size": 2
    },
`
	if got := string(made(t, files).Manifest()); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n  ]\n}\n") {
		t.Errorf("got %s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ name, add, remove, words string }{
		{"an unknown file", "passwd", "", "none of the files"},
		{"a manifest", Manifest, "", "none of the files"},
		{"an attestation", Attestation, "", "none of the files"},
		{"a path", "../" + Settings, "", "none of the files"},
		{"a profile of another name", "profiles/" + strings.Repeat("0", 64), "", "not the profile"},
		{"nothing where there must be something", "", Answers, "answers.json is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := small(t)
			delete(files, c.remove)
			if c.add != "" {
				files[c.add] = []byte("x")
			}
			if _, err := New(files); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want %q", err, c.words)
			}
		})
	}
}

// TestTampering changes every byte of every file, and takes, adds and swaps files, with the manifest as it was.
func TestTampering(t *testing.T) {
	b := made(t, small(t))
	honest := members(b)
	if _, err := Read(archived(t, honest), DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	for at, m := range honest {
		for i := range len(m.content) {
			changed := slices.Clone(honest)
			text := []byte(m.content)
			text[i] ^= 1
			changed[at].content = string(text)
			if _, err := Read(archived(t, changed), DefaultLimits()); err == nil {
				t.Errorf("%s was read with its byte %d changed", m.header.Name, i)
			}
		}
	}
	for at := 1; at < len(honest); at++ {
		refused(t, archived(t, slices.Delete(slices.Clone(honest), at, at+1)), DefaultLimits(), KindTampered, "not in the bundle")
		swapped := slices.Clone(honest)
		other := 1 + at%(len(honest)-1)
		swapped[at].content, swapped[other].content = swapped[other].content, swapped[at].content
		refused(t, archived(t, swapped), DefaultLimits(), KindTampered, "the manifest says")
	}
	refused(t, archived(t, append(slices.Clone(honest), plainMember(Sites, "[]"))), DefaultLimits(), KindTampered, "not in the manifest")
	refused(t, archived(t, honest[1:]), DefaultLimits(), KindMalformed, "manifest.json is missing")

	spaced := slices.Clone(honest)
	spaced[0].content += " "
	refused(t, archived(t, spaced), DefaultLimits(), KindTampered, "not written as")
	twice := slices.Clone(honest)
	twice[0].content = strings.Replace(twice[0].content, `"schema_version": 1,`, `"schema_version": 2, "schema_version": 1,`, 1)
	refused(t, archived(t, twice), DefaultLimits(), KindTampered, "not written as")
	later := slices.Clone(honest)
	later[0].content = strings.Replace(later[0].content, `"schema_version": 1,`, `"schema_version": 2,`, 1)
	refused(t, archived(t, later), DefaultLimits(), KindMalformed, "want schema_version 1 (got 2)")
}

func TestHostileArchives(t *testing.T) {
	b := made(t, small(t))
	honest, whole := members(b), packed(t, b)
	with := func(m member) []byte { return archived(t, append(slices.Clone(honest), m)) }
	link := func(kind byte) []byte {
		return with(member{tar.Header{Typeflag: kind, Name: Sites, Linkname: Settings, Mode: 0o644}, ""})
	}
	var second bytes.Buffer
	zipped := gzip.NewWriter(&second)
	if err := errors.Join(zipped.Close()); err != nil {
		t.Fatal(err)
	}
	tailed := slices.Concat(unzipped(t, whole), []byte("tail"))
	for _, c := range []struct {
		name  string
		text  []byte
		kind  Kind
		words string
	}{
		{"nothing", nil, KindMalformed, "want a gzipped tar"},
		{"no gzip", []byte("PK\x03\x04"), KindMalformed, "want a gzipped tar"},
		{"cut off", whole[:len(whole)/2], KindMalformed, "want a gzipped tar"},
		{"without its checksum", whole[:len(whole)-4], KindMalformed, "want a gzipped tar"},
		{"bytes behind the gzip", slices.Concat(whole, []byte("x")), KindMalformed, "lie behind the archive"},
		{"a second gzip behind the first", slices.Concat(whole, second.Bytes()), KindMalformed, "lie behind the archive"},
		{"bytes behind the tar", rezipped(t, tailed), KindMalformed, "behind the last file"},
		{"a symbolic link", link(tar.TypeSymlink), KindMalformed, "no plain file"},
		{"a hard link", link(tar.TypeLink), KindMalformed, "no plain file"},
		{"a folder", with(member{tar.Header{Typeflag: tar.TypeDir, Name: "profiles/"}, ""}), KindMalformed, "no plain file"},
		{"a device", with(member{tar.Header{Typeflag: tar.TypeChar, Name: Sites}, ""}), KindMalformed, "no plain file"},
		{"a path upwards", with(plainMember("../settings.json", "x")), KindMalformed, "none of the files"},
		{"an absolute path", with(plainMember("/settings.json", "x")), KindMalformed, "none of the files"},
		{"another spelling", with(plainMember("./settings.json", "x")), KindMalformed, "none of the files"},
		{"another case", with(plainMember("Settings.json", "x")), KindMalformed, "none of the files"},
		{"a name too many", with(plainMember("settings.json.bak", "x")), KindMalformed, "none of the files"},
		{"a file twice", with(plainMember(Settings, "x")), KindMalformed, "there twice"},
		{"a manifest twice", with(plainMember(Manifest, "{}")), KindMalformed, "there twice"},
		{"extended headers", with(member{tar.Header{Typeflag: tar.TypeReg, Name: Sites, PAXRecords: map[string]string{"HEAPGATE.x": "y"}}, "x"}), KindMalformed, "extended headers"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.text, DefaultLimits(), c.kind, c.words) })
	}
}

// TestLimits fills each limit to the brim, and then by one more.
func TestLimits(t *testing.T) {
	b := made(t, small(t))
	text, total := packed(t, b), len(unzipped(t, packed(t, b)))
	if _, err := Read(text, Limits{Packed: len(text), Inflated: total, Files: len(b.files)}); err != nil {
		t.Error(err)
	}
	refused(t, text, Limits{Packed: len(text) - 1, Inflated: total, Files: len(b.files)}, KindTooLarge, "want at most")
	refused(t, text, Limits{Packed: len(text), Inflated: total - 1, Files: len(b.files)}, KindTooLarge, "inflates to more")
	refused(t, text, Limits{Packed: len(text), Inflated: total, Files: len(b.files) - 2}, KindTooLarge, "want at most")

	// A header may promise what is not there; nothing is allocated for it.
	bomb := []member{plainMember(Settings, strings.Repeat("0", 8<<20))}
	refused(t, archived(t, bomb), Limits{Packed: 1 << 20, Inflated: 1 << 20, Files: 9}, KindTooLarge, "want at most")
	if err := b.Attach(make([]byte, maxAttestation+1)); err == nil {
		t.Error("an attestation without bounds was attached")
	}
}

func unzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(reader); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func rezipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	_, err := zipped.Write(text)
	if err := errors.Join(err, zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzRead takes a tar, because a fuzzer does not get behind gzip's checksum, and the gzip itself. What can be read is written with the
// same digest; all else is an *Error and no bundle.
func FuzzRead(f *testing.F) {
	b := made(f, small(f))
	f.Add(unzipped(f, packed(f, b)), true)
	f.Add(packed(f, b), false)
	if err := b.Attach([]byte("{}\n")); err != nil {
		f.Fatal(err)
	}
	f.Add(unzipped(f, packed(f, b)), true)
	limits := Limits{Packed: 1 << 20, Inflated: 1 << 20, Files: 16}
	f.Fuzz(func(t *testing.T, text []byte, isTar bool) {
		if isTar {
			text = rezipped(t, text)
		}
		got, err := Read(text, limits)
		if err != nil {
			var typed *Error
			if got != nil || !errors.As(err, &typed) {
				t.Fatalf("got %v with %T %v", got, err, err)
			}
			return
		}
		again, err := Read(packed(t, got), limits)
		if err != nil || again.Digest() != got.Digest() || !bytes.Equal(again.Attestation(), got.Attestation()) {
			t.Fatalf("read %s, wrote %v (%v)", got.Digest(), again, err)
		}
	})
}
