// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"testing"
	"time"
)

func TestAlarm(t *testing.T) {
	type step struct {
		minutes   int
		deviation float64
		want      bool
	}
	for name, steps := range map[string][]step{
		"raised after ten minutes, not before":         {{0, 7, false}, {5, 7, false}, {9, 7, false}, {10, 7, true}},
		"one point below begins afresh":                {{0, 7, false}, {9, 5, false}, {10, 7, false}, {19, 7, false}, {20, 7, true}},
		"cleared fifteen minutes below three quarters": {{0, 7, false}, {10, 7, true}, {11, 5, true}, {12, 4, true}, {26, 4, true}, {27, 4, false}},
		"does not flap around the threshold":           {{0, 7, false}, {10, 7, true}, {12, 5.9, true}, {14, 6.1, true}, {28, 5, true}, {40, 5, true}},
		"below is not unusual":                         {{0, -50, false}, {10, -50, false}, {20, -50, false}},
		"two points with a gap are not a while":        {{0, 7, false}, {60, 7, false}, {65, 7, false}, {70, 7, true}},
		"a clock that is set back begins afresh":       {{60, 7, false}, {0, 7, false}, {9, 7, false}, {10, 7, true}},
	} {
		t.Run(name, func(t *testing.T) {
			var a Alarm
			for _, s := range steps {
				if got := a.Judge(monday.Add(time.Duration(s.minutes)*time.Minute), s.deviation, standard); got != s.want {
					t.Errorf("minute %d deviation %v: %v, want %v", s.minutes, s.deviation, got, s.want)
				}
			}
		})
	}
}
