package history

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	exportpb "go.temporal.io/api/export/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxExported is how large a run of an export may be. The server ends a run whose history has 50 MiB.
const maxExported = 256 << 20

// Exported are the runs of a file that Temporal Cloud's history export wrote: closed runs, as protobuf messages one after the other. It
// holds one run at a time. A run that cannot be read is an error of its own, and the next ones follow; a file that is broken
// ends there.
func Exported(from io.Reader, o Options) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		file := bufio.NewReader(from)
		for {
			item, err := exported(file)
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, fmt.Errorf("verdict: not an export: %w", err))
				return
			}
			run, err := Read(FromEvents(item.GetHistory().GetEvents()), o)
			if !yield(run, err) {
				return
			}
		}
	}
}

// exported reads the next item of the message WorkflowExecutions.
func exported(file *bufio.Reader) (*exportpb.WorkflowExecution, error) {
	tag, err := binary.ReadUvarint(file)
	if err != nil {
		return nil, err
	}
	if number, kind := protowire.DecodeTag(tag); number != 1 || kind != protowire.BytesType {
		return nil, fmt.Errorf("a field %d of type %d", number, kind)
	}
	size, err := binary.ReadUvarint(file)
	if err != nil {
		return nil, cut(err)
	}
	if size > maxExported {
		return nil, fmt.Errorf("a run of %d bytes", size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, cut(err)
	}
	item := &exportpb.WorkflowExecution{}
	return item, proto.Unmarshal(data, item)
}

// cut makes the end of a file an error where more must come.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
