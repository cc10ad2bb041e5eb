// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

func forbidMemory() { panic("only Linux can be made to refuse memory") }
