// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/record"
)

// pageSize is how many objects are asked for at once.
const pageSize = 250

// ErrTooMany says that there are more guarded workloads than may be looked at.
var ErrTooMany = errors.New("more guarded workloads than --max-workloads")

// Once looks a single time, by lists alone. What only memory knows (a record deleted or rewritten since) it cannot see.
func Once(ctx context.Context, client dynamic.Interface, settings Settings) ([]Status, error) {
	verdicts, excuses := map[string]*records{}, map[string]*excuse{}
	var all []Status
	for _, k := range kinds {
		err := pages(ctx, client, k, settings.Namespace, func(u *unstructured.Unstructured) error {
			if u.GetKind() == "ConfigMap" {
				if u.GetName() == record.ConfigMapName {
					verdicts[u.GetNamespace()] = slimRecords(u)
				}
				return nil
			}
			workload, problem, is := guarded(slimWorkload(u))
			if !is {
				return nil
			}
			if len(all) >= settings.MaxWorkloads {
				return fmt.Errorf("%w (%d)", ErrTooMany, settings.MaxWorkloads)
			}
			all = append(all, Status{Workload: workload, Decision: Decision{Reason: text(problem)}})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	err := pages(ctx, client, gateExceptions, exception.Namespace, func(u *unstructured.Unstructured) error {
		excuses[u.GetName()] = slimException(u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for i := range all {
		s := &all[i]
		l := look{workload: s.Workload, entry: verdicts[s.Workload.Namespace].find(s.Workload)}
		if l.entry != nil {
			l.excuse = excuses[l.entry.record.Exception]
		}
		if s.Reason != "" {
			l.problem = errors.New(s.Reason)
		}
		s.Decision = decide(l, now, settings.Grace, settings.Writers)
	}
	sortStatuses(all)
	return all, nil
}

func pages(ctx context.Context, client dynamic.Interface, k kind, namespace string, each func(*unstructured.Unstructured) error) error {
	next := ""
	for {
		list, err := client.Resource(k.resource).Namespace(namespace).List(ctx, k.options(metav1.ListOptions{Limit: pageSize, Continue: next}))
		if k.absent(err) {
			return nil
		}
		if err != nil {
			return k.explain("list", namespace, err)
		}
		for i := range list.Items {
			if err := each(&list.Items[i]); err != nil {
				return err
			}
		}
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}
