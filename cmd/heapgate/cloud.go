// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build cloud

package main

import "github.com/heapgate/heapgate/cloudauth"

// heapgate-cloud is this package built with -tags cloud: the same commands, and the clouds' libraries behind --store-auth.
func init() { cloudAuth = cloudauth.New }
