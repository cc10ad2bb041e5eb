// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/policies"
)

// opened is a bundle whose files were understood.
type opened struct {
	bundle      *bundle.Bundle
	settings    gateSettings
	moment      lookMoment
	answers     []recordedAnswer
	decision    recordedDecision
	environment recordedEnvironment
	policy      []byte
}

// openRecord reads what a replay starts from. The bundle can come from anyone: its manifest holds, and that is all that is known.
func openRecord(b *bundle.Bundle) (*opened, error) {
	o := &opened{bundle: b}
	var recorded recordedSettings
	for _, one := range []struct {
		name string
		to   any
	}{
		{bundle.Settings, &recorded}, {bundle.Moment, &o.moment}, {bundle.Answers, &o.answers}, {bundle.Decision, &o.decision},
		{bundle.Environment, &o.environment},
	} {
		text, _ := b.File(one.name)
		if err := decodeRecord(text, one.to); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
	}
	if err := o.decision.replayable(); err != nil {
		return nil, err
	}
	var err error
	if o.settings, err = recorded.settings(); err != nil {
		return nil, err
	}
	if year := o.moment.Now.Year(); year < 2000 || year > 9999 {
		return nil, fmt.Errorf("%s: now must be the time of the look (got %s)", bundle.Moment, o.moment.Now)
	}
	o.policy, _ = b.File(bundle.Policy)
	return o, nil
}

// profiles are those in the bundle, named as whoever made it says, and then those that it says were left out.
func (o *opened) profiles() []recordedProfile {
	all := []recordedProfile{}
	for _, name := range o.bundle.Names() {
		hash, profile := bundle.ProfileHash(name)
		if !profile {
			continue
		}
		content, _ := o.bundle.File(name)
		one := recordedProfile{File: "(no name)", SHA256: hash, Bytes: len(content)}
		for _, said := range o.environment.Profiles {
			if said.SHA256 == one.SHA256 && !said.LeftOut {
				one.File = said.File
			}
		}
		all = append(all, one)
	}
	for _, said := range o.environment.Profiles {
		if said.LeftOut {
			all = append(all, said)
		}
	}
	return all
}

// decodeRecord takes one document and nothing that a later version may have added: it could change the verdict.
func decodeRecord(text []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it goes on behind its end")
	}
	return nil
}

// judge loads the policies of the bundle.
func (o *opened) judge() (*judge, error) {
	pack, err := loadTree(o.policy, o.settings.limits)
	if err != nil {
		return nil, err
	}
	return judgeOf(pack), nil
}

func judgeOf(pack *policies.Pack) *judge {
	j := &judge{pack: pack, rules: map[string]policies.Rule{}}
	for _, rule := range slices.Concat(pack.Rules(), pack.ManifestRules()) {
		j.rules[rule.ID] = rule
	}
	return j
}
