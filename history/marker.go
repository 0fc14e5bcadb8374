package history

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
)

// Markers of local activities: the one of the SDKs for Go and Java, and the one of the SDKs on a shared core (TypeScript, Python, .NET, Ruby).
const (
	localMarker     = "LocalActivity"
	coreLocalMarker = "core_local_activity"
)

// localData is what a marker says of a local activity.
type localData struct {
	ID, Type                 string
	Attempt                  int32
	Again                    bool // it is tried again after a timer
	ScheduledAt, CompletedAt time.Time
}

// marker reads a local activity. Other markers are no steps.
func (r *reader) marker(e *historypb.HistoryEvent, x *historypb.MarkerRecordedEventAttributes) {
	var data localData
	var err error
	details := x.GetDetails()
	switch name := x.GetMarkerName(); {
	case name == coreLocalMarker:
		data, err = r.coreLocal(details)
	case name == localMarker && details["activityId"] != nil:
		data, err = r.javaLocal(details)
	case name == localMarker:
		data, err = r.goLocal(details)
	default:
		return
	}
	if err != nil {
		if r.run.Unread == nil {
			r.run.Unread = map[int64]string{}
		}
		r.run.Unread[e.GetEventId()] = err.Error()
		data = localData{}
	}
	at := r.local(e, data)
	s := &r.run.Steps[at]
	s.Status, s.EndedAt, s.EndEventID, s.Attempts = Completed, when(e), e.GetEventId(), max(data.Attempt, 1)
	if !data.CompletedAt.IsZero() {
		s.EndedAt = data.CompletedAt
	}
	f := r.failure(x.GetFailure())
	if f == nil {
		s.Result = r.values(details["result"])
		if details["activityId"] != nil {
			s.Input = r.values(details["input"])
			if s.Result.Len() == 0 {
				s.Result = r.values(details["data"]) // earlier releases of the SDK for Java
			}
		}
		return
	}
	s.Failure, s.Status = f, Failed
	switch root := f.Root(); {
	case root.Type == TypeCanceled:
		s.Status = Canceled
	case strings.HasPrefix(root.Type, TypeTimeout):
		s.Status = TimedOut
	}
	if data.Again {
		r.again = append(r.again, at)
	}
}

// local returns which step is a local activity: a new one, unless it is the next attempt of one that waited for a timer.
func (r *reader) local(e *historypb.HistoryEvent, data localData) int {
	for n, i := range r.again {
		if s := &r.run.Steps[i]; s.Type == data.Type && s.Attempts+1 == data.Attempt {
			r.again = append(r.again[:n], r.again[n+1:]...)
			return i
		}
	}
	s := r.begin(e, Step{Kind: LocalActivity, ID: data.ID, Type: data.Type})
	delete(r.at, s.EventID)
	if !data.ScheduledAt.IsZero() {
		s.ScheduledAt = data.ScheduledAt
	}
	return len(r.run.Steps) - 1
}

// goLocal reads what the SDK for Go records. The data passes through the worker's codec.
func (r *reader) goLocal(details map[string]*commonpb.Payloads) (localData, error) {
	var x struct {
		ActivityID, ActivityType string
		ReplayTime               time.Time
		Attempt                  int32
		Backoff                  time.Duration
	}
	if err := r.detail(details, "data", &x); err != nil {
		return localData{}, err
	}
	return localData{x.ActivityID, x.ActivityType, x.Attempt, x.Backoff > 0, time.Time{}, x.ReplayTime}, nil
}

// javaLocal reads what the SDK for Java records.
func (r *reader) javaLocal(details map[string]*commonpb.Payloads) (localData, error) {
	var d localData
	if err := r.detail(details, "activityId", &d.ID); err != nil {
		return d, err
	}
	if err := r.detail(details, "type", &d.Type); err != nil {
		return d, err
	}
	var millis int64
	if details["time"] != nil && r.detail(details, "time", &millis) == nil {
		d.CompletedAt = time.UnixMilli(millis).UTC()
	}
	var meta struct {
		Attempt   int32           `json:"atpt"`
		Scheduled int64           `json:"firstSkd"` // milliseconds
		Backoff   json.RawMessage `json:"backoff"`
	}
	if details["meta"] != nil && r.detail(details, "meta", &meta) == nil {
		d.Attempt, d.Again = meta.Attempt, present(meta.Backoff)
		if meta.Scheduled > 0 {
			d.ScheduledAt = time.UnixMilli(meta.Scheduled).UTC()
		}
	}
	return d, nil
}

// coreLocal reads what the SDKs on the shared core record, outside of any codec.
func (r *reader) coreLocal(details map[string]*commonpb.Payloads) (localData, error) {
	var x struct {
		ID        string          `json:"activity_id"`
		Type      string          `json:"activity_type"`
		Attempt   int32           `json:"attempt"`
		Complete  *coreTime       `json:"complete_time"`
		Scheduled *coreTime       `json:"original_schedule_time"`
		Backoff   json.RawMessage `json:"backoff"`
	}
	if err := r.detail(details, "data", &x); err != nil {
		return localData{}, err
	}
	return localData{x.ID, x.Type, x.Attempt, present(x.Backoff), x.Scheduled.time(), x.Complete.time()}, nil
}

func present(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// coreTime is a time as the core writes it: as text, or in seconds and nanoseconds.
type coreTime struct{ at time.Time }

func (t *coreTime) time() time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.at
}

// UnmarshalJSON reads both forms.
func (t *coreTime) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.at)
	}
	var x struct{ Seconds, Nanos int64 }
	if err := json.Unmarshal(data, &x); err != nil {
		return err
	}
	if x.Seconds != 0 || x.Nanos != 0 {
		t.at = time.Unix(x.Seconds, x.Nanos).UTC()
	}
	return nil
}

// detail decodes a detail of a marker, as the worker's converter or as the SDK's own has written it.
func (r *reader) detail(details map[string]*commonpb.Payloads, name string, to any) error {
	p := details[name]
	if len(p.GetPayloads()) == 0 {
		return fmt.Errorf("the marker has no %q", name)
	}
	err := r.converter().FromPayload(p.GetPayloads()[0], to)
	if err != nil && converter.GetDefaultDataConverter().FromPayload(p.GetPayloads()[0], to) == nil {
		return nil
	}
	return err
}
