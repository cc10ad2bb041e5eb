// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/internal/bundle"
)

// recordedProfile is what environment.json says of a profile that was given: a bundle knows it by its hash alone.
type recordedProfile struct {
	File    string `json:"file"`
	SHA256  string `json:"sha256"` // 64 hex digits
	Bytes   int    `json:"bytes"`
	LeftOut bool   `json:"left_out,omitempty"` // it is not in the bundle: there was no room for it
}

func recordProfiles(all []givenProfile) []recordedProfile {
	var recorded []recordedProfile
	for _, p := range all {
		hash, _ := bundle.ProfileHash(bundle.Profile(p.content))
		recorded = append(recorded, recordedProfile{p.file, hash, len(p.content), p.leftOut})
	}
	return recorded
}

// keptBundle is what became of the evidence.
type keptBundle struct {
	bundle   *bundle.Bundle
	digest   string
	profiles []recordedProfile
}

func (k keptBundle) leftOut() []recordedProfile {
	return slices.DeleteFunc(slices.Clone(k.profiles), func(p recordedProfile) bool { return !p.LeftOut })
}

// line says where the evidence is.
func (k keptBundle) line(place string) string {
	text := fmt.Sprintf("kept the evidence in %s: %s", printable(place), k.digest)
	if in := len(k.profiles) - len(k.leftOut()); in > 0 {
		text += ", with " + counted(in, "profile")
	}
	return text
}

// warning says which profiles are not in the bundle; "" if all are.
func (k keptBundle) warning() string {
	left := k.leftOut()
	if len(left) == 0 {
		return ""
	}
	var names []string
	for _, p := range left {
		names = append(names, fmt.Sprintf("%s (%d bytes)", p.File, p.Bytes))
	}
	return fmt.Sprintf("--profile: %d of %s left out of the bundle, which would be too large with: %s", len(left), counted(len(k.profiles), "profile"), strings.Join(names, ", "))
}

// fitBundle bundles and signs a report so that it packs into room bytes, if leaving out profiles is enough for that: the evidence comes
// first. Whether it fits without any is for its place to say.
func fitBundle(ctx context.Context, r report, room int, signKey string) (keptBundle, error) {
	profiles := slices.Clone(r.settings.profiles)
	r.settings.profiles = profiles
	for {
		b, err := bundleOf(r)
		if err == nil && signKey != "" {
			if err := signBundle(ctx, b, r, signKey); err != nil {
				return keptBundle{}, fmt.Errorf("--sign-key: %w", err)
			}
		}
		excess := 0
		var refused *bundle.Error
		switch {
		case errors.As(err, &refused) && refused.Kind == bundle.KindTooLarge:
			excess = math.MaxInt
		case err != nil:
			return keptBundle{}, err
		case slices.ContainsFunc(profiles, givenProfile.kept): // Only then is there anything to leave out.
			packed, err := b.Bytes()
			if err != nil {
				return keptBundle{}, err
			}
			excess = len(packed) - room
		}
		if excess <= 0 {
			return keptBundle{b, b.Digest(), recordProfiles(profiles)}, nil
		}
		if !leaveOut(profiles, excess) {
			return keptBundle{}, err // There was nothing left to leave out.
		}
	}
}

func (p givenProfile) kept() bool { return !p.leftOut }

// leaveOut leaves out the largest profiles, as the bundle packs them, until about so many bytes are saved. It tells whether there were any.
func leaveOut(profiles []givenProfile, excess int) bool {
	sizes := make([]int, len(profiles))
	for i, p := range profiles {
		if p.kept() {
			sizes[i] = packedSize(p.content)
		}
	}
	found := false
	for saved := 0; saved < excess; {
		largest := slices.Index(sizes, slices.Max(append(sizes, 0)))
		if largest < 0 || sizes[largest] == 0 {
			return found
		}
		profiles[largest].leftOut, found = true, true
		saved, sizes[largest] = saved+sizes[largest], 0
	}
	return found
}

// packedSize is what a profile adds to a bundle, about: at least one, so that progress is made.
func packedSize(content []byte) int {
	var out bytes.Buffer
	zipped, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // The level is one.
	_, _ = zipped.Write(content)                                 // To a buffer.
	_ = zipped.Close()
	return out.Len() + 1
}
