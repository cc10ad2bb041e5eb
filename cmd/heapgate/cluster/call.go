// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// target is what one call is about, for its errors.
type target struct {
	verb            string
	resource        schema.GroupVersionResource
	namespace, name string
}

// Denied says that the ServiceAccount may not do what it has to.
type Denied struct {
	Verb, Resource, Group, Namespace, Name string
	User                                   string // as the API server calls the ServiceAccount; "" if it did not say
}

func (d *Denied) Error() string {
	who, where := "the ServiceAccount of this process", "in the whole cluster"
	if account, ok := strings.CutPrefix(d.User, "system:serviceaccount:"); ok {
		who = "the ServiceAccount " + strings.Replace(account, ":", "/", 1)
	} else if d.User != "" {
		who = "the user " + d.User
	}
	if d.Namespace != "" {
		where = "in the namespace " + d.Namespace
	}
	what := d.Resource
	if d.Group != "" {
		what += "." + d.Group
	}
	if d.Name != "" {
		what += " " + d.Name
	}
	return fmt.Sprintf("%s may not %s %s %s; its Role lacks the verb %q on %q", who, d.Verb, what, where, d.Verb, d.Resource)
}

// IsDenied tells whether an error is one, and returns it.
func IsDenied(err error) (*Denied, bool) {
	var denied *Denied
	ok := errors.As(err, &denied)
	return denied, ok
}

// IsMissing tells whether the object, or its whole kind, is not there.
func IsMissing(err error) bool { return apierrors.IsNotFound(err) }

// IsTooLarge tells whether an object is refused for what is in it, as one that is too large is.
func IsTooLarge(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsInvalid(err)
}

// IsConflict tells whether somebody else has changed or made the object in between.
func IsConflict(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }

// The user in the API server's text: User "system:serviceaccount:shop:heapgate" cannot get resource ...
var user = regexp.MustCompile(`User "([^"\\]{1,256})" cannot `)

// pauses between the tries; a denial is believed after deniedTries.
const (
	firstPause  = 250 * time.Millisecond
	longPause   = 5 * time.Second
	deniedTries = 3
)

// call tries until there is an answer that another try would not change, or the patience is over.
func (c *Client) call(ctx context.Context, t target, try func(context.Context) error) error {
	deadline := time.Now().Add(c.patience)
	pause, denials := firstPause, 0
	for {
		err := try(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("kubernetes: %s %s: %w", t.verb, t.resource.Resource, ctx.Err())
		case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
			denials++
		}
		if denials >= deniedTries || denials == 0 && !passing(err) || time.Now().Add(pause).After(deadline) {
			return t.explain(err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		pause = min(2*pause, longPause)
	}
}

// passing tells whether an error goes away by waiting: no connection, an overloaded or a restarting API server, a conflict.
func passing(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == 429 || code >= 500 || code == 409 && !apierrors.IsAlreadyExists(err)
	}
	var network net.Error
	return errors.As(err, &network) || isDropped(err)
}

func (t target) explain(err error) error {
	if apierrors.IsForbidden(err) {
		denied := &Denied{Verb: t.verb, Resource: t.resource.Resource, Group: t.resource.Group, Namespace: t.namespace, Name: t.name}
		if found := user.FindStringSubmatch(err.Error()); found != nil {
			denied.User = found[1]
			return denied
		}
		// Not RBAC: a quota, an admission webhook or a policy, whose own words are the reason.
		if !strings.Contains(err.Error(), "cannot "+t.verb) {
			return fmt.Errorf("kubernetes: %s %s: %w", t.verb, t.resource.Resource, err)
		}
		return denied
	}
	return fmt.Errorf("kubernetes: %s %s: %w", t.verb, t.resource.Resource, err)
}
