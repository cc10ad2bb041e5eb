// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envName is the variable that stands for a flag: HEAPGATE_WINDOW for --window.
func envName(flag string) string {
	return "HEAPGATE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// What a Service named heapgate-... adds to the variables of the pods beside it.
var serviceLink = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT(_[0-9]+_(TCP|UDP)(_[A-Z]+)?)?$`)

// flagsFromEnv gives every flag that is not on the command line the value of its variable, if that is set and not empty. A flag that
// may be repeated takes one value from each line. A variable that stands for no flag is a slip of the pen, which is told on stderr.
func flagsFromEnv(cmd *cobra.Command) error {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		flag, ours := strings.CutPrefix(name, "HEAPGATE_")
		if ours && !serviceLink.MatchString(name) && cmd.Flags().Lookup(strings.ToLower(strings.ReplaceAll(flag, "_", "-"))) == nil {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "heapgate: warning: %s is set, and %s has no such flag\n", printable(name), cmd.CommandPath())
		}
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(envName(f.Name))
		if f.Changed || value == "" || f.Name == "help" || failed != nil {
			return
		}
		values := []string{value}
		if _, repeated := f.Value.(pflag.SliceValue); repeated {
			values = strings.Split(strings.TrimSpace(value), "\n")
		}
		for _, one := range values {
			if err := cmd.Flags().Set(f.Name, one); err != nil {
				failed = fmt.Errorf("%s: %w", envName(f.Name), err)
			}
		}
	})
	return failed
}
