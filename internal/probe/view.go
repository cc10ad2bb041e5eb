// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "container/list"

// view is one process's look at the names of its build. A nil view sees nothing.
type view struct {
	cache   *Cache
	element *list.Element
	build   *build
	place   place
}

// live reports whether the build is still in the cache, and marks it as used.
func (v *view) live() bool {
	if v == nil {
		return false
	}
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	if v.build.gone {
		return false
	}
	v.cache.order.MoveToFront(v.element)
	return true
}

func (v *view) symbol(address uint64) (string, bool) {
	if v == nil {
		return "", false
	}
	offset, ok := v.place.file(address)
	if !ok {
		return "", false
	}
	v.cache.mu.RLock()
	defer v.cache.mu.RUnlock()
	name, ok := v.build.names[offset]
	return name, ok
}

// keep shares a name. It reports whether the build has one for the address now.
func (v *view) keep(address uint64, name string) bool {
	if v == nil {
		return false
	}
	offset, ok := v.place.file(address)
	if !ok {
		return false
	}
	c := v.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.build.gone {
		return false
	}
	if first, ok := v.build.names[offset]; ok {
		return first == name
	}
	if len(v.build.names) >= c.limits.Names {
		return false
	}
	bytes := int64(len(name)) + entryBytes
	for c.stats.Bytes+bytes > c.limits.Bytes {
		if c.order.Back() == v.element {
			return false
		}
		c.evict()
	}
	v.build.names[offset] = name
	v.build.bytes += bytes
	c.stats.Names++
	c.stats.Bytes += bytes
	return true
}

func (v *view) found(names int) { v.count(&v.cache.stats.Hits, names) }
func (v *view) missed(names int) {
	if v != nil {
		v.count(&v.cache.stats.Misses, names)
	}
}

func (v *view) count(counter *int64, names int) {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	*counter += int64(names)
}
