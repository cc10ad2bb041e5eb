// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !go1.23

package main

var pull []func()
