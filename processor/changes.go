// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// changeEvent is the name of the log record of a verdict or a state that changed.
const changeEvent = "heapgate.signal.change"

// alarms are the verdicts and states that somebody should look at.
var alarms = map[string]plog.SeverityNumber{
	"unbounded": plog.SeverityNumberWarn, "leak": plog.SeverityNumberWarn,
	"storm": plog.SeverityNumberWarn, "heavy": plog.SeverityNumberWarn,
	"limit_thrash": plog.SeverityNumberError, "death_spiral": plog.SeverityNumberError,
}

func severity(c *signal.Change) plog.SeverityNumber {
	if alarm, ok := alarms[c.To]; ok {
		return alarm
	}
	return plog.SeverityNumberInfo
}

// outcomes count changes by what became of them before the logs pipelines.
type outcomes struct{ first, limited int }

// limiter lets a number of changes a minute through, and of one target no more than a tenth of them.
type limiter struct {
	all              bucket
	perMinute, ofOne float64
}

func newLimiter(perMinute int) limiter {
	return limiter{perMinute: float64(perMinute), ofOne: max(1, float64(perMinute)/10)}
}

// admit keeps the changes that are told. That a target was heard for the first time is no news, unless it is an alarm.
func (l *limiter) admit(now time.Time, target *bucket, changes []signal.Change) (told []signal.Change, count outcomes) {
	told = changes[:0]
	for i := range changes {
		switch c := &changes[i]; {
		case c.From == "" && severity(c) == plog.SeverityNumberInfo:
			count.first++
		case !target.take(now, l.ofOne), !l.all.take(now, l.perMinute):
			count.limited++
		default:
			told = append(told, *c)
		}
	}
	return told, count
}

// bucket is filled by a number a minute and holds no more than that.
type bucket struct {
	taken float64 // of what it holds
	at    time.Time
}

func (b *bucket) take(now time.Time, perMinute float64) bool {
	if passed := now.Sub(b.at); passed != 0 {
		b.taken = max(0, b.taken-max(0, passed.Minutes())*perMinute)
		b.at = now
	}
	if b.taken+1 > perMinute {
		return false
	}
	b.taken++
	return true
}

// changeLog collects the log records of one batch of metrics.
type changeLog struct {
	logs plog.Logs
	n    int
}

// add writes the changes of one target, as of its resource.
func (l *changeLog) add(now time.Time, version string, resource pcommon.Resource, changes []signal.Change, templates *[signal.Names]template) {
	if len(changes) == 0 {
		return
	}
	if l.n == 0 {
		l.logs = plog.NewLogs()
	}
	l.n += len(changes)
	of := l.logs.ResourceLogs().AppendEmpty()
	resource.CopyTo(of.Resource())
	scope := of.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(version)
	for i := range changes {
		changeRecord(scope.LogRecords().AppendEmpty(), now, &changes[i], templates[changes[i].Name].class)
	}
}

// changeRecord writes one change; class is the attribute that tells what is at its site.
func changeRecord(record plog.LogRecord, now time.Time, c *signal.Change, class string) {
	record.SetEventName(changeEvent)
	record.SetTimestamp(pcommon.Timestamp(c.At))
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	record.SetSeverityNumber(severity(c))
	record.SetSeverityText(strings.ToUpper(severity(c).String()))
	record.Body().SetStr(c.Text)
	attributes := record.Attributes()
	attributes.EnsureCapacity(8)
	attributes.PutStr("heapgate.signal", c.Name.String())
	if c.From != "" {
		attributes.PutStr("heapgate.from", c.From)
	}
	attributes.PutStr("heapgate.to", c.To)
	if c.Reason != "" {
		attributes.PutStr("heapgate.reason", c.Reason)
	}
	if c.Site != nil && class != "" {
		putSite(attributes, class, c.Site)
	}
}
